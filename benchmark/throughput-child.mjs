// One measurement of many runs in one process, or of what the main thread notices of one. Comes in:
// a JSON object as the only argument. Goes out: a JSON object on the last line printed.

import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { initialize } from '../index.js'

/**
 * @typedef {object} Order
 * @property {'together' | 'in turn' | 'held' | 'quiet'} what
 * @property {string[]} files
 * @property {import('../index.js').InitializeOptions} options
 */

/** For how long the loop is watched while nothing runs. */
const QUIET_MS = 300

/** @type {Order} */
const { what, files, options } = JSON.parse(process.argv[2])
const modules = files.map((file) => readFileSync(file))
const result = what === 'held' || what === 'quiet' ? await held() : await time()
console.log(JSON.stringify(result))

/** Milliseconds from the first call to the last output, and how long the outputs are together. */
async function time() {
  const started = performance.now()
  let bytes = 0
  if (what === 'together') {
    const outputs = await Promise.all(modules.map((wasm) => initialize(wasm, options)))
    for (const output of outputs) bytes += output.length
  } else {
    for (const wasm of modules) bytes += (await initialize(wasm, options)).length
  }
  return { time: performance.now() - started, bytes }
}

/**
 * The longest time in ms between two turns of the event loop while one run goes on, by turning it
 * all the time; what the loop's own histogram says; and how long the call itself takes to return.
 */
async function held() {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  let longest = 0
  let ended = false
  let last = performance.now()
  const started = last
  const begun = what === 'quiet' ? setTimeout(QUIET_MS) : initialize(modules[0], options)
  const call = performance.now() - started
  const run = begun.finally(() => (ended = true))
  while (!ended) {
    await setImmediate()
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  await run
  histogram.disable()
  return { longest, call, histogram: histogram.max / 1e6, time: last - started }
}

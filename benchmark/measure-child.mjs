// One measurement of `wasm-preinit`, or of V8 running the same init function, in a new process.
// Comes in: a JSON object as the only argument. Goes out: a JSON object on the last line printed.

import { readFileSync, writeFileSync } from 'node:fs'
import { mappedFiles, peakOf } from './processes.mjs'

/**
 * @typedef {object} Order
 * @property {'initialize' | 'exact' | 'report' | 'v8' | 'idle'} what
 * @property {string} name of the module
 * @property {string} file
 * @property {import('../index.js').InitializeOptions} options
 * @property {boolean} [again] initialize twice and tell the second time, too
 * @property {boolean} [loads] whether an idle process has read the input
 * @property {string} [output] where to write the output
 */

/** @type {Order} */
const { what, name, file, options, again, loads, output } = JSON.parse(process.argv[2])

try {
  console.log(JSON.stringify(await { initialize, exact, report, v8, idle }[what]()))
} catch (error) {
  const { code, message } = /** @type {import('../index.js').InitializeError} */ (error)
  if (!code?.startsWith('ERR_')) throw error
  console.log(JSON.stringify({ refused: `${code}: ${message}` }))
}

async function initialize() {
  const { initialize } = await import('../index.js')
  const wasm = readFileSync(file)
  const started = performance.now()
  const initialized = await initialize(wasm, options)
  const time = performance.now() - started
  const peak = peakOf('self')
  const mapped = mappedFiles()
  if (output) writeFileSync(output, initialized)
  if (!again) return { time, peak, mapped }
  const startedAgain = performance.now()
  await initialize(wasm, options)
  return { time, peak, again: performance.now() - startedAgain }
}

/** As V8 does it in host.mjs, where random bytes are numbered. */
async function exact() {
  const { initialize } = await import('../index.js')
  const { numbered } = await import('./random.mjs')
  const random = numbered()
  const initialized = await initialize(readFileSync(file), {
    ...options,
    imports: ({ memory }) => ({
      wasi_snapshot_preview1: {
        random_get(/** @type {number} */ at, /** @type {number} */ length) {
          random(new Uint8Array(memory.buffer, at, length))
          return 0
        },
      },
    }),
  })
  writeFileSync(/** @type {string} */ (output), initialized)
  return {}
}

async function report() {
  const { initializeWithReport } = await import('../index.js')
  const { report } = await initializeWithReport(readFileSync(file), options)
  const { engine, cache, timings, memories } = report
  return { engine, cache, timings, memories, peak: peakOf('self') }
}

async function v8() {
  const { moduleOf } = await import('./corpus.mjs')
  const { start } = await import('./host.mjs')
  const wasm = readFileSync(file)
  const started = performance.now()
  const host = start(moduleOf(name), new WebAssembly.Module(wasm))
  host.initialize()
  const time = performance.now() - started
  host.close()
  return { time, peak: peakOf('self') }
}

async function idle() {
  await import('../index.js')
  const held = loads ? readFileSync(file) : undefined
  return { peak: peakOf('self'), mapped: mappedFiles(), bytes: held?.length }
}

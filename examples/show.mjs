// A module and what it takes to use it in; pre-initializes it, checks in V8 that the output is the
// original after init, and prints what that cost and what it gained. Throws where they differ.

import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { initializeWithReport } from 'wasm-preinit'
import { startUp } from './measure.mjs'

// V8 11.3 now and then crashes when it has optimized JavaScript that instantiates large modules again
// and again; code of the modules is not affected.
setFlagsFromString('--no-opt')
setFlagsFromString('--no-turbo-fast-api-calls')

/**
 * @typedef {import('./measure.mjs').Host} Host
 */

/**
 * @template {Host} H
 * @typedef {object} Started an instance whose init has run, now or at build time
 * @property {WebAssembly.Instance} instance
 * @property {Record<string, any>} exports
 * @property {H} host
 */

/**
 * @template {Host} H
 * @template T
 * @param {object} example
 * @param {string} example.title
 * @param {Uint8Array} example.wasm
 * @param {import('wasm-preinit').InitializeOptions} [example.options]
 * @param {(module: WebAssembly.Module) => H} example.host called for each instance
 * @param {(started: Started<H>) => T} example.use what a user of the module sees; returns the
 *   same for both
 * @param {string | false} [example.differs] why the memories of both need not be the same
 * @returns {Promise<{ wasm: Buffer, answers: T }>} the output, and what `use` has returned
 */
export async function show({ title, wasm: original, options, host, use, differs = false }) {
  const { wasm, report } = await initializeWithReport(original, options)
  const before = await start(original, host, true)
  const after = await start(wasm, host, false)
  if (!differs) {
    assert.ok(memoryOf(after).equals(memoryOf(before)), 'memory is not what init has left')
  }
  const answers = use(after)
  assert.deepEqual(answers, use(before), 'original and output do not answer the same')
  for (const started of [before, after]) started.host.close?.()

  const { before: slow, after: fast } = await startUp(original, wasm, host)
  const stages = Object.entries(report.timings)
    .filter(([stage]) => stage !== 'total')
    .map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`)
  const [memory] = report.memories
  console.log(`
${title}
  build      ${report.timings.total.toFixed(0)} ms with the ${report.engine} compiler (${stages.join(', ')})
  size       ${kilobytes(report.sizes.input)} -> ${kilobytes(report.sizes.output)}, ${memory?.segments ?? 0} data segments
  memory     ${memory?.pagesBefore} -> ${memory?.pagesAfter} pages, ${kilobytes(memory?.nonZeroBytes ?? 0)} of it not zero
  verified   ${differs ? `same answers (${differs})` : 'same memory, byte by byte, and same answers'} in V8
  start-up   ${slow.toFixed(2)} ms -> ${fast.toFixed(2)} ms in V8: ${(slow / fast).toFixed(1)} times faster`)
  return { wasm, answers }
}

/**
 * @template {Host} H
 * @param {Uint8Array} wasm
 * @param {(module: WebAssembly.Module) => H} host
 * @param {boolean} initializes
 * @returns {Promise<Started<H>>}
 */
async function start(wasm, host, initializes) {
  const module = await WebAssembly.compile(/** @type {BufferSource} */ (wasm))
  const made = host(module)
  const instance = new WebAssembly.Instance(module, made.imports)
  if (initializes) made.initialize(instance)
  else made.attach?.(instance)
  return { instance, exports: instance.exports, host: made }
}

/** @param {Started<Host>} started */
function memoryOf({ exports }) {
  return Buffer.from(exports.memory.buffer)
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toLocaleString('en-US', { maximumFractionDigits: 0 })} kB`
}

// Measures what the option `optimize` saves on the examples: the same module with and without, in bytes,
// with gzip -9 and Brotli at quality 11. A table in Markdown goes to stdout.
//
//   node benchmark/optimize.mjs

import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { engine, options as engineOptions } from '../examples/js-engine/js-engine.mjs'
import { compileTable } from '../examples/table/table.mjs'
import { initialize, initializeWithReport } from '../index.js'

const example = (/** @type {string} */ path) =>
  readFileSync(new URL(`../examples/${path}`, import.meta.url))

/** @type {Array<[string, Uint8Array, import('../index.js').InitializeOptions]>} */
const MODULES = [
  ['table, in AssemblyScript', compileTable(), { initFunc: 'init' }],
  ['dictionary, in C', example('c-library/dictionary.wasm'), {}],
  ['lexer, in C++', example('c-library/lexer.wasm'), {}],
  ['magic bitboards, in Rust', example('rust/magic.wasm'), {}],
  ['StarlingMonkey with a program', engine(), engineOptions],
]

console.log('| | raw | gzip | Brotli | `optimize` takes |\n|---|---:|---:|---:|---:|')
for (const [title, wasm, options] of MODULES) {
  const plain = await initialize(wasm, options)
  const { wasm: optimized, report } = await initializeWithReport(wasm, {
    ...options,
    optimize: true,
  })
  const before = await sizes(plain)
  const after = await sizes(optimized)
  const columns = after.map((bytes, index) => {
    const change = (100 * (bytes - before[index])) / before[index]
    return `${kilobytes(before[index])} → ${kilobytes(bytes)} (${change.toFixed(1)} %)`
  })
  const seconds = (report.timings.optimize ?? 0) / 1000
  console.log(`| ${title} | ${columns.join(' | ')} | ${seconds.toFixed(1)} s |`)
}

/** @param {Uint8Array} wasm */
async function sizes(wasm) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
  const compressed = await Promise.all([
    promisify(gzip)(wasm, { level: constants.Z_BEST_COMPRESSION }),
    promisify(brotliCompress)(wasm, { params }),
  ])
  return [wasm, ...compressed].map(({ length }) => length)
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)} kB`
}

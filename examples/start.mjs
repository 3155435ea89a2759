// Pre-initializes a JavaScript engine and a module with a computed table, and prints what that cost
// and what it gained. To be run with `--no-opt`: V8 11.3 now and then crashes when it has optimized
// JavaScript that instantiates large modules again and again; code of the modules is not affected.

import { initializeWithReport } from 'wasm-preinit'
import * as jsEngine from './js-engine/js-engine.mjs'
import { startUp } from './measure.mjs'
import { compileTable } from './table/table.mjs'

await show(
  'js-engine: StarlingMonkey with app.js',
  jsEngine.engine(),
  jsEngine.options,
  jsEngine.host,
)
await show(
  'table: the first 100,000 primes, in AssemblyScript',
  compileTable(),
  { initFunc: 'init' },
  () => ({
    imports: {},
    initialize: (instance) => /** @type {any} */ (instance.exports).init(),
  }),
)

/**
 * @param {string} title
 * @param {Uint8Array} original
 * @param {import('wasm-preinit').InitializeOptions} options
 * @param {(module: WebAssembly.Module) => import('./measure.mjs').Host} host
 */
async function show(title, original, options, host) {
  const { wasm, report } = await initializeWithReport(original, options)
  const { before, after } = await startUp(original, wasm, host)
  const stages = Object.entries(report.timings)
    .filter(([stage]) => stage !== 'total')
    .map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`)
  const [memory] = report.memories
  console.log(`
${title}
  build      ${report.timings.total.toFixed(0)} ms with the ${report.engine} compiler (${stages.join(', ')})
  size       ${kilobytes(report.sizes.input)} -> ${kilobytes(report.sizes.output)}, ${memory?.segments ?? 0} data segments
  memory     ${memory?.pagesBefore} -> ${memory?.pagesAfter} pages, ${kilobytes(memory?.nonZeroBytes ?? 0)} of it not zero
  start-up   ${before.toFixed(2)} ms -> ${after.toFixed(2)} ms in V8: ${(before / after).toFixed(1)} times faster`)
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toLocaleString('en-US', { maximumFractionDigits: 0 })} kB`
}

// One module, all contestants, in alternation. Comes in: a module and how many rounds. Goes out:
// for each contestant every sample, or why there are none; for ours the stages, too; for each tool
// the sizes of its output. Outputs are verified before anything is timed.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { CONTESTANTS, ours, prepare, warmCache } from './contestants.mjs'
import { BUILD } from './corpus.mjs'
import { median } from './statistics.mjs'
import { verify } from './verify.mjs'

/** Stage timings come from runs of their own, which are not timed otherwise; so many are enough. */
const MOST_STAGE_RUNS = 5

/**
 * @typedef {import('./contestants.mjs').Sample} Sample
 * @typedef {import('../index.js').Report['timings']} Timings
 *
 * @typedef {object} Result of a module
 * @property {string} title
 * @property {number} input bytes
 * @property {Record<string, { good: boolean, says: string }>} verdicts by tool
 * @property {Record<string, { raw: number, gzip?: number, brotli?: number }>} sizes by tool, bytes
 * @property {Record<string, Timings>} stages medians in ms, by contestant
 * @property {Record<string, { title: string, samples: Sample[] } & Partial<Medians> & { missing?: string }>} contestants
 *
 * @typedef {{ time: number, wall: number, peak: number | undefined }} Medians
 */

/**
 * @param {import('./corpus.mjs').Module} module
 * @param {{ samples: number, budget: number, compress: boolean,
 *   log: (line: string) => void }} options no round begins after `budget` ms, but for the first
 * @returns {Promise<Result>}
 */
export async function measure(module, { samples, budget, compress, log }) {
  mkdirSync(BUILD, { recursive: true })
  const folder = mkdtempSync(join(BUILD, `${module.name}-`))
  const run = { module, folder }
  try {
    const input = statSync(module.file()).size
    const outputs = await prepare(run)
    /** @type {Result} */
    const result = {
      title: module.title,
      input,
      verdicts: {},
      sizes: { input: await sizesOf(module.file(), compress) },
      stages: {},
      contestants: {},
    }
    for (const [tool, output] of Object.entries(outputs)) {
      result.verdicts[tool] = await verify(module, tool, output)
      log(`  ${tool}: ${result.verdicts[tool].says.split('\n')[0]}`)
      if ('file' in output) result.sizes[tool] = await sizesOf(output.file, compress)
    }
    const taking = CONTESTANTS.filter(({ name, title, tool }) => {
      const verdict = tool === undefined ? undefined : result.verdicts[tool]
      const missing = verdict?.good === false ? verdict.says : undefined
      result.contestants[name] = { title, samples: [], missing }
      return missing === undefined
    })
    const started = performance.now()
    for (let round = 0; round < samples; round++) {
      if (round > 0 && performance.now() - started > budget) break
      for (const { name, measure } of taking) {
        const contestant = result.contestants[name]
        if (contestant.missing !== undefined) continue
        try {
          const { time, wall, peak } = await measure(run)
          contestant.samples.push({ time, wall, peak })
        } catch (error) {
          contestant.missing = `failed: ${/** @type {Error} */ (error).message}`
          log(`  ${name} ${contestant.missing}`)
        }
      }
      log(`  round ${round + 1} of ${samples}`)
    }
    for (const contestant of Object.values(result.contestants)) {
      if (contestant.missing === undefined) Object.assign(contestant, medians(contestant.samples))
    }
    if (result.verdicts.ours.good) {
      result.stages = await stages(run, Math.min(samples, MOST_STAGE_RUNS))
    }
    return result
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * @param {Sample[]} samples
 * @returns {Medians}
 */
function medians(samples) {
  const peaks = samples.flatMap(({ peak }) => peak ?? [])
  return {
    time: median(samples.map(({ time }) => time)),
    wall: median(samples.map(({ wall }) => wall)),
    peak: peaks.length > 0 ? median(peaks) : undefined,
  }
}

/**
 * Medians of the stages, of runs with and without a cache, in alternation.
 * @param {import('./contestants.mjs').Run} run
 * @param {number} rounds
 */
async function stages(run, rounds) {
  const caches = { 'ours-warm': warmCache(run), 'ours-off': false }
  /** @type {Record<string, Timings[]>} */
  const timings = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, cache] of Object.entries(caches)) {
      const report = await ours(run, { what: 'report', cache })
      ;(timings[name] ??= []).push(report.timings)
    }
  }
  const entries = Object.entries(timings).map(([name, all]) => {
    const stages = /** @type {Array<keyof Timings>} */ (Object.keys(all[0]))
    return [name, Object.fromEntries(stages.map((s) => [s, median(all.map((one) => one[s]))]))]
  })
  return Object.fromEntries(entries)
}

/**
 * @param {string} file
 * @param {boolean} compress
 */
async function sizesOf(file, compress) {
  const wasm = readFileSync(file)
  if (!compress) return { raw: wasm.length }
  const params = {
    [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
  }
  const zipped = await promisify(gzip)(wasm, { level: 9 })
  const brotlied = await promisify(brotliCompress)(wasm, { params })
  return { raw: wasm.length, gzip: zipped.length, brotli: brotlied.length }
}

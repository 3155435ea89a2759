// How many data segments are best: outputs of the real modules, made with as many segments as are
// allowed, are cut anew with runs of zeros up to a threshold left inside segments, and with caps on
// the number of segments. Goes out: for each variant its segments, sizes, and start-up in V8.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join as joinPath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { initialize } from '../index.js'
import { BUILD, optionsOf } from './corpus.mjs'
import { dataOf, dataSegments, join, liveRanges, sections, withSegments } from './data-section.mjs'
import { median } from './statistics.mjs'

const MAX_DATA_SEGMENTS = 100_000
const THRESHOLDS = [4, 8, 16, 32, 64, 128, 256]
const CAPS = [10_000, 5_000, 2_500, 1_000, 500, 100]
/** The threshold beneath the caps: about what the header of a segment takes. */
const CAPPED_THRESHOLD = 8
const INSTANTIATIONS = 10
const CHILD = fileURLToPath(new URL('instantiate-child.mjs', import.meta.url))
const DATA = 11

/**
 * @typedef {object} Variant
 * @property {string} name
 * @property {number} segments
 * @property {number} bytes of the whole module
 * @property {number} gzip bytes of the data section
 * @property {number} brotli bytes of the data section
 * @property {number} first ms of the first instantiation in a new process
 * @property {number} later ms of later ones
 */

/**
 * @param {import('./corpus.mjs').Module} module
 * @param {{ rounds: number }} options
 * @returns {Promise<Variant[]>}
 */
export async function thresholds(module, { rounds }) {
  const output = await initialize(readFileSync(module.file()), {
    ...optionsOf(module),
    cache: false,
    maxDataSegments: MAX_DATA_SEGMENTS,
  })
  mkdirSync(BUILD, { recursive: true })
  const folder = mkdtempSync(joinPath(BUILD, 'thresholds-'))
  try {
    const variants = cut(output).map(({ name, wasm }, index) => {
      const file = joinPath(folder, `${index}.wasm`)
      writeFileSync(file, wasm)
      /** @type {[number[], number[]]} */
      const [first, later] = [[], []]
      return { name, wasm, file, first, later }
    })
    for (let round = 0; round < rounds; round++) {
      for (const { file, first, later } of variants) {
        const [one, ...others] = instantiationsOf(file)
        first.push(one)
        later.push(...others)
      }
    }
    /** @type {Variant[]} */
    const measured = []
    for (let at = 0; at < variants.length; at += availableParallelism()) {
      const batch = variants.slice(at, at + availableParallelism())
      measured.push(...(await Promise.all(batch.map(summary))))
    }
    return measured
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * The same memory in different segments.
 * @param {Uint8Array} output
 */
function cut(output) {
  const data = dataOf(output)
  const live = liveRanges(data.image)
  const variant = (/** @type {string} */ name, /** @type {number} */ threshold, cap = 100_000) => {
    const wasm = withSegments(output, data, join(live, { threshold, cap }))
    if (Buffer.compare(dataOf(wasm).image, data.image) !== 0) throw new Error('memory differs')
    return { name, wasm }
  }
  return [
    { name: 'as written', wasm: output },
    ...THRESHOLDS.map((threshold) => variant(`threshold ${threshold}`, threshold)),
    ...CAPS.map((cap) => variant(`cap ${cap}`, CAPPED_THRESHOLD, cap)),
  ]
}

/**
 * @param {{ name: string, wasm: Uint8Array, first: number[], later: number[] }} variant
 * @returns {Promise<Variant>}
 */
async function summary({ name, wasm, first, later }) {
  const section = sections(wasm).find(({ id }) => id === DATA)
  const data = section ? wasm.subarray(section.start, section.end) : new Uint8Array()
  const [zipped, brotlied] = await Promise.all([
    promisify(gzip)(data, { level: 9 }),
    promisify(brotliCompress)(data, {
      params: {
        [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      },
    }),
  ])
  return {
    name,
    segments: dataSegments(wasm).length,
    bytes: wasm.length,
    gzip: zipped.length,
    brotli: brotlied.length,
    first: median(first),
    later: median(later),
  }
}

/**
 * Milliseconds of instantiations in a process of their own.
 * @param {string} file
 * @returns {number[]}
 */
function instantiationsOf(file) {
  // V8 11.3 now and then crashes when it has optimized JavaScript that instantiates large modules
  // again and again; and compiling in the background would take a core away.
  const flags = ['--expose-gc', '--no-opt', '--no-wasm-tier-up']
  const printed = execFileSync(process.execPath, [...flags, CHILD, file, String(INSTANTIATIONS)])
  return JSON.parse(printed.toString())
}

// Many runs at once, and what the main thread notices of a run. Comes in: fastly.wasm. Goes out: how
// long 16 different modules take together and one after the other, on a warm cache, and the longest
// time for which the event loop stood still.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD, moduleOf, optionsOf } from './corpus.mjs'
import { encodeNumber, encodeSection, readNumber, sections } from './data-section.mjs'
import { runScript } from './processes.mjs'
import { median } from './statistics.mjs'

const CHILD = new URL('throughput-child.mjs', import.meta.url)
const GLOBAL = 6
const CUSTOM = 0

/** @param {import('./throughput-child.mjs').Order} order */
async function child(order) {
  return (await runScript(CHILD, [JSON.stringify(order)])).result
}

/**
 * @param {{ modules: number, samples: number }} options
 */
export async function throughput({ modules, samples }) {
  const module = moduleOf('fastly')
  mkdirSync(BUILD, { recursive: true })
  const folder = mkdtempSync(join(BUILD, 'throughput-'))
  const options = { ...optionsOf(module), cache: join(folder, 'cache') }
  try {
    const wasm = readFileSync(module.file())
    const files = Array.from({ length: modules }, (_, number) => {
      const file = join(folder, `${number}.wasm`)
      writeFileSync(file, numbered(wasm, number))
      return file
    })
    // One by one: each process lives until its entry is in the cache.
    for (const file of files) await child({ what: 'in turn', files: [file], options })
    /** @type {Record<'together' | 'in turn', number[]>} */
    const times = { together: [], 'in turn': [] }
    /** @type {Set<number>} */
    const sizes = new Set()
    for (let sample = 0; sample < samples; sample++) {
      for (const what of /** @type {const} */ (['in turn', 'together'])) {
        const { time, bytes } = await child({ what, files, options })
        times[what].push(time)
        sizes.add(bytes)
      }
    }
    if (sizes.size !== 1) throw new Error('outputs differ')
    const [together, inTurn] = [median(times.together), median(times['in turn'])]
    return {
      modules,
      cache: 'warm',
      together,
      inTurn,
      ratio: inTurn / together,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * @param {{ samples: number }} options
 */
export async function hold({ samples }) {
  const module = moduleOf('fastly')
  mkdirSync(BUILD, { recursive: true })
  const folder = mkdtempSync(join(BUILD, 'hold-'))
  const files = [module.file()]
  const cached = { ...optionsOf(module), cache: join(folder, 'cache') }
  const uncached = { ...optionsOf(module), cache: false }
  try {
    await child({ what: 'held', files, options: cached })
    const situations = {
      'nothing runs': undefined,
      warm: cached,
      'no cache': uncached,
    }
    /** @type {Record<string, any[]>} */
    const runs = {}
    for (let sample = 0; sample < samples; sample++) {
      for (const [name, options] of Object.entries(situations)) {
        const order = { what: options ? 'held' : 'quiet', files, options: options ?? {} }
        ;(runs[name] ??= []).push(await child(/** @type {any} */ (order)))
      }
    }
    const entries = Object.entries(runs).map(([name, all]) => [
      name,
      {
        longest: median(all.map(({ longest }) => longest)),
        worst: Math.max(...all.map(({ longest }) => longest)),
        call: median(all.map(({ call }) => call)),
        histogram: median(all.map(({ histogram }) => histogram)),
        time: median(all.map(({ time }) => time)),
      },
    ])
    return Object.fromEntries(entries)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * The module with one more global, of a value of its own, and one more custom section: different
 * for a cache, be its key the module or what is compiled of it.
 * @param {Uint8Array} wasm
 * @param {number} number less than 64
 */
function numbered(wasm, number) {
  const parts = sections(wasm).map(({ id, start, contents, end }) => {
    if (id !== GLOBAL) return wasm.subarray(start, end)
    const [count, first] = readNumber(wasm, contents)
    const added = Buffer.from([0x7f, 0x00, 0x41, number, 0x0b])
    const globals = [encodeNumber(count + 1), wasm.subarray(first, end), added]
    return encodeSection(id, Buffer.concat(globals))
  })
  const name = Buffer.from('number')
  const custom = Buffer.concat([encodeNumber(name.length), name, Buffer.from([number])])
  return Buffer.concat([wasm.subarray(0, 8), ...parts, encodeSection(CUSTOM, custom)])
}

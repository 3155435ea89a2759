// Peaks of memory. Comes in: nothing. Goes out: what a warm run of fastly.wasm holds above an idle
// Node that has loaded the addon, without and with the input; and what scanning large memories
// takes: one of 2 GiB with 32 MiB live, one of 32 MiB all live, and the worst case, 512 MiB with
// every other byte set.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD, moduleOf, optionsOf } from './corpus.mjs'
import { runScript } from './processes.mjs'
import { median } from './statistics.mjs'

const CHILD = new URL('measure-child.mjs', import.meta.url)
const MIB = 2 ** 20
const PAGE = 65_536

/**
 * @param {object} order
 * @returns {Promise<any>}
 */
async function child(order) {
  const whole = { name: '', options: {}, ...order }
  return (await runScript(CHILD, [JSON.stringify(whole)])).result
}

/**
 * Peaks in bytes, medians of several processes.
 * @param {{ samples: number }} options
 */
export async function memoryOfRun({ samples }) {
  const module = moduleOf('fastly')
  const file = module.file()
  mkdirSync(BUILD, { recursive: true })
  const folder = mkdtempSync(join(BUILD, 'memory-'))
  const output = join(folder, 'output.wasm')
  const options = { ...optionsOf(module), cache: join(folder, 'cache') }
  try {
    await child({ what: 'initialize', file, options, output })
    /** @type {Record<'idle' | 'loaded' | 'run', number[]>} */
    const peaks = { idle: [], loaded: [], run: [] }
    /** @type {number[]} */
    const mapped = []
    for (let sample = 0; sample < samples; sample++) {
      const idle = await child({ what: 'idle', file })
      peaks.idle.push(idle.peak)
      peaks.loaded.push((await child({ what: 'idle', file, loads: true })).peak)
      const run = await child({ what: 'initialize', file, options })
      peaks.run.push(run.peak)
      mapped.push(run.mapped - idle.mapped)
    }
    const [idle, loaded, run] = [peaks.idle, peaks.loaded, peaks.run].map(median)
    const [input, produced] = [file, output].map((path) => statSync(path).size)
    return {
      cache: 'warm',
      idle,
      loaded,
      run,
      input,
      output: produced,
      aboveIdle: run - idle,
      aboveLoaded: run - loaded,
      mappedAboveIdle: median(mapped),
      aboveIdleRatio: (run - idle) / (input + produced),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Writes 1 MiB at 32 places that are 64 MiB apart. */
const SPARSE = `(module
  (memory (export "memory") ${(2048 * MIB) / PAGE})
  (func (export "init") (local $at i32) (local $left i32)
    (local.set $left (i32.const 32))
    (loop $next
      (memory.fill (local.get $at) (i32.const 7) (i32.const ${MIB}))
      (local.set $at (i32.add (local.get $at) (i32.const ${64 * MIB})))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))`

/** Writes 32 MiB. */
const DENSE = `(module
  (memory (export "memory") ${(32 * MIB) / PAGE})
  (func (export "init") (memory.fill (i32.const 0) (i32.const 7) (i32.const ${32 * MIB}))))`

/** Sets every other byte of 512 MiB. */
const ALTERNATING = `(module
  (memory (export "memory") ${(512 * MIB) / PAGE})
  (func (export "init") (local $at i32)
    (loop $next
      (i64.store (local.get $at) (i64.const 0x0001000100010001))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const ${512 * MIB}))))))`

/** By name: the module, and how much guest memory it makes resident. */
const SCANNED = {
  sparse: { title: '2 GiB, 32 MiB of it live in 32 places', wat: SPARSE, live: 32 * MIB },
  dense: { title: '32 MiB, all live', wat: DENSE, live: 32 * MIB },
  alternating: { title: '512 MiB, every other byte set', wat: ALTERNATING, live: 512 * MIB },
}

/**
 * Times in ms and bytes, medians of several processes.
 * @param {{ samples: number }} options
 */
export async function scans({ samples }) {
  const options = { initFunc: 'init', cache: false }
  mkdirSync(BUILD, { recursive: true })
  const folder = mkdtempSync(join(BUILD, 'scan-'))
  try {
    /** @type {Record<string, any>} */
    const results = {}
    for (const [name, { title, wat, live }] of Object.entries(SCANNED)) {
      const file = join(folder, `${name}.wat`)
      writeFileSync(file, wat)
      const output = join(folder, `${name}.wasm`)
      await child({ what: 'initialize', file, options, output })
      check(name, readFileSync(output))
      const produced = statSync(output).size
      /** @type {any[]} */
      const runs = []
      for (let sample = 0; sample < samples; sample++) {
        const idle = await child({ what: 'idle', file, loads: true })
        const run = await child({ what: 'report', file, options })
        runs.push({ ...run.timings, growth: run.peak - idle.peak })
      }
      const [snapshot, rewrite, total, growth] = ['snapshot', 'rewrite', 'total', 'growth'].map(
        (key) => median(runs.map((run) => run[key])),
      )
      const extra = growth - live
      results[name] = { title, live, output: produced, snapshot, rewrite, total, growth, extra }
    }
    return results
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * V8 must find in the output what init has written.
 * @param {string} name
 * @param {Buffer<ArrayBuffer>} output
 */
function check(name, output) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(output))
  const { buffer } = /** @type {WebAssembly.Memory} */ (exports.memory)
  const memory = Buffer.from(buffer)
  const last = { sparse: 31 * 64 * MIB + MIB - 1, dense: 32 * MIB - 1, alternating: 512 * MIB - 2 }
  const value = name === 'alternating' ? 1 : 7
  const at = last[/** @type {keyof typeof last} */ (name)]
  if (memory[0] !== value || memory[at] !== value || (memory[at + 1] ?? 0) !== 0) {
    throw new Error(`the output of ${name} does not hold what init has written`)
  }
}

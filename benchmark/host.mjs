// A host in V8 for a module of the corpus: WASI by Node, but with the clock that `wasm-preinit` shows
// to a guest, and numbered bytes for random ones. Where `wasm-preinit` is told to import those, too,
// init comes to the same state, byte for byte.
// Everything else that a module imports returns 0, or is what the module's probe supplies.

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import { PROBES } from './probes.mjs'
import { numbered } from './random.mjs'

/**
 * @typedef {import('./corpus.mjs').Module} Module
 *
 * @typedef {object} Access what imports and probes see
 * @property {() => Buffer} memory
 * @property {Record<string, Function>} exports
 * @property {string[]} log
 * @property {() => void} renew gives the guest a new WASI, as a new process has
 *
 * @typedef {Access & {
 *   instance: WebAssembly.Instance,
 *   initialize: () => void,
 *   close: () => void,
 * }} Host
 */

/** As in src/host/deterministic.rs: nanoseconds. */
const CLOCK_STEP = 1000n

/**
 * @param {Module} module
 * @param {WebAssembly.Module} compiled
 * @returns {Host}
 */
export function start(module, compiled) {
  const folder = mkdtempSync(join(tmpdir(), 'benchmark-'))
  const stdinPath = join(folder, 'stdin')
  writeFileSync(stdinPath, module.wasi?.stdin ?? '')
  const stdin = openSync(stdinPath, 'r')
  const stdout = openSync(join(folder, 'stdout'), 'w')
  const newWasi = (/** @type {object} */ options) =>
    new WASI({ version: 'preview1', returnOnExit: true, stdin, stdout, stderr: stdout, ...options })
  let wasi = newWasi({ env: module.wasi?.env ?? {}, preopens: module.wasi?.preopens ?? {} })

  let time = 0n
  const random = numbered()
  const view = () => new DataView(memoryOf(instance).buffer)
  /** @type {Record<string, Function>} */
  const deterministic = {
    clock_time_get(/** @type {[number, bigint, number]} */ ...[, , at]) {
      view().setBigUint64(at, time, true)
      time += CLOCK_STEP
      return 0
    },
    clock_res_get(/** @type {number} */ _, /** @type {number} */ at) {
      view().setBigUint64(at, 1n, true)
      return 0
    },
    random_get(/** @type {number} */ at, /** @type {number} */ length) {
      random(access.memory().subarray(at, at + length))
      return 0
    },
  }

  /** @type {Access} */
  const access = {
    memory: () => Buffer.from(memoryOf(instance).buffer),
    get exports() {
      return /** @type {Record<string, Function>} */ (instance.exports)
    },
    log: [],
    renew() {
      wasi = newWasi({ args: ['app'] })
      wasi.initialize({ exports: { memory: memoryOf(instance) } })
    },
  }
  const supplied = PROBES[module.name].imports?.(access)
  /** @type {WebAssembly.Imports} */
  const imports = {}
  for (const { module: namespace, name } of WebAssembly.Module.imports(compiled)) {
    const functions = /** @type {Record<string, Function>} */ (imports[namespace] ??= {})
    functions[name] =
      namespace === 'wasi_snapshot_preview1'
        ? (deterministic[name] ??
          ((/** @type {unknown[]} */ ...values) =>
            /** @type {Record<string, Function>} */ (wasi.wasiImport)[name](...values)))
        : (supplied?.[`${namespace}.${name}`] ?? supplied?.[name] ?? (() => 0))
  }
  const instance = new WebAssembly.Instance(compiled, imports)
  // Node's WASI learns the memory here; without `_initialize` it runs nothing.
  wasi.initialize({ exports: { memory: memoryOf(instance) } })
  return {
    ...access,
    instance,
    exports: access.exports,
    /** What `wasm-preinit` runs: `_initialize` of a reactor, then the init function. */
    initialize() {
      const { _initialize, [module.initFunc]: init } = access.exports
      _initialize?.()
      if (init !== _initialize) init()
    },
    close() {
      closeSync(stdin)
      closeSync(stdout)
      rmSync(folder, { recursive: true })
    },
  }
}

/**
 * The memory that an instance exports; one of no pages where it exports none.
 * @param {WebAssembly.Instance} instance
 */
export function memoryOf({ exports }) {
  const found = Object.values(exports).find((value) => value instanceof WebAssembly.Memory)
  return /** @type {WebAssembly.Memory} */ (found ?? new WebAssembly.Memory({ initial: 0 }))
}

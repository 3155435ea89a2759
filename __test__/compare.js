// The oracle of these tests is another engine: V8 runs the original and its init function, then
// the output, and both must be in the same state and go on the same way.

import assert from 'node:assert/strict'
import { parse } from '@bytecodealliance/jco'
import { initializeWithReport } from '../index.js'
import { exportsOf, funcType, withAllExported } from './sections.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('../index.js').Report} Report
 *
 * @typedef {object} Call
 * @property {string} call an export of the output
 * @property {unknown[]} [with] arguments
 * @property {unknown} [gives] what it returns; where absent, only that both return the same
 * @property {RegExp} [traps] what V8 says when it traps
 *
 * @typedef {object} Case
 * @property {InitializeOptions} [options]
 * @property {(wasm: Uint8Array) => WebAssembly.Imports} [imports] makes new ones for each instance in
 *   V8, for the original or the output
 * @property {Call[]} [calls] made in this order on both, after init
 */

const DEFAULT_INIT_FUNCS = ['wizer-initialize', 'wizer.initialize']
const REACTOR_INIT = '_initialize'

/** What an imported `proc_exit` throws in V8. */
export class Exit extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`exit ${status}`)
    this.status = status
  }
}

/** WASI's `proc_exit` for V8; status 0 ends init well. */
export const procExit = () => ({
  wasi_snapshot_preview1: {
    /** @param {number} status */
    proc_exit(status) {
      throw new Exit(status)
    },
  },
})

/**
 * The binary of a text module, by an assembler that is not the one under test.
 * @param {string} wat
 * @returns {Promise<Buffer<ArrayBuffer>>}
 */
export async function assemble(wat) {
  return Buffer.from(await parse(wat))
}

/**
 * Runs init in V8 and in the package, which has to check itself, and fails where the outcomes differ.
 * @param {Uint8Array | string} module a binary or text
 * @param {Case} [situation]
 * @returns {Promise<{ original: Uint8Array, output: Buffer, report: Report }>}
 */
export async function compare(module, { options = {}, imports = () => ({}), calls = [] } = {}) {
  const original = typeof module === 'string' ? await assemble(module) : module
  const { wasm: output, report } = await initializeWithReport(original, {
    verify: true,
    ...options,
  })
  assert.ok(isValid(output), 'V8 finds the output invalid')

  const expected = expectedExports(original, options)
  assert.deepEqual(exportsOf(output).toSorted(byName), expected.toSorted(byName))

  const renamed = options.renameFuncs ?? {}
  for (const prepare of [plain, withAllExported]) {
    const before = instantiate(prepare(original), imports(original))
    runInit(before, original, options)
    const after = instantiate(prepare(output), imports(output))
    assertSameState(before, after, prepare === plain ? exportsOf(output) : undefined, renamed)
    for (const call of calls) {
      const inOriginal = perform(before, { ...call, call: renamed[call.call] ?? call.call })
      const inOutput = perform(after, call)
      assert.deepEqual(inOutput, inOriginal, `${call.call}(${call.with ?? ''})`)
      assertAsStated(call, inOutput)
    }
    if (prepare !== plain) assertSameState(before, after, undefined, renamed)
  }
  return { original, output, report }
}

/** @param {Uint8Array} wasm */
const plain = (wasm) => wasm

/**
 * Whether V8 takes a module.
 * @param {Uint8Array} wasm
 */
export function isValid(wasm) {
  return WebAssembly.validate(/** @type {Uint8Array<ArrayBuffer>} */ (wasm))
}

/**
 * An instance in V8.
 * @param {Uint8Array} wasm
 * @param {WebAssembly.Imports} [imports]
 */
export function instantiate(wasm, imports) {
  const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (wasm)
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
}

/**
 * The functions that an instance exports.
 * @param {WebAssembly.Instance} instance
 */
export function functions({ exports }) {
  return /** @type {Record<string, Function>} */ (exports)
}

/**
 * The bytes of the memory that an instance exports as `memory`.
 * @param {WebAssembly.Instance} instance
 */
export function memoryOf({ exports }) {
  return Buffer.from(/** @type {WebAssembly.Memory} */ (exports.memory).buffer)
}

/**
 * What a host does before it uses the original: `_initialize` of a reactor, then the init function.
 * @param {WebAssembly.Instance} instance
 * @param {Uint8Array} original
 * @param {InitializeOptions} options
 */
export function runInit({ exports }, original, options) {
  const initFunc = initFuncOf(original, options)
  const calls = isReactor(original) ? [REACTOR_INIT] : []
  if (!calls.includes(initFunc)) calls.push(initFunc)
  try {
    for (const name of calls) /** @type {Function} */ (exports[name])()
  } catch (error) {
    if (!(error instanceof Exit) || error.status !== 0) throw error
  }
}

/**
 * @param {Uint8Array} original
 * @param {InitializeOptions} options
 */
function initFuncOf(original, options) {
  const names = exportsOf(original).map(({ name }) => name)
  const initFunc = options.initFunc ?? DEFAULT_INIT_FUNCS.find((name) => names.includes(name))
  assert.ok(initFunc !== undefined, 'the original exports no init function')
  return initFunc
}

/** @param {Uint8Array} original */
function isReactor(original) {
  const found = exportsOf(original).find(({ name }) => name === REACTOR_INIT)
  if (found?.kind !== 'function') return false
  const type = funcType(original, found.index)
  return type?.params === 0 && type.results === 0
}

/**
 * The exports that the output must have: without init functions, and renamed all at once.
 * @param {Uint8Array} original
 * @param {InitializeOptions} options
 */
function expectedExports(original, options) {
  const all = exportsOf(original)
  const initFunc = initFuncOf(original, options)
  const kept = all.filter(
    ({ name }) =>
      !(name === initFunc && !options.keepInitFunc) &&
      !(name === REACTOR_INIT && isReactor(original)),
  )
  const renames = Object.entries(options.renameFuncs ?? {})
  const sources = renames.map(([, source]) => source)
  const destinations = renames.map(([destination]) => destination)
  const others = kept.filter(({ name }) => !sources.includes(name) && !destinations.includes(name))
  const moved = renames.map(([name, source]) => {
    const found = all.find((exported) => exported.name === source)
    assert.ok(found, `the original exports no ${source}`)
    return { ...found, name }
  })
  return [...others, ...moved]
}

/** @type {(a: { name: string }, b: { name: string }) => number} */
const byName = (a, b) => (a.name < b.name ? -1 : 1)

/**
 * Compares globals bit by bit as far as JavaScript can read them, memories byte by byte and tables
 * by the function indices in them, which no rewriting may change.
 * @param {WebAssembly.Instance} before
 * @param {WebAssembly.Instance} after
 * @param {Array<{ name: string }> | undefined} names which exports to look at; all of `after`'s
 *   when absent
 * @param {Record<string, string>} renamed
 */
export function assertSameState(before, after, names, renamed = {}) {
  const compared = names?.map(({ name }) => name) ?? Object.keys(after.exports)
  for (const name of compared) {
    const was = before.exports[renamed[name] ?? name]
    const is = after.exports[name]
    assert.equal(kindOf(is), kindOf(was), `the kind of ${name}`)
    if (is instanceof WebAssembly.Memory) {
      assertSameBytes(is.buffer, /** @type {WebAssembly.Memory} */ (was).buffer, name)
    } else if (is instanceof WebAssembly.Global) {
      const value = globalBits(/** @type {WebAssembly.Global} */ (was))
      assert.deepEqual(globalBits(is), value, `global ${name}`)
    } else if (is instanceof WebAssembly.Table) {
      const slots = tableSlots(/** @type {WebAssembly.Table} */ (was))
      assert.deepEqual(tableSlots(is), slots, `table ${name}`)
    }
  }
}

/** @param {unknown} value */
function kindOf(value) {
  return Object.prototype.toString.call(value)
}

/**
 * @param {ArrayBuffer} actual
 * @param {ArrayBuffer} expected
 * @param {string} what
 */
export function assertSameBytes(actual, expected, what) {
  assert.equal(actual.byteLength, expected.byteLength, `the size of ${what}`)
  const [is, was] = [Buffer.from(actual), Buffer.from(expected)]
  if (is.equals(was)) return
  const at = is.findIndex((byte, offset) => byte !== was[offset])
  assert.fail(`${what} differs at ${at}: ${is[at]} in the output, ${was[at]} in the original`)
}

/**
 * The bits of a numeric global, the index of a function, or what JavaScript can't read.
 * @param {WebAssembly.Global} global
 */
function globalBits(global) {
  const value = readable(global)
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value !== 'number') return value
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}

/** @param {WebAssembly.Global} global */
function readable(global) {
  try {
    return global.value
  } catch {
    return 'a value that JavaScript can not hold'
  }
}

/** @param {WebAssembly.Table} table */
function tableSlots(table) {
  return Array.from({ length: table.length }, (_, slot) => {
    const value = table.get(slot)
    return typeof value === 'function' ? `function ${value.name}` : value
  })
}

/**
 * @param {WebAssembly.Instance} instance
 * @param {Call} call
 */
function perform(instance, { call, with: args = [] }) {
  try {
    return { value: /** @type {Function} */ (instance.exports[call])(...args) }
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error)
    return { trap: `${name}: ${message}` }
  }
}

/**
 * @param {Call} call
 * @param {{ value?: unknown, trap?: string }} outcome
 */
function assertAsStated(call, { value, trap }) {
  if (call.traps) assert.match(trap ?? `no trap, but ${value}`, call.traps)
  else assert.equal(trap, undefined, `${call.call}(${call.with ?? ''}) traps`)
  if ('gives' in call) assert.deepEqual(value, call.gives, `${call.call}(${call.with ?? ''})`)
}

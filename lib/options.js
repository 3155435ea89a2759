// Options as a user writes them in, the binding's flat and complete ones out. Every unknown key and
// every wrong type ends here, with a `TypeError` that names the key.

import { InvalidOptionError } from './error.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('../index.js').WasiOptions} WasiOptions
 * @typedef {import('../binding.js').BindingOptions} BindingOptions
 * @typedef {import('../binding.js').BindingWasi} BindingWasi
 */

const ENGINES = /** @type {const} */ (['auto', 'baseline', 'optimizing'])
const OUTPUTS = /** @type {const} */ (['inherit', 'ignore', 'capture'])

const DEFAULT_MAX_DATA_SEGMENTS = 10_000
/** The most that engines load, by the limits of the WebAssembly JavaScript API. */
const DATA_SEGMENTS_LIMIT = 100_000

/**
 * The bytes of a module, as a view that shares the caller's memory.
 * @param {unknown} wasm
 * @returns {Uint8Array}
 */
export function bytesOf(wasm) {
  if (wasm instanceof Uint8Array) return wasm
  if (wasm instanceof ArrayBuffer || wasm instanceof SharedArrayBuffer) return new Uint8Array(wasm)
  throw wrongType('wasm', 'a Uint8Array or an ArrayBuffer', wasm)
}

/**
 * @param {InitializeOptions | undefined} options
 * @param {boolean} report whether the run makes a report
 * @returns {BindingOptions}
 */
export function bindingOptions(options = {}, report = false) {
  const { initFunc, keepInitFunc, renameFuncs, wasi, engine, maxDataSegments, ...unknown } = record(
    'options',
    options,
  )
  refuse('', unknown)
  return {
    initFunc: optional('initFunc', initFunc, string),
    keepInitFunc: optional('keepInitFunc', keepInitFunc, boolean) ?? false,
    renameFuncs: optional('renameFuncs', renameFuncs, stringRecord) ?? [],
    wasi: wasi === undefined || wasi === false ? undefined : bindingWasi(wasi),
    engine: optional('engine', engine, oneOf(ENGINES)) ?? 'auto',
    maxDataSegments:
      optional('maxDataSegments', maxDataSegments, dataSegments) ?? DEFAULT_MAX_DATA_SEGMENTS,
    report,
  }
}

/**
 * @param {unknown} wasi
 * @returns {BindingWasi}
 */
function bindingWasi(wasi) {
  const options = wasi === true ? {} : record('wasi', wasi, 'a boolean or an object')
  const { args, env, stdin, stdout, stderr, preopens, ...unknown } = options
  refuse('wasi.', unknown)
  return {
    args: optional('wasi.args', args, strings) ?? [],
    env: optional('wasi.env', env, stringRecord) ?? [],
    stdin: stdin === 'inherit' ? undefined : (optional('wasi.stdin', stdin, input) ?? NO_BYTES),
    stdout: optional('wasi.stdout', stdout, oneOf(OUTPUTS)) ?? 'inherit',
    stderr: optional('wasi.stderr', stderr, oneOf(OUTPUTS)) ?? 'inherit',
    preopens: optional('wasi.preopens', preopens, stringRecord) ?? [],
  }
}

const NO_BYTES = new Uint8Array()

/**
 * @template T
 * @param {string} key
 * @param {unknown} value
 * @param {(key: string, value: unknown) => T} check
 * @returns {T | undefined}
 */
function optional(key, value, check) {
  return value === undefined ? undefined : check(key, value)
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {string}
 */
function string(key, value) {
  if (typeof value !== 'string') throw wrongType(key, 'a string', value)
  if (!value.isWellFormed()) {
    throw new InvalidOptionError(
      key,
      `the option \`${key}\` holds a lone surrogate, which is no Unicode text`,
    )
  }
  return value
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {boolean}
 */
function boolean(key, value) {
  if (typeof value !== 'boolean') throw wrongType(key, 'a boolean', value)
  return value
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {string[]}
 */
function strings(key, value) {
  if (!Array.isArray(value)) throw wrongType(key, 'an array of strings', value)
  return value.map((item, index) => noNul(`${key}[${index}]`, string(`${key}[${index}]`, item)))
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {Array<{ key: string, value: string }>}
 */
function stringRecord(key, value) {
  return Object.entries(record(key, value)).map(([name, item]) => {
    const path = `${key}.${name}`
    return { key: noNul(path, string(path, name)), value: noNul(path, string(path, item)) }
  })
}

/**
 * Names, arguments and paths reach the guest as C strings.
 * @param {string} key
 * @param {string} value
 */
function noNul(key, value) {
  if (value.includes('\0')) {
    throw new InvalidOptionError(key, `the option \`${key}\` holds a NUL character`)
  }
  return value
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {Uint8Array}
 */
function input(key, value) {
  if (typeof value === 'string') return new TextEncoder().encode(value)
  if (value instanceof Uint8Array) return value
  throw wrongType(key, "a string, a Uint8Array or 'inherit'", value)
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {number}
 */
function dataSegments(key, value) {
  if (typeof value !== 'number') throw wrongType(key, 'a number', value)
  if (!Number.isInteger(value) || value < 0 || value > DATA_SEGMENTS_LIMIT) {
    throw new InvalidOptionError(
      key,
      `the option \`${key}\` must be a whole number from 0 to ${DATA_SEGMENTS_LIMIT}, the most that engines load; it is ${value}`,
    )
  }
  return value
}

/**
 * @template {string} T
 * @param {readonly T[]} choices
 * @returns {(key: string, value: unknown) => T}
 */
function oneOf(choices) {
  return (key, value) => {
    const choice = choices.find((known) => known === value)
    if (choice === undefined) {
      throw wrongType(key, choices.map((known) => `'${known}'`).join(' or '), value)
    }
    return choice
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 * @param {string} [expected]
 * @returns {Record<string, unknown>}
 */
function record(key, value, expected = 'an object') {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(key, expected, value)
  }
  return /** @type {Record<string, unknown>} */ (value)
}

/**
 * @param {string} prefix
 * @param {object} unknown
 */
function refuse(prefix, unknown) {
  const [key] = Object.keys(unknown)
  if (key !== undefined) {
    throw new InvalidOptionError(`${prefix}${key}`, `there is no option \`${prefix}${key}\``)
  }
}

/**
 * @param {string} key
 * @param {string} expected
 * @param {unknown} value
 */
function wrongType(key, expected, value) {
  const what = key === 'wasm' ? 'the argument' : 'the option'
  return new InvalidOptionError(
    key,
    `${what} \`${key}\` must be ${expected}; it is ${describe(value)}`,
  )
}

/** @param {unknown} value */
function describe(value) {
  if (value === null) return 'null'
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'null-prototype object'}`
  return `${typeof value === 'function' ? 'a function' : String(value)}`
}

// Options as a user writes them in, the binding's flat and complete ones out. Every unknown key and
// every wrong type ends here, with a `TypeError` that names the key.

import { resolve } from 'node:path'
import { types } from 'node:util'
import { bindingCache } from './cache.js'
import { InvalidOptionError } from './error.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('../index.js').WasiOptions} WasiOptions
 * @typedef {import('../binding.js').BindingOptions} BindingOptions
 * @typedef {import('../binding.js').BindingWasi} BindingWasi
 */

const ENGINES = /** @type {const} */ (['auto', 'baseline', 'optimizing'])
const OUTPUTS = /** @type {const} */ (['inherit', 'ignore', 'capture'])

const UNDEFINED_IMPORTS = /** @type {const} */ (['trap', 'error'])
const IMPORT_KINDS = /** @type {const} */ (['memory', 'table', 'global'])
const SOURCES = /** @type {const} */ (['deterministic', 'host'])

/** As long as Node's own timers can wait: 24.8 days. */
const LONGEST_TIMEOUT = 2 ** 31 - 1
/** Bytes: a page of the host, 8 MiB, 1 GiB. */
const LEAST_STACK = 4096
const DEFAULT_STACK = 8 * 1024 * 1024
const MOST_STACK = 1024 * 1024 * 1024
/** Nanoseconds since 1970 fit 64 bits until the year 2554. */
const LAST_MOMENT = 18_446_744_073_000

/** The most that engines load, by the limits of the WebAssembly JavaScript API. */
const DATA_SEGMENTS_LIMIT = 100_000

/**
 * The bytes of a module, as a view that shares the caller's memory.
 * @param {unknown} wasm
 * @returns {Uint8Array}
 */
export function bytesOf(wasm) {
  // Not `instanceof`: bytes may come from another realm, as in test runners.
  if (types.isUint8Array(wasm)) return wasm
  if (!types.isAnyArrayBuffer(wasm)) throw wrongType('wasm', 'a Uint8Array or an ArrayBuffer', wasm)
  try {
    return new Uint8Array(wasm)
  } catch {
    throw new InvalidOptionError(
      'wasm',
      'the argument `wasm` is an ArrayBuffer that is detached: its bytes are elsewhere',
    )
  }
}

/**
 * @param {InitializeOptions | undefined} options
 * @param {boolean} report whether the run makes a report
 * @returns {{
 *   binding: BindingOptions,
 *   signal: AbortSignal | undefined,
 *   imports: InitializeOptions['imports'],
 *   onStage: InitializeOptions['onStage'],
 *   optimize: string[] | undefined,
 * }}
 */
export function bindingOptions(options = {}, report = false) {
  const {
    initFunc,
    keepInitFunc,
    renameFuncs,
    imports,
    undefinedImports,
    preload,
    wasi,
    engine,
    cache,
    timeout,
    signal,
    maxMemory,
    maxStack,
    maxDataSegments,
    zeroDeadStack,
    strip,
    refuseFeatures,
    verify,
    internalizeImports,
    optimize,
    onStage,
    ...unknown
  } = record('options', options)
  refuse('', unknown)
  return {
    binding: {
      initFunc: optional('initFunc', initFunc, string),
      keepInitFunc: optional('keepInitFunc', keepInitFunc, boolean) ?? false,
      renameFuncs: optional('renameFuncs', renameFuncs, stringRecord) ?? [],
      undefinedImportsError:
        optional('undefinedImports', undefinedImports, oneOf(UNDEFINED_IMPORTS)) === 'error',
      preload: optional('preload', preload, bytesRecord) ?? [],
      wasi: wasi === undefined || wasi === false ? undefined : bindingWasi(wasi),
      engine: optional('engine', engine, oneOf(ENGINES)) ?? 'auto',
      cache: bindingCache(optional('cache', cache, booleanOrPath) ?? true),
      timeout: optional('timeout', timeout, wholeNumber(0, LONGEST_TIMEOUT)),
      maxMemory: optional('maxMemory', maxMemory, wholeNumber(0, Number.MAX_SAFE_INTEGER)),
      maxStack:
        optional('maxStack', maxStack, wholeNumber(LEAST_STACK, MOST_STACK)) ?? DEFAULT_STACK,
      zeroDeadStack: optional('zeroDeadStack', zeroDeadStack, boolean) ?? false,
      strip: switched('strip', strip, undefined, [], listOfStrings),
      maxDataSegments: optional(
        'maxDataSegments',
        maxDataSegments,
        wholeNumber(0, DATA_SEGMENTS_LIMIT),
      ),
      refuseFeatures: optional('refuseFeatures', refuseFeatures, strings) ?? [],
      internalize: switched(
        'internalizeImports',
        internalizeImports,
        [...IMPORT_KINDS],
        [],
        importKinds,
      ),
      verify: optional('verify', verify, boolean) ?? false,
      report,
    },
    signal: optional('signal', signal, abortSignal),
    imports: optional('imports', imports, importsOption),
    onStage: optional('onStage', onStage, stageListener),
    optimize: switched('optimize', optimize, [], undefined, listOfStrings),
  }
}

/**
 * @param {unknown} wasi
 * @returns {BindingWasi}
 */
function bindingWasi(wasi) {
  const options = wasi === true ? {} : record('wasi', wasi, 'a boolean or an object')
  const { args, env, stdin, stdout, stderr, preopens, files, random, clock, ...unknown } = options
  refuse('wasi.', unknown)
  return {
    args: optional('wasi.args', args, strings) ?? [],
    env: optional('wasi.env', env, environment) ?? [],
    stdin: stdin === 'inherit' ? undefined : (optional('wasi.stdin', stdin, input) ?? NO_BYTES),
    stdout: optional('wasi.stdout', stdout, oneOf(OUTPUTS)) ?? 'inherit',
    stderr: optional('wasi.stderr', stderr, oneOf(OUTPUTS)) ?? 'inherit',
    preopens: (optional('wasi.preopens', preopens, stringRecord) ?? []).map(absolute),
    files: optional('wasi.files', files, bytesRecord) ?? [],
    hostRandom: optional('wasi.random', random, oneOf(SOURCES)) === 'host',
    clock: clock === 'host' ? undefined : clockStart(clock),
  }
}

/**
 * A preopen whose host path does not depend on what the current directory is later.
 * @param {{ key: string, value: string }} preopen
 */
function absolute({ key, value }) {
  return { key, value: value && resolve(value) }
}

/**
 * Milliseconds since 1970 at which the guest's time begins.
 * @param {unknown} clock
 * @returns {number}
 */
function clockStart(clock) {
  if (clock !== undefined && clock !== 'deterministic') {
    if (typeof clock !== 'number')
      throw wrongType('wasi.clock', "'deterministic' or 'host' or a number", clock)
    return wholeNumber(0, LAST_MOMENT)('wasi.clock', clock)
  }
  const epoch = process.env['SOURCE_DATE_EPOCH']
  if (epoch === undefined || epoch === '') return 0
  const seconds = /^\d+$/.test(epoch) ? Number(epoch) : NaN
  if (!(seconds * 1000 <= LAST_MOMENT)) {
    throw new InvalidOptionError(
      'wasi.clock',
      `the environment variable SOURCE_DATE_EPOCH must be a whole number of seconds since 1970; it is '${epoch}'`,
    )
  }
  return seconds * 1000
}

const NO_BYTES = new Uint8Array()

/**
 * An option that is `true`, `false` as it is when it is absent, or a list.
 * @template On, Off, List
 * @param {string} key
 * @param {unknown} value
 * @param {On} on
 * @param {Off} off
 * @param {(key: string, value: unknown) => List} check
 * @returns {On | Off | List}
 */
function switched(key, value, on, off, check) {
  if (value === true) return on
  return value === false || value === undefined ? off : check(key, value)
}

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
 */
function booleanOrPath(key, value) {
  if (value === '') throw new InvalidOptionError(key, `the option \`${key}\` is an empty path`)
  if (typeof value === 'string') return noNul(key, string(key, value))
  if (typeof value === 'boolean') return value
  throw wrongType(key, 'a boolean or a path', value)
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
 * @param {string} key
 * @param {unknown} value
 */
function environment(key, value) {
  const variables = stringRecord(key, value)
  const wrong = variables.find(({ key: name }) => name === '' || name.includes('='))
  if (wrong) {
    const path = `${key}.${wrong.key}`
    throw new InvalidOptionError(
      path,
      `the option \`${path}\` has a name that no environment can hold: it is empty or has a \`=\``,
    )
  }
  return variables
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
  if (types.isUint8Array(value)) return value
  throw wrongType(key, "a string, a Uint8Array or 'inherit'", value)
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {Array<{ name: string, bytes: Uint8Array }>}
 */
function bytesRecord(key, value) {
  return Object.entries(record(key, value)).map(([name, item]) => {
    const path = `${key}.${name}`
    noNul(path, string(path, name))
    if (types.isUint8Array(item)) return { name, bytes: item }
    if (typeof item === 'string' && key === 'wasi.files')
      return { name, bytes: new TextEncoder().encode(item) }
    throw wrongType(path, key === 'wasi.files' ? 'a string or a Uint8Array' : 'a Uint8Array', item)
  })
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {string[]}
 */
function listOfStrings(key, value) {
  if (!Array.isArray(value)) throw wrongType(key, 'a boolean or an array of strings', value)
  return value.map((item, index) => string(`${key}[${index}]`, item))
}

/**
 * @param {string} key
 * @param {unknown} value
 */
function importKinds(key, value) {
  if (!Array.isArray(value)) throw wrongType(key, 'a boolean or an array of kinds', value)
  return value.map((item, index) => oneOf(IMPORT_KINDS)(`${key}[${index}]`, item))
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {AbortSignal}
 */
function abortSignal(key, value) {
  if (!(value instanceof AbortSignal)) throw wrongType(key, 'an AbortSignal', value)
  return value
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {InitializeOptions['imports']}
 */
function importsOption(key, value) {
  if (typeof value === 'function' || (typeof value === 'object' && value !== null)) {
    return /** @type {InitializeOptions['imports']} */ (value)
  }
  throw wrongType(key, 'an object or a function', value)
}

/**
 * @param {string} key
 * @param {unknown} value
 * @returns {InitializeOptions['onStage']}
 */
function stageListener(key, value) {
  if (typeof value !== 'function') throw wrongType(key, 'a function', value)
  return /** @type {InitializeOptions['onStage']} */ (value)
}

/**
 * @param {number} least
 * @param {number} most
 * @returns {(key: string, value: unknown) => number}
 */
function wholeNumber(least, most) {
  return (key, value) => {
    if (typeof value !== 'number') throw wrongType(key, 'a number', value)
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new InvalidOptionError(
      key,
      `the option \`${key}\` must be a whole number from ${least} to ${most}; it is ${value}`,
    )
  }
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

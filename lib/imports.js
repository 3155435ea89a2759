// Imports as a user writes them in, a session out: the functions that the guest calls, with values
// converted as the WebAssembly JavaScript API does, and the guest as they see it.
// https://webassembly.github.io/spec/js-api/#towebassemblyvalue

import * as binding from '../binding.js'
import { InvalidOptionError, errorFrom } from './error.js'

/**
 * @typedef {import('../index.js').Imports} Imports
 * @typedef {import('../index.js').Guest} Guest
 * @typedef {import('../index.js').ModuleInfo} ModuleInfo
 * @typedef {number | bigint} Numeric
 */

/** What a run needs of its host functions. */
export class Host {
  /** @type {binding.BindingImports} */
  imports = { functions: [], globals: [] }
  /** @type {binding.Session} */
  session
  /** @type {Function[]} */
  #functions = []
  /**
   * What a function threw, until the run tells that it did.
   * @type {{ value: unknown } | undefined}
   */
  thrown

  /**
   * @param {ModuleInfo} info
   * @param {Imports | ((guest: Guest) => Imports)} supplied
   * @param {binding.Canceller} canceller
   */
  constructor(info, supplied, canceller) {
    this.session = new binding.Session(
      (number, params, types) => this.#call(number, params, types),
      () => this.session.serve(),
      canceller,
    )
    const imports = typeof supplied === 'function' ? supplied(this.#guest(info)) : supplied
    if (typeof imports !== 'object' || imports === null) {
      throw new InvalidOptionError(
        'imports',
        'the option `imports` must be an object, or a function that returns one',
      )
    }
    for (const { module, name, kind } of info.imports) {
      const value = /** @type {Record<string, any>} */ (imports)[module]?.[name]
      if (value === undefined) continue
      const key = `imports.${module}.${name}`
      if (kind === 'function') {
        if (typeof value !== 'function')
          throw new InvalidOptionError(key, `the option \`${key}\` must be a function`)
        this.imports.functions.push({ module, name })
        this.#functions.push(value)
      } else if (kind === 'global') {
        const number = value instanceof WebAssembly.Global ? value.value : value
        if (typeof number !== 'number' && typeof number !== 'bigint') {
          throw new InvalidOptionError(key, `the option \`${key}\` must be a number or a bigint`)
        }
        this.imports.globals.push({
          module,
          name,
          value: typeof number === 'bigint' ? BigInt.asIntN(64, number) : number,
        })
      }
    }
  }

  /**
   * @param {number} number
   * @param {Numeric[]} params
   * @param {string[]} types
   * @returns {binding.Returned}
   */
  #call(number, params, types) {
    try {
      const returned = /** @type {Function} */ (this.#functions[number])(...params)
      return { values: convert(returned, types) }
    } catch (error) {
      this.thrown = { value: error }
      return { message: messageOf(error) }
    }
  }

  /**
   * @param {ModuleInfo} info
   * @returns {Guest}
   */
  #guest(info) {
    const { session } = this
    const buffer = () => {
      const live = session.memory()
      if (live === null)
        throw new Error('the guest has no memory now: it can be used while an import runs')
      return live
    }
    const memory = Object.freeze({
      get buffer() {
        return buffer()
      },
    })
    /** @type {Guest['exports']} */
    const exported = Object.create(null)
    for (const { name, kind } of info.exports) {
      if (kind === 'function') {
        exported[name] = (/** @type {unknown[]} */ ...args) => this.#callGuest(name, args)
      } else if (kind === 'memory') {
        exported[name] = memory
      } else if (kind === 'global') {
        exported[name] = Object.defineProperty({}, 'value', {
          get: () => session.global(name) ?? undefined,
          set: (value) => {
            if (!session.setGlobal(name, numeric(value))) {
              throw new TypeError(
                `the guest's global \`${name}\` can't be set to ${String(value)} now`,
              )
            }
          },
          enumerable: true,
        })
      }
    }
    return Object.freeze({ memory, exports: Object.freeze(exported) })
  }

  /**
   * @param {string} name
   * @param {unknown[]} args
   */
  #callGuest(name, args) {
    const called = this.session.call(name, args.map(numeric))
    if (called.threw && this.thrown) throw this.thrown.value
    if (called.failure) throw errorFrom(called.failure)
    if (called.refused) throw new TypeError(called.refused)
    if (called.ended) throw new Error(`the guest can't be called: ${called.ended}`)
    const values = called.values ?? []
    return values.length > 1 ? values : values[0]
  }
}

/**
 * What a function returned as the guest's results.
 * @param {unknown} returned
 * @param {string[]} types
 * @returns {Numeric[]}
 */
function convert(returned, types) {
  if (returned instanceof Promise) {
    throw new TypeError(
      'an import returned a promise: the guest waits for a value, so work that is asynchronous has to be done before',
    )
  }
  if (types.length === 0) return []
  if (types.length === 1) return [coerce(returned, /** @type {string} */ (types[0]))]
  const values = Array.from(/** @type {Iterable<unknown>} */ (returned))
  if (values.length !== types.length) {
    throw new TypeError(
      `an import returned ${values.length} values where the guest wants ${types.length}`,
    )
  }
  return types.map((type, index) => coerce(values[index], type))
}

/**
 * @param {any} value
 * @param {string} type
 * @returns {Numeric}
 */
function coerce(value, type) {
  switch (type) {
    case 'i32':
      return value | 0
    case 'i64':
      return BigInt.asIntN(64, value)
    case 'f32':
      return Math.fround(value)
    default:
      return +value
  }
}

/**
 * An argument for the guest: bigints stay, all else becomes a number.
 * @param {any} value
 * @returns {Numeric}
 */
function numeric(value) {
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : +value
}

/** @param {unknown} error */
function messageOf(error) {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'a value that has no text was thrown'
  }
}

// Imports as a user writes them in, a session out: the functions that the guest calls, with values
// converted as the WebAssembly JavaScript API does, and the guest as they see it.
// https://webassembly.github.io/spec/js-api/#towebassemblyvalue

import * as binding from '../binding.js'
import { InvalidOptionError, errorFrom } from './error.js'

/**
 * @typedef {import('../index.js').Imports} Imports
 * @typedef {import('../index.js').Guest} Guest
 * @typedef {number | bigint} Numeric
 */

/** What a run needs of its host functions. */
export class Host {
  /** @type {binding.BindingImports} */
  imports = { functions: [], globals: [], memories: [], tables: [] }
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
   * @param {Uint8Array[]} modules the module, then those that are preloaded
   * @param {Imports | ((guest: Guest) => Imports)} supplied
   * @param {binding.Canceller} canceller
   */
  constructor(modules, supplied, canceller) {
    this.session = new binding.Session(
      (number, params, types) => this.#call(number, params, types),
      () => this.session.serve(),
      detach,
      canceller,
    )
    const [own, ...preloaded] = modules.map((bytes) => {
      const { externs, failure } = binding.externs(bytes)
      // What is wrong with a preloaded module is for the run to say.
      if (failure && bytes === modules[0]) throw errorFrom(failure)
      return externs ?? { imports: [], exports: [] }
    })
    const { exports } = /** @type {binding.Externs} */ (own)
    const imports = typeof supplied === 'function' ? supplied(this.#guest(exports)) : supplied
    if (typeof imports !== 'object' || imports === null) {
      throw new InvalidOptionError(
        'imports',
        'the option `imports` must be an object, or a function that returns one',
      )
    }
    const known = new Set()
    for (const extern of [own, ...preloaded].flatMap((externs) => externs?.imports ?? [])) {
      const { module, name } = extern
      const id = JSON.stringify([module, name])
      const value = /** @type {Record<string, any>} */ (imports)[module]?.[name]
      if (value === undefined || known.has(id)) continue
      known.add(id)
      this.#supply(extern, value)
    }
  }

  /**
   * @param {binding.ImportExtern} extern
   * @param {any} value
   */
  #supply({ module, name, kind, types, mutable }, value) {
    const key = `imports.${module}.${name}`
    if (kind === 'function') {
      if (typeof value !== 'function')
        throw new InvalidOptionError(key, `the option \`${key}\` must be a function`)
      this.imports.functions.push({ module, name })
      this.#functions.push(value)
    } else if (kind === 'global' && isReference(types[0])) {
      this.imports.globals.push({ module, name, null: isNull(value, mutable, key) })
    } else if (kind === 'global') {
      const number =
        value instanceof WebAssembly.Global ? valueOf(value, types[0], mutable, key) : value
      if (typeof number !== 'number' && typeof number !== 'bigint') {
        throw new InvalidOptionError(key, `the option \`${key}\` must be a number or a bigint`)
      }
      const bits = typeof number === 'bigint' ? BigInt.asIntN(64, number) : number
      this.imports.globals.push({ module, name, value: bits, null: false })
    } else if (kind === 'memory') {
      if (!(value instanceof WebAssembly.Memory))
        throw new InvalidOptionError(key, `the option \`${key}\` must be a WebAssembly.Memory`)
      this.imports.memories.push({ module, name, bytes: new Uint8Array(value.buffer) })
    } else if (kind === 'table') {
      if (!(value instanceof WebAssembly.Table))
        throw new InvalidOptionError(key, `the option \`${key}\` must be a WebAssembly.Table`)
      for (let slot = 0; slot < value.length; slot++) {
        if (value.get(slot) === null) continue
        throw new InvalidOptionError(
          key,
          `the option \`${key}\` holds something at slot ${slot}, which the guest can't be given: leave the table out, and it gets one of its own`,
        )
      }
      this.imports.tables.push({ module, name, size: value.length })
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
      const imported = /** @type {Function} */ (this.#functions[number])
      const returned = imported(...params)
      return { values: convert(returned, types) }
    } catch (error) {
      this.thrown = { value: error }
      return { message: messageOf(error) }
    }
  }

  /**
   * @param {binding.ExportExtern[]} exports
   * @returns {Guest}
   */
  #guest(exports) {
    const { session } = this
    const memoryAt = (/** @type {number} */ index) =>
      Object.freeze({
        get buffer() {
          const live = session.memory(index)
          if (live === null) throw new Error(`the guest has no memory now: ${NOT_RUNNING}`)
          return live
        },
      })
    const memory = memoryAt(0)
    /** @type {Guest['exports']} */
    const exported = Object.create(null)
    for (const { name, kind, index, types } of exports) {
      if (kind === 'function') {
        exported[name] = (/** @type {unknown[]} */ ...args) => this.#callGuest(name, types, args)
      } else if (kind === 'table') {
        exported[name] = this.#table(name)
      } else if (kind === 'memory') {
        exported[name] = index === 0 ? memory : memoryAt(index)
      } else if (kind === 'global') {
        exported[name] = this.#global(name, types)
      }
    }
    return Object.freeze({ memory, exports: Object.freeze(exported) })
  }

  /**
   * @param {string} name
   * @param {string[]} types
   */
  #global(name, [type = '']) {
    const { session } = this
    return Object.freeze({
      get value() {
        const value = session.global(name)
        if (value === null)
          throw new Error(`the guest's global \`${name}\` can't be read: ${NOT_RUNNING}`)
        return value
      },
      set value(/** @type {any} */ value) {
        if (!session.setGlobal(name, coerce(value, type))) {
          throw new TypeError(
            `the guest's global \`${name}\` can't be set: it is immutable, or ${NOT_RUNNING}`,
          )
        }
      },
    })
  }

  /**
   * As far as `WebAssembly.Table` can be read: glue calls functions by their slot.
   * @param {string} name
   */
  #table(name) {
    const view = (/** @type {number} */ slot) => {
      const found = this.session.table(name, slot)
      if (found) return found
      throw new Error(`the guest's table \`${name}\` can't be read: ${NOT_RUNNING}`)
    }
    return Object.freeze({
      get length() {
        return view(0).size
      },
      get: (/** @type {unknown} */ index) => {
        const slot = Number(index)
        const { size, kind, types } = view(slot)
        if (kind === 'null') return null
        if (kind === 'out-of-bounds') {
          throw new RangeError(`the guest's table \`${name}\` has ${size} slots, and none ${slot}`)
        }
        if (kind === 'other') {
          throw new TypeError(
            `slot ${slot} of the guest's table \`${name}\` holds a reference that JavaScript can't be given`,
          )
        }
        return (/** @type {unknown[]} */ ...args) => this.#callGuest(name, types ?? [], args, slot)
      },
    })
  }

  /**
   * @param {string} name of a function, or of a table
   * @param {string[]} types
   * @param {unknown[]} args
   * @param {number} [slot] of the table
   */
  #callGuest(name, types, args, slot) {
    const params = types.map((type, index) => coerce(args[index], type))
    const called = this.session.call(name, params, slot)
    if (called.threw && this.thrown) throw this.thrown.value
    if (called.failure) throw errorFrom(called.failure)
    if (called.refused) throw new TypeError(called.refused)
    if (called.ended) throw new Error(`the guest can't be called: ${called.ended}`)
    const values = called.values ?? []
    return values.length > 1 ? values : values[0]
  }
}

/**
 * Detaches a buffer where the engine can; unlike the addon's own way, this is safe in a worker that
 * is being terminated at this very moment.
 * @param {ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }} buffer
 */
function detach(buffer) {
  buffer.transfer?.(0)
  return buffer.transfer !== undefined
}

const NOT_RUNNING = 'it can be used while an import runs'

/** Value types in the binary format. */
const TYPE_BYTES = /** @type {Record<string, number>} */ ({
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
})

/** @param {string | undefined} type as the core names it */
const isReference = (type = '') => !(type in TYPE_BYTES) && type !== 'v128'

/**
 * Whether a global of references, or what stands for it, holds null. Anything else is the host's own
 * affair: the guest can't look into it.
 * @param {unknown} value
 * @param {boolean} mutable
 * @param {string} key
 */
function isNull(value, mutable, key) {
  if (value instanceof WebAssembly.Global) return value.value === null
  if (!mutable) return value === null
  throw new InvalidOptionError(key, `the option \`${key}\` must be a WebAssembly.Global`)
}

/**
 * The value of a global that fits an import of this type; V8 alone knows a global's own type.
 * @param {WebAssembly.Global} global
 * @param {string | undefined} type
 * @param {boolean} mutable
 * @param {string} key
 */
function valueOf(global, type = '', mutable, key) {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const imported = [2, 6, 1, 0, 0, 3, TYPE_BYTES[type] ?? 0, Number(mutable)]
  try {
    const module = new WebAssembly.Module(new Uint8Array([...header, ...imported]))
    new WebAssembly.Instance(module, { '': { '': global } })
  } catch {
    throw new InvalidOptionError(
      key,
      `the option \`${key}\` must be ${mutable ? 'a mutable' : 'an immutable'} global of type ${type}`,
    )
  }
  return global.value
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
  const values = [.../** @type {Iterable<unknown>} */ (returned)]
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
    case 'f64':
      return +value
    default:
      throw new TypeError(`a value of type ${type} can't come from JavaScript`)
  }
}

/** @param {unknown} error */
function messageOf(error) {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'a value that has no text was thrown'
  }
}

// What a failed run is told by: an `InitializeError`, made from what the binding reports, and its
// twin for options, which is a `TypeError` as the platform's own functions throw.

/**
 * @typedef {import('../binding.js').Failure} Failure
 * @typedef {import('../index.js').ErrorCode} ErrorCode
 * @typedef {import('../index.js').Stage} Stage
 */

/** Fields of a failure that an error carries when they are there. */
const DETAILS = /** @type {const} */ ([
  'offset',
  'trap',
  'frames',
  'exitCode',
  'limit',
  'path',
  'option',
  'imports',
  'filesRead',
  'pathsProbed',
  'directoriesRead',
  'stdout',
  'stderr',
])

/** A run that failed, with a stable `code` and what it takes to act on it. */
export class InitializeError extends Error {
  /**
   * @param {Failure} failure
   * @param {{ value: unknown }} [thrown] what an import threw
   */
  constructor(failure, thrown) {
    super(failure.message, failure.importThrew && thrown ? { cause: thrown.value } : undefined)
    this.name = 'InitializeError'
    this.code = /** @type {ErrorCode} */ (failure.code)
    this.stage = /** @type {Stage} */ (failure.stage)
    for (const key of DETAILS) {
      if (failure[key] !== undefined) Object.assign(this, { [key]: failure[key] })
    }
    if (failure.importModule !== undefined) {
      this.import = { module: failure.importModule, name: failure.importName ?? '' }
    }
  }

  /**
   * An invalid option is an `InitializeError` too, although it is a `TypeError` by class.
   * @param {unknown} value
   */
  static [Symbol.hasInstance](value) {
    return super[Symbol.hasInstance](value) || value instanceof InvalidOptionError
  }
}

/** An unknown key, a wrong type or a value that can't be used. */
export class InvalidOptionError extends TypeError {
  /** @type {'ERR_INVALID_OPTION'} */
  code = 'ERR_INVALID_OPTION'
  /** @type {'options'} */
  stage = 'options'

  /**
   * @param {string} option the key, with dots for nested ones
   * @param {string} message
   */
  constructor(option, message) {
    super(message)
    this.name = 'TypeError'
    this.option = option
  }
}

/**
 * The error that a failure is thrown as.
 * @param {Failure} failure
 * @param {{ value: unknown }} [thrown] what an import threw
 * @returns {Error}
 */
export function errorFrom(failure, thrown) {
  return failure.code === 'ERR_INVALID_OPTION'
    ? new InvalidOptionError(failure.option ?? '', failure.message)
    : new InitializeError(failure, thrown)
}

// What went wrong in, what people, programs and the shell are told out. Beside our own message stand the
// strings that callers of wizer look for.

import { UsageError } from './parse.js'

/** What the shell is told. */
export const EXIT = { done: 0, failed: 1, usage: 2 }

/** 128 and the signal's number, as shells have it. */
export const SIGNALS = /** @type {const} */ ({ SIGINT: 130, SIGTERM: 143 })

/** A signal has asked this process to end. */
export class Interruption extends Error {
  code = 'ERR_INTERRUPTED'

  /** @param {keyof typeof SIGNALS} signal */
  constructor(signal) {
    super(`ended by ${signal}`)
    this.signal = signal
  }
}

/** A file that can't be used. */
class FileError extends Error {
  code = 'ERR_IO'

  /**
   * @param {string} message
   * @param {string} path
   */
  constructor(message, path) {
    super(message)
    this.path = path
  }
}

/** Failures that wizer calls a trap of the init function. */
const TRAPS = new Set(['ERR_TRAP', 'ERR_EXIT', 'ERR_STACK_LIMIT', 'ERR_IMPORT_CALLED'])

/** Fields of an error that a program may want. */
const DETAILS = [
  'stage',
  'offset',
  'trap',
  'frames',
  'exitCode',
  'limit',
  'path',
  'option',
  'import',
  'imports',
  'signal',
]

/**
 * @typedef {Error & {
 *   code?: string, option?: string, exitCode?: number, stdout?: Buffer, stderr?: Buffer,
 * }} Failure
 */

/**
 * @param {unknown} error
 * @returns {number} the exit status
 */
export function status(error) {
  if (error instanceof Interruption) return SIGNALS[error.signal]
  if (error instanceof UsageError) return EXIT.usage
  return /** @type {Failure} */ (error).code === 'ERR_INVALID_OPTION' ? EXIT.usage : EXIT.failed
}

/**
 * What a program is told.
 * @param {unknown} error
 */
export function failureObject(error) {
  const failure = /** @type {Failure} */ (error instanceof Error ? error : new Error(String(error)))
  const fields = /** @type {Record<string, any>} */ (/** @type {unknown} */ (failure))
  return {
    code: failure.code ?? 'ERR_INTERNAL',
    message: messageOf(failure),
    ...Object.fromEntries(DETAILS.filter((key) => key in fields).map((key) => [key, fields[key]])),
    ...(failure.stdout && { stdout: failure.stdout.toString() }),
    ...(failure.stderr && { stderr: failure.stderr.toString() }),
  }
}

/**
 * What people are told; programs that start this one look for the strings of wizer.
 * @param {unknown} error
 * @param {{ input?: string, initFunc?: string, wizer: boolean, red: (text: string) => string }} context
 *   `input` where there are several
 */
export function failureText(error, { input, initFunc, wizer, red }) {
  const failure = /** @type {Failure} */ (error instanceof Error ? error : new Error(String(error)))
  const message = messageOf(failure)
  const where = input === undefined ? '' : `${input}: `
  if (failure instanceof UsageError) {
    return `${red('error')}: ${where}${message}\n\nTry \`wasm-preinit --help\`.\n`
  }
  const own = `${red(failure.code ? `error [${failure.code}]` : 'error')}: ${where}${message}\n`
  if (!wizer || !TRAPS.has(failure.code ?? '')) return own
  const [prefix = '', trapped = initFunc] = /^the `(.*?)` function trapped: /.exec(message) ?? []
  const head = `Error: the \`${trapped}\` function trapped\n\nCaused by:\n`
  if (failure.code !== 'ERR_EXIT')
    return `${own}\n${head}    ${message.slice(prefix.length).split('\n')[0]}\n`
  // Callers cut out what is between these strings, to show what the guest has printed alone.
  return `${head}    ${own}    Exited with i32 exit status ${failure.exitCode}\n`
}

/**
 * The message, in the words of the command line.
 * @param {Failure} failure
 */
function messageOf({ message, option }) {
  if (option === undefined) return message
  const flag = option.startsWith('wasi.env.') ? 'env' : (FLAG_OF[option] ?? kebabCase(option))
  for (const words of [`the option \`${option}\``, `option \`${option}\``]) {
    message = message.replaceAll(words, `\`--${flag}\``)
  }
  return message
}

/** Flags that are not called as their options are. */
const FLAG_OF = /** @type {Record<string, string>} */ ({
  renameFuncs: 'rename-func',
  refuseFeatures: 'wasm-PROPOSAL=false',
})

/** @param {string} name */
function kebabCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** @param {string} path */
export function unreadable(path) {
  return unusable('read', path)
}

/** @param {string} path */
export function unwritable(path) {
  return unusable('write', path)
}

/**
 * What turns a file system's error into one for people.
 * @param {string} verb
 * @param {string} path
 * @returns {(error: NodeJS.ErrnoException) => never}
 */
function unusable(verb, path) {
  return (error) => {
    // `ENOENT: no such file or directory, open 'x'`: the middle is for people.
    const reason =
      /^[A-Z\d_]+: (.*?)(?:, \w+(?: '.*)?)?$/s.exec(error.message)?.[1] ?? error.message
    throw new FileError(`can't ${verb} \`${path}\`: ${reason}`, path)
  }
}

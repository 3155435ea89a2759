// What is for people in, stderr out; with `--json` they are kept for the object instead. Writes past
// `process.stderr` and `process.stdout`: opening those would make pipes non-blocking that the guest
// shares.

import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

const STDERR = 2

/** Whether both are terminals, by the numbers of file descriptors: a glance opens nothing. */
export const terminal = {
  stdin: () => isatty(0),
  stdout: () => isatty(1),
  stderr: () => isatty(STDERR),
}

export class Messages {
  /** Warnings that are not printed, for the object. @type {string[]} */
  warnings = []
  #json
  #quiet

  /** @param {{ json: boolean, quiet: boolean }} call */
  constructor({ json, quiet }) {
    this.#json = json
    this.#quiet = quiet
  }

  /** @param {string} message */
  warn = (message) => {
    if (this.#json) this.warnings.push(message)
    else if (!this.#quiet) tell(`warning: ${message}\n`)
  }

  /** Takes over what Node would print in its own manner. */
  takeProcessWarnings() {
    process.removeAllListeners('warning')
    process.on('warning', ({ message }) => this.warn(message))
  }
}

/**
 * Writes to stderr at once.
 * @param {string | Uint8Array} content
 */
export function tell(content) {
  let bytes = typeof content === 'string' ? Buffer.from(content) : content
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(STDERR, bytes))
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error)
      // Somebody else made the pipe non-blocking, and it is full: a stream knows how to wait. Nobody
      // can be told that there is nobody to tell.
      if (code === 'EAGAIN') process.stderr.write(bytes)
      return
    }
  }
}

/** Colours for stderr, as the environment and the terminal want them. */
export async function stderrColors() {
  const { default: picocolors } = await import('picocolors')
  return picocolors.createColors(colorful(terminal.stderr()))
}

/** @param {boolean} isTerminal */
export function colorful(isTerminal) {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTerminal && TERM !== 'dumb'
}

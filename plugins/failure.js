// A failed run in, the error that a bundler shows out: which module, which code, the guest's stack and
// who imports it, in the fields where bundlers look for them.

import { isAbsolute, relative } from 'node:path'
import { InitializeError } from '../index.js'
import { withSlashes } from './ids.js'

/**
 * @typedef {import('../index.js').TrapInfo} TrapInfo
 *
 * @typedef {object} Details
 * @property {string} id the module's path
 * @property {string} plugin
 * @property {string} [code] as `ERR_TRAP`
 * @property {TrapInfo['frames']} frames the guest's stack, innermost first. The message holds it too;
 *   there is no `frame`, which bundlers would show beside that
 * @property {{ file: string, line: number, column: number }} [loc] in the guest's source
 * @property {string} [importer]
 * @property {import('./core.js').Finished['watch']} watch what may make the next run go well, beside the
 *   module itself
 *
 * @typedef {Error & Details} Failure
 */

export const PLUGIN = 'wasm-preinit'

/**
 * @param {unknown} cause
 * @param {{ path: string, importer?: string, root: string, watch: Details['watch'] }} where
 * @returns {Failure}
 */
export function failureOf(cause, { path, importer, root, watch }) {
  const { code, frames = [] } = /** @type {import('../index.js').InitializeError} */ (cause ?? {})
  const said = cause instanceof Error ? cause.message : String(cause)
  const stack = frames.map(lineOf)
  const lines = [
    `could not pre-initialize \`${shortened(path, root)}\`${code ? ` (${code})` : ''}: ${said}`,
    ...stack.filter((line) => !said.includes(line)),
    ...(importer ? [`  imported by \`${shortened(importer, root)}\``] : []),
  ]
  // Where this package noticed it, helps nobody; what an import threw has a stack of its own.
  if (cause instanceof InitializeError) cause.stack = `${cause.name}: ${cause.message}`
  const error = new Error(lines.join('\n'), { cause })
  error.stack = `Error: ${error.message}`
  return Object.assign(error, {
    id: path,
    plugin: PLUGIN,
    frames,
    watch,
    ...(code && { code: String(code) }),
    ...(importer && { importer }),
    ...placeOf(frames),
  })
}

/** @param {TrapInfo['frames'][number]} frame */
function lineOf({ func, offset, file, line }) {
  const place = file ? `${file}${line ? `:${line}` : ''}` : offset && `0x${offset.toString(16)}`
  return `    at ${func}${place ? ` (${place})` : ''}`
}

/**
 * Where the program's source is known, the innermost place in it.
 * @param {TrapInfo['frames']} frames
 */
function placeOf(frames) {
  const known = frames.find(({ file, line }) => file && line)
  return known && { loc: { file: String(known.file), line: Number(known.line), column: 0 } }
}

/**
 * @param {string} path
 * @param {string} root
 */
function shortened(path, root) {
  const inside = relative(root, path)
  return withSlashes(inside.startsWith('..') || isAbsolute(inside) ? path : inside)
}

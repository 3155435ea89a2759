// Where compiled code is kept: the `cache` option and the environment in, the binding's option out.
//
// A folder that the user names comes first, then the nearest project's, then the user's own.

import { resolve } from 'node:path'
import envPaths from 'env-paths'
import findCacheDirectory from 'find-cache-dir'
import * as binding from '../binding.js'

const NAME = 'wasm-preinit'

/** Bytes: 1 GiB. */
const DEFAULT_MAX_BYTES = 1024 ** 3

/** Milliseconds that the end of the process waits for code that is still being written. */
const LONGEST_WRITE = 5000

/**
 * @param {boolean | string} cache the option
 * @returns {binding.BindingCache | undefined} none where nothing is kept
 */
export function bindingCache(cache) {
  if (cache === false) return undefined
  const maxBytes = maxBytesOf(process.env.WASM_PREINIT_CACHE_MAX_BYTES)
  const named = cache === true ? process.env.WASM_PREINIT_CACHE_DIR : cache
  if (named) return { directory: resolve(named), named: true, maxBytes }
  return {
    directory: findCacheDirectory({ name: NAME }) ?? envPaths(NAME, { suffix: '' }).cache,
    named: false,
    maxBytes,
  }
}

/** @param {string | undefined} text */
function maxBytesOf(text) {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : DEFAULT_MAX_BYTES
}

let isWaitingAtExit = false

/** Lets the process end only when the code that it has compiled is written, or can't be. */
export function finishWritesAtExit() {
  if (isWaitingAtExit) return
  isWaitingAtExit = true
  process.once('exit', () => binding.finishCacheWrites(LONGEST_WRITE))
}

/** @type {Set<string>} */
const warned = new Set()

/**
 * Tells once why builds compile again.
 * @param {string} message
 */
export function warnOfCache(message) {
  if (warned.has(message)) return
  warned.add(message)
  process.emitWarning(message, { code: 'WASM_PREINIT_CACHE' })
}

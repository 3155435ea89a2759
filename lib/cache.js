// Where compiled code is kept: the `cache` option and the environment in, the binding's option out.
//
// A folder that the user names comes first, then the nearest project's, then the user's own. Where
// there is none of them, nothing is kept.

import { accessSync, constants, existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import * as binding from '../binding.js'
import { emitWarnings } from './warnings.js'

const NAME = 'wasm-preinit'

/** Bytes: 1 GiB. */
const DEFAULT_MAX_BYTES = 1024 ** 3

/** Milliseconds that the end of the process waits for code that is still being written. */
const LONGEST_WRITE = 5000

/**
 * @param {boolean | string} cache the option
 * @param {string} [from] where the project is looked for, the current directory unless told
 * @returns {binding.BindingCache | undefined} none where nothing is kept
 */
export function bindingCache(cache, from) {
  if (cache === false) return undefined
  const maxBytes = maxBytesOf(process.env.WASM_PREINIT_CACHE_MAX_BYTES)
  const named = cache === true ? process.env.WASM_PREINIT_CACHE_DIR : cache
  if (named) return { directory: resolve(named), named: true, maxBytes }
  const directory = projectFolder(from) ?? userFolder()
  return directory === undefined ? undefined : { directory, named: false, maxBytes }
}

/**
 * The folder that tools share in the nearest project, where there is one that can be written. No
 * package finds it: those that do import `node:process`, which opens standard input and keeps guests
 * from waiting for it.
 * @param {string | undefined} from
 */
function projectFolder(from) {
  try {
    let project = from ?? process.cwd()
    while (!existsSync(join(project, 'package.json'))) {
      const parent = dirname(project)
      if (parent === project) return undefined
      project = parent
    }
    const modules = join(project, 'node_modules')
    accessSync(existsSync(modules) ? modules : project, constants.W_OK)
    return join(modules, '.cache', NAME)
  } catch {
    // It can't be written, or the current directory was removed.
    return undefined
  }
}

/** The folder of a user's caches, where each system wants it; a user may have no home. */
function userFolder() {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  try {
    if (process.platform === 'win32') {
      return join(LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), NAME, 'Cache')
    }
    if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', NAME)
    return join(XDG_CACHE_HOME || join(homedir(), '.cache'), NAME)
  } catch {
    return undefined
  }
}

/** @param {string | undefined} text */
function maxBytesOf(text) {
  if (text === undefined || text === '') return DEFAULT_MAX_BYTES
  if (/^\d+$/.test(text)) return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
  const message = `WASM_PREINIT_CACHE_MAX_BYTES is not a number of bytes: ${text}`
  emitWarnings([{ code: 'WASM_PREINIT_CACHE', message }])
  return DEFAULT_MAX_BYTES
}

let isWaitingAtExit = false

/**
 * Lets the process end only when the code that it has compiled is written, or can't be. On Linux, the
 * addon does that by itself.
 */
export function finishWritesAtExit() {
  if (isWaitingAtExit || process.platform === 'linux') return
  isWaitingAtExit = true
  process.once('exit', () => binding.finishCacheWrites(LONGEST_WRITE))
}

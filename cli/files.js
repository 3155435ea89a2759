// Bytes from files and standard input, and to files and standard output. What is written to a file is
// there as a whole or not at all.

import { addAbortSignal } from 'node:stream'
import { chmod, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { unreadable, unwritable } from './failure.js'
import { STREAM } from './inputs.js'

/**
 * @param {string} input
 * @param {AbortSignal} signal
 * @returns {Promise<Uint8Array>}
 */
export async function read(input, signal) {
  if (input !== STREAM) return readFile(input).catch(unreadable(input))
  const chunks = []
  for await (const chunk of addAbortSignal(signal, process.stdin)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * @param {string} output
 * @param {Uint8Array | string} content
 */
export async function write(output, content) {
  await (output === STREAM ? print(content) : replace(output, content)).catch(
    unwritable(output === STREAM ? 'stdout' : output),
  )
}

/**
 * @param {string} folder
 */
export async function makeFolder(folder) {
  await mkdir(folder, { recursive: true }).catch(unwritable(folder))
}

/**
 * Whether a path is this process's own temporary file of `replace`, for watchers of folders.
 * @param {string} name
 */
export function isTemporary(name) {
  return name.startsWith('.') && name.endsWith(`.${process.pid}.tmp`)
}

/**
 * Writes beside the destination and moves it there, so that nothing half-written is ever seen. Links
 * stay links, and devices and pipes are written to.
 * @param {string} path
 * @param {Uint8Array | string} content
 */
async function replace(path, content) {
  const existing = await stat(path).catch(() => undefined)
  if (existing?.isDirectory()) {
    throw new Error('it is a folder; name a file, or several inputs with --out-dir')
  }
  if (existing && !existing.isFile()) return writeFile(path, content)
  const file = existing ? await realpath(path) : path
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.tmp`)
  try {
    await writeFile(temporary, content)
    if (existing) await chmod(temporary, existing.mode)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * @param {Uint8Array | string} content
 * @returns {Promise<void>}
 */
function print(content) {
  const { stdout } = process
  return new Promise((resolve, reject) => {
    stdout.once('error', reject)
    stdout.write(content, (error) => {
      if (error) return reject(error)
      stdout.off('error', reject)
      resolve()
    })
  })
}

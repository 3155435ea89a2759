// What a run has read in, what that was then out; and whether it is still the same. Only what the
// guest could see counts: contents of files, names in folders, the kind and size of what it looked at.

import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'

/**
 * @typedef {import('../index.js').Report} Report
 *
 * @typedef {object} Fingerprint of everything outside the module that its snapshot depends on
 * @property {Record<string, string>} files the hash of what a file holds, by path
 * @property {Record<string, string>} directories the hash of a folder's names, by path
 * @property {Record<string, string>} paths `missing`, `folder` or a file's size, by path
 */

/** So few that no process runs out of open files. */
const FILES_AT_ONCE = 64

const MISSING = 'missing'
const FOLDER = 'folder'
const CHANGED = 'changed'

/** @type {Fingerprint} */
export const NOTHING_READ = { files: {}, directories: {}, paths: {} }

/**
 * @param {string | Uint8Array} data
 * @returns {string} 64 hexadecimal digits
 */
export function hashOf(data) {
  return createHash('sha256').update(data).digest('hex')
}

/**
 * What a guest has seen of the host.
 * @param {Pick<Report, 'filesRead' | 'directoriesRead' | 'pathsProbed'>} report
 * @returns {Promise<Fingerprint>}
 */
export async function fingerprintOf({ filesRead, directoriesRead, pathsProbed }) {
  const [files, directories, paths] = await Promise.all([
    states(filesRead, contents),
    states(directoriesRead, names),
    states(pathsProbed, kind),
  ])
  return { files, directories, paths }
}

/**
 * Whether a guest would see the same again.
 * @param {Fingerprint} fingerprint
 */
export async function isCurrent({ files, directories, paths }) {
  const same = await Promise.all([
    areSame(files, contents),
    areSame(directories, names),
    areSame(paths, kind),
  ])
  return same.every(Boolean)
}

/**
 * Everything that a watcher has to look at. Of folders that are only there, it would see every change
 * inside, which no guest has seen.
 * @param {Fingerprint} fingerprint
 */
export function watchLists({ files, directories, paths }) {
  /** @param {(state: string) => boolean} matches */
  const probed = (matches) => Object.keys(paths).filter((path) => matches(paths[path]))
  return {
    files: [...Object.keys(files), ...probed((state) => state !== MISSING && state !== FOLDER)],
    directories: Object.keys(directories),
    missing: probed((state) => state === MISSING),
  }
}

/**
 * Whether any file has changed since a moment, so that what was read may not be what is there.
 * @param {Fingerprint} fingerprint
 * @param {number} moment ms since 1970
 */
export async function hasChangedSince({ files, directories, paths }, moment) {
  const all = [files, directories, paths].flatMap((record) => Object.keys(record))
  const changes = await states(all, async (path) => {
    const status = await stat(path).catch(() => undefined)
    return status !== undefined && status.ctimeMs > moment ? CHANGED : ''
  })
  return Object.values(changes).includes(CHANGED)
}

/**
 * @param {string[]} paths
 * @param {(path: string) => Promise<string>} state
 */
async function states(paths, state) {
  /** @type {Record<string, string>} */
  const found = {}
  for (let start = 0; start < paths.length; start += FILES_AT_ONCE) {
    const some = paths.slice(start, start + FILES_AT_ONCE)
    await Promise.all(some.map(async (path) => (found[path] = await state(path))))
  }
  return found
}

/**
 * @param {Record<string, string>} record
 * @param {(path: string) => Promise<string>} state
 */
async function areSame(record, state) {
  const now = await states(Object.keys(record), state)
  return Object.entries(record).every(([path, was]) => now[path] === was)
}

/** @param {string} path */
async function contents(path) {
  return readFile(path).then(hashOf, () => MISSING)
}

/** @param {string} path */
async function names(path) {
  return readdir(path).then(
    (found) => hashOf(found.sort().join('\0')),
    () => MISSING,
  )
}

/** @param {string} path */
async function kind(path) {
  return stat(path).then(
    (status) => (status.isDirectory() ? FOLDER : String(status.size)),
    () => MISSING,
  )
}

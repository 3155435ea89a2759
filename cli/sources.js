// What a build has read in, the files and folders whose change makes it stale out.

import { dirname, resolve } from 'node:path'
import { InitializeError } from '../lib/error.js'
import { globRoot, isGlob } from './inputs.js'

/**
 * A 'file' is stale when it is written, appears or goes away, a 'folder' when its names change.
 * @typedef {{ kind: 'file' | 'folder', path: string }} Source
 *
 * @typedef {import('./arguments.js').Call} Call
 * @typedef {import('./tell.js').Outcome} Outcome
 */

/**
 * What one job was made from. Where a run failed before the guest could ask for files, what the last
 * build has read counts.
 * @param {Call} call
 * @param {Outcome} outcome
 * @param {Source[]} before of the job's last build
 * @returns {Source[]}
 */
export function sourcesOf({ preloads }, { job, built, error }, before) {
  const named = [job.input, ...preloads.map(([, path]) => path)].map(file)
  const failure = /** @type {import('../index.js').InitializeError | undefined} */ (
    error instanceof InitializeError ? error : undefined
  )
  const seen = built?.report ?? failure
  if (!seen?.filesRead) return [...named, ...before]
  const { filesRead, pathsProbed = [], directoriesRead = [] } = seen
  return [...named, ...[...filesRead, ...pathsProbed].map(file), ...directoriesRead.map(folder)]
}

/**
 * Where files could appear that the globs of a call match.
 * @param {Call} call
 * @param {import('./inputs.js').Job[]} planned
 * @returns {Source[]}
 */
export function globSources({ inputs }, planned) {
  const roots = inputs.filter(isGlob).map((glob) => globRoot(glob.replaceAll('\\', '/')))
  if (roots.length === 0) return []
  return [...new Set([...roots, ...planned.map(({ input }) => dirname(input))])].map(folder)
}

/**
 * @param {string} path
 * @returns {Source}
 */
function file(path) {
  return { kind: 'file', path: resolve(path) }
}

/**
 * @param {string} path
 * @returns {Source}
 */
function folder(path) {
  return { kind: 'folder', path: resolve(path) }
}

// Files and folders in, the moment at which one of them differs from what it was out. The file system
// says when to look; whether something differs is seen from the files alone, so that neither events
// that nobody needs nor changes during a build matter.

import { watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { dirname, join } from 'node:path'
import { isTemporary } from './files.js'

/** @typedef {import('./sources.js').Source} Source */

/** Editors and compilers write in several steps; a change counts when nothing has moved for so long. */
const SETTLE_MS = 50

/**
 * How sources are now.
 * @param {Source[]} sources
 * @param {Set<string>} outputs files whose coming and going is no change of a folder
 * @returns {Promise<Map<string, string>>}
 */
export async function look(sources, outputs) {
  const distinct = new Map(sources.map((source) => [keyOf(source), source]))
  const looks = [...distinct].map(async ([key, source]) => {
    const state =
      source.kind === 'file' ? await fileState(source.path) : await names(source.path, outputs)
    return /** @type {const} */ ([key, state])
  })
  return new Map(await Promise.all(looks))
}

/** @param {Source} source */
export function keyOf({ kind, path }) {
  return `${kind} ${path}`
}

/**
 * Resolves keys of sources that are not as they were, as soon as there are any and they have settled.
 * @param {Source[]} sources
 * @param {Map<string, string>} before
 * @param {Set<string>} outputs
 * @param {AbortSignal} signal
 * @returns {Promise<Set<string>>}
 */
export async function changed(sources, before, outputs, signal) {
  const bell = new Bell(signal)
  try {
    for (;;) {
      await bell.listenTo(sources)
      let now = await look(sources, outputs)
      if (differing(before, now).size > 0) {
        for (;;) {
          await pause(SETTLE_MS, signal)
          const later = await look(sources, outputs)
          const settled = differing(now, later).size === 0
          now = later
          if (settled) break
        }
        const keys = differing(before, now)
        if (keys.size > 0) return keys
      }
      await bell.rings()
    }
  } finally {
    bell.end()
  }
}

/** Rings when something happens in one of the folders that it listens to. */
class Bell {
  /** @type {Map<string, { watcher: import('node:fs').FSWatcher, inode: bigint }>} */
  #watchers = new Map()
  #signal
  #rung = false
  /** @type {() => void} */
  #wake = () => {}
  /** @type {unknown} */
  #broken

  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#ring)
    if (signal.aborted) this.#ring()
  }

  /**
   * Folders are watched, not files: editors put new files in the place of old ones.
   * @param {Source[]} sources
   */
  async listenTo(sources) {
    const wanted = new Set(
      sources.map(({ kind, path }) => (kind === 'file' ? dirname(path) : path)),
    )
    const folders = new Map(await Promise.all([...wanted].map(existing)))
    for (const [path, { watcher, inode }] of this.#watchers) {
      if (folders.get(path) === inode) continue
      watcher.close()
      this.#watchers.delete(path)
    }
    for (const [path, inode] of folders) {
      if (this.#watchers.has(path)) continue
      const watcher = watch(path, this.#ring)
      watcher.on('error', this.#ring)
      this.#watchers.set(path, { watcher, inode })
    }
  }

  async rings() {
    if (!this.#rung) await new Promise((resolve) => (this.#wake = () => resolve(undefined)))
    this.#rung = false
    this.#signal.throwIfAborted()
  }

  end() {
    this.#signal.removeEventListener('abort', this.#ring)
    for (const { watcher } of this.#watchers.values()) watcher.close()
  }

  #ring = () => {
    this.#rung = true
    this.#wake()
  }
}

/**
 * The folder, or the nearest above it that is there.
 * @param {string} path
 * @returns {Promise<[string, bigint]>}
 */
async function existing(path) {
  for (;;) {
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    if (found?.isDirectory() || path === dirname(path)) return [path, found?.ino ?? 0n]
    path = dirname(path)
  }
}

/**
 * @param {Map<string, string>} before
 * @param {Map<string, string>} now
 */
function differing(before, now) {
  return new Set([...now].filter(([key, state]) => before.get(key) !== state).map(([key]) => key))
}

/** @param {string} path */
async function fileState(path) {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  if (!found) return 'missing'
  return found.isDirectory() ? 'folder' : `${found.ino} ${found.size} ${found.mtimeNs}`
}

/**
 * @param {string} path
 * @param {Set<string>} outputs
 */
async function names(path, outputs) {
  const found = await readdir(path).catch(() => undefined)
  if (!found) return 'missing'
  return found
    .filter((name) => !isTemporary(name) && !outputs.has(join(path, name)))
    .sort()
    .join('\0')
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
async function pause(milliseconds, signal) {
  await setTimeout(milliseconds, undefined, { signal })
}

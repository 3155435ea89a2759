// Finished snapshots on disk, named after what they hold: `<hash>/engine.wasm`. Beside them, an index
// says which key gave which hash, and what the guest has read of the host then.
//
// Any number of processes may use a folder at once: each file is written elsewhere and moved to its
// place whole. What was damaged is as good as absent.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { bindingCache } from '../lib/cache.js'
import { hashOf } from './fingerprint.js'

/**
 * @typedef {import('../index.js').Report} Report
 * @typedef {import('./fingerprint.js').Fingerprint} Fingerprint
 *
 * @typedef {object} Snapshot
 * @property {string} file its place in the store
 * @property {string} hash of its bytes
 * @property {Buffer<ArrayBufferLike>} bytes
 * @property {Fingerprint} read what the guest has read of the host
 * @property {Report} report
 *
 * @typedef {Pick<Snapshot, 'hash' | 'read' | 'report'> & { name: string }} Entry of the index, where
 *   `name` is that of the snapshot's file
 */

const INDEX = 'index'
const HASH = /^[0-9a-f]{64}$/

export class Store {
  /**
   * @param {string} directory need not exist
   * @param {number} maxBytes what it may hold; what was used longest ago goes first
   */
  constructor(directory, maxBytes) {
    this.directory = directory
    this.maxBytes = maxBytes
    /** What this process uses, by the path of the module: names in the folder. @type {Map<string, string[]>} */
    this.inUse = new Map()
  }

  /**
   * @param {string} key
   * @param {string} input the path of the module, after which the snapshot is called
   * @returns {Promise<Snapshot | undefined>} whether what it has read is current, is for the caller
   *   to see
   */
  async find(key, input) {
    try {
      const index = join(INDEX, `${key}.json`)
      const { hash, name, read, report } = parseEntry(await this.#read(index))
      const bytes = await this.#read(hash, name)
      if (hashOf(bytes) !== hash) return undefined
      this.inUse.set(input, [hash, index])
      const isNamed = nameOf(input) === name
      const file = isNamed ? join(this.directory, hash, name) : await this.#keep(bytes, hash, input)
      await Promise.all([this.#touch(index), this.#touch(join(hash, basename(file)))])
      return { file, hash, bytes, read, report }
    } catch {
      // Absent, damaged, or removed by another process.
      return undefined
    }
  }

  /**
   * Keeps a snapshot, under a key where it may be used again.
   * @param {string | undefined} key
   * @param {string} input the path of the module
   * @param {Pick<Snapshot, 'bytes' | 'read' | 'report'>} snapshot
   * @returns {Promise<Snapshot>}
   */
  async save(key, input, { bytes, read, report }) {
    const hash = hashOf(bytes)
    const index = join(INDEX, `${key}.json`)
    this.inUse.set(input, [hash, index])
    const file = await this.#keep(bytes, hash, input)
    if (key !== undefined) {
      await write(
        join(this.directory, index),
        formatEntry({ hash, name: basename(file), read, report }),
      )
    }
    await this.#makeRoom()
    return { file, hash, bytes, read, report }
  }

  /**
   * The place of bytes in the store, where they then are.
   * @param {Buffer<ArrayBufferLike>} bytes
   * @param {string} hash
   * @param {string} input
   */
  async #keep(bytes, hash, input) {
    const file = join(this.directory, hash, nameOf(input))
    const there = await readFile(file).catch(() => undefined)
    if (!there?.equals(bytes)) await write(file, bytes)
    return file
  }

  /** @param {string[]} names */
  async #read(...names) {
    return readFile(join(this.directory, ...names))
  }

  /**
   * Says that something was used now, where the folder may be written.
   * @param {string} name
   */
  async #touch(name) {
    const now = new Date()
    await utimes(join(this.directory, name), now, now).catch(() => {})
  }

  /** Removes what was used longest ago, as far as there is too much. */
  async #makeRoom() {
    if (this.maxBytes === Infinity) return
    const kept = await this.#everything()
    const inUse = new Set([...this.inUse.values()].flat())
    let total = kept.reduce((sum, { bytes }) => sum + bytes, 0)
    for (const { name, bytes } of kept.toSorted((a, b) => a.used - b.used)) {
      if (total <= this.maxBytes) return
      if (inUse.has(name)) continue
      await rm(join(this.directory, name), { recursive: true, force: true }).catch(() => {})
      total -= bytes
    }
  }

  /** Each snapshot's folder and each file of the index. */
  async #everything() {
    const folders = (await namesIn(this.directory)).filter((name) => HASH.test(name))
    const entries = await namesIn(join(this.directory, INDEX))
    return Promise.all([
      ...folders.map((name) => this.#usage(name)),
      ...entries.map((name) => this.#usage(join(INDEX, name))),
    ])
  }

  /** @param {string} name */
  async #usage(name) {
    const path = join(this.directory, name)
    const files = name.startsWith(INDEX)
      ? [path]
      : (await namesIn(path)).map((file) => join(path, file))
    const all = await Promise.all(files.map((file) => stat(file).catch(() => undefined)))
    const there = all.filter((status) => status !== undefined)
    return {
      name,
      bytes: there.reduce((sum, { size }) => sum + size, 0),
      used: Math.max(0, ...there.map(({ mtimeMs }) => mtimeMs)),
    }
  }
}

/**
 * The store that the option `cache` says, beside the compiled code.
 * @param {boolean | string} cache
 * @param {string} root
 */
export function openStore(cache, root) {
  const chosen = bindingCache(cache, root)
  return chosen
    ? new Store(join(chosen.directory, 'modules'), chosen.maxBytes)
    : new Store(temporaryFolder(), Infinity)
}

/** @type {string | undefined} */
let temporary

/** A folder that is gone when the process is. */
export function temporaryFolder() {
  if (temporary === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    temporary = made
  }
  return temporary
}

/**
 * What the snapshot of a file is called: bundlers take names from there, and none may look like a
 * query.
 * @param {string} input
 */
function nameOf(input) {
  const stem = basename(input).replace(/\.[^.]*$/, '')
  return `${stem.replace(/[?#%&\0]/g, '_') || 'module'}.wasm`
}

/**
 * @param {string} file
 * @param {string | Uint8Array} data
 */
async function write(file, data) {
  await mkdir(dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(draft, data)
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    // On Windows, no file takes the place of one that another process has open: which has the same.
    const there = await readFile(file).catch(() => undefined)
    if (!there?.equals(Buffer.from(data))) throw error
  }
}

/**
 * A line with the hash of what follows, so that damage shows.
 * @param {Entry} entry
 */
function formatEntry({ report: { stdout, stderr, ...report }, ...entry }) {
  const [out, err] = [stdout, stderr].map((bytes) => bytes?.toString('base64'))
  const text = JSON.stringify({ ...entry, report, stdout: out, stderr: err })
  return `${hashOf(text)}\n${text}`
}

/**
 * @param {Buffer} data
 * @returns {Entry}
 */
function parseEntry(data) {
  const [hash, text = ''] = data.toString().split('\n')
  if (hashOf(text) !== hash) throw new Error('damaged')
  const { report, stdout, stderr, ...entry } = JSON.parse(text)
  if (stdout !== undefined) report.stdout = Buffer.from(stdout, 'base64')
  if (stderr !== undefined) report.stderr = Buffer.from(stderr, 'base64')
  return { ...entry, report }
}

/** @param {string} directory */
async function namesIn(directory) {
  return readdir(directory).catch(() => /** @type {string[]} */ ([]))
}

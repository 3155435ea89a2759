// What all plugins share: ids in, finished modules in the store out. Each module runs once for the
// same bytes, options and files, whoever asks and however often; failures are forgotten.

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { initializeWithReport } from '../index.js'
import { failureOf } from './failure.js'
import {
  NOTHING_READ,
  fingerprintOf,
  hasChangedSince,
  hashOf,
  isCurrent,
  watchLists,
} from './fingerprint.js'
import { asksForPreinit, filePath, formatId, isBare, parseId, withoutPreinit } from './ids.js'
import { keyOf, optionsKeyOf } from './key.js'
import { Selection } from './selection.js'
import { Store, openStore, temporaryFolder } from './store.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('../index.js').Report} Report
 * @typedef {import('./options.js').Options} Options
 *
 * @typedef {object} Request
 * @property {string} path the module, without queries
 * @property {boolean} isAsked whether the id itself says that it takes part
 * @property {boolean} bare whether the URL of the finished module is asked for
 * @property {string} rest the id as it would be without this package
 * @property {string} suffix the queries and the fragment of `rest`
 *
 * @typedef {object} Finished
 * @property {string} file the finished module in the store: `<store>/<hash of its bytes>/<name>.wasm`
 * @property {string} hash of its bytes
 * @property {() => Buffer<ArrayBufferLike>} bytes
 * @property {string[]} watchFiles all files and folders that the module depends on, itself first
 * @property {{ files: string[], directories: string[], missing: string[] }} watch the same, apart
 * @property {Report} report of the run, which may have been in an earlier build
 * @property {boolean} fromStore whether nothing had to run
 *
 * @typedef {object} Run
 * @property {string} stamp of the module's file
 * @property {boolean} lasts whether it may serve the next build
 * @property {Promise<Finished & { read: import('./fingerprint.js').Fingerprint }>} promise
 */

const REPORT_FOLDER = 'wasm-preinit-report'

/**
 * @param {Options} [options]
 * @param {{ root?: string, onWarning?: (message: string) => void }} [surroundings]
 */
export function createCore(options, surroundings) {
  return new Core(new Selection(options), surroundings)
}

export class Core {
  /** @type {Map<string, Run>} */
  #runs = new Map()
  /** What a module depended on when it was last made. @type {Map<string, Finished['watch']>} */
  #watched = new Map()
  /** The modules that files of the store were made from. @type {Map<string, Set<string>>} */
  #origins = new Map()
  /** @type {Store | undefined} */
  #store
  /** The part of identities that stands for what no key can tell. */
  #unique = randomUUID()
  #selection
  #onWarning

  /**
   * @param {Selection} selection
   * @param {{ root?: string, onWarning?: (message: string) => void }} [surroundings]
   */
  constructor(selection, { root = process.cwd(), onWarning = warn } = {}) {
    this.#selection = selection
    this.#onWarning = onWarning
    this.root = resolve(root)
  }

  /**
   * Tells where the project is, for bundlers whose plugins are made before that is known.
   * @param {string} root
   */
  setRoot(root) {
    if (resolve(root) === this.root) return
    this.root = resolve(root)
    this.#store = undefined
    this.#runs.clear()
  }

  /** The folder of all finished modules; none need to be there yet. */
  get directory() {
    return this.#opened().directory
  }

  /** Forgets modules whose outcome may differ from run to run. To be called as a build begins. */
  startBuild() {
    for (const [path, { lasts }] of this.#runs) if (!lasts) this.#runs.delete(path)
  }

  /**
   * What an id asks for, where it is for this package.
   * @param {string} id as written or as resolved
   * @returns {Request | undefined}
   */
  takesPart(id) {
    if (id.includes('\0')) return undefined
    const parsed = parseId(id)
    const path = filePath(parsed.path)
    const isAsked = asksForPreinit(parsed)
    if (!isAsked && (this.isFinished(path) || !this.#selection.includes(path, this.root))) {
      return undefined
    }
    const rest = withoutPreinit(parsed)
    return {
      path,
      isAsked,
      bare: isBare(parsed),
      rest: formatId(rest),
      suffix: formatId({ ...rest, path: '' }),
    }
  }

  /**
   * Whether a path is in the store.
   * @param {string} path
   */
  isFinished(path) {
    const folder = this.directory
    const full = resolve(path)
    return full.startsWith(folder + sep)
  }

  /**
   * The modules that a file of the store was made from, whose relative imports it still has.
   * @param {string} file
   * @returns {string[]}
   */
  originsOf(file) {
    return [...(this.#origins.get(resolve(file)) ?? [])]
  }

  /**
   * A text that changes with what is made of the same file, for the caches of bundlers. Where that may
   * differ from run to run, no other process has the same.
   * @param {string} path
   */
  identity(path) {
    const options = this.#selection.optionsOf(path)
    return hashOf(`${optionsKeyOf(options) ?? this.#unique}`).slice(0, 16)
  }

  /**
   * What a module depends on beside itself, as far as is known: where it could not be made, what its
   * guest has seen before it failed, or else what it depended on last.
   * @param {string} path
   * @returns {Finished['watch']}
   */
  watchOf(path) {
    return this.#watched.get(resolve(path)) ?? { files: [], directories: [], missing: [] }
  }

  /**
   * The same in one list, with the module itself first.
   * @param {string} path
   * @returns {string[]}
   */
  watchFilesOf(path) {
    return [resolve(path), ...Object.values(this.watchOf(path)).flat()]
  }

  /**
   * The modules that have to be made again when a file appears, changes or goes.
   * @param {string} file with any separators
   * @returns {string[]}
   */
  affectedBy(file) {
    const changed = resolve(file)
    return [...this.#watched].flatMap(([path, { files, directories, missing }]) =>
      [path, ...files, ...missing].includes(changed) || directories.includes(dirname(changed))
        ? [path]
        : [],
    )
  }

  /**
   * The finished module of a file.
   * @param {string} path
   * @param {string} [importer] for messages
   * @returns {Promise<Finished>}
   */
  async finish(path, importer) {
    return this.#finish(resolve(path), importer)
  }

  /**
   * @param {string} path with the separators of the host
   * @param {string} [importer]
   */
  async #finish(path, importer) {
    try {
      const finished = await this.#finished(path)
      const origins = this.#origins.get(finished.file) ?? new Set()
      this.#origins.set(finished.file, origins.add(path))
      this.#watched.set(path, finished.watch)
      return finished
    } catch (error) {
      const seen = seenBefore(error)
      const watch = seen ? watchLists(await fingerprintOf(seen)) : this.watchOf(path)
      this.#watched.set(path, watch)
      throw failureOf(error, { path, importer, root: this.root, watch })
    }
  }

  /** @param {string} path */
  async #finished(path) {
    const { mtimeNs, size } = await stat(path, { bigint: true })
    const stamp = `${mtimeNs} ${size}`
    for (;;) {
      const known = this.#runs.get(path)
      if (known?.stamp !== stamp) break
      const finished = await known.promise
      if ((await isCurrent(finished.read)) && existsSync(finished.file)) return finished
      if (this.#runs.get(path) === known) break
    }
    /** @type {Run} */
    const run = { stamp, lasts: false, promise: this.#make(path, (lasts) => (run.lasts = lasts)) }
    this.#runs.set(path, run)
    try {
      return await run.promise
    } catch (error) {
      if (this.#runs.get(path) === run) this.#runs.delete(path)
      throw error
    }
  }

  /**
   * @param {string} path
   * @param {(lasts: boolean) => void} tellLasts
   */
  async #make(path, tellLasts) {
    const wasm = await readFile(path)
    const options = this.#selection.optionsOf(path)
    options.signal?.throwIfAborted()
    const key = keyOf(wasm, options)
    tellLasts(key !== undefined)
    const kept = options.cache === false ? undefined : key
    const found = kept === undefined ? undefined : await this.#opened().find(kept, path)
    const current = found && (await isCurrent(found.read)) ? found : undefined
    const snapshot = current ?? (await this.#run(path, wasm, options, kept))
    const { file, hash, bytes, read, report } = snapshot
    if (this.#selection.report) await this.#writeReport(path, wasm, bytes, report)
    const watch = watchLists(read)
    return {
      file,
      hash,
      bytes: () => bytes,
      watchFiles: [path, ...watch.files, ...watch.directories, ...watch.missing],
      watch,
      report,
      fromStore: current !== undefined,
      read,
    }
  }

  /**
   * @param {string} path
   * @param {Buffer} wasm
   * @param {InitializeOptions} options
   * @param {string | undefined} key
   */
  async #run(path, wasm, options, key) {
    // Whole milliseconds: what was written just before has not changed since.
    const start = Date.now() + 1
    const { wasm: bytes, report } = await initializeWithReport(wasm, options)
    const read = hasRead(report) ? await fingerprintOf(report) : NOTHING_READ
    // What changed meanwhile, by the guest's hand or another's, may not be what it has read.
    const repeatable = key !== undefined && !(await hasChangedSince(read, start))
    const snapshot = { bytes, read, report }
    try {
      return await this.#opened().save(repeatable ? key : undefined, path, snapshot)
    } catch (error) {
      const { message } = /** @type {Error} */ (error)
      this.#onWarning(
        `finished modules can't be kept in \`${this.directory}\`, so that they are made in each ` +
          `build: ${message}; name a folder with the option \`cache\``,
      )
      this.#store = new Store(temporaryFolder(), Infinity)
      return this.#store.save(undefined, path, snapshot)
    }
  }

  #opened() {
    this.#store ??= openStore(this.#selection.shared.cache ?? true, this.root)
    return this.#store
  }

  /**
   * @param {string} path
   * @param {Buffer} input
   * @param {Buffer} output
   * @param {Report} report
   */
  async #writeReport(path, input, output, report) {
    const { report: option } = this.#selection
    const folder = resolve(this.root, typeof option === 'string' ? option : REPORT_FOLDER)
    const page = join(folder, `${placeIn(this.root, path)}.html`)
    try {
      const { renderReport } = await import('../report/html.js')
      const html = await renderReport({ name: basename(path), input, output, report })
      await mkdir(dirname(page), { recursive: true })
      await writeFile(page, html)
    } catch (error) {
      const { message } = /** @type {Error} */ (error)
      this.#onWarning(`the report \`${page}\` can't be written: ${message}`)
    }
  }
}

/**
 * A path below the root; of what is elsewhere, the name alone.
 * @param {string} root
 * @param {string} path
 */
function placeIn(root, path) {
  const place = relative(root, path)
  return place.startsWith('..') || isAbsolute(place) ? basename(path) : place
}

/**
 * What the guest of a failed run has seen of the host, where the run came that far.
 * @param {unknown} error
 * @returns {Pick<Report, 'filesRead' | 'directoriesRead' | 'pathsProbed'> | undefined}
 */
function seenBefore(error) {
  const { filesRead, directoriesRead = [], pathsProbed = [] } = /** @type {any} */ (error ?? {})
  return filesRead && { filesRead, directoriesRead, pathsProbed }
}

/** @param {Report} report */
function hasRead({ filesRead, directoriesRead, pathsProbed }) {
  return filesRead.length + directoriesRead.length + pathsProbed.length > 0
}

/** @param {string} message */
function warn(message) {
  process.emitWarning(message, { code: 'WASM_PREINIT_STORE' })
}

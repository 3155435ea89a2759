// Projects for bundlers: a temporary folder with sources in, and the modules that they import. What a
// bundle then has to hold is what `initialize` gives for the same module.

import assert from 'node:assert/strict'
import {
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { assemble, functions, instantiate } from './compare.js'
import { inertImports } from './fixtures/guests.js'

const LONG_AGO = new Date('2020-02-02')

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

/** A text module whose `get` gives 1 before init and 42 after; `other` makes it 7. */
export const COUNTER = `(module
  (global $value (mut i32) (i32.const 1))
  (func (export "wizer.initialize") (global.set $value (i32.const 42)))
  (func (export "other") (global.set $value (i32.const 7)))
  (func (export "get") (result i32) (global.get $value)))`

/** Its init function traps, two calls deep. */
const TRAP = `(module
  (func $inner unreachable)
  (func $outer (export "wizer.initialize") (call $inner)))`

/**
 * Its init function reads `input.txt` of the folder that it has; an exclamation mark at its beginning
 * makes it trap. `get` gives the first byte of the file, and 0 where there is none.
 */
const READER = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "input.txt")
  (data (i32.const 72) "\\00\\01\\00\\00\\e8\\03\\00\\00")
  (func $refuse unreachable)
  (func (export "wizer.initialize")
    (if
      (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 9) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64))
      (then (return)))
    (drop (call $read (i32.load (i32.const 64)) (i32.const 72) (i32.const 1) (i32.const 80)))
    (if (i32.eq (i32.load8_u (i32.const 256)) (i32.const 33)) (then (call $refuse))))
  (func (export "get") (result i32) (i32.load8_u (i32.const 256))))`

/** Its init function lists the folder that it has, and keeps the names. */
const LISTER = `(module
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $list (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "wizer.initialize")
    (drop (call $list
      (i32.const 3) (i32.const 2048) (i32.const 4096) (i64.const 0) (i32.const 84)))))`

/**
 * A folder with a package, in which this one is installed, and `src/NAME.wasm` for the
 * modules above.
 * @param {import('node:test').TestContext} t at whose end it is removed
 * @param {Record<string, string | Uint8Array>} files by their path
 */
export async function project(t, files) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'wasm-preinit-bundle-')))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await mkdir(join(folder, 'node_modules'))
  await symlink(PACKAGE, join(folder, 'node_modules', 'wasm-preinit'), 'junction')
  const [counter, trap, reader, lister] = await Promise.all(
    [COUNTER, TRAP, READER, LISTER].map(assemble),
  )
  const all = {
    'package.json': '{ "name": "bundled", "type": "module" }',
    'src/counter.wasm': counter,
    'src/trap.wasm': trap,
    'src/reader.wasm': reader,
    'src/lister.wasm': lister,
    ...files,
  }
  for (const [path, contents] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), contents)
  }
  // Watchers take what was made just before they began for changed.
  for (const path of Object.keys(all).flatMap((path) => [path, dirname(path)])) {
    await utimes(join(folder, path), LONG_AGO, LONG_AGO)
  }
  return {
    folder,
    counter,
    reader,
    /** @param {string} path */
    at: (path) => join(folder, path),
    /** What a plugin is given so that nothing is kept elsewhere. */
    cache: join(folder, 'cache'),
    /** What makes reader and lister see the folder `data`. */
    wasi: { preopens: { '/data': join(folder, 'data') } },
  }
}

/**
 * The contents of a folder's files with an extension, by their names.
 * @param {string} folder
 * @param {string} extension
 */
export async function emitted(folder, extension = '.wasm') {
  const names = (await readdir(folder, { recursive: true })).filter((name) =>
    name.endsWith(extension),
  )
  const entries = names.map(
    async (name) => /** @type {const} */ ([name, await readFile(join(folder, name))]),
  )
  return Object.fromEntries(await Promise.all(entries))
}

/**
 * The only emitted module, by name and bytes.
 * @param {string} folder
 */
export async function onlyModule(folder) {
  const all = Object.entries(await emitted(folder))
  assert.equal(all.length, 1, `there are ${all.map(([name]) => name)}`)
  const [[name, bytes]] = all
  return { name, bytes }
}

let loaded = 0

/**
 * What a bundle exports as default, when Node runs it.
 * @param {string} file
 */
export async function run(file) {
  return (await import(`${pathToFileURL(file)}?${loaded++}`)).default
}

/**
 * What the function `get` of a module gives.
 * @param {Uint8Array} wasm
 */
export function valueOf(wasm) {
  return functions(instantiate(wasm, inertImports(wasm))).get()
}

/**
 * Bytes of a data URL of a module.
 * @param {string} url
 */
export async function decoded(url) {
  assert.match(url, /^data:application\/wasm[;,]/)
  return Buffer.from(await (await fetch(url)).arrayBuffer())
}

/**
 * Outcomes of builds one after another, as a watching bundler has them.
 * @template T
 */
export class Builds {
  /** @type {T[]} */
  #done = []
  /** @type {((build: T) => void) | undefined} */
  #waiting

  /** @param {T} build */
  add(build) {
    if (this.#waiting) this.#waiting(build)
    else this.#done.push(build)
    this.#waiting = undefined
  }

  /** @returns {Promise<T>} the next one that nobody has seen */
  async next() {
    return this.#done.shift() ?? new Promise((resolve) => (this.#waiting = resolve))
  }

  /**
   * The first one, from the next on, that is as wanted: one change may show as two builds.
   * @param {(build: T) => boolean | Promise<boolean>} isWanted
   */
  async until(isWanted) {
    for (;;) {
      const build = await this.next()
      if (await isWanted(build)) return build
    }
  }
}

// The modules that are measured. Comes in: nothing but what `npm install` and `pip install` have
// brought. Goes out: for each module its file, and how its init function is called. Modules that have
// to be compiled are compiled once, to `.build/`.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PYTHON, ZIGLANG } from './install.mjs'

/**
 * @typedef {object} Module
 * @property {string} name
 * @property {string} title
 * @property {() => string} file makes it where need be
 * @property {string} initFunc
 * @property {Guest} [wasi] what init sees of its host; no WASI at all where it is absent
 * @property {Record<string, string>} [renames]
 * @property {boolean} [quick] whether `--quick` measures it
 *
 * @typedef {object} Guest
 * @property {string} [stdin]
 * @property {Record<string, string>} [env]
 * @property {Record<string, string>} [preopens] guest path -> host path
 */

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)

/** Where compiled modules and outputs go. */
export const BUILD = join(here, '.build')

const APP = join(here, 'modules', 'app')
const STDIN = 'app.js --legacy-script'

/**
 * A file of an installed package, whatever its `exports` allow.
 * @param {string} name
 * @param {string} path
 */
function packaged(name, path) {
  const folders = require.resolve.paths(name) ?? []
  const found = folders.map((folder) => join(folder, name, path)).find(existsSync)
  if (!found) throw new Error(`${name}/${path} is not installed`)
  return found
}

/**
 * @param {string} name
 * @param {(output: string) => void} compile
 */
function compiled(name, compile) {
  const file = join(BUILD, `${name}.wasm`)
  if (existsSync(file)) return file
  mkdirSync(BUILD, { recursive: true })
  compile(`${file}.tmp.wasm`)
  renameSync(`${file}.tmp.wasm`, file)
  return file
}

/** @param {string} output */
function compileTable(output) {
  const source = join(here, '..', 'examples', 'table', 'assembly', 'index.ts')
  const asc = packaged('assemblyscript', 'bin/asc.js')
  const flags = ['-O3', '--runtime', 'stub', '--use', 'abort=']
  execFileSync(process.execPath, [asc, source, '-o', output, ...flags], { stdio: 'inherit' })
}

/** @param {string} output */
function compileDictionary(output) {
  const source = join(here, 'modules', 'dictionary.c')
  const flags = ['-target', 'wasm32-wasi', '-mexec-model=reactor', '-O2', '-g0', '-s']
  execFileSync(PYTHON, ['-m', 'ziglang', 'cc', ...flags, '-o', output, source], {
    stdio: 'inherit',
    env: { ...process.env, PYTHONPATH: ZIGLANG },
  })
}

/** @type {Module[]} */
export const MODULES = [
  {
    name: 'fastly',
    title: 'StarlingMonkey of js-compute, with a program',
    file: () => packaged('@fastly/js-compute', 'fastly.wasm'),
    initFunc: 'wizer.initialize',
    wasi: { stdin: STDIN, preopens: { '.': APP } },
    renames: { _start: 'wizer.resume' },
    quick: true,
  },
  {
    name: 'componentize',
    title: 'StarlingMonkey of componentize-js, with a program',
    file: () => packaged('@bytecodealliance/componentize-js', 'lib/starlingmonkey_embedding.wasm'),
    initFunc: 'componentize.wizer',
    wasi: { stdin: STDIN, preopens: { '/': APP } },
  },
  {
    name: 'ruby',
    title: 'Ruby 3.4, packing a folder',
    file: () => packaged('@ruby/3.4-wasm-wasi', 'dist/ruby.wasm'),
    initFunc: 'wasi_vfs_pack_fs',
    wasi: { env: { __WASI_VFS_PACKING: '1' }, preopens: { '/app': APP } },
    renames: { _initialize: '__wasi_vfs_rt_init' },
  },
  {
    name: 'javy',
    title: 'QuickJS, a Javy plugin',
    file: () => packaged('@chainlink/cre-sdk-javy-plugin', 'dist/javy-chainlink-sdk.plugin.wasm'),
    initFunc: 'initialize-runtime',
    wasi: {},
    quick: true,
  },
  {
    name: 'harfbuzz',
    title: 'HarfBuzz of harfbuzzjs, for subsets',
    file: () => packaged('harfbuzzjs', 'dist/harfbuzz-subset.wasm'),
    initFunc: '_initialize',
  },
  {
    name: 'table',
    title: '100,000 primes, in AssemblyScript',
    file: () => compiled('table', compileTable),
    initFunc: 'init',
    quick: true,
  },
  {
    name: 'dictionary',
    title: 'A dictionary of 60,000 words, in C',
    file: () => compiled('dictionary', compileDictionary),
    initFunc: 'wizer-initialize',
    quick: true,
  },
]

/** @param {string} name */
export function moduleOf(name) {
  const found = MODULES.find((module) => module.name === name)
  if (found) return found
  throw new Error(`there is no module ${name}; there are ${MODULES.map(({ name }) => name)}`)
}

/**
 * What `initialize` takes.
 * @param {Module} module
 * @returns {import('../index.js').InitializeOptions}
 */
export function optionsOf({ initFunc, wasi, renames = {} }) {
  return {
    initFunc,
    renameFuncs: renames,
    ...(wasi && { wasi: { ...wasi, stdout: 'ignore', stderr: 'ignore' } }),
  }
}

// Who takes part, and one measurement of each. Comes in: a module of the corpus and a folder of its
// own. Goes out: the time of a run, its whole wall time, its peak of memory, and the output's file;
// or the message with which a contestant has refused the module.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { optionsOf } from './corpus.mjs'
import { run, runScript } from './processes.mjs'

/**
 * @typedef {import('./corpus.mjs').Module} Module
 *
 * @typedef {object} Sample
 * @property {number} time ms
 * @property {number} wall ms from spawning to the end of the process
 * @property {number} [peak] bytes
 *
 * @typedef {object} Contestant
 * @property {string} name
 * @property {string} title
 * @property {string} [tool] whose output it is: of those that are the same, one is verified
 * @property {(run: Run) => Promise<Sample>} measure
 *
 * @typedef {object} Run
 * @property {Module} module
 * @property {string} folder the same for all measurements of a module
 */

const require = createRequire(import.meta.url)
const CHILD = new URL('measure-child.mjs', import.meta.url)

/** A refusal, as the tool has put it. */
export class Refused extends Error {}

/**
 * A measurement of this package.
 * @param {Run} run
 * @param {Partial<import('./measure-child.mjs').Order> & { cache: boolean | string }} order
 */
export async function ours({ module }, { cache, ...order }) {
  const options = { ...optionsOf(module), cache }
  const whole = { what: 'initialize', name: module.name, file: module.file(), options, ...order }
  const { result, wall } = await runScript(CHILD, [JSON.stringify(whole)])
  if (result.refused) throw new Refused(result.refused)
  return { ...result, wall }
}

/**
 * The cache that warm runs use: filled by the first of them, which is not measured.
 * @param {Run} run
 */
export const warmCache = ({ folder }) => join(folder, 'wasm-preinit-warm')

/** @param {string} folder */
function emptyFolder(folder) {
  mkdirSync(folder, { recursive: true })
  return mkdtempSync(join(folder, 'cold-'))
}

/**
 * The native program inside the package, without Node around it.
 * @param {'wizer-10' | 'wizer-11'} name
 */
function wizerProgram(name) {
  const own = createRequire(require.resolve(`${name}/package.json`))
  const platform = `@bytecodealliance/wizer-${process.platform}-${process.arch}`
  const version = JSON.parse(readFileSync(own.resolve(`${platform}/package.json`), 'utf8')).version
  if (!name.endsWith(version.split('.')[0])) throw new Error(`${platform} ${version} for ${name}`)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return own.resolve(`${platform}/wizer${suffix}`)
}

/**
 * @param {Module} module
 * @param {string} output
 */
function wizerArguments({ initFunc, wasi, renames = {}, file }, output) {
  const preopens = Object.entries(wasi?.preopens ?? {})
  return [
    ...(wasi ? ['--allow-wasi'] : []),
    ...(wasi?.env ? ['--inherit-env=true'] : []),
    ...preopens.map(([guest, host]) => `--mapdir=${guest}::${host}`),
    ...Object.entries(renames).map(
      ([destination, source]) => `--rename-func=${destination}=${source}`,
    ),
    '--wasm-bulk-memory=true',
    `--init-func=${initFunc}`,
    `-o=${output}`,
    file(),
  ]
}

/**
 * @param {'wizer-10' | 'wizer-11'} name
 * @param {Run} situation
 * @param {string} cache where it keeps compiled code, if it does
 * @returns {Promise<Sample>}
 */
async function wizer(name, { module, folder }, cache) {
  const output = outputFile(folder, name)
  const { status, signal, stderr, wall, peak } = await run(
    wizerProgram(name),
    wizerArguments(module, output),
    {
      // wizer 10 caches as Wasmtime does: in the user's folder for caches.
      env: { ...module.wasi?.env, XDG_CACHE_HOME: cache, HOME: cache },
      input: module.wasi?.stdin,
    },
  )
  if (status !== 0) throw new Refused(stderr.trim() || `ended by ${signal}`)
  return { time: wall, wall, peak }
}

/**
 * @param {string} folder
 * @param {string} tool
 */
export const outputFile = (folder, tool) => join(folder, `${tool}.wasm`)

/**
 * Runs something with a cache that is empty, and goes afterwards.
 * @param {string} folder
 * @param {(cache: string) => Promise<Sample>} measure
 */
async function cold(folder, measure) {
  const cache = emptyFolder(folder)
  try {
    return await measure(cache)
  } finally {
    rmSync(cache, { recursive: true })
  }
}

/** @type {Contestant[]} in the order in which a round takes them */
export const CONTESTANTS = [
  {
    name: 'ours-cold',
    title: 'wasm-preinit, cold',
    tool: 'ours',
    measure: (run) => cold(run.folder, (cache) => ours(run, { cache })),
  },
  {
    name: 'ours-warm',
    title: 'wasm-preinit, warm',
    tool: 'ours',
    measure: (run) => ours(run, { cache: warmCache(run) }),
  },
  {
    name: 'ours-again',
    title: 'wasm-preinit, again',
    tool: 'ours',
    async measure(run) {
      const { again, peak, wall } = await ours(run, { cache: warmCache(run), again: true })
      return { time: again, peak, wall }
    },
  },
  {
    name: 'ours-off',
    title: 'wasm-preinit, no cache',
    tool: 'ours',
    measure: (run) => ours(run, { cache: false }),
  },
  {
    name: 'wizer-11',
    title: 'wizer 11.0.3',
    tool: 'wizer-11',
    measure: ({ folder, ...run }) =>
      cold(folder, (cache) => wizer('wizer-11', { folder, ...run }, cache)),
  },
  {
    name: 'wizer-10-cold',
    title: 'wizer 10.0.0, cold',
    tool: 'wizer-10',
    measure: ({ folder, ...run }) =>
      cold(folder, (cache) => wizer('wizer-10', { folder, ...run }, cache)),
  },
  {
    name: 'wizer-10-warm',
    title: 'wizer 10.0.0, warm',
    tool: 'wizer-10',
    measure: (run) => wizer('wizer-10', run, join(run.folder, 'wizer-10-warm')),
  },
  {
    name: 'v8',
    title: 'V8: compile and init',
    async measure({ module }) {
      const order = { what: 'v8', name: module.name, file: module.file(), options: {} }
      const { result, wall } = await runScript(CHILD, [JSON.stringify(order)])
      return { ...result, wall }
    },
  },
]

/**
 * @typedef {{ file: string, exact?: string } | { refused: string }} Output of a tool; `exact` is a
 *   second one, of a guest whose random bytes were those of host.mjs
 */

/**
 * Makes each tool's output, for verification, and fills the caches of warm runs.
 * @param {Run} run
 * @returns {Promise<Record<string, Output>>} by tool
 */
export async function prepare(run) {
  /** @type {Record<string, Output>} */
  const outputs = {}
  const make = async (/** @type {string} */ tool, /** @type {() => Promise<unknown>} */ make) => {
    try {
      await make()
      outputs[tool] = { file: outputFile(run.folder, tool) }
    } catch (error) {
      outputs[tool] = { refused: /** @type {Error} */ (error).message }
    }
  }
  await make('ours', async () => {
    await ours(run, { cache: warmCache(run), output: outputFile(run.folder, 'ours') })
    await ours(run, { what: 'exact', cache: false, output: outputFile(run.folder, 'exact') })
  })
  if ('file' in outputs.ours) outputs.ours.exact = outputFile(run.folder, 'exact')
  await make('wizer-11', () => wizer('wizer-11', run, join(run.folder, 'wizer-11')))
  await make('wizer-10', () => wizer('wizer-10', run, join(run.folder, 'wizer-10-warm')))
  return outputs
}

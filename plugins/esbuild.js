// Options in, a plugin for esbuild out. Finished modules have namespaces of their own, so that the
// same file without the query stays what it is, and paths from the working directory, so that they
// read the same on all machines.
//
// `new URL('./x.wasm?preinit', import.meta.url)` is nothing that esbuild looks at, and stays as it is.

import { relative, resolve } from 'node:path'
import { Core } from './core.js'
import { PLUGIN } from './failure.js'
import { withSlashes } from './ids.js'
import { Selection } from './selection.js'

/** @typedef {import('esbuild').PluginBuild} PluginBuild */

const QUERY = /[?&]preinit(?:[=&#]|$)/
const WASM = /\.(?:wasm|wat)$/i
const URL_NAMESPACE = `${PLUGIN}-url`
/** Marks what this plugin has others resolve. */
const ASIDE = Symbol(PLUGIN)

const NO_LOADER = {
  text:
    'no loader is configured for `.wasm`: set `loader` to, for example, ' +
    "`{ '.wasm': 'binary' }`, or import with a bare `?preinit` for a URL",
}

/** @type {typeof import('./esbuild.js').default} */
export default function wasmPreinit(options) {
  const selection = new Selection(options)
  return { name: PLUGIN, setup: (build) => setUp(build, selection) }
}

// What `require` gives, in build scripts that are CommonJS.
export { wasmPreinit as 'module.exports' }

/**
 * @param {PluginBuild} build
 * @param {Selection} selection
 */
function setUp(build, selection) {
  const { absWorkingDir: root = process.cwd() } = build.initialOptions
  /** @type {Array<{ text: string }>} */
  const warnings = []
  const core = new Core(selection, { root, onWarning: (text) => warnings.push({ text }) })
  build.onStart(() => core.startBuild())
  build.onEnd(() => ({ warnings: warnings.splice(0) }))

  /** @type {Parameters<PluginBuild['onResolve']>[1]} */
  const onResolve = async ({ path: id, pluginData, ...where }) => {
    if (pluginData?.[ASIDE]) return undefined
    const aside = { ...where, pluginData: { ...pluginData, [ASIDE]: true } }
    const byQuery = QUERY.test(id) ? core.takesPart(id) : undefined
    const found = await build.resolve(byQuery?.path ?? id, aside)
    const file = resolve(where.resolveDir, found.path)
    const asked = byQuery ?? core.takesPart(file)
    if (!asked) return undefined
    if (found.errors.length > 0) return found
    if (found.external) return byQuery && { errors: [externalMessage(byQuery.path)] }
    if (found.namespace !== 'file' && !asked.bare)
      return finish(file, (own) => build.resolve(own.file, aside))
    return {
      path: shown(file),
      namespace: asked.bare ? URL_NAMESPACE : PLUGIN,
      suffix: asked.suffix.replace(/^\?init$/, ''),
      sideEffects: found.sideEffects,
      pluginData: { file },
    }
  }

  /** @type {Parameters<PluginBuild['onLoad']>[1]} */
  const onLoad = async ({ namespace, with: { type } = {}, pluginData: { file } }) => {
    const usual = namespace === URL_NAMESPACE ? 'file' : build.initialOptions.loader?.['.wasm']
    const loader = type === 'bytes' ? 'binary' : usual
    if (loader === undefined) return { errors: [NO_LOADER] }
    return finish(file, ({ bytes }) => ({ contents: bytes(), loader }))
  }

  /**
   * @template {object} T
   * @param {string} file
   * @param {(finished: import('./core.js').Finished) => T | Promise<T>} use
   */
  const finish = async (file, use) => {
    try {
      const finished = await core.finish(file)
      return { ...(await use(finished)), ...watchLists(file, finished.watch) }
    } catch (error) {
      return { errors: [messageOf(error)], ...watchLists(file, core.watchOf(file)) }
    }
  }

  /**
   * The path of a module as esbuild shows it and takes names from. Text becomes a binary.
   * @param {string} file
   */
  const shown = (file) => {
    const inside = withSlashes(relative(root, file))
    return file.toLowerCase().endsWith('.wat') ? `${inside}.wasm` : inside
  }

  build.onResolve({ filter: QUERY }, onResolve)
  if (selection.include.length > 0) build.onResolve({ filter: WASM }, onResolve)
  for (const namespace of [PLUGIN, URL_NAMESPACE]) build.onLoad({ filter: /./, namespace }, onLoad)
}

/**
 * A file that stays outside of the bundle would be there as it is.
 * @param {string} path
 */
function externalMessage(path) {
  const text =
    `\`${path}\` is external and can't be pre-initialized: take it out of \`external\` or ` +
    '`packages`, or import it without `?preinit`'
  return { text }
}

/**
 * @param {string} file
 * @param {import('./core.js').Finished['watch']} watch
 */
function watchLists(file, { files, directories, missing }) {
  return { watchFiles: [file, ...files, ...missing], watchDirs: directories }
}

/**
 * A failure as esbuild prints it: the first line, then the guest's stack.
 * @param {unknown} error
 * @returns {import('esbuild').PartialMessage}
 */
function messageOf(error) {
  const [text, ...more] = /** @type {Error} */ (error).message.split('\n')
  return { text, notes: more.map((line) => ({ text: line.trim() })), detail: error }
}

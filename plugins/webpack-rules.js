// A compiler of webpack or Rspack in, with rules that hand modules to the loader out. A module's type
// stays what the bundler and its user say, but for a bare `?preinit`, which is a URL.

import { fileURLToPath } from 'node:url'
import { Core } from './core.js'
import { PLUGIN } from './failure.js'
import { isBare, parseId } from './ids.js'

/**
 * @typedef {object} Compiler what both bundlers have
 * @property {string} context
 * @property {any} options
 * @property {(name: string) => { warn(message: string): void }} getInfrastructureLogger
 * @property {Record<'beforeRun' | 'watchRun', { tap(name: string, run: () => void): void }>} hooks
 */

const LOADER = fileURLToPath(new URL('./webpack-loader.js', import.meta.url))
const QUERY = /[?&]preinit(?:[=&]|$)/
const WASM = /\.(?:wasm|wat)$/i
const TEXT = /\.wat$/i
const URL_TYPE = 'asset/resource'
const INSTANCE_TYPE = 'webassembly/async'

/**
 * @param {Compiler} compiler before the bundler's defaults apply
 * @param {import('./selection.js').Selection} selection
 * @param {{ cacheable: boolean }} bundler whether its cache on disk tells loaders with different
 *   idents apart; the store serves modules where it does not
 */
export function install(compiler, selection, { cacheable }) {
  const { experiments, module, output } = compiler.options
  const core = new Core(selection, {
    root: compiler.context,
    onWarning: (message) => compiler.getInfrastructureLogger(PLUGIN).warn(message),
  })
  compiler.hooks.beforeRun.tap(PLUGIN, () => core.startBuild())
  compiler.hooks.watchRun.tap(PLUGIN, () => core.startBuild())

  // Not left to webpack's automatic mode, which takes a module with loaders for JavaScript.
  const isAutomatic = [undefined, 'auto'].includes(experiments.asyncWebAssembly)
  if (isAutomatic && !experiments.syncWebAssembly && !module.rules.some(makesScripts)) {
    experiments.asyncWebAssembly = true
  }

  /** @type {Map<string, string>} */
  const importers = new Map()
  /** @param {{ resource: string, issuer: string }} request */
  const use = ({ resource, issuer }) => {
    if (issuer) importers.set(resource, issuer)
    const ident = `${PLUGIN}-${identityOf(core, resource)}`
    return [{ loader: LOADER, ident, options: { core, importers, cacheable } }]
  }

  // The name that the user has asked for, without a query and with the extension of what comes out.
  const filename = (/** @type {unknown[]} */ ...about) => {
    const { [URL_TYPE]: resource, asset } = module.generator
    const chosen = resource?.filename ?? asset?.filename ?? output.assetModuleFilename
    const template = typeof chosen === 'function' ? chosen(...about) : chosen
    return template.replace('[query]', '').replace('[ext]', '.wasm')
  }
  const asUrl = { type: URL_TYPE, generator: { filename } }
  const isText = { test: TEXT, oneOf: [{ dependency: 'url', ...asUrl }, { type: INSTANCE_TYPE }] }
  const isPlain = {
    dependency: { not: 'url' },
    resourceQuery: (/** @type {string} */ query) => isBare(parseId(query)),
    // `import source` gives a module in any case.
    ...(experiments.sourceImport && { phase: { not: 'source' } }),
  }
  const load = { enforce: 'pre', use }
  const isIncluded = (/** @type {string} */ path) => core.takesPart(path) !== undefined

  // First what the user's rules may change, then what they may not.
  module.rules.unshift({ resourceQuery: QUERY, rules: [isText, { ...isPlain, ...asUrl }] })
  module.rules.push({ resourceQuery: QUERY, rules: [load, { ...isPlain, type: URL_TYPE }] })
  if (selection.include.length === 0) return
  /** @param {object[]} rules */
  const included = (...rules) => ({
    test: WASM,
    resourceQuery: { not: QUERY },
    rules: [{ resource: isIncluded, rules }],
  })
  module.rules.unshift(included(isText))
  module.rules.push(included(load))
}

/**
 * Whether a user's rule makes JavaScript of all Wasm files, as `file-loader` does, which is what they
 * then mean.
 * @param {{ test?: unknown, type?: string, use?: unknown, loader?: unknown } | undefined | null} rule
 */
function makesScripts(rule) {
  const matches = rule?.test instanceof RegExp && rule.test.test('/file.wasm')
  return matches && rule.type === undefined && (rule.use ?? rule.loader) !== undefined
}

/**
 * What an own cache of the bundler tells the outcomes of one module apart by.
 * @param {Core} core
 * @param {string} path
 */
function identityOf(core, path) {
  try {
    return core.identity(path)
  } catch {
    // Wrong options of one module: the loader is where that becomes an error of the build.
    return 'none'
  }
}

// The raw loader behind the plugins for webpack and Rspack: a module's place in, the bytes of the
// finished module out. Whatever the guest has looked at becomes a dependency, also when it failed.

/**
 * @typedef {import('./core.js').Finished['watch']} Watch
 *
 * @typedef {object} LoaderOptions
 * @property {import('./core.js').Core} core
 * @property {Map<string, string>} importers of modules, by path
 * @property {boolean} cacheable whether the bundler's own cache knows other options by the loader's ident
 *
 * @typedef {object} LoaderContext what both bundlers have
 * @property {string} resourcePath
 * @property {() => LoaderOptions} getOptions
 * @property {(cacheable: boolean) => void} cacheable
 * @property {(path: string) => void} addDependency
 * @property {(path: string) => void} addContextDependency
 * @property {(path: string) => void} addMissingDependency
 */

export const raw = true

/**
 * @this {LoaderContext}
 * @returns {Promise<Buffer>}
 */
export default async function load() {
  const { core, importers, cacheable } = this.getOptions()
  this.cacheable(cacheable)
  try {
    const { bytes, watch } = await core.finish(this.resourcePath, importers.get(this.resourcePath))
    depend(this, watch)
    return bytes()
  } catch (error) {
    depend(this, core.watchOf(this.resourcePath))
    // The bundlers show the stack, of which the guest's part is in the message already.
    const failure = /** @type {Error} */ (error)
    throw Object.assign(failure, { stack: failure.message })
  }
}

/**
 * @param {LoaderContext} module
 * @param {Watch} watch
 */
function depend(module, { files, directories, missing }) {
  for (const path of files) module.addDependency(path)
  for (const path of directories) module.addContextDependency(path)
  for (const path of missing) module.addMissingDependency(path)
}

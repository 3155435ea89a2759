// What a dev server of Vite has to be told: which folder it may serve, what to watch, and which modules to
// load again when a file changes that a guest has read.

import { withSlashes } from './ids.js'

/**
 * @typedef {import('vite').ViteDevServer} ViteDevServer
 *
 * @typedef {object} ModuleGraph of one environment, or of all in Vite 5
 * @property {(file: string) => Iterable<any> | undefined} getModulesByFile
 */

export class DevServer {
  /** @type {ViteDevServer | undefined} */
  #server
  #core

  /** @param {import('./core.js').Core} core */
  constructor(core) {
    this.#core = core
  }

  /** Whether there is one: there is none for a build. */
  get isRunning() {
    return this.#server !== undefined
  }

  get watcher() {
    return this.#server?.watcher
  }

  /** @param {ViteDevServer | undefined} server */
  start(server) {
    this.#server = server
    // Vite 5 has no environments, and calls no hook where a file appears or goes.
    if (server === undefined || 'environments' in server) return
    const { watcher, moduleGraph, ws } = /** @type {ViteDevServer} */ (server)
    watcher.on('all', (event, file) => {
      if (event !== 'add' && event !== 'unlink') return
      const affected = this.#affectedBy(file, moduleGraph)
      for (const module of affected) moduleGraph.invalidateModule(module)
      if (affected.length > 0) ws.send({ type: 'full-reload' })
    })
  }

  /** Lets finished modules be served, wherever the store is. */
  allowStore() {
    const allowed = this.#server?.config.server.fs.allow
    const folder = withSlashes(this.#core.directory)
    if (allowed && !allowed.includes(folder)) allowed.push(folder)
  }

  /**
   * What to load again when a file has changed, beside what Vite knows.
   * @param {string} file
   * @param {any[]} modules that Vite knows
   * @param {ModuleGraph} moduleGraph
   * @returns {any[] | undefined} all, where there are others
   */
  updates(file, modules, moduleGraph) {
    const affected = this.#affectedBy(file, moduleGraph)
    return affected.length > 0 ? [...new Set([...modules, ...affected])] : undefined
  }

  /**
   * @param {string} file
   * @param {ModuleGraph} moduleGraph
   * @returns {any[]}
   */
  #affectedBy(file, moduleGraph) {
    const paths = this.#core.affectedBy(file).map(withSlashes)
    const modules = paths.flatMap((path) => [...(moduleGraph.getModulesByFile(path) ?? [])])
    return modules.filter(({ id }) => this.#core.takesPart(id ?? '') !== undefined)
  }
}

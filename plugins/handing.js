// What the plugins of Rollup, Rolldown and Vite have in common: who imports what, watch lists, and the
// text of modules that hand on what the bundler makes of a file in the store.

import { dirname, isAbsolute, resolve } from 'node:path'
import { asksForPreinit, filePath, formatId, isWasmFile, parseId, withSlashes } from './ids.js'
import { bindReferences } from './references.js'

/**
 * @typedef {import('./core.js').Core} Core
 * @typedef {import('./core.js').Request} Request
 * @typedef {import('./core.js').Finished} Finished
 *
 * @typedef {object} Resolution
 * @property {string} id
 * @property {boolean | 'absolute' | 'relative'} [external]
 *
 * @typedef {(source: string, importer?: string) => Promise<Resolution | null>} Resolve
 */

/** What bundlers need not ask about: the others. */
export const FILTERS = {
  load: { id: /\.wa(sm|t)\b|[?&]preinit\b/i },
  transform: { code: /\bimport\.meta\.url\b/ },
}

export class Handing {
  /** By the id of a module, who imports it. @type {Map<string, string>} */
  #importers = new Map()

  /** @param {Core} core */
  constructor(core) {
    this.core = core
  }

  /**
   * Where an import leads to, if that is for this package to say.
   * @param {string} source
   * @param {string | undefined} importer
   * @param {Resolve} resolveElse what the bundler finds for the source without queries
   * @returns {Promise<Resolution | string | null>}
   */
  async resolve(source, importer, resolveElse) {
    const id = parseId(source)
    if (isAbsolute(id.path) && this.core.isFinished(id.path)) return source
    const origins = importer === undefined ? [] : this.core.originsOf(parseId(importer).path)
    for (const origin of origins) {
      // What the module itself imports is beside the original, not in the store.
      const resolved = await resolveElse(source, origin)
      if (resolved) return resolved
    }
    if (!asksForPreinit(id) && !isWasmFile(id.path)) return null
    const resolved = await resolveElse(source, importer)
    if (!resolved) return resolved
    if (resolved.external) {
      if (!asksForPreinit(id)) return resolved
      throw new Error(
        `\`${source}\` can't be pre-initialized: another plugin or an option of the bundler says that ` +
          'it is external; take it out of there',
      )
    }
    if (importer !== undefined) this.#importers.set(resolved.id, importer)
    return resolved
  }

  /**
   * The finished module that an id asks for. Whatever it depends on is watched, even where it fails.
   * @param {{ addWatchFile(path: string): void }} context
   * @param {string} id
   * @param {Request} request
   * @param {{ add(paths: string[]): void }} [watcher] of a dev server
   * @returns {Promise<Finished>}
   */
  async finish(context, id, { path }, watcher) {
    try {
      const importer = this.#importers.get(id)
      return await this.core.finish(path, importer && filePath(parseId(importer).path))
    } finally {
      const files = this.core.watchFilesOf(path)
      // A dev server takes what is watched by its means for an import, which must be there.
      if (watcher) watcher.add(files)
      else for (const file of files) context.addWatchFile(file)
    }
  }

  /**
   * A module whose references to modules that take part are imports of their URLs.
   * @param {string} code
   * @param {string} id
   * @param {(code: string) => unknown} parse
   * @param {string} [query] for the imports
   */
  bind(code, id, parse, query) {
    const folder = dirname(filePath(parseId(id).path))
    return bindReferences(code, {
      parse,
      importOf: (url) => {
        if (/^([a-z][a-z\d+.-]*:|\/\/)/i.test(url)) return undefined
        const { path, queries } = parseId(decoded(url))
        const full = isAbsolute(path) ? path : resolve(folder, path)
        if (this.core.takesPart(formatId({ path: full, queries, fragment: '' })) === undefined) {
          return undefined
        }
        const source = /^[./]/.test(path) ? path : `./${path}`
        const others = queries.filter((name) => !/^(preinit|init|url)(=|$)/.test(name))
        const asked = ['preinit', ...(query ? [query] : []), ...others]
        return formatId({ path: source, queries: asked, fragment: '' })
      },
    })
  }
}

/**
 * A module that is what another one is.
 * @param {string} id
 * @param {{ hasDefault: boolean, hasNames: boolean }} exports
 */
export function handedOn(id, { hasDefault, hasNames }) {
  const from = `from ${JSON.stringify(withSlashes(id))};\n`
  return (hasNames ? `export * ${from}` : '') + (hasDefault ? `export { default } ${from}` : '')
}

/**
 * A module whose name may end in `.wasm` and which is none: Rolldown has to be told.
 * @param {string} code
 */
export const javascript = (code) => ({ code, moduleType: 'js' })

/** @param {string} url */
function decoded(url) {
  try {
    return decodeURI(url)
  } catch {
    return url
  }
}

// The plugin for Vite. A module that takes part becomes one that hands on what Vite makes of the file in
// the store: its URL, an init function, or its exports.

import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from '../index.js'
import { createCore } from './core.js'
import { PLUGIN } from './failure.js'
import { FILTERS, Handing, handedOn, javascript } from './handing.js'
import { formatId, parseId } from './ids.js'
import { DevServer } from './vite-server.js'

/** Asks, on servers, for a URL that a file can be read from: those of assets are for browsers. */
const FILE_QUERY = 'preinit-file'

/** What Vite can be asked for. It looks for the first at the beginning of the queries only. */
const KINDS = ['init', 'url', 'raw']

/** Queries with which Vite tells versions of a module apart. */
const VERSION = /^(t|v|import)(=|$)/

/** @type {typeof import('./vite.js').default} */
export default function wasmPreinit(options) {
  const core = createCore(options)
  const handing = new Handing(core)
  /** Assets that servers read as files. @type {Set<string>} */
  const files = new Set()
  const server = new DevServer(core)

  return [
    {
      name: PLUGIN,
      enforce: 'pre',

      configResolved(config) {
        core.setRoot(config.root)
        server.start(undefined)
      },

      configureServer(started) {
        server.start(started)
      },

      buildStart() {
        core.startBuild()
      },

      resolveId: {
        order: 'pre',
        handler(source, importer, details) {
          return handing.resolve(source, importer, (wanted, from) =>
            this.resolve(wanted, from, { ...details, skipSelf: true }),
          )
        },
      },

      load: {
        order: 'pre',
        filter: FILTERS.load,
        async handler(id) {
          const request = core.takesPart(id)
          if (request === undefined) return null
          const { file, bytes } = await handing.finish(this, id, request, server.watcher)
          server.allowStore()
          const queries = parseId(request.rest).queries.filter((query) => !VERSION.test(query))
          if (queries.includes(FILE_QUERY)) {
            if (server.isRunning)
              return javascript(`export default ${JSON.stringify(pathToFileURL(file).href)}`)
            const asset = this.emitFile({ type: 'asset', name: basename(file), source: bytes() })
            files.add(asset)
            return javascript(`export default import.meta.ROLLUP_FILE_URL_${asset}`)
          }
          const kinds = KINDS.filter((kind) => queries.includes(kind))
          if (request.isAsked && kinds.length === 0) kinds.push('url')
          const others = queries.filter((query) => !kinds.includes(query))
          const target = formatId({ path: file, queries: [...kinds, ...others], fragment: '' })
          const isPlain = kinds.length === 0
          const hasDefault = !isPlain || inspect(bytes()).exports.some(isDefault)
          return javascript(handedOn(target, { hasDefault, hasNames: isPlain }))
        },
      },

      resolveFileUrl({ referenceId, relativePath, format }) {
        if (!files.has(referenceId)) return null
        const base =
          format === 'cjs' ? `require('node:url').pathToFileURL(__filename)` : 'import.meta.url'
        return `new URL(${JSON.stringify(relativePath)}, ${base}).href`
      },

      hotUpdate({ file, modules }) {
        return server.updates(file, modules, this.environment.moduleGraph)
      },

      handleHotUpdate({ file, modules, server: { moduleGraph } }) {
        return server.updates(file, modules, moduleGraph)
      },
    },
    {
      // After what makes JavaScript of other languages, before what Vite makes of such references.
      name: `${PLUGIN}:references`,

      transform: {
        filter: FILTERS.transform,
        handler(code, id, details) {
          const isServer = this.environment
            ? this.environment.config.consumer === 'server'
            : details?.ssr
          const query = isServer ? FILE_QUERY : undefined
          return handing.bind(code, id, (text) => this.parse(text), query)
        },
      },
    },
  ]
}

/** @param {{ name: string }} exported */
const isDefault = ({ name }) => name === 'default'

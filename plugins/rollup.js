// The plugin for Rollup. Rolldown takes it as it is.

import { basename } from 'node:path'
import { createCore } from './core.js'
import { PLUGIN } from './failure.js'
import { FILTERS, Handing, handedOn, javascript } from './handing.js'
import { asksForPreinit, formatId, parseId } from './ids.js'

/** @type {typeof import('./rollup.js').default} */
export default function wasmPreinit(options) {
  const handing = new Handing(createCore(options))
  return {
    name: PLUGIN,

    buildStart() {
      handing.core.startBuild()
    },

    resolveId: {
      order: 'pre',
      handler(source, importer, details) {
        return handing.resolve(source, importer, async (wanted, from) => {
          const id = parseId(wanted)
          const isAsked = asksForPreinit(id)
          // Queries mean nothing to Rollup, which looks for a file of that name.
          const file = isAsked ? id.path : wanted
          const found = await this.resolve(file, from, { ...details, skipSelf: true })
          if (!found || found.external) return found
          if (isAsked) return { ...found, id: formatId({ ...id, path: found.id }) }
          // Under its own name, plugins for `.wasm` files would take it for one.
          return handing.core.takesPart(found.id)
            ? { ...found, id: `${found.id}?preinit&init` }
            : found
        })
      },
    },

    load: {
      order: 'pre',
      filter: FILTERS.load,
      async handler(id) {
        const request = handing.core.takesPart(id)
        if (request === undefined) return null
        const { file, bytes } = await handing.finish(this, id, request)
        const { queries } = parseId(request.rest)
        const others = queries.filter((query) => query !== 'init' && query !== 'url')
        if (request.isAsked && !queries.includes('init') && others.length === 0) {
          const asset = this.emitFile({ type: 'asset', name: basename(file), source: bytes() })
          return javascript(`export default import.meta.ROLLUP_FILE_URL_${asset}`)
        }
        const target = formatId({ path: file, queries: others, fragment: '' })
        const { exports } = await this.load({ id: target })
        const names = exports ?? []
        // Rolldown has modules that get a default export only later, such as assets.
        const isLate = names.length === 0 && 'rolldownVersion' in this.meta
        const hasDefault = names.includes('default') || isLate
        return javascript(handedOn(target, { hasDefault, hasNames: names.some(isName) }))
      },
    },

    transform: {
      order: 'post',
      filter: FILTERS.transform,
      handler(code, id, details) {
        // Rolldown's parser knows TypeScript and JSX, and has to be told.
        const { moduleType: lang } = /** @type {{ moduleType?: string }} */ (details ?? {})
        const language = /** @type {object | undefined} */ (lang && { lang })
        return handing.bind(code, id, (text) => this.parse(text, language))
      },
    },
  }
}

/** @param {string} name */
const isName = (name) => name !== 'default'

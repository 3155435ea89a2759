// Options in, a plugin for webpack 5 out.

import { PLUGIN } from './failure.js'
import { Selection } from './selection.js'
import { install } from './webpack-rules.js'

/** @type {typeof import('./webpack.js').default} */
export default function wasmPreinit(options) {
  const selection = new Selection(options)
  return { name: PLUGIN, apply: (compiler) => install(compiler, selection, { cacheable: true }) }
}

// What `require` gives, in configurations that are CommonJS.
export { wasmPreinit as 'module.exports' }

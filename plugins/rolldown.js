// The plugin for Rolldown, whose hooks are Rollup's.

import wasmPreinit from './rollup.js'

/** @type {typeof import('./rolldown.js').default} */
export default (options) =>
  /** @type {import('rolldown').Plugin} */ (/** @type {unknown} */ (wasmPreinit(options)))

import type { Compiler } from '@rspack/core'
import type { Options } from './options.js'

export type { Options, Pattern } from './options.js'

/** What goes into `plugins` of an Rspack configuration. */
export interface WasmPreinitPlugin {
  name: string
  apply(compiler: Compiler): void
}

/**
 * Pre-initializes modules while Rspack builds: `import url from './x.wasm?preinit'` gives the URL of
 * the finished module, `import { run } from './x.wasm?preinit&init'` its exports.
 *
 * @throws {TypeError} with code `ERR_INVALID_OPTION` for unknown options and wrong types
 *
 * @example
 * import preinit from 'wasm-preinit/rspack'
 *
 * export default { plugins: [preinit({ wasi: true })] }
 */
declare function wasmPreinit(options?: Options): WasmPreinitPlugin

export { wasmPreinit as default, wasmPreinit as 'module.exports' }

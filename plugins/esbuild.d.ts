import type { Plugin } from 'esbuild'
import type { Options } from './options.js'

export type { Options, Pattern } from './options.js'

/**
 * Pre-initializes modules while esbuild builds: `import url from './x.wasm?preinit'` gives the URL of
 * the finished module, `import wasm from './x.wasm?preinit&init'` what the loader that is configured
 * for `.wasm`, or another plugin, makes of it.
 *
 * esbuild does not look at `new URL('./x.wasm?preinit', import.meta.url)`, which stays as it is.
 *
 * @throws {TypeError} with code `ERR_INVALID_OPTION` for unknown options and wrong types
 *
 * @example
 * import preinit from 'wasm-preinit/esbuild'
 *
 * await esbuild.build({ bundle: true, plugins: [preinit({ wasi: true })], ... })
 */
declare function wasmPreinit(options?: Options): Plugin

export { wasmPreinit as default, wasmPreinit as 'module.exports' }

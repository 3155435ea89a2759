// The plugin for Vite.

import type { Plugin } from 'vite'
import type { Options } from './options.js'

export type { Options } from './options.js'

/**
 * Pre-initializes WebAssembly modules as they are bundled, and as the dev server asks for them.
 *
 * `import url from './x.wasm?preinit'` and `new URL('./x.wasm?preinit', import.meta.url)` are the URL
 * of the finished module, `import init from './x.wasm?preinit&init'` is Vite's init function for it.
 * Imports of modules that match `include` mean what they mean to Vite. To be listed after plugins
 * that make JavaScript of other files, and in `worker.plugins` where workers import modules.
 *
 * @throws {TypeError} with code `ERR_INVALID_OPTION` for unknown options and wrong types
 *
 * @example
 * import wasmPreinit from 'wasm-preinit/vite'
 *
 * export default { plugins: [wasmPreinit({ wasi: true })] }
 */
export default function wasmPreinit(options?: Options): Plugin[]

// The plugin for Rolldown.

import type { Plugin } from 'rolldown'
import type { Options } from './options.js'

export type { Options } from './options.js'

/**
 * Pre-initializes WebAssembly modules as they are bundled.
 *
 * `import url from './x.wasm?preinit'` and `new URL('./x.wasm?preinit', import.meta.url)` are the URL
 * of the finished module, an asset of the bundle. Modules that match `include`, and imports with
 * `?preinit&init`, become what other plugins make of a `.wasm` file, such as `@rollup/plugin-wasm`.
 *
 * @throws {TypeError} with code `ERR_INVALID_OPTION` for unknown options and wrong types
 *
 * @example
 * import wasmPreinit from 'wasm-preinit/rolldown'
 *
 * export default { input: 'main.js', plugins: [wasmPreinit({ wasi: true })] }
 */
export default function wasmPreinit(options?: Options): Plugin

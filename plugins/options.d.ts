// What the plugins of all bundlers take.

import type { InitializeOptions } from '../index.js'

/** A glob from the project's root, or a RegExp over the absolute path with `/` between its parts. */
export type Pattern = string | RegExp | ReadonlyArray<string | RegExp>

/** How modules are pre-initialized, and which ones. */
export interface Options extends InitializeOptions {
  /**
   * Modules that take part although their import does not carry the query `?preinit`. Imports of
   * them mean what they mean without this plugin, with the finished module in the place of the
   * other. Only files called `*.wasm` and `*.wat` are looked at.
   * @default none
   */
  include?: Pattern
  /**
   * Modules that `include` shall not hold.
   * @default none
   */
  exclude?: Pattern
  /**
   * Whether to write a page about each module, named after its path as `src/engine.wasm.html`; a
   * string names the folder for them. `true` is `wasm-preinit-report` in the project's root.
   * @default false
   */
  report?: boolean | string
  /**
   * Options for one module, which is named by its absolute path. Each that it has replaces the
   * plugin's own of that name.
   * @default none
   */
  options?: (path: string) => InitializeOptions | undefined
}

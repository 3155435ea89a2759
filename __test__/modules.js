// Real modules that the development dependencies bring along, and what it takes to initialize them.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @typedef {import('../index.js').InitializeOptions} InitializeOptions */

/** @param {string} path */
export const dependency = (path) => new URL(`../node_modules/${path}`, import.meta.url)

/** The folder of the app that the JavaScript engine runs. */
export const APP = fileURLToPath(new URL('fixtures/app', import.meta.url))

/** A JavaScript engine of 10 MB; its init function evaluates the script that stdin names. */
export const readFastly = () => readFileSync(dependency('@fastly/js-compute/fastly.wasm'))

/** What the engine reads from stdin. */
export const FASTLY_STDIN = 'app.js --legacy-script'

/** @type {InitializeOptions} */
export const FASTLY_OPTIONS = {
  wasi: { stdin: FASTLY_STDIN, preopens: { '.': APP }, stdout: 'capture', stderr: 'capture' },
  renameFuncs: { _start: 'wizer.resume' },
}

/** Another JavaScript engine, which compiles scripts to bytecode. */
export const readJavy = () =>
  readFileSync(dependency('@chainlink/cre-sdk-javy-plugin/dist/javy-chainlink-sdk.plugin.wasm'))

/** A C++ program with global constructors. */
export const readReactor = () =>
  readFileSync(new URL('fixtures/reactor/reactor.wasm', import.meta.url))

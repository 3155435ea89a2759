// StarlingMonkey, the JavaScript engine that @fastly/js-compute ships, with app.js as its program:
// the options that pre-initialize it, and a host in V8 that runs its init function and sends requests.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WASI } from 'node:wasi'
import { platform } from './platform.mjs'

const here = dirname(fileURLToPath(import.meta.url))

/** What the engine reads from stdin to find its program. */
const STDIN = 'app.js --legacy-script'

const URL_OF_REQUEST = 'https://example.com/?n=12'

/** @type {import('wasm-preinit').InitializeOptions} */
export const options = {
  initFunc: 'wizer.initialize',
  renameFuncs: { _start: 'wizer.resume' },
  wasi: { stdin: STDIN, preopens: { '.': here } },
}

/** @returns {Buffer} */
export function engine() {
  return readFileSync(new URL('../../node_modules/@fastly/js-compute/fastly.wasm', import.meta.url))
}

/**
 * A host for one instance: WASI by Node, and the platform.
 * @param {WebAssembly.Module} module
 */
export function host(module) {
  const folder = mkdtempSync(join(tmpdir(), 'js-engine-'))
  const stdinPath = join(folder, 'stdin')
  writeFileSync(stdinPath, STDIN)
  const stdin = openSync(stdinPath, 'r')
  /** @type {WebAssembly.Memory} */
  let memory
  let wasi = new WASI({ version: 'preview1', preopens: { '.': here }, stdin })
  const fastly = platform(URL_OF_REQUEST, () => memory)

  /** @type {Record<string, Record<string, Function>>} */
  const imports = {}
  for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
    const functions = (imports[namespace] ??= {})
    functions[name] =
      namespace === 'wasi_snapshot_preview1'
        ? (/** @type {unknown[]} */ ...args) => /** @type {any} */ (wasi.wasiImport)[name](...args)
        : fastly.function(namespace, name)
  }

  /** @param {WebAssembly.Instance} instance */
  const attach = (instance) => {
    memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory)
  }
  return {
    imports: /** @type {WebAssembly.Imports} */ (imports),
    attach,
    /** @param {WebAssembly.Instance} instance */
    initialize(instance) {
      attach(instance)
      const { _initialize, 'wizer.initialize': init } = /** @type {any} */ (instance.exports)
      // Node's WASI learns the memory here; the stand-in keeps it from running anything.
      wasi.initialize({ exports: { memory, _initialize() {} } })
      _initialize?.()
      init()
    },
    /**
     * Sends the app a request for `/?n=12`.
     * @param {WebAssembly.Instance} instance
     */
    request({ exports }) {
      wasi = new WASI({ version: 'preview1', args: ['app'], returnOnExit: true })
      // What was exported as `wizer.resume` is the output's `_start`. Node runs any module with both.
      wasi.start({ exports: { memory, _start: exports['wizer.resume'] ?? exports._start } })
      return fastly.response
    },
    close() {
      closeSync(stdin)
      rmSync(folder, { recursive: true })
    },
  }
}

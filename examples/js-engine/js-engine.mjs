// StarlingMonkey, the JavaScript engine that @fastly/js-compute ships, with app.js as its program:
// the options that pre-initialize it, and a host in V8 to run its init function in.

import { openSync, closeSync, readFileSync, rmSync, writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WASI } from 'node:wasi'

const here = dirname(fileURLToPath(import.meta.url))

/** What the engine reads from stdin to find its program. */
const STDIN = 'app.js --legacy-script'

/** @type {import('../../index.js').InitializeOptions} */
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
 * A host for one instance: WASI by Node, and Fastly's own functions, which init does not call.
 * @param {WebAssembly.Module} module
 */
export function host(module) {
  const folder = mkdtempSync(join(tmpdir(), 'js-engine-'))
  const stdinPath = join(folder, 'stdin')
  writeFileSync(stdinPath, STDIN)
  const stdin = openSync(stdinPath, 'r')
  const wasi = new WASI({ version: 'preview1', preopens: { '.': here }, stdin })
  /** @type {WebAssembly.Imports} */
  const imports = { ...wasi.getImportObject() }
  for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
    const functions = /** @type {Record<string, Function>} */ (imports[namespace] ??= {})
    functions[name] ??= () => {
      throw new Error(`${namespace}.${name} is not there`)
    }
  }
  return {
    imports,
    /** @param {WebAssembly.Instance} instance */
    initialize(instance) {
      const {
        memory,
        _initialize,
        'wizer.initialize': init,
      } = /** @type {any} */ (instance.exports)
      // Node's WASI learns the memory here; the stand-in keeps it from running anything.
      wasi.initialize({ exports: { memory, _initialize() {} } })
      _initialize?.()
      init()
    },
    close() {
      closeSync(stdin)
      rmSync(folder, { recursive: true })
    },
  }
}

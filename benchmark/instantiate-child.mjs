// Compiles a module, instantiates it again and again in V8 with imports that do nothing, and
// prints the milliseconds of each instantiation as a JSON array.
//
//   node --expose-gc --no-opt --no-wasm-tier-up instantiate-child.mjs FILE COUNT

import { readFileSync } from 'node:fs'

const [file, count] = process.argv.slice(2)
const module = new WebAssembly.Module(readFileSync(file))

/** @type {WebAssembly.Imports} */
const imports = {}
for (const { module: namespace, name } of WebAssembly.Module.imports(module)) {
  const functions = /** @type {Record<string, Function>} */ (imports[namespace] ??= {})
  functions[name] = () => 0
}

const times = []
for (let left = Number(count); left > 0; left--) {
  // Memories of earlier instances are let go of outside the time that is taken.
  globalThis.gc?.()
  const started = performance.now()
  new WebAssembly.Instance(module, imports)
  times.push(performance.now() - started)
}
console.log(JSON.stringify(times))

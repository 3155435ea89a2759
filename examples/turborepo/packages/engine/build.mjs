// What `turbo run build` runs in this package: engine.wat in, dist/engine.wasm out.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { initialize } from 'wasm-preinit'

const wasm = await initialize(await readFile('engine.wat'), { initFunc: 'init' })
await mkdir('dist', { recursive: true })
await writeFile('dist/engine.wasm', wasm)
console.log(`dist/engine.wasm: ${wasm.length} bytes`)

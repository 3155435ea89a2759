// Compiles the AssemblyScript module: its bytes out.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ASC = fileURLToPath(new URL('../../node_modules/assemblyscript/bin/asc.js', import.meta.url))
const SOURCE = fileURLToPath(new URL('assembly/index.ts', import.meta.url))

/** @returns {Uint8Array} */
export function compileTable() {
  const folder = mkdtempSync(join(tmpdir(), 'table-'))
  try {
    const wasm = join(folder, 'table.wasm')
    execFileSync(
      process.execPath,
      [ASC, SOURCE, '-o', wasm, '-O3', '--runtime', 'stub', '--use', 'abort='],
      {
        stdio: 'inherit',
      },
    )
    return readFileSync(wasm)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// Compiles the library with Zig's clang: bytes out, of what is committed where there is no compiler.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ToolchainMissing, zig } from '../../scripts/toolchains.mjs'

const HEADER = fileURLToPath(new URL('../../include', import.meta.url))
const FLAGS = ['-target', 'wasm32-wasi', '-mexec-model=reactor', '-O2', '-g0', '-s']
const WARNINGS = ['-Wall', '-Wextra']

/** The committed module that a source becomes. @param {string} source */
export const committed = (source) => new URL(source.replace(/\.c(pp)?$/, '.wasm'), import.meta.url)

/**
 * The module, and why it could not be built where it is the committed one.
 * @param {'dictionary.c' | 'lexer.cpp'} source
 * @returns {{ wasm: Buffer, missing?: ToolchainMissing }}
 */
export function build(source) {
  const folder = mkdtempSync(join(tmpdir(), 'c-library-'))
  try {
    const wasm = join(folder, 'library.wasm')
    const language = source.endsWith('.c')
      ? ['cc', '-std=gnu11']
      : ['c++', '-std=c++17', '-fno-exceptions', '-fno-rtti']
    const args = [...language, ...FLAGS, ...WARNINGS, '-I', HEADER, '-o', wasm]
    execFileSync(zig(), [...args, fileURLToPath(new URL(source, import.meta.url))], {
      stdio: 'inherit',
    })
    return { wasm: readFileSync(wasm) }
  } catch (error) {
    if (!(error instanceof ToolchainMissing)) throw error
    return { wasm: readFileSync(committed(source)), missing: error }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

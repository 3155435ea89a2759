// Compiles src/lib.rs with the Rust that is here, where it knows WebAssembly: bytes out. They are those
// of the committed magic.wasm otherwise.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TARGET = 'wasm32-unknown-unknown'
const HERE = fileURLToPath(new URL('.', import.meta.url))

/** Where `--commit` writes what was built. */
export const COMMITTED = join(HERE, 'magic.wasm')

/** @returns {{ wasm: Buffer, missing?: string }} the module, and why it is the committed one */
export function build() {
  const rustc = [process.env.RUSTC ?? 'rustc', '/usr/bin/rustc'].find(knowsTarget)
  if (!rustc) {
    const missing = `no rustc for ${TARGET} is here (rustup target add ${TARGET})`
    return { wasm: readFileSync(COMMITTED), missing }
  }
  const folder = mkdtempSync(join(tmpdir(), 'rust-'))
  try {
    // What `cargo build --release` does with Cargo.toml, with a rustc of any age.
    const wasm = join(folder, 'magic.wasm')
    const profile = ['opt-level=3', 'lto', 'codegen-units=1', 'panic=abort', 'strip=symbols']
    const options = profile.flatMap((option) => ['-C', option])
    const target = ['--target', TARGET, '--edition', '2021', '--crate-type', 'cdylib']
    const paths = ['--remap-path-prefix', `${HERE}=`, '-o', wasm, join(HERE, 'src', 'lib.rs')]
    execFileSync(rustc, [...target, '--crate-name', 'magic', ...options, ...paths], {
      stdio: 'inherit',
    })
    return { wasm: readFileSync(wasm) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * Whether a compiler is there and has the target's standard library.
 * @param {string} rustc
 */
function knowsTarget(rustc) {
  try {
    const args = ['--print', 'target-libdir', '--target', TARGET]
    const folder = execFileSync(rustc, args, { encoding: 'utf8', stdio: 'pipe' }).trim()
    return readdirSync(folder).some((name) => name.startsWith('libstd-'))
  } catch {
    return false
  }
}

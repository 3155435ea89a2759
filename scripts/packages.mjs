// Packages that tests use and npm does not install beside the others, as folders: those that are meant
// for another kind of processor, WebAssembly's. Each is pinned with all that it needs, installed once
// into node_modules/.cache/packages. No install scripts are run.

import { execSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/packages', import.meta.url))

/** LZMA in Rust for Node's addon interface, with threads: its memory is imported and shared. */
const LZMA = {
  '@napi-rs/lzma-wasm32-wasi': '1.5.1',
  '@napi-rs/wasm-runtime': '1.2.7',
  '@emnapi/core': '1.11.2',
  '@emnapi/runtime': '1.11.2',
  '@emnapi/wasi-threads': '1.2.2',
  '@tybys/wasm-util': '0.10.5',
  tslib: '2.9.1',
}

/** The folder whose `node_modules` has `@napi-rs/lzma-wasm32-wasi`. */
export function lzma() {
  return installed('lzma', LZMA)
}

/**
 * Several processes may do this at once.
 * @param {string} name
 * @param {Record<string, string>} dependencies
 */
function installed(name, dependencies) {
  const folder = join(FOLDER, `${name}-${Object.values(dependencies)[0]}`)
  if (existsSync(folder)) return folder
  const part = `${folder}.${process.pid}`
  try {
    mkdirSync(part, { recursive: true })
    writeFileSync(join(part, 'package.json'), JSON.stringify({ private: true, dependencies }))
    // Without force, npm refuses packages for another processor.
    execSync('npm install --force --no-package-lock --ignore-scripts --no-audit --no-fund', {
      cwd: part,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (!existsSync(folder)) renameSync(part, folder)
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  return folder
}

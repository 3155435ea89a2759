// The path of a command that stands in for `wizer`: for packages that start theirs by a path they
// import or are given. It finds Node.js by itself, also where the caller's environment says nothing
// of it: what runs here is noted for it, beside the installed packages or, where that can't be
// written, nowhere.

import { accessSync, chmodSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const onWindows = process.platform === 'win32'
const path = join(folder, onWindows ? 'wizer.cmd' : 'wizer')

if (!onWindows) {
  keepExecutable()
  noteNode()
}

export default path

/** Some ways of installing lose the mode of files that a package does not list as its commands. */
function keepExecutable() {
  try {
    accessSync(path, constants.X_OK)
  } catch {
    attempt(() => chmodSync(path, 0o755))
  }
}

/** The command reads it: it has no other way on systems where processes can't be asked. */
function noteNode() {
  const packages = dirname(dirname(folder))
  const isInstalled = basename(packages) === 'node_modules'
  const isNode = /^node(js)?$/.test(basename(process.execPath))
  if (!isInstalled || !isNode) return
  const note = join(packages, '.cache', 'wasm-preinit-node-path')
  const line = `${process.execPath}\n`
  if (attempt(() => readFileSync(note, 'utf8')) === line) return
  attempt(() => {
    mkdirSync(dirname(note), { recursive: true })
    writeFileSync(note, line)
  })
}

/**
 * @template T
 * @param {() => T} act what the command gets by without
 * @returns {T | undefined}
 */
function attempt(act) {
  try {
    return act()
  } catch {
    return undefined
  }
}

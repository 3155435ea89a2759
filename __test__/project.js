// Lays out a project as a package manager would, without a network: packages that start a `wizer`
// of theirs, unmodified, with what they find by that name being theirs or ours.

import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const INSTALLED = join(ROOT, 'node_modules')

const WIZER = '@bytecodealliance/wizer'
const CALLERS = ['@bytecodealliance/componentize-js', '@fastly/js-compute']

/** componentize-js 0.23 needs it and does not say so; the one of jco is as good as any. */
const UNDECLARED = '@bytecodealliance/preview2-shim'

/** For ahead-of-time compilation, which nothing here asks for; brings a compressor for each system. */
const UNUSED = '@bytecodealliance/weval'

/** What of this package an installed one has; the addon is linked, as it is large. */
const OWN = ['package.json', 'index.js', 'binding.js', 'lib', 'bin', 'cli', 'report']

/**
 * @param {string} folder the project's
 * @param {{ overrides: boolean }} options whether this package takes the place of every `wizer`
 */
export function layOut(folder, { overrides }) {
  const modules = join(folder, 'node_modules')
  const ours = ['wasm-preinit', ...(overrides ? [WIZER] : [])]
  for (const name of packageNames(INSTALLED)) {
    if (![...ours, ...CALLERS, UNDECLARED, UNUSED].includes(name)) link(modules, name, INSTALLED)
  }
  const jco = createRequire(import.meta.url).resolve('@bytecodealliance/jco')
  link(modules, UNDECLARED, nearest(UNDECLARED, dirname(jco)))

  mkdirSync(join(modules, UNUSED))
  writeFileSync(
    join(modules, UNUSED, 'package.json'),
    JSON.stringify({ name: UNUSED, version: '0.0.0', exports: './index.mjs' }),
  )
  writeFileSync(join(modules, UNUSED, 'index.mjs'), 'export default undefined\n')

  for (const name of CALLERS) {
    const [from, to] = [join(INSTALLED, name), join(modules, name)]
    copy(from, to, (path) => path !== 'node_modules')
    const own = join(from, 'node_modules')
    for (const dependency of existsSync(own) ? packageNames(own) : []) {
      if (dependency === UNUSED || (overrides && dependency.startsWith(WIZER))) continue
      link(join(to, 'node_modules'), dependency, own)
    }
  }
  copy(ROOT, join(modules, 'wasm-preinit'), (path) => {
    return OWN.includes(path.split(sep)[0]) || path.endsWith('.node')
  })
  if (!overrides) return
  copy(join(ROOT, 'npm', 'wizer-compat'), join(modules, WIZER))
  const commands = join(modules, '.bin')
  mkdirSync(commands)
  symlinkSync(join('..', WIZER, 'wizer.js'), join(commands, 'wizer'), 'file')
}

/**
 * @param {string} modules a `node_modules`
 * @returns {string[]}
 */
function packageNames(modules) {
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`)
        : [name],
    )
}

/**
 * @param {string} modules where it is to be found
 * @param {string} name
 * @param {string} source the `node_modules` where it is
 */
function link(modules, name, source) {
  const path = join(modules, name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(join(source, name), path, 'junction')
}

/** @type {(name: string, folder: string) => string} the `node_modules` where a file there finds it */
function nearest(name, folder) {
  const modules = join(folder, 'node_modules')
  if (existsSync(join(modules, name))) return modules
  if (dirname(folder) === folder) throw new Error(`no package \`${name}\` is installed`)
  return nearest(name, dirname(folder))
}

/**
 * Copies a folder, but for binaries, which it links.
 * @param {string} from
 * @param {string} to
 * @param {(path: string) => boolean} [wanted] whether the copy has what is at this path
 */
function copy(from, to, wanted = () => true) {
  cpSync(from, to, {
    recursive: true,
    filter(source, destination) {
      const path = relative(from, source)
      if (path !== '' && !wanted(path)) return false
      if (!/\.(wasm|node|wevalcache)$/.test(path)) return true
      mkdirSync(dirname(destination), { recursive: true })
      symlinkSync(source, destination, 'file')
      return false
    },
  })
}

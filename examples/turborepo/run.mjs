// node examples/turborepo/run.mjs: two checkouts of this folder, each with its own node_modules, share
// one cache, as machines with a remote cache do. The first builds, the second only fetches; a third
// builds without the cache and has the same bytes. Needs Turborepo: npm install turbo

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const BUILT = ['packages/engine/dist/engine.wasm', 'packages/app/dist/primes.txt']

const turbo = findTurbo()
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'turborepo-')))
const cache = join(temporary, 'shared-cache')
try {
  const first = checkout('first')
  assert.match(build(first), /Cached: +0 cached, 2 total/)
  const second = checkout('second')
  assert.match(build(second), /Cached: +2 cached, 2 total/)
  assert.ok(hasCompiled(first) && !hasCompiled(second))
  const third = checkout('third')
  assert.match(build(third, '--force'), /Cached: +0 cached, 2 total/)
  for (const path of BUILT) {
    const [wanted, ...others] = [first, second, third].map((folder) =>
      readFileSync(join(folder, path)),
    )
    for (const other of others) assert.ok(other.equals(wanted), `${path} differs`)
  }
  console.log('\nthe same bytes in all three checkouts')
} finally {
  rmSync(temporary, { recursive: true, force: true, maxRetries: 5 })
}

/**
 * What `git clone` and `npm install` would leave, without a network.
 * @param {string} name
 */
function checkout(name) {
  const folder = join(temporary, name)
  for (const path of ['package.json', 'turbo.json', 'packages']) {
    const filter = (/** @type {string} */ from) => !/[/\\](dist|\.turbo|node_modules)$/.test(from)
    cpSync(join(HERE, path), join(folder, path), { recursive: true, filter })
  }
  writeFileSync(join(folder, '.gitignore'), 'node_modules\ndist\n.turbo\n')
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  symlinkSync(ROOT, join(modules, 'wasm-preinit'), 'junction')
  symlinkSync(turbo, join(modules, 'turbo'), 'junction')
  const platforms = join(dirname(turbo), '@turbo')
  if (existsSync(platforms)) symlinkSync(platforms, join(modules, '@turbo'), 'junction')
  for (const workspace of ['engine', 'app']) {
    symlinkSync(join(folder, 'packages', workspace), join(modules, workspace), 'junction')
  }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lockfile(folder), undefined, 2))
  return folder
}

/**
 * What npm would write. Turborepo reads the versions of dependencies there, so that another version of
 * wasm-preinit is another build.
 * @param {string} folder
 */
function lockfile(folder) {
  const read = (/** @type {string} */ path) => JSON.parse(readFileSync(path, 'utf8'))
  const workspaces = Object.fromEntries(
    ['engine', 'app'].flatMap((name) => [
      [`node_modules/${name}`, { resolved: `packages/${name}`, link: true }],
      [`packages/${name}`, read(join(folder, 'packages', name, 'package.json'))],
    ]),
  )
  const [own, { version }] = [join(folder, 'package.json'), join(ROOT, 'package.json')].map(read)
  const packages = {
    '': own,
    ...workspaces,
    'node_modules/turbo': { version: read(join(turbo, 'package.json')).version },
    'node_modules/wasm-preinit': { version },
  }
  return { name: own.name, lockfileVersion: 3, requires: true, packages }
}

/** Whether wasm-preinit has run in a checkout: it keeps compiled code there. @param {string} folder */
function hasCompiled(folder) {
  const places = [folder, join(folder, 'packages', 'engine')]
  return places.some((place) => existsSync(join(place, 'node_modules', '.cache', 'wasm-preinit')))
}

/**
 * @param {string} folder
 * @param {...string} flags
 */
function build(folder, ...flags) {
  console.log(
    `\n$ ${['turbo run build', ...flags].join(' ')}   # in ${folder.slice(temporary.length + 1)}`,
  )
  const args = [
    'run',
    'build',
    `--cache-dir=${cache}`,
    '--ui=stream',
    '--log-order=grouped',
    ...flags,
  ]
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', NO_COLOR: '1' }
  const printed = execFileSync(process.execPath, [join(turbo, 'bin', 'turbo'), ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  console.log(printed.replaceAll(temporary, '').trim())
  return printed
}

/** The Turborepo that is installed here, or in the folder that `TURBO` names. */
function findTurbo() {
  for (const base of [process.env.TURBO, process.cwd(), HERE]) {
    if (!base) continue
    try {
      const path = createRequire(join(base, 'package.json')).resolve('turbo/package.json')
      return dirname(path)
    } catch {
      // Not there: the next one.
    }
  }
  throw new Error(
    'Turborepo is not installed: run `npm install turbo`, or name a folder in `TURBO`',
  )
}

// Loads the addon before anything else does, so that an installation that lacks it is told in one
// sentence: the generated loader, which finds it the same way and then has it from Node's own cache,
// would tell of a bug in npm and list everything it has tried.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** Operating systems and libraries of the addons that are published, each for x64 and arm64. */
const PLATFORMS = /** @type {Record<string, Record<string, string>>} */ ({
  linux: { glibc: 'linux-ARCH-gnu', musl: 'linux-ARCH-musl' },
  darwin: { '': 'darwin-ARCH' },
  win32: { '': 'win32-ARCH-msvc' },
})
const ARCHITECTURES = ['x64', 'arm64']

const require = createRequire(import.meta.url)

// The generated loader takes an addon from elsewhere when it is told to.
if (!process.env.NAPI_RS_NATIVE_LIBRARY_PATH) load()

function load() {
  const { platform, arch } = process
  const library = platform === 'linux' ? libraryOfLinux() : ''
  const here = [platform, arch, library && `(${library})`].filter(Boolean).join(' ')
  const pattern = PLATFORMS[platform]?.[library]
  if (pattern === undefined || !ARCHITECTURES.includes(arch)) {
    throw unavailable(
      `wasm-preinit has no addon for ${here}: there are addons for Linux (glibc and musl), macOS and Windows, each on x64 and arm64`,
    )
  }
  const target = pattern.replace('ARCH', arch)
  const name = `wasm-preinit-${target}`
  if (loads(`../wasm-preinit.${target}.node`, here)) return
  if (!loads(name, here)) {
    throw unavailable(
      `wasm-preinit's addon for ${here} is not installed, which is the optional dependency \`${name}\`: install on this platform and with optional dependencies, as \`npm install --include=optional\` does, and not with a node_modules folder of another one`,
    )
  }
  const { version } = require('../package.json')
  const found = require(`${name}/package.json`).version
  if (found !== version) {
    throw unavailable(
      `wasm-preinit ${version} can't use its addon for ${here} in version ${found}: install \`${name}\` again, in version ${version}`,
    )
  }
}

/**
 * Whether there is such a module; what is wrong with one that is there is an error.
 * @param {string} id
 * @param {string} here
 */
function loads(id, here) {
  try {
    require(id)
    return true
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
    if (code === 'MODULE_NOT_FOUND') return false
    throw unavailable(`wasm-preinit's addon for ${here} can't be loaded: ${message.trim()}`)
  }
}

/** As the generated loader tells them apart: by `ldd`, else by what Node itself was linked with. */
function libraryOfLinux() {
  try {
    return readFileSync('/usr/bin/ldd', 'latin1').includes('musl') ? 'musl' : 'glibc'
  } catch {
    Object.assign(process.report, { excludeNetwork: true })
    const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (
      process.report.getReport()
    )
    return report.header?.glibcVersionRuntime ? 'glibc' : 'musl'
  }
}

/** @param {string} message */
function unavailable(message) {
  const error = Object.assign(new Error(message), { code: 'ERR_ADDON_UNAVAILABLE' })
  // It is the installation that is at fault, no line of code.
  error.stack = `Error: ${message}`
  return error
}

// What is published, before it is: manifests that agree with each other, a main package that linters
// for packages find nothing in, an installation without its addon, and the steps of a release.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { publint } from 'publint'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * @param {string} [folder]
 * @returns {any}
 */
const manifestOf = (folder = ROOT) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

const root = manifestOf()
const packages = readdirSync(join(ROOT, 'npm')).map((name) => join(ROOT, 'npm', name))

/** Each target that is built, by the name of its package's folder, and who is to install it. */
const TARGETS = /** @type {const} */ ({
  'linux-x64-gnu': { os: 'linux', cpu: 'x64', libc: 'glibc', triple: 'x86_64-unknown-linux-gnu' },
  'linux-arm64-gnu': {
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    triple: 'aarch64-unknown-linux-gnu',
  },
  'linux-x64-musl': { os: 'linux', cpu: 'x64', libc: 'musl', triple: 'x86_64-unknown-linux-musl' },
  'linux-arm64-musl': {
    os: 'linux',
    cpu: 'arm64',
    libc: 'musl',
    triple: 'aarch64-unknown-linux-musl',
  },
  'darwin-x64': { os: 'darwin', cpu: 'x64', libc: undefined, triple: 'x86_64-apple-darwin' },
  'darwin-arm64': { os: 'darwin', cpu: 'arm64', libc: undefined, triple: 'aarch64-apple-darwin' },
  'win32-x64-msvc': { os: 'win32', cpu: 'x64', libc: undefined, triple: 'x86_64-pc-windows-msvc' },
  'win32-arm64-msvc': {
    os: 'win32',
    cpu: 'arm64',
    libc: undefined,
    triple: 'aarch64-pc-windows-msvc',
  },
})

describe('the platform packages', () => {
  test('are one for each target that is built', () => {
    const triples = Object.values(TARGETS).map(({ triple }) => triple)
    assert.deepEqual(triples.toSorted(), root.napi.targets.toSorted())
    const folders = packages.filter((folder) => manifestOf(folder).os !== undefined)
    assert.deepEqual(
      folders.toSorted(),
      Object.keys(TARGETS)
        .map((name) => join(ROOT, 'npm', name))
        .toSorted(),
    )
  })

  for (const [target, { os, cpu, libc }] of Object.entries(TARGETS)) {
    test(`hold the addon for ${target}, for whom it runs for and nobody else`, () => {
      const manifest = manifestOf(join(ROOT, 'npm', target))
      const addon = `wasm-preinit.${target}.node`
      assert.deepEqual(
        { os: manifest.os, cpu: manifest.cpu, libc: manifest.libc },
        { os: [os], cpu: [cpu], libc: libc && [libc] },
      )
      assert.equal(manifest.name, `wasm-preinit-${target}`)
      assert.equal(manifest.main, addon)
      assert.deepEqual(manifest.files, [addon, 'THIRD-PARTY-NOTICES'])
      for (const key of ['version', 'license', 'engines', 'description']) {
        assert.deepEqual(manifest[key], root[key], key)
      }
      const loader = readFileSync(join(ROOT, 'binding.js'), 'utf8')
      assert.ok(loader.includes(`require('${manifest.name}')`))
    })
  }
})

describe('the packages', () => {
  test('are of one version', () => {
    execFileSync(process.execPath, [join(ROOT, 'scripts', 'release.mjs'), 'check'])
  })

  test('run nothing when they are installed', () => {
    const scripts = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']
    for (const folder of [ROOT, ...packages]) {
      const own = Object.keys(manifestOf(folder).scripts ?? {})
      assert.deepEqual(
        own.filter((name) => scripts.includes(name)),
        [],
        folder,
      )
    }
  })

  test('have the license that they say', () => {
    const license = readFileSync(join(ROOT, 'LICENSE'), 'utf8')
    assert.match(license, /Apache License\s+Version 2\.0/)
    assert.match(license, /LLVM Exceptions to the Apache 2\.0 License/)
    for (const folder of [ROOT, ...packages]) {
      assert.equal(manifestOf(folder).license, 'Apache-2.0 WITH LLVM-exception', folder)
    }
  })
})

describe('the main package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
  /** @type {string} */
  let tarball
  /** @type {string[]} */
  let files
  before(() => {
    const options = ['--json', '--offline', '--ignore-scripts', '--pack-destination', folder]
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', ...options], {
        cwd: ROOT,
        encoding: 'utf8',
        shell: process.platform === 'win32',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    tarball = join(folder, packed.filename)
    files = packed.files.map((/** @type {{ path: string }} */ { path }) => path)
  })
  after(() => rmSync(folder, { recursive: true }))

  /** What is loaded, once by each name. */
  const entries = () =>
    Object.entries(/** @type {Record<string, any>} */ (root.exports)).filter(
      ([, value]) => typeof value !== 'string',
    )

  test('holds each file that it exports or runs, each with types', () => {
    assert.ok(entries().length > 0)
    for (const [name, { types, default: file }] of entries()) {
      // Where there is nothing to import, there are types alone.
      for (const path of file ? [types, file] : [types])
        assert.ok(files.includes(path.slice(2)), `${name}: ${path}`)
    }
    for (const path of Object.values(root.bin))
      assert.ok(files.includes(String(path)), String(path))
  })

  test('can be imported by each name it exports', async () => {
    for (const [name, { default: file }] of entries()) {
      if (!file) continue
      const module = await import(name.replace('.', 'wasm-preinit'))
      assert.ok(Object.keys(module).length > 0, name)
    }
  })

  test('leaves publint nothing to say', async () => {
    const { buffer } = Uint8Array.from(readFileSync(tarball))
    const { messages } = await publint({ pack: { tarball: buffer }, level: 'suggestion' })
    assert.deepEqual(messages, [])
  })

  test('has types that resolve wherever ES modules are imported', () => {
    const cli = dirname(fileURLToPath(import.meta.resolve('@arethetypeswrong/cli/package.json')))
    const script = join(cli, manifestOf(cli).bin.attw)
    const args = [script, tarball, '--profile', 'esm-only', '--no-color', '--no-emoji']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })

  test('depends on what it imports, and on nothing else', () => {
    const imported = new Set(
      files.filter((file) => file.endsWith('.js')).flatMap((file) => packagesIn(file)),
    )
    for (const name of imported) {
      const known = { ...root.dependencies, ...root.peerDependencies, [root.name]: '' }
      assert.ok(name in known, `\`${name}\` is imported and no dependency`)
    }
    for (const name of Object.keys(root.dependencies)) assert.ok(imported.has(name), name)
    for (const name of Object.keys(root.peerDependencies)) {
      assert.equal(root.peerDependenciesMeta[name]?.optional, true, name)
    }
  })

  test('loads no package and not `node:process` by being imported', () => {
    const seen = new Set(['index.js'])
    for (const file of seen) {
      for (const specifier of staticImports(file)) {
        assert.notEqual(specifier, 'node:process', file)
        if (specifier.startsWith('.'))
          seen.add(join(dirname(file), specifier).replaceAll('\\', '/'))
        else
          assert.ok(
            specifier.startsWith('node:') || specifier === 'module',
            `${file}: ${specifier}`,
          )
      }
    }
    assert.ok(seen.size > 5)
  })

  /**
   * Packages that a file names.
   * @param {string} file
   */
  function packagesIn(file) {
    // The generated loader names addons for platforms that nobody publishes.
    if (file === 'binding.js') return []
    const text = readFileSync(join(ROOT, file), 'utf8')
    const named = text.matchAll(/\b(?:from|import|import\(|require\(|resolve\()\s*'([^'\s]+)'/g)
    return [...named]
      .map(([, specifier]) => specifier)
      .filter((specifier) => /^[@a-z]/.test(specifier) && !/^(node|file|data|\w):/.test(specifier))
      .filter((specifier) => !builtinModules.includes(specifier))
      .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '')
  }

  /** @param {string} file */
  function staticImports(file) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    return [...text.matchAll(/^(?:import|export)\s(?:[^'`;]*?\sfrom\s)?'([^']+)'/gm)].map(
      ([, specifier]) => specifier,
    )
  }
})

describe('an installation without its addon', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
  const LOAD = pathToFileURL(join(folder, 'lib', 'load.js')).href
  before(() => {
    mkdirSync(join(folder, 'lib'))
    for (const file of ['package.json', 'lib/load.js']) cpSync(join(ROOT, file), join(folder, file))
  })
  after(() => rmSync(folder, { recursive: true }))

  /**
   * What loading says on a machine of this kind.
   * @param {{ platform?: string, arch?: string }} machine
   */
  function said({ platform = process.platform, arch = process.arch }) {
    const script = `
      Object.defineProperty(process, 'platform', { value: '${platform}' })
      Object.defineProperty(process, 'arch', { value: '${arch}' })
      import('${LOAD}').catch(({ code, message, stack, cause }) =>
        console.log(JSON.stringify({ code, message, stack, cause })))`
    const { NAPI_RS_NATIVE_LIBRARY_PATH: _, ...env } = process.env
    const { stdout, stderr } = spawnSync(process.execPath, ['--eval', script], {
      encoding: 'utf8',
      env,
    })
    assert.equal(stderr, '')
    const error = JSON.parse(stdout)
    assert.equal(error.code, 'ERR_ADDON_UNAVAILABLE')
    assert.equal(error.stack, `Error: ${error.message}`)
    assert.equal(error.cause, undefined)
    return error.message
  }

  for (const [platform, arch, name] of [
    ['darwin', 'arm64', 'darwin-arm64'],
    ['darwin', 'x64', 'darwin-x64'],
    ['win32', 'arm64', 'win32-arm64-msvc'],
    ['linux', 'arm64', 'linux-arm64-(gnu|musl)'],
  ]) {
    test(`says which package ${platform} ${arch} needs, and how to get it`, () => {
      assert.match(
        said({ platform, arch }),
        new RegExp(
          `^wasm-preinit's addon for ${platform} ${arch}( \\((glibc|musl)\\))? is not installed, which is the optional dependency \`wasm-preinit-${name}\`: install .*--include=optional`,
        ),
      )
    })
  }

  for (const machine of [
    { platform: 'freebsd' },
    { arch: 's390x' },
    { platform: 'aix', arch: 'ppc64' },
  ]) {
    test(`says that there is none for ${Object.values(machine).join(' ')}`, () => {
      assert.match(said(machine), /^wasm-preinit has no addon for .*: there are addons for Linux/)
    })
  }

  test('says what is wrong with an addon that is there', () => {
    const name = /`(wasm-preinit-[\w-]+)`/.exec(said({}))?.[1] ?? ''
    const addon = join(folder, 'node_modules', name)
    mkdirSync(addon, { recursive: true })
    writeFileSync(join(addon, 'package.json'), '{ "version": "0.0.1" }')
    writeFileSync(join(addon, 'index.js'), '')
    assert.match(
      said({}),
      new RegExp(
        `^wasm-preinit ${root.version} can't use .* in version 0\\.0\\.1: install \`${name}\``,
      ),
    )
    writeFileSync(join(addon, 'package.json'), '{ "main": "addon.node" }')
    writeFileSync(join(addon, 'addon.node'), 'no library')
    assert.match(said({}), /^wasm-preinit's addon for .* can't be loaded: .*addon\.node/)
  })
})

describe('a release', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
  const addons = join(folder, 'addons')
  before(() => {
    const copied = ['npm', 'scripts', 'package.json', 'Cargo.toml', 'CHANGELOG.md', 'LICENSE']
    for (const name of [...copied, 'index.js']) {
      cpSync(join(ROOT, name), join(folder, name), {
        recursive: true,
        filter: (path) => !path.endsWith('.node'),
      })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
    writeFileSync(join(folder, 'THIRD-PARTY-NOTICES'), 'notices')
    for (const target of Object.keys(TARGETS)) {
      mkdirSync(join(addons, `addon-${target}`), { recursive: true })
      writeFileSync(join(addons, `addon-${target}`, `wasm-preinit.${target}.node`), target)
    }
  })
  after(() => rmSync(folder, { recursive: true }))

  /** @param {string[]} args */
  function release(...args) {
    const script = join(folder, 'scripts', 'release.mjs')
    const env = { ...process.env, GITHUB_REPOSITORY: 'owner/name', npm_config_offline: 'true' }
    return spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8', env })
  }

  test('builds what is published, and tries it out with tests that there are', () => {
    const workflow = readFileSync(join(ROOT, '.github', 'workflows', 'release.yml'), 'utf8')
    const targets = [...workflow.matchAll(/\btarget: ([\w-]+)/g)].map(([, target]) => target)
    assert.deepEqual(targets.toSorted(), Object.keys(TARGETS).toSorted())
    const trials = workflow.match(/__test__\/[\w-]+\.test\.js/g) ?? []
    assert.ok(trials.length > 0)
    for (const file of trials) assert.ok(existsSync(join(ROOT, file)), file)
  })

  test('is refused where versions differ, or the tag or the changelog is another one', () => {
    assert.match(release('check', 'v99.0.0').stderr, /but the tag is v99\.0\.0/)
    writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n')
    assert.match(release('check', `v${root.version}`).stderr, /CHANGELOG\.md has no section/)
    writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n## [${root.version}]\n`)
    const { status, stderr } = release('check', `v${root.version}`)
    assert.equal(status, 0, stderr)

    const cargo = readFileSync(join(folder, 'Cargo.toml'), 'utf8')
    writeFileSync(join(folder, 'Cargo.toml'), cargo.replace(root.version, '98.0.0'))
    assert.match(release('check').stderr, /Cargo\.toml is of version 98\.0\.0/)
    writeFileSync(join(folder, 'Cargo.toml'), cargo)

    const path = join(folder, 'npm', 'darwin-x64', 'package.json')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(`"version": "${root.version}"`, '"version": "97.0.0"'))
    assert.match(release('check').stderr, /wasm-preinit-darwin-x64 is of version 97\.0\.0/)
    writeFileSync(path, text)
  })

  test('is refused where an addon is missing', () => {
    const missing = join(addons, 'addon-darwin-x64')
    const elsewhere = join(folder, 'elsewhere')
    cpSync(missing, elsewhere, { recursive: true })
    rmSync(missing, { recursive: true })
    assert.notEqual(release('stage', 'addons').status, 0)
    assert.equal(manifestOf(folder).optionalDependencies, undefined)
    cpSync(elsewhere, missing, { recursive: true })
  })

  test('puts everything where it is published from', () => {
    const { status, stdout, stderr } = release('stage', 'addons')
    assert.equal(status, 0, stdout + stderr)
    const staged = manifestOf(folder)
    assert.deepEqual(
      staged.optionalDependencies,
      Object.fromEntries(
        Object.keys(TARGETS).map((name) => [`wasm-preinit-${name}`, root.version]),
      ),
    )
    const url = staged.repository.url
    if (root.repository === undefined) assert.equal(url, 'git+https://github.com/owner/name.git')
    for (const name of readdirSync(join(folder, 'npm'))) {
      const path = join(folder, 'npm', name)
      const { repository, main } = manifestOf(path)
      assert.deepEqual(repository, { type: 'git', url, directory: `npm/${name}` })
      assert.ok(existsSync(join(path, 'LICENSE')))
      if (!(name in TARGETS)) continue
      assert.equal(readFileSync(join(path, main), 'utf8'), name)
      assert.equal(readFileSync(join(path, 'THIRD-PARTY-NOTICES'), 'utf8'), 'notices')
    }
    const { optionalDependencies, repository, ...rest } = staged
    const { repository: _, ...before } = root
    assert.deepEqual(rest, before)
  })
})

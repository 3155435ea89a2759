// The packages as users get them: packed, installed without a network and used from outside.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { assemble, functions, instantiate } from './compare.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Files that may be in the main package; nothing of the build, the tests or the addon itself. */
const PACKED = [
  /^(index|binding)\.(js|d\.ts)$/,
  /^(lib|cli|plugins|report)\/([\w-]+\/)*[\w-]+\.(js|d\.ts)$/,
  /^report\/([\w-]+\/)*[\w-]+\.(css|html|svg)$/,
  /^bin\/(wasm-preinit\.js|wizer|wizer\.cmd|wizer-path\.(js|d\.ts))$/,
  /^include\/[\w-]+\.h$/,
  /^(package\.json|README\.md|CHANGELOG\.md|SECURITY\.md|LICENSE)$/,
]

/** What has nothing to do in any package, wherever it is. */
const LEAKS =
  /(^|\/)(__test__|tests?|fixtures|src|target|node_modules|\.[^/]+)(\/|$)|\.(test\.js|rs|wasm|wat|node|tgz|map)$/

/** The main package stays small; the addons are large. */
const MOST_BYTES = 1_000_000

const ENGINE = `(module
  (global $state (mut i32) (i32.const 0))
  (func (export "init") (global.set $state (i32.const 42)))
  (func (export "state") (result i32) (global.get $state)))`

/** The manifest of this platform's package, and where it is. */
function platformPackage() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report.getReport()
  )
  const libc = header.glibcVersionRuntime ? 'glibc' : 'musl'
  const folders = readdirSync(join(ROOT, 'npm')).map((name) => join(ROOT, 'npm', name))
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const { os = [], cpu, libc: libcs = [libc] } = manifest
    if (os.includes(process.platform) && cpu.includes(process.arch) && libcs.includes(libc)) {
      return { folder, manifest }
    }
  }
  assert.fail(`npm/ has no package for ${process.platform} ${process.arch} ${libc}`)
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
function npm(args, cwd) {
  const options = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  return execFileSync('npm', [...args, ...options], {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/**
 * Packs a folder; answers the path of the package and what is in it.
 * @param {string} folder
 * @param {string} destination
 */
function pack(folder, destination) {
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', destination], folder))
  const files = packed.files.map((/** @type {{ path: string }} */ { path }) => path)
  return { path: join(destination, packed.filename), files, manifest: packed }
}

/**
 * Folders of the packages that a package depends on, and so on.
 * @param {string} folder
 * @param {Set<string>} [found]
 */
function dependencies(folder, found = new Set()) {
  const { dependencies: names = {} } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  for (const name of Object.keys(names)) {
    const nested = join(folder, 'node_modules', name)
    const dependency = existsSync(nested) ? nested : join(ROOT, 'node_modules', name)
    if (found.has(dependency)) continue
    found.add(dependency)
    dependencies(dependency, found)
  }
  return found
}

describe('the packages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
  const project = join(folder, 'project')
  /** @type {ReturnType<typeof pack>} */
  let main
  /** @type {ReturnType<typeof pack>} */
  let addon

  before(async () => {
    main = pack(ROOT, folder)
    const { folder: source, manifest } = platformPackage()
    const platform = join(folder, 'platform')
    cpSync(source, platform, { recursive: true })
    copyFileSync(join(ROOT, manifest.main), join(platform, manifest.main))
    addon = pack(platform, folder)

    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{ "private": true }')
    writeFileSync(join(project, 'engine.wasm'), await assemble(ENGINE))
    // Dependencies come from where they are installed: a cache may know them by their lock only.
    npm(['install', '--install-links', main.path, addon.path, ...dependencies(ROOT)], project)
  })
  after(() => rmSync(folder, { recursive: true }))

  /**
   * @param {string[]} args
   * @param {string} [command]
   */
  function run(args, command = process.execPath) {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      shell: process.platform === 'win32',
    })
    assert.equal(status, 0, String(error ?? stderr))
    return { stdout, stderr }
  }

  /** @param {string} name */
  function assertInitialized(name) {
    const instance = instantiate(readFileSync(join(project, name)))
    assert.deepEqual(Object.keys(instance.exports), ['state'])
    assert.equal(functions(instance).state(), 42)
    rmSync(join(project, name))
  }

  test('hold what users need and nothing else', () => {
    const strange = main.files.filter(
      (/** @type {string} */ file) =>
        LEAKS.test(file) || !PACKED.some((pattern) => pattern.test(file)),
    )
    assert.deepEqual(strange, [])
    assert.ok(main.manifest.unpackedSize < MOST_BYTES, `${main.manifest.unpackedSize} bytes`)
    for (const file of ['index.js', 'index.d.ts', 'binding.js', 'README.md', 'LICENSE']) {
      assert.ok(main.files.includes(file), file)
    }
    const { manifest } = platformPackage()
    assert.deepEqual(
      addon.files.toSorted(),
      ['README.md', 'package.json', manifest.main].toSorted(),
    )
  })

  test('have one version', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    for (const name of readdirSync(join(ROOT, 'npm'))) {
      const manifest = readFileSync(join(ROOT, 'npm', name, 'package.json'), 'utf8')
      assert.equal(JSON.parse(manifest).version, version, name)
    }
  })

  test('bring only what they name as dependencies', () => {
    const installed = JSON.parse(
      readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8'),
    )
    const named = [...dependencies(ROOT)].map((path) =>
      path.slice(join(ROOT, 'node_modules/').length),
    )
    assert.deepEqual(
      Object.keys(installed.packages)
        .map((path) => path.replace(/^.*node_modules\//, ''))
        .toSorted(),
      [
        'wasm-preinit',
        addon.manifest.name,
        ...named.map((name) => name.replaceAll('\\', '/')),
      ].toSorted(),
    )
  })

  test('do what the quick start of the README says', () => {
    const readme = readFileSync(join(project, 'node_modules/wasm-preinit/README.md'), 'utf8')
    const script = /```js\n(.*?)```/s.exec(readme)?.[1]
    assert.ok(script, 'the README has no script')
    writeFileSync(join(project, 'start.mjs'), script)
    run(['start.mjs'])
    assertInitialized('engine.fast.wasm')

    const [command, ...args] = (/^npx (wasm-preinit .*)$/m.exec(readme)?.[1] ?? '').split(' ')
    run(args, join(project, 'node_modules', '.bin', command))
    assertInitialized('engine.fast.wasm')
  })

  test('run by npx', () => {
    run(['--offline', 'wasm-preinit', 'engine.wasm', '-f', 'init', '-o', 'npx.wasm'], 'npx')
    assertInitialized('npx.wasm')
  })

  test('can be required from CommonJS', () => {
    writeFileSync(
      join(project, 'sync.cjs'),
      `const { initializeSync, version } = require('wasm-preinit')
      const { readFileSync, writeFileSync } = require('node:fs')
      writeFileSync('cjs.wasm', initializeSync(readFileSync('engine.wasm'), { initFunc: 'init' }))
      console.log(version === require('wasm-preinit/package.json').version)`,
    )
    assert.equal(run(['sync.cjs']).stdout, 'true\n')
    assertInitialized('cjs.wasm')
  })

  test('export nothing but what is public', () => {
    const script = `
      import('wasm-preinit/binding.js').catch((error) => console.log(error.code))
      import('wasm-preinit').then((module) => console.log(Object.keys(module).sort().join()))`
    const { stdout } = run(['--eval', script])
    assert.deepEqual(stdout.trim().split('\n').toSorted(), [
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
      'InitializeError,initialize,initializeSync,initializeWithReport,inspect,version',
    ])
  })

  test('have types that programs can be checked with', () => {
    writeFileSync(
      join(project, 'typed.mts'),
      `import { InitializeError, initialize, initializeWithReport, type ModuleInfo, inspect } from 'wasm-preinit'
      const bytes = new Uint8Array(await (await fetch('engine.wasm')).arrayBuffer())
      const info: ModuleInfo = inspect(bytes)
      const output = await initialize(bytes, { initFunc: info.initFuncs[0], wasi: { env: { A: 'b' } } })
      const module: WebAssembly.Module = await WebAssembly.compile(output)
      // @ts-expect-error: an unknown option
      await initialize(bytes, { initfunc: 'init' })
      try {
        const { report } = await initializeWithReport(bytes)
        report.memories[0].pagesAfter satisfies number
      } catch (error) {
        if (error instanceof InitializeError && error.code === 'ERR_TRAP') error.trap?.frames[0].func
      }
      export { module }`,
    )
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--lib',
      'es2022,dom',
    ]
    const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules', '@types')]
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, ...options, ...types, 'typed.mts'],
      {
        cwd: project,
        encoding: 'utf8',
      },
    )
    assert.equal(status, 0, stdout)
  })

  test('say what to install for `optimize`', () => {
    const script = `
      import('./node_modules/wasm-preinit/lib/optimize.js')
        .then(({ optimize }) => optimize(require('node:fs').readFileSync('engine.wasm')))
        .catch(({ code, option, message }) => console.log(code, option, message))`
    assert.match(
      run(['--eval', script]).stdout,
      /^ERR_INVALID_OPTION optimize .*install binaryen: npm install --save-dev binaryen\n$/,
    )
  })

  test('say in one sentence what is missing where the addon was not installed', () => {
    rmSync(join(project, 'node_modules', addon.manifest.name), { recursive: true })
    const sentence = new RegExp(
      `wasm-preinit's addon for ${process.platform} ${process.arch}.* is not installed, which is the optional dependency \`${addon.manifest.name}\`: install `,
    )
    for (const script of ["import('wasm-preinit')", "require('wasm-preinit')"]) {
      const { status, stderr } = spawnSync(process.execPath, ['--eval', script], {
        cwd: project,
        encoding: 'utf8',
      })
      assert.notEqual(status, 0)
      assert.match(stderr, sentence)
      assert.doesNotMatch(stderr, /Cannot find|npm has a bug|\n {4}at .*wasm-preinit/)
    }
  })
})

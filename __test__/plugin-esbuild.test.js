// The plugin in real builds of esbuild.

import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { describe, test } from 'node:test'
import * as esbuild from 'esbuild'
import { initialize } from '../index.js'
import preinit from 'wasm-preinit/esbuild'
import { Builds, COUNTER, decoded, emitted, onlyModule, project, run, valueOf } from './bundles.js'

/**
 * @typedef {import('esbuild').BuildOptions} BuildOptions
 * @typedef {import('esbuild').BuildResult} BuildResult
 * @typedef {import('wasm-preinit/esbuild').Options} Options
 * @typedef {Awaited<ReturnType<typeof project>>} Project
 */

/**
 * @param {Project} it
 * @param {Options} [options]
 * @param {BuildOptions} [more]
 * @returns {BuildOptions}
 */
const configured = (it, options, { plugins = [], ...more } = {}) => ({
  absWorkingDir: it.folder,
  entryPoints: ['src/main.js'],
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'silent',
  plugins: [preinit({ cache: it.cache, ...options }), ...plugins],
  ...more,
})

/**
 * What the bundle exports.
 * @param {Project} it
 * @param {Options} [options]
 * @param {BuildOptions} [more]
 */
async function built(it, options, more) {
  await rm(it.at('dist'), { recursive: true, force: true })
  await esbuild.build(configured(it, options, more))
  return run(it.at('dist/main.js'))
}

/**
 * @param {Project} it
 * @param {Options} [options]
 * @param {BuildOptions} [more]
 */
async function failureOf(it, options, more) {
  try {
    await esbuild.build(configured(it, options, more))
  } catch (error) {
    const { errors } = /** @type {import('esbuild').BuildFailure} */ (error)
    assert.equal(errors.length, 1)
    return errors[0]
  }
  assert.fail('the build went well')
}

/**
 * Watches until the test ends.
 * @param {import('node:test').TestContext} t
 * @param {BuildOptions} options
 */
async function watched(t, { plugins = [], ...options }) {
  /** @type {Builds<BuildResult>} */
  const builds = new Builds()
  const watcher = {
    name: 'watcher',
    /** @param {import('esbuild').PluginBuild} build */
    setup: (build) => build.onEnd((result) => builds.add(result)),
  }
  const context = await esbuild.context({ ...options, plugins: [...plugins, watcher] })
  t.after(() => context.dispose())
  await context.watch()
  return builds
}

/** @param {BuildResult} result */
const failed = ({ errors }) => errors.length > 0

/** A plugin as projects have it: an import is a function that makes an instance. */
const INSTANCES = {
  name: 'instances',
  /** @param {import('esbuild').PluginBuild} build */
  setup(build) {
    build.onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir, namespace }) => ({
      path: resolve(resolveDir, path),
      namespace: namespace === 'instance' ? 'binary' : 'instance',
    }))
    build.onLoad({ filter: /./, namespace: 'instance' }, ({ path }) => ({
      contents: `import bytes from ${JSON.stringify(path)}
        export default async () => (await WebAssembly.instantiate(bytes)).instance`,
    }))
    build.onLoad({ filter: /./, namespace: 'binary' }, async ({ path }) => ({
      contents: await readFile(path),
      loader: 'binary',
    }))
  },
}

const DONE_IN_TIME = { timeout: 60_000 }

const BARE = { 'src/main.js': `export { default } from './counter.wasm?preinit'` }
const INIT = { 'src/main.js': `export { default } from './counter.wasm?preinit&init'` }

describe('esbuild: an import with the query', () => {
  test('is the URL of an emitted file, which holds exactly the finished module', async (t) => {
    const it = await project(t, BARE)
    for (const loader of /** @type {const} */ ([undefined, 'binary', 'dataurl'])) {
      const url = await built(it, {}, loader && { loader: { '.wasm': loader } })
      const { name, bytes } = await onlyModule(it.at('dist'))
      assert.deepEqual(bytes, await initialize(it.counter))
      assert.equal(valueOf(bytes), 42)
      assert.match(name, /^counter-\w+\.wasm$/)
      assert.equal(url, `./${name}`)
    }
  })

  test('and `init` is what the loader for .wasm makes of it', async (t) => {
    const it = await project(t, INIT)
    const finished = await initialize(it.counter)
    const as = (/** @type {import('esbuild').Loader} */ loader) =>
      built(it, {}, { loader: { '.wasm': loader } })
    assert.deepEqual(Buffer.from(await as('binary')), finished)
    assert.deepEqual(await decoded(await as('dataurl')), finished)
    assert.deepEqual(Buffer.from(await as('base64'), 'base64'), finished)
    const url = await as('file')
    assert.deepEqual(await readFile(it.at(join('dist', url))), finished)
  })

  test('and `init` is what another plugin makes of it', async (t) => {
    const it = await project(t, INIT)
    const make = await built(it, {}, { plugins: [INSTANCES] })
    assert.equal((await make()).exports.get(), 42)
  })

  test('and `init` is a copied file that the import stays with', async (t) => {
    const it = await project(t, INIT)
    await esbuild.build(configured(it, {}, { loader: { '.wasm': 'copy' } }))
    const { name, bytes } = await onlyModule(it.at('dist'))
    assert.deepEqual(bytes, await initialize(it.counter))
    assert.ok((await readFile(it.at('dist/main.js'), 'utf8')).includes(`from "./${name}"`))
  })

  test('and a type attribute is the bytes', async (t) => {
    const it = await project(t, {
      'src/main.js': `export { default } from './counter.wasm?preinit' with { type: 'bytes' }`,
    })
    assert.deepEqual(Buffer.from(await built(it)), await initialize(it.counter))
  })

  test('and `init` without a loader is an error that says what to do', async (t) => {
    const { text, location } = await failureOf(await project(t, INIT))
    assert.match(text, /no loader is configured for `\.wasm`: set `loader`/)
    assert.equal(location?.file, 'src/main.js')
  })

  test('leaves the same file without the query as it is', async (t) => {
    const it = await project(t, {
      'src/main.js': `import finished from './counter.wasm?preinit'
        import original from './counter.wasm'
        import again from '../src/counter.wasm?preinit'
        export default [finished, original, again]`,
    })
    const urls = await built(it, {}, { loader: { '.wasm': 'file' } })
    assert.equal(urls[0], urls[2])
    const at = (/** @type {string} */ url) => readFile(it.at(join('dist', url)))
    assert.deepEqual(await at(urls[0]), await initialize(it.counter))
    assert.deepEqual(await at(urls[1]), it.counter)
  })

  test('may name a text module, of which a binary is emitted', async (t) => {
    const it = await project(t, {
      'src/counter.wat': COUNTER,
      'src/main.js': `import url from './counter.wat?preinit'
        import bytes from './counter.wat?preinit&init'
        export default [url, bytes]`,
    })
    const [, bytes] = await built(it, {}, { loader: { '.wasm': 'binary' } })
    const finished = await initialize(Buffer.from(COUNTER))
    assert.deepEqual(Buffer.from(bytes), finished)
    assert.deepEqual((await onlyModule(it.at('dist'))).bytes, finished)
  })

  test('may name a file of a package', async (t) => {
    const it = await project(t, {
      'node_modules/counter/package.json': '{ "exports": { "./wasm": "./counter.wat" } }',
      'node_modules/counter/counter.wat': COUNTER,
      'src/main.js': `export { default } from 'counter/wasm?preinit'`,
    })
    await built(it)
    assert.equal(valueOf((await onlyModule(it.at('dist'))).bytes), 42)
  })

  test('reads the same in bundles of projects elsewhere', async (t) => {
    const bundles = []
    for (const it of [await project(t, BARE), await project(t, BARE)]) {
      const more = { metafile: true, sourcemap: /** @type {const} */ ('inline') }
      const { metafile } = await esbuild.build(configured(it, {}, more))
      bundles.push([await readFile(it.at('dist/main.js'), 'utf8'), metafile])
    }
    assert.deepEqual(bundles[0], bundles[1])
  })
})

describe('esbuild: options', () => {
  test('include and exclude modules by path, whose imports mean what they meant', async (t) => {
    const it = await project(t, {
      'src/other.wat': COUNTER,
      'src/other.wasm': await initialize(Buffer.from(COUNTER), { keepInitFunc: true }),
      'src/main.js': `import included from './counter.wasm'
        import excluded from './other.wasm'
        export default [included, excluded]`,
    })
    const options = { include: ['src/*.wasm'], exclude: /other/ }
    const [included, excluded] = await built(it, options, { loader: { '.wasm': 'binary' } })
    assert.deepEqual(Buffer.from(included), await initialize(it.counter))
    assert.deepEqual(Buffer.from(excluded), await readFile(it.at('src/other.wasm')))
    const made = await built(it, options, { plugins: [INSTANCES] })
    const [first, second] = await Promise.all(
      made.map((/** @type {() => Promise<WebAssembly.Instance>} */ make) => make()),
    )
    assert.deepEqual(Object.keys(first.exports).sort(), ['get', 'other'])
    assert.ok('wizer.initialize' in second.exports)
  })

  test('may differ by module', async (t) => {
    const it = await project(t, {
      'src/second.wat': COUNTER,
      'src/main.js': `import first from './counter.wasm?preinit&init'
        import second from './second.wat?preinit&init'
        export default [first, second]`,
    })
    const second = it.at(join('src', 'second.wat'))
    /** @param {string} path */
    const options = (path) => (path === second ? { initFunc: 'other' } : {})
    const modules = await built(it, { options }, { loader: { '.wasm': 'binary' } })
    assert.deepEqual(modules.map(valueOf), [42, 7])
  })

  test('that are unknown throw as the plugin is made', () => {
    assert.throws(() => preinit(/** @type {{}} */ ({ inculde: '*.wasm' })), {
      name: 'TypeError',
      code: 'ERR_INVALID_OPTION',
      message: /`inculde`/,
    })
  })

  test('may come from a script that is CommonJS', async (t) => {
    const it = await project(t, {
      ...BARE,
      'build.cjs': `module.exports = require('wasm-preinit/esbuild')`,
    })
    const required = createRequire(it.at('build.cjs'))('./build.cjs')
    await built(it, {}, { plugins: [required({ cache: it.cache })] })
    assert.equal(required, preinit)
  })
})

describe('esbuild: files that the guest reads', () => {
  const READER = { 'src/main.js': `export { default } from './reader.wasm?preinit'` }

  test('change the name of the emitted file', async (t) => {
    const it = await project(t, { ...READER, 'data/input.txt': 'first' })
    const names = []
    for (const text of ['first', 'second', 'first']) {
      await writeFile(it.at('data/input.txt'), text)
      await built(it, { wasi: it.wasi })
      const { name, bytes } = await onlyModule(it.at('dist'))
      assert.deepEqual(bytes, await initialize(it.reader, { wasi: it.wasi }))
      assert.equal(valueOf(bytes), text.charCodeAt(0))
      names.push(name)
    }
    assert.notEqual(names[0], names[1])
    assert.equal(names[0], names[2])
  })

  test(
    'make a watching build start anew, also when they appear or failed it',
    DONE_IN_TIME,
    async (t) => {
      const it = await project(t, { ...READER, 'data/input.txt': '!' })
      const builds = await watched(t, configured(it, { wasi: it.wasi }, { assetNames: '[name]' }))
      const file = it.at('dist/reader.wasm')
      const value = async () => valueOf(await readFile(file))
      assert.equal(failed(await builds.next()), true)
      await writeFile(it.at('data/input.txt'), 'mended')
      await builds.until((result) => !failed(result))
      assert.equal(await value(), 'm'.charCodeAt(0))
      await rm(it.at('data/input.txt'))
      await builds.until(async () => (await value()) === 0)
      await writeFile(it.at('data/input.txt'), 'appeared')
      await builds.until(async () => (await value()) === 'a'.charCodeAt(0))
    },
  )

  test('make it start anew when the folder that it has listed changes', DONE_IN_TIME, async (t) => {
    const it = await project(t, {
      'src/main.js': `export { default } from './lister.wasm?preinit'`,
      'data/first.txt': '',
    })
    const builds = await watched(t, configured(it, { wasi: it.wasi }, { assetNames: '[name]' }))
    const listed = () => readFile(it.at('dist/lister.wasm'), 'latin1')
    await builds.next()
    assert.doesNotMatch(await listed(), /added\.txt/)
    await writeFile(it.at('data/added.txt'), '')
    await builds.until(async () => (await listed()).includes('added.txt'))
  })

  test('that another plugin would load is such an error too', async (t) => {
    const it = await project(t, { 'src/main.js': `import './trap.wasm?preinit&init'` })
    const { text, location } = await failureOf(it, {}, { plugins: [INSTANCES] })
    assert.match(text, /ERR_TRAP/)
    assert.equal(location?.file, 'src/main.js')
  })

  test('because it is external is an error that says what to do', async (t) => {
    const it = await project(t, BARE)
    const { text } = await failureOf(it, {}, { external: ['*.wasm'] })
    assert.match(text, /^`\.\/counter\.wasm` is external .*take it out of `external`/)
  })

  test('because it is missing is the error that the bundler has for that', async (t) => {
    const it = await project(t, { 'src/main.js': `import './missing.wasm?preinit'` })
    const { text, location } = await failureOf(it)
    assert.match(text, /^Could not resolve "\.\/missing\.wasm"/)
    assert.equal(location?.file, 'src/main.js')
  })
})

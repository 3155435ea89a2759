// What webpack and Rspack, which take the same configuration, have to do with modules that take part.

import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { initialize } from '../index.js'
import { COUNTER, decoded, emitted, onlyModule, project, valueOf } from './bundles.js'
import { configured, onDiskIn, pack, packed, watched } from './packing.js'

/** @typedef {import('wasm-preinit/webpack').Options} Options */

const DONE_IN_TIME = { timeout: 60_000 }

/** @param {import('webpack').Stats} stats */
const failed = (stats) => stats.hasErrors()

/** @param {import('./packing.js').Packer} packer */
export function testPacker(packer) {
  const { name, create, preinit } = packer

  describe(`${name}: an import with the query`, () => {
    test('is the URL of an emitted file, which holds exactly the finished module', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit'`,
      })
      const url = await packed(packer, it)
      const { name, bytes } = await onlyModule(it.at('dist'))
      assert.deepEqual(bytes, await initialize(it.counter))
      assert.equal(valueOf(bytes), 42)
      assert.equal(
        new URL(url, pathToFileURL(it.at('dist/'))).href,
        pathToFileURL(it.at(join('dist', name))).href,
      )
      assert.match(name, /^[0-9a-f]+\.wasm$/)
    })

    test('and `init` is an instance that starts where init left off', async (t) => {
      const it = await project(t, {
        'src/index.js': `import * as counter from './counter.wasm?preinit&init'
          import * as original from './counter.wasm'
          export default [Object.keys(counter).sort(), counter.get(), original.get()]`,
      })
      assert.deepEqual(await packed(packer, it), [['get', 'other'], 42, 1])
      const modules = Object.values(await emitted(it.at('dist')))
      const finished = await initialize(it.counter)
      assert.ok(modules.some((bytes) => bytes.equals(finished)))
    })

    test('and `new URL` is an emitted file', async (t) => {
      const it = await project(t, {
        'src/index.js': `export default new URL('./counter.wasm?preinit', import.meta.url).href`,
      })
      const url = await packed(packer, it)
      const { name, bytes } = await onlyModule(it.at('dist'))
      assert.deepEqual(bytes, await initialize(it.counter))
      assert.equal(basename(new URL(url).pathname), name)
      assert.deepEqual(await readFile(new URL(url)), bytes)
    })

    test('leaves the same file without the query as it is', async (t) => {
      const it = await project(t, {
        'src/index.js': `import finished from './counter.wasm?preinit'
          export default [finished, new URL('./counter.wasm', import.meta.url).href]`,
      })
      await packed(packer, it)
      const modules = Object.values(await emitted(it.at('dist')))
      assert.deepEqual(modules.map(valueOf).sort(), [1, 42])
      assert.ok(modules.some((bytes) => bytes.equals(it.counter)))
    })

    test('may name a text module, of which a binary is emitted', async (t) => {
      const it = await project(t, {
        'src/counter.wat': COUNTER,
        'src/index.js': `import url from './counter.wat?preinit'
          import { get } from './counter.wat?preinit&init'
          export default [url, new URL('./counter.wat?preinit', import.meta.url).href, get()]`,
      })
      const [, , value] = await packed(packer, it)
      assert.equal(value, 42)
      const finished = await initialize(Buffer.from(COUNTER))
      for (const [name, bytes] of Object.entries(await emitted(it.at('dist'), ''))) {
        if (name === 'main.mjs') continue
        assert.match(name, /\.wasm$/)
        assert.deepEqual(bytes, finished)
      }
    })

    test('is emitted under the name that the user wants', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit'`,
      })
      await packed(
        packer,
        it,
        {},
        { output: { assetModuleFilename: 'all/[name].[hash:8][ext][query]' } },
      )
      assert.match((await onlyModule(it.at('dist'))).name, /^all.counter\.[0-9a-f]{8}\.wasm$/)
      const generator = { 'asset/resource': { filename: 'wasm/[name][ext]' } }
      await packed(packer, it, {}, { module: { generator } })
      assert.equal((await onlyModule(it.at('dist'))).name, join('wasm', 'counter.wasm'))
      const rules = [
        {
          test: /\.wasm$/,
          generator: { filename: () => 'rule/[name][ext]' },
          type: 'asset/resource',
        },
      ]
      await packed(packer, it, {}, { module: { rules } })
      assert.equal((await onlyModule(it.at('dist'))).name, join('rule', 'counter.wasm'))
    })

    test('is a URL also where a rule says what all modules are', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit'`,
      })
      const rules = [{ test: /\.wasm$/, type: 'webassembly/async' }]
      await packed(packer, it, {}, { module: { rules } })
      assert.deepEqual((await onlyModule(it.at('dist'))).bytes, await initialize(it.counter))
    })

    test('and `init` is what a rule says, such as a data URL', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit&init'`,
      })
      const rules = [{ test: /\.wasm$/, type: 'asset/inline' }]
      const url = await packed(packer, it, {}, { module: { rules } })
      assert.deepEqual(await decoded(url), await initialize(it.counter))
      assert.deepEqual(await emitted(it.at('dist')), {})
    })

    test('and `new URL` is what a rule says, too', async (t) => {
      const it = await project(t, {
        'src/index.js': `export default new URL('./counter.wasm?preinit', import.meta.url).href`,
      })
      const rules = [{ test: /\.wasm$/, type: 'asset/inline' }]
      const url = await packed(packer, it, {}, { module: { rules } })
      assert.deepEqual(await decoded(url), await initialize(it.counter))
    })

    test('and a phase is a module that is not instantiated', async (t) => {
      const it = await project(t, {
        'src/index.js': `import source counter from './counter.wasm?preinit'
          const { exports } = await WebAssembly.instantiate(counter)
          export default exports.get()`,
      })
      assert.equal(await packed(packer, it, {}, { experiments: { sourceImport: true } }), 42)
      assert.deepEqual((await onlyModule(it.at('dist'))).bytes, await initialize(it.counter))
    })
  })

  describe(`${name}: options`, () => {
    test('include and exclude modules by path, whose imports mean what they meant', async (t) => {
      const it = await project(t, {
        'src/other.wasm': await initialize(Buffer.from(COUNTER), { keepInitFunc: true }),
        'src/text.wat': COUNTER,
        'src/index.js': `import { get } from './counter.wasm'
          import { get as ofText } from './text.wat'
          import * as excluded from './other.wasm'
          export default [get(), ofText(), typeof excluded['wizer.initialize']]`,
      })
      const options = { include: ['src/*.wa{sm,t}'], exclude: /other/ }
      assert.deepEqual(await packed(packer, it, options), [42, 42, 'function'])
    })

    test('may differ by module', async (t) => {
      const it = await project(t, {
        'src/second.wat': COUNTER,
        'src/index.js': `import { get } from './counter.wasm?preinit&init'
          import { get as second } from './second.wat?preinit&init'
          export default [get(), second()]`,
      })
      /** @param {string} path */
      const options = (path) =>
        path === it.at(join('src', 'second.wat')) ? { initFunc: 'other' } : {}
      assert.deepEqual(await packed(packer, it, { options }), [42, 7])
    })

    test('that are unknown throw as the configuration is made', () => {
      assert.throws(() => preinit(/** @type {{}} */ ({ inculde: '*.wasm' })), {
        name: 'TypeError',
        code: 'ERR_INVALID_OPTION',
        message: /`inculde`/,
      })
    })

    test('of the bundler about WebAssembly are left as the user has them', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit'`,
      })
      const configuration = configured(it, packer, {}, { experiments: { asyncWebAssembly: false } })
      const compiler = create(configuration)
      t.after(() => new Promise((resolve) => compiler.close(resolve)))
      assert.equal(compiler.options.experiments.asyncWebAssembly, false)
      await packed(packer, it, {}, { experiments: { asyncWebAssembly: false } })
      assert.deepEqual((await onlyModule(it.at('dist'))).bytes, await initialize(it.counter))
    })

    test('may come from a configuration that is CommonJS', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit'`,
        'bundle.config.cjs': `const preinit = require('wasm-preinit/${name}')
          module.exports = (configuration, options) => ({
            ...configuration, plugins: [preinit(options)] })`,
      })
      const configuration = createRequire(it.at('bundle.config.cjs'))('./bundle.config.cjs')
      const stats = await pack(packer, configuration(configured(it, packer), { cache: it.cache }))
      assert.equal(stats.hasErrors(), false, stats.toString())
      assert.deepEqual((await onlyModule(it.at('dist'))).bytes, await initialize(it.counter))
    })
  })

  describe(`${name}: files that the guest reads`, () => {
    const index = { 'src/index.js': `export { default } from './reader.wasm?preinit'` }

    test('change the name of the emitted file', async (t) => {
      const it = await project(t, { ...index, 'data/input.txt': 'first' })
      const names = []
      for (const text of ['first', 'second', 'first']) {
        await writeFile(it.at('data/input.txt'), text)
        await packed(packer, it, { wasi: it.wasi })
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
        const it = await project(t, { ...index, 'data/other.txt': '' })
        const more = { output: { filename: 'main.mjs', assetModuleFilename: '[name][ext]' } }
        const builds = watched(t, packer, configured(it, packer, { wasi: it.wasi }, more))
        const value = async () => valueOf(await readFile(it.at('dist/reader.wasm')))
        assert.equal(failed(await builds.next()), false)
        assert.equal(await value(), 0)
        await writeFile(it.at('data/input.txt'), 'appeared')
        await builds.until(async () => (await value()) === 'a'.charCodeAt(0))
        await writeFile(it.at('data/input.txt'), 'changed')
        await builds.until(async () => (await value()) === 'c'.charCodeAt(0))
        await writeFile(it.at('data/input.txt'), '!')
        await builds.until(failed)
        await writeFile(it.at('data/input.txt'), 'mended')
        await builds.until(async (stats) => !failed(stats) && (await value()) === 'm'.charCodeAt(0))
        await rm(it.at('data/input.txt'))
        await builds.until(async () => (await value()) === 0)
        await writeFile(it.at('data/input.txt'), 'returned')
        await builds.until(async () => (await value()) === 'r'.charCodeAt(0))
      },
    )

    test(
      'make it start anew when the folder that it has listed changes',
      DONE_IN_TIME,
      async (t) => {
        const it = await project(t, {
          'src/index.js': `export { default } from './lister.wasm?preinit'`,
          'data/first.txt': '',
        })
        const more = { output: { filename: 'main.mjs', assetModuleFilename: '[name][ext]' } }
        const builds = watched(t, packer, configured(it, packer, { wasi: it.wasi }, more))
        const listed = () => readFile(it.at('dist/lister.wasm'), 'latin1')
        assert.equal(failed(await builds.next()), false)
        assert.doesNotMatch(await listed(), /added\.txt/)
        await writeFile(it.at('data/added.txt'), '')
        await builds.until(async () => (await listed()).includes('added.txt'))
      },
    )

    test('and the module itself are all that a cache on disk depends on, with the options', async (t) => {
      const it = await project(t, { ...index, 'data/input.txt': 'first' })
      /** @param {Options} options */
      const build = async (options) => {
        await packed(packer, it, options, { cache: onDiskIn(packer, it) })
        const { bytes } = await onlyModule(it.at('dist'))
        return bytes
      }
      const plain = await build({ wasi: it.wasi })
      assert.deepEqual(await build({ wasi: it.wasi }), plain)
      const kept = await build({ wasi: it.wasi, keepInitFunc: true })
      assert.deepEqual(kept, await initialize(it.reader, { wasi: it.wasi, keepInitFunc: true }))
      await writeFile(it.at('data/input.txt'), 'second')
      assert.equal(valueOf(await build({ wasi: it.wasi, keepInitFunc: true })), 's'.charCodeAt(0))
      assert.equal(valueOf(await build({ wasi: it.wasi })), 's'.charCodeAt(0))
    })
  })

  test(`${name}: a cache on disk does not outlive options`, async (t) => {
    const it = await project(t, {
      'src/index.js': `import { get } from './counter.wasm?preinit&init'
        export default get()`,
    })
    /** @param {Options} options */
    const build = (options) => packed(packer, it, options, { cache: onDiskIn(packer, it) })
    assert.equal(await build({}), 42)
    assert.equal(await build({}), 42)
    assert.equal(await build({ initFunc: 'other' }), 7)
    assert.equal(await build({ options: () => ({ initFunc: 'wizer.initialize' }) }), 42)
    assert.equal(await build({ options: () => ({ initFunc: 'other' }) }), 7)
  })

  describe(`${name}: a module that can't be made`, () => {
    test('is an error that says why and where, and who imports it', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './trap.wasm?preinit'`,
      })
      const stats = await pack(packer, configured(it, packer))
      const { errors = [] } = stats.toJson({ all: false, errors: true })
      assert.equal(errors.length, 1)
      const [{ message, moduleName }] = errors
      const shown = stats.toString({ all: false, errors: true, errorDetails: true })
      assert.equal(shown.split('could not pre-initialize').length, 2, shown)
      assert.match(
        message,
        /could not pre-initialize `src\/trap\.wasm` \(ERR_TRAP\): .*unreachable/,
      )
      assert.match(message, /at inner \(0x[0-9a-f]+\)\n.*at outer/)
      assert.match(message, /imported by `src\/index\.js`/)
      assert.doesNotMatch(message, /\.js:\d+:\d+/, 'the stack of this package is shown')
      assert.match(String(moduleName), /trap\.wasm/)
    })

    test('is an error that names a wrong option of this module, or says what its function threw', async (t) => {
      const it = await project(t, {
        'src/index.js': `export { default } from './counter.wasm?preinit'`,
      })
      /** @param {() => {}} options */
      const messageFor = async (options) => {
        const stats = await pack(packer, configured(it, packer, { options }))
        return stats.toJson({ all: false, errors: true }).errors?.[0].message ?? ''
      }
      assert.match(await messageFor(() => ({ initFnuc: 'get' })), /ERR_INVALID_OPTION.*`initFnuc`/)
      const throwing = () => {
        throw new Error('no options today')
      }
      assert.match(await messageFor(throwing), /`src\/counter\.wasm`: no options today/)
    })
  })
}

// The plugins for Rollup and Rolldown, on real builds: what is emitted is compared byte by byte with what
// `initialize` gives, and then runs.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { wasm as wasmPlugin } from '@rollup/plugin-wasm'
import * as rolldown from 'rolldown'
import * as rollup from 'rollup'
import { initialize } from 'wasm-preinit'
import preinitRolldown from 'wasm-preinit/rolldown'
import preinitRollup from 'wasm-preinit/rollup'
import { printedBy } from './child.js'
import {
  ANSWER,
  INERT,
  changesUnder,
  project,
  lister,
  reader,
  runCounter,
  setter,
  trapping,
} from './fixtures/projects.js'

/** @typedef {import('../plugins/options.js').Options} Options */

/** A program that tells what the module at a URL gives. @param {string} url an expression */
const tell = (url) => `
import { readFileSync } from 'node:fs'
const module = new WebAssembly.Module(readFileSync(new URL(${url})))
console.log(new WebAssembly.Instance(module, ${INERT}).exports.get())`

const BUNDLERS = [
  { name: 'Rollup', bundle: rollup.rollup, watch: rollup.watch, preinit: preinitRollup },
  { name: 'Rolldown', bundle: rolldown.rolldown, watch: rolldown.watch, preinit: preinitRolldown },
]

for (const { name, bundle, watch, preinit } of BUNDLERS) {
  /**
   * Builds a project's `main.js` into `dist`.
   * @param {ReturnType<typeof project>} files
   * @param {Options} [options]
   * @param {object[]} [others] plugins
   * @returns {Promise<any[]>} what was emitted
   */
  async function build({ at }, options, others = []) {
    const built = await /** @type {any} */ (bundle)(inputOf(at, options, others))
    try {
      return (await built.write({ dir: at('dist'), format: 'es' })).output
    } finally {
      await built.close()
    }
  }

  /** @type {(at: (...names: string[]) => string, options?: Options, others?: object[]) => any} */
  function inputOf(at, options, others = []) {
    return {
      input: at('main.js'),
      external: [/^node:/],
      logLevel: 'silent',
      onwarn() {},
      plugins: [...others, preinit(options)],
    }
  }

  /**
   * A watcher, and what makes changes under its eyes.
   * @param {import('node:test').TestContext} t
   * @param {ReturnType<typeof project>} files
   */
  function watched(t, { at }) {
    const watcher = /** @type {any} */ (watch)({
      ...inputOf(at, { wasi: { preopens: { '/': at('data') } } }),
      output: { dir: at('dist'), format: 'es' },
    })
    t.after(() => watcher.close())
    const changes = changesUnder(watcher)
    /** @type {(change: () => void, wanted: number | 'ERROR') => Promise<void>} */
    return (change, wanted) =>
      changes(change, async (code) =>
        code === 'ERROR' ? wanted === code : (await run(at('dist/main.js'))) === wanted,
      )
  }

  describe(name, () => {
    test('gives the URL of an asset that is what `initialize` gives', async (t) => {
      const wasm = await setter()
      const files = project(t, {
        'engine.wasm': wasm,
        'main.js': `import url from './engine.wasm?preinit'${tell('url')}`,
      })
      const output = await build(files, { keepInitFunc: true })
      const [asset] = output.filter(({ type }) => type === 'asset')
      assert.match(asset.fileName, /^assets\/engine-.+\.wasm$/)
      const expected = await initialize(wasm, { keepInitFunc: true })
      assert.deepEqual(readFileSync(files.at('dist', asset.fileName)), expected)
      assert.equal(await run(files.at('dist/main.js')), ANSWER)
    })

    test('does so where code names a module by `new URL`', async (t) => {
      const files = project(t, {
        'src/a.wasm': await setter({ answer: 1 }),
        'src/b.wasm': await setter({ answer: 2 }),
        'main.js': `import './src/a.js'\nimport './src/b.js'`,
        'src/a.js': `// new URL('./none.wasm?preinit', import.meta.url)${tell(`'./a.wasm?preinit', import.meta.url`)}`,
        'src/b.js': tell(`'b.wasm', import.meta.url`),
      })
      const output = await build(files, { include: files.at('src/*.wasm') })
      assert.equal(output.filter(({ type }) => type === 'asset').length, 2)
      assert.equal(await printed(files.at('dist/main.js')), '1\n2\n')
    })

    test('leaves other modules of that kind alone', async (t) => {
      const wasm = await setter()
      const files = project(t, {
        'plain.wasm': wasm,
        'main.js': `import init from './plain.wasm'\nexport default init`,
      })
      const output = await build(files, {}, [wasmPlugin()])
      assert.ok(output[0].code.includes(Buffer.from(wasm).toString('base64').slice(0, 60)))
    })

    for (const [by, source, choose] of /** @type {const} */ ([
      ['with `&init`', './a.wasm?preinit&init', () => ({})],
      ['by `include`', './a.wasm', (/** @type {string} */ path) => ({ include: path })],
    ])) {
      test(`hands ${by} on what other plugins make of a module`, async (t) => {
        const wasm = await setter()
        const files = project(t, {
          'a.wasm': wasm,
          'main.js': `import init from '${source}'
const { instance } = await init({})
console.log(instance.exports.get())`,
        })
        for (const maxFileSize of [0, 1 << 20]) {
          const others = [wasmPlugin({ maxFileSize, targetEnv: 'node' })]
          const output = await build(files, choose(files.at('a.wasm')), others)
          const finished = await initialize(wasm)
          if (maxFileSize > 0) {
            assert.ok(output[0].code.includes(finished.toString('base64')))
          } else {
            const emitted = readdirSync(files.at('dist')).filter((file) => file.endsWith('.wasm'))
            assert.deepEqual(
              emitted.map((file) => readFileSync(files.at('dist', file))),
              [finished],
            )
          }
        }
        assert.equal(await run(files.at('dist/main.js')), ANSWER)
      })
    }

    test('names files after what they hold, which changes with a file that init reads', async (t) => {
      const files = project(t, {
        'a.wasm': await reader(),
        'data/value.txt': 'A',
        'main.js': `import url from './a.wasm?preinit'${tell('url')}`,
      })
      const counter = runCounter()
      const options = { onStage: counter.onStage, wasi: { preopens: { '/': files.at('data') } } }
      const step = async () => {
        rmSync(files.at('dist'), { recursive: true, force: true })
        const output = await build(files, options)
        const { fileName } = output.find(({ type }) => type === 'asset')
        return { fileName, answer: await run(files.at('dist/main.js')), runs: counter.runs }
      }
      const first = await step()
      assert.deepEqual(first, { ...first, answer: 65, runs: 1 })
      assert.deepEqual(await step(), first)
      files.write('data/value.txt', 'B')
      const second = await step()
      assert.deepEqual(second, { ...second, answer: 66, runs: 2 })
      assert.notEqual(second.fileName, first.fileName)
      files.write('data/value.txt', 'A')
      assert.equal((await step()).fileName, first.fileName)
    })

    test("shows a failure with the code, the guest's stack and who imports the module", async (t) => {
      const files = project(t, {
        'src/bad.wasm': await trapping(),
        'main.js': `import './src/bad.wasm?preinit'`,
      })
      await assert.rejects(build(files), (/** @type {any} */ error) => {
        const failure = error.errors?.[0] ?? error
        for (const part of [
          /ERR_TRAP/,
          /src\/bad\.wasm/,
          /at deep \(0x/,
          /at start \(0x/,
          /imported by `.*main\.js`/,
        ]) {
          assert.match(error.message, part)
        }
        const { plugin, pluginCode, id, hook } = failure
        assert.deepEqual(
          { plugin, pluginCode, id, hook },
          {
            plugin: 'wasm-preinit',
            pluginCode: 'ERR_TRAP',
            id: files.at('src/bad.wasm'),
            hook: 'load',
          },
        )
        return true
      })
    })

    test('builds again when a file changes that init reads, or looked for before it failed', async (t) => {
      const files = project(t, {
        'a.wasm': await reader({ missing: 'unreachable' }),
        'data/value.txt': 'A',
        'main.js': `import url from './a.wasm?preinit'${tell('url')}`,
      })
      const step = watched(t, files)
      const value = (/** @type {string} */ text) => () => files.write('data/value.txt', text)
      await step(() => {}, 65)
      await step(value('B'), 66)
      await step(() => rmSync(files.at('data/value.txt'), { force: true }), 'ERROR')
      await step(value('C'), 67)
      const other = await setter({ answer: 7 })
      await step(() => files.write('a.wasm', other), 7)
    })

    test('builds again when a file appears in a folder that init lists', async (t) => {
      const files = project(t, {
        'a.wasm': await lister(),
        'data/a': '',
        'main.js': `import url from './a.wasm?preinit'${tell('url')}`,
      })
      const step = watched(t, files)
      const listing = (/** @type {string[]} */ ...names) =>
        ['.', '..', ...names].reduce((sum, name) => sum + 24 + name.length, 0)
      await step(() => {}, listing('a'))
      await step(() => files.write('data/long-name', ''), listing('a', 'long-name'))
    })

    test('refuses a module that is external rather than to pass it on as it is', async (t) => {
      const files = project(t, {
        'a.wasm': await setter(),
        'main.js': `import url from './a.wasm?preinit'\nconsole.log(url)`,
      })
      const outside = { name: 'outside', resolveId: (/** @type {string} */ id) => outsideOf(id) }
      await assert.rejects(build(files, {}, [outside]), /`\.\/a\.wasm\?preinit` .* external/)
    })

    test('refuses unknown options as the plugin is made', () => {
      const options = /** @type {Options} */ ({ initfunc: 'a' })
      assert.throws(() => preinit(options), { name: 'TypeError', code: 'ERR_INVALID_OPTION' })
    })
  })
}

describe('Rolldown', () => {
  test('finds references in TypeScript, too', async (t) => {
    const files = project(t, {
      'a.wasm': await setter(),
      'main.ts': `const url: URL = new URL('./a.wasm?preinit', import.meta.url) as URL${tell('url.href')}`,
    })
    const built = await rolldown.rolldown({
      input: files.at('main.ts'),
      external: [/^node:/],
      plugins: [preinitRolldown()],
    })
    await built.write({ dir: files.at('dist') })
    await built.close()
    assert.equal(await run(files.at('dist/main.js')), ANSWER)
  })

  test('makes of a finished module what its option `moduleTypes` says', async (t) => {
    const wasm = await setter()
    const files = project(t, {
      'a.wasm': wasm,
      'main.js': `import it from './a.wasm?preinit&init'\nexport default it`,
    })
    const finished = await initialize(wasm)
    for (const type of /** @type {const} */ (['binary', 'base64', 'asset'])) {
      const built = await rolldown.rolldown({
        input: files.at('main.js'),
        moduleTypes: { '.wasm': type },
        plugins: [preinitRolldown()],
      })
      const { output } = await built.generate()
      await built.close()
      const [{ code }, asset] = output
      if (type === 'asset')
        assert.deepEqual(Buffer.from(/** @type {any} */ (asset).source), finished)
      else assert.ok(code.includes(finished.toString('base64')))
    }
  })
})

/** @param {string} id */
const outsideOf = (id) => (id.endsWith('.wasm') ? { id, external: true } : null)

/** @param {string} file */
const printed = (file) => printedBy(`await import(${JSON.stringify(pathToFileURL(file).href)})`)

/** The number that a bundle prints. @param {string} file */
const run = async (file) => Number(await printed(file))

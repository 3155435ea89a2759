// What the plugins of all bundlers rest on: ids, what a module is kept under, and the store.

import assert from 'node:assert/strict'
import {
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { SourceMap } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { InitializeError, initialize } from '../index.js'
import { createCore } from '../plugins/core.js'
import {
  asksForPreinit,
  filePath,
  formatId,
  isBare,
  parseId,
  withoutPreinit,
} from '../plugins/ids.js'
import { keyOf } from '../plugins/key.js'
import { bindReferences } from '../plugins/references.js'
import { parseAst } from 'rollup/parseAst'
import { printedBy } from './child.js'
import { functions, instantiate } from './compare.js'
import {
  ANSWER,
  calling,
  lister,
  project,
  reader,
  runCounter,
  setter,
  trapping,
} from './fixtures/projects.js'

/** @typedef {import('../plugins/options.js').Options} Options */

const INERT = {
  wasi_snapshot_preview1: { path_open() {}, fd_read() {}, fd_readdir() {} },
  env: { next() {} },
}

/** What a finished module's `get` gives. @param {Uint8Array} wasm */
const answerOf = (wasm) => functions(instantiate(wasm, INERT)).get()

describe('an id', () => {
  test('is taken apart and put together again', () => {
    const ids = {
      './x.wasm': ['./x.wasm', [], ''],
      './x.wasm?preinit': ['./x.wasm', ['preinit'], ''],
      './x.wasm?preinit&init': ['./x.wasm', ['preinit', 'init'], ''],
      '/a/x.wasm?a=1&preinit&b=x%26y#top': ['/a/x.wasm', ['a=1', 'preinit', 'b=x%26y'], '#top'],
      'C:\\c#\\x.wasm?preinit': ['C:\\c#\\x.wasm', ['preinit'], ''],
      '/a#b/x.wasm': ['/a#b/x.wasm', [], ''],
      '/a/x.wasm#top': ['/a/x.wasm', [], '#top'],
      'pkg/x.wasm?url': ['pkg/x.wasm', ['url'], ''],
    }
    for (const [id, [path, queries, fragment]] of Object.entries(ids)) {
      assert.deepEqual(parseId(id), { path, queries, fragment })
      assert.equal(formatId(parseId(id)), id)
    }
  })

  test('asks for a finished module by a query of that name, and by no other', () => {
    for (const id of ['x?preinit', 'x?a&preinit', 'x?preinit=', 'x?preinit&url#f']) {
      assert.equal(asksForPreinit(parseId(id)), true, id)
    }
    for (const id of [
      'preinit',
      'x?nopreinit',
      'x?preinits',
      'x?a=preinit',
      'x#?preinit',
      'x#preinit',
    ]) {
      assert.equal(asksForPreinit(parseId(id)), id === 'x#?preinit', id)
    }
  })

  test('is bare where nothing else is asked for', () => {
    for (const id of ['x?preinit', 'x?preinit&t=17', 'x?v=ab12&preinit', 'x?import&preinit']) {
      assert.equal(isBare(parseId(id)), true, id)
    }
    for (const id of ['x', 'x?t=17', 'x?preinit&init', 'x?preinit&tea=1', 'x?url&preinit']) {
      assert.equal(isBare(parseId(id)), false, id)
    }
  })

  test('keeps its other queries, in their order', () => {
    const rest = (/** @type {string} */ id) => formatId(withoutPreinit(parseId(id)))
    assert.equal(rest('x.wasm?preinit'), 'x.wasm')
    assert.equal(rest('x.wasm?b=2&preinit&a#f'), 'x.wasm?b=2&a#f')
    assert.equal(rest('x.wasm?preinit=&init'), 'x.wasm?init')
  })

  test('of Vite for files outside its root is a path of the host', () => {
    assert.equal(filePath('/@fs/home/x.wasm'), '/home/x.wasm')
    assert.equal(filePath('/@fs/C:/x.wasm'), 'C:/x.wasm')
    assert.equal(filePath('/home/@fs/x.wasm'), '/home/@fs/x.wasm')
  })
})

describe('the key of a run', () => {
  const wasm = Buffer.from('module')
  /** @param {Options} options */
  const key = (options) => keyOf(wasm, options)

  test('changes with the bytes and with what the guest can see', (t) => {
    /** @type {Options[]} */
    const all = [
      {},
      { initFunc: 'a' },
      { keepInitFunc: true },
      { wasi: true },
      { wasi: { env: { A: '1', B: '2' } } },
      { wasi: { env: { B: '2', A: '1' } } },
      { wasi: { args: ['a', 'b'] } },
      { wasi: { args: ['a,b'] } },
      { wasi: { files: { a: 'text' } } },
      { wasi: { files: { a: Buffer.from('bytes') } } },
      { wasi: { clock: 0 } },
      { wasi: { clock: 1 } },
      { wasi: { preopens: { '/': '/a' } } },
      { imports: { env: { a: 1 } } },
      { imports: { env: { a: 1n } } },
      { imports: { env: { a: -0 } } },
      { imports: { env: { a: NaN } } },
      { preload: { a: wasm } },
      { preload: { a: Buffer.from('other') } },
    ]
    const keys = all.map(key)
    assert.equal(new Set(keys).size, all.length)
    assert.ok(!keys.includes(undefined))
    assert.notEqual(keyOf(Buffer.from('other'), {}), key({}))
    const { SOURCE_DATE_EPOCH } = process.env
    t.after(() => {
      if (SOURCE_DATE_EPOCH === undefined) delete process.env.SOURCE_DATE_EPOCH
      else process.env.SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH
    })
    const [plain, withClock] = [key({}), key({ wasi: true })]
    process.env.SOURCE_DATE_EPOCH = '86400'
    assert.equal(key({}), plain)
    assert.notEqual(key({ wasi: true }), withClock)
  })

  test('does not change with how a run goes', () => {
    const { signal } = new AbortController()
    /** @type {Options[]} */
    const all = [
      { engine: 'optimizing' },
      { cache: 'kept' },
      { timeout: 5 },
      { signal },
      { onStage() {} },
    ]
    for (const options of all) assert.equal(key(options), key({}))
    assert.equal(key({ wasi: true }), key({ wasi: {} }))
    assert.equal(key({ initFunc: undefined }), key({}))
  })

  test('is none where two runs may differ', () => {
    /** @type {Options[]} */
    const all = [
      { imports: { env: { f() {} } } },
      { imports: () => ({}) },
      { imports: { env: { g: new WebAssembly.Global({ value: 'i32', mutable: true }, 1) } } },
      { wasi: { random: 'host' } },
      { wasi: { clock: 'host' } },
      { wasi: { stdin: 'inherit' } },
    ]
    for (const options of all) assert.equal(key(options), undefined)
  })
})

describe('a reference', () => {
  const bind = (/** @type {string} */ code) =>
    bindReferences(code, {
      parse: (text) => parseAst(text),
      importOf: (url) => (url.includes('preinit') ? url : undefined),
    })?.code

  test('becomes an import, one for each module', () => {
    const code = `const a = new URL('./a.wasm?preinit', import.meta.url)
const b = [new URL("./b.wasm?preinit", import.meta.url), new URL(\`./a.wasm?preinit\`, import.meta.url)]`
    assert.equal(
      bind(code),
      `const a = new URL(__wasm_preinit_0, import.meta.url)
const b = [new URL(__wasm_preinit_1, import.meta.url), new URL(__wasm_preinit_0, import.meta.url)]
;import __wasm_preinit_0 from "./a.wasm?preinit";
;import __wasm_preinit_1 from "./b.wasm?preinit";`,
    )
  })

  test('moves no line, and is where the source map says', () => {
    const code = `'use strict'\nstart(new URL('./a.wasm?preinit', import.meta.url)); last()`
    const bound = bindReferences(code, { parse: (text) => parseAst(text), importOf: (url) => url })
    assert.ok(bound)
    const [, line] = bound.code.split('\n')
    const map = new SourceMap(JSON.parse(bound.map.toString()))
    const { originalLine, originalColumn } = entryAt(map, 1, line.indexOf('last()'))
    const [, original] = code.split('\n')
    assert.deepEqual([originalLine, originalColumn], [1, original.indexOf('last()')])
  })

  test('is left alone in comments and strings, with other bases and with parts that vary', () => {
    const others = [
      `// new URL('./a.wasm?preinit', import.meta.url)`,
      `const text = "new URL('./a.wasm?preinit', import.meta.url)"`,
      `new URL('./a.wasm?preinit', location.href)`,
      `new URL('./a.wasm?preinit')`,
      'new URL(`./${name}.wasm?preinit`, import.meta.url)',
      `new Url('./a.wasm?preinit', import.meta.url)`,
      `new URL('./a.wasm', import.meta.url)`,
      `<script>new URL('./a.wasm?preinit', import.meta.url)</script>`,
    ]
    for (const code of others) assert.equal(bind(code), undefined, code)
  })
})

describe('a plugin takes', () => {
  test('modules whose import says so, and those that are included and not excluded', (t) => {
    const { root, at } = project(t, {})
    /** @param {Options} options @param {string} id */
    const takes = (options, id) => createCore(options, { root }).takesPart(id) !== undefined
    assert.equal(takes({}, at('a.wasm?preinit')), true)
    assert.equal(takes({ exclude: '**/a.wasm' }, at('a.wasm?preinit')), true)
    assert.equal(takes({}, at('a.wasm')), false)
    assert.equal(takes({}, '\0virtual.wasm?preinit'), false)
    /** @type {Array<[Options['include'], string, boolean]>} */
    const cases = [
      ['*.wasm', 'a.wasm', true],
      ['*.wasm', 'src/a.wasm', false],
      ['./src/*.wasm', 'src/a.wasm?init', true],
      ['src/**', 'src/deep/.dot/a.wat', true],
      ['src/**', 'src/a.js', false],
      ['**/a.wasm', 'deep/a.wasm', true],
      [at('src', '*.wasm'), 'src/a.wasm', true],
      [/\/src\/.*\.wasm$/g, 'src/a.wasm', true],
      [['x.wasm', /b\.wasm/], 'b.wasm', true],
      [[], 'a.wasm', false],
    ]
    for (const [include, file, expected] of cases) {
      assert.equal(takes({ include }, at(file)), expected, `${include} ${file}`)
      assert.equal(takes({ include, exclude: include }, at(file)), false)
    }
  })

  test('nothing that is finished', async (t) => {
    const { root, at } = project(t, { 'a.wasm': await setter() })
    const core = createCore({ include: '**/*.wasm' }, { root })
    const { file } = await core.finish(at('a.wasm'))
    assert.equal(core.takesPart(file), undefined)
    assert.notEqual(core.takesPart(at('a.wasm')), undefined)
    assert.deepEqual(core.originsOf(file), [at('a.wasm')])
  })

  test('no unknown options and no wrong types', () => {
    /** @type {Array<[any, string]>} */
    const cases = [
      [{ initfunc: 'a' }, 'initfunc'],
      [{ wasi: { envs: {} } }, 'wasi.envs'],
      [{ include: 1 }, 'include'],
      [{ exclude: [{}] }, 'exclude'],
      [{ report: 1 }, 'report'],
      [{ options: {} }, 'options'],
      [null, 'options'],
    ]
    for (const [options, option] of cases) {
      assert.throws(() => createCore(options), {
        name: 'TypeError',
        code: 'ERR_INVALID_OPTION',
        option,
      })
    }
  })
})

describe('a finished module', () => {
  test('is what `initialize` gives, under its own name in a folder of its own', async (t) => {
    const wasm = await setter()
    const { root, at } = project(t, {
      'src/engine.wasm': wasm,
      'src/text.wat': '(module (func (export "wizer.initialize")))',
    })
    const core = createCore({ keepInitFunc: true }, { root })
    const { file, hash, bytes, watchFiles, fromStore } = await core.finish(at('src/engine.wasm'))
    const expected = await initialize(wasm, { keepInitFunc: true })
    assert.deepEqual(bytes(), expected)
    assert.deepEqual(readFileSync(file), expected)
    assert.equal(file, at('node_modules/.cache/wasm-preinit/modules', hash, 'engine.wasm'))
    assert.deepEqual(
      { watchFiles, fromStore },
      { watchFiles: [at('src/engine.wasm')], fromStore: false },
    )
    assert.equal(basename((await core.finish(at('src/text.wat'))).file), 'text.wasm')
  })

  test('is made once, however many ask for it', async (t) => {
    const { root, at } = project(t, { 'a.wasm': await setter() })
    const counter = runCounter()
    const core = createCore({ onStage: counter.onStage }, { root })
    const all = await Promise.all([1, 2, 3].map(() => core.finish(at('a.wasm'))))
    assert.equal(new Set(all.map(({ file }) => file)).size, 1)
    assert.equal(counter.runs, 1)
  })

  test('is made with the options of its own over those of all', async (t) => {
    const wasm = await setter()
    const { root, at } = project(t, { 'a.wasm': wasm, 'b.wasm': wasm })
    const options = (/** @type {string} */ path) =>
      path === at('b.wasm') ? { keepInitFunc: true } : {}
    const core = createCore({ renameFuncs: { answer: 'get' }, options }, { root })
    const names = async (/** @type {string} */ name) => {
      const { bytes } = await core.finish(at(name))
      return Object.keys(instantiate(bytes()).exports).toSorted()
    }
    assert.deepEqual(await names('a.wasm'), ['answer', 'memory'])
    assert.deepEqual(await names('b.wasm'), ['answer', 'memory', 'wizer.initialize'])
  })

  test('comes with a page about it', async (t) => {
    const { root, at } = project(t, { 'src/a.wasm': await setter() })
    const { file } = await createCore({ report: true }, { root }).finish(at('src/a.wasm'))
    const page = at('wasm-preinit-report/src/a.wasm.html')
    assert.match(readFileSync(page, 'utf8'), /a\.wasm/)
    rmSync(page)
    assert.equal(
      (await createCore({ report: 'pages' }, { root }).finish(at('src/a.wasm'))).file,
      file,
    )
    assert.ok(existsSync(at('pages/src/a.wasm.html')))
  })
})

describe('a failure', () => {
  test("names the module, the code, the guest's stack and who imports it", async (t) => {
    const { root, at } = project(t, { 'src/bad.wasm': await trapping() })
    const core = createCore({}, { root })
    await assert.rejects(
      core.finish(at('src/bad.wasm'), at('src/main.js')),
      (/** @type {any} */ error) => {
        const lines = error.message.split('\n')
        assert.match(
          lines[0],
          /^could not pre-initialize `src\/bad\.wasm` \(ERR_TRAP\): .*`unreachable`/,
        )
        assert.deepEqual(
          lines.slice(1).map((/** @type {string} */ line) => line.replace(/0x[0-9a-f]+/, 'OFFSET')),
          ['    at deep (OFFSET)', '    at start (OFFSET)', '  imported by `src/main.js`'],
        )
        const { id, plugin, code, importer, frames, cause } = error
        assert.deepEqual(
          { id, plugin, code, importer },
          {
            id: at('src/bad.wasm'),
            plugin: 'wasm-preinit',
            code: 'ERR_TRAP',
            importer: at('src/main.js'),
          },
        )
        assert.deepEqual(frames, cause.frames)
        assert.ok(cause instanceof InitializeError)
        return true
      },
    )
  })

  test('is forgotten: the next one who asks may be luckier', async (t) => {
    const { root, at, write } = project(t, { 'a.wasm': await trapping() })
    let isBroken = true
    const options = () => {
      if (isBroken) throw new Error('no options today')
      return {}
    }
    const core = createCore({ options }, { root })
    await assert.rejects(core.finish(at('a.wasm')), { message: /no options today/ })
    isBroken = false
    await assert.rejects(core.finish(at('a.wasm')), { code: 'ERR_TRAP' })
    write('a.wasm', await setter())
    assert.equal(answerOf((await core.finish(at('a.wasm'))).bytes()), ANSWER)
  })

  test('says what to watch: what the guest has looked for', async (t) => {
    const { root, at, write } = project(t, {
      'a.wasm': await reader({ missing: 'unreachable' }),
      'data/.keep': '',
    })
    const core = createCore({ wasi: { preopens: { '/': at('data') } } }, { root })
    const file = at('data/value.txt')
    await assert.rejects(core.finish(at('a.wasm')), (/** @type {any} */ { watch }) => {
      assert.deepEqual(watch.missing, [file])
      return true
    })
    assert.deepEqual(core.watchFilesOf(at('a.wasm')), [at('a.wasm'), file])
    assert.deepEqual(core.affectedBy(file), [at('a.wasm')])
    assert.deepEqual(core.affectedBy(at('other.txt')), [])
    write('data/value.txt', 'A')
    assert.equal(answerOf((await core.finish(at('a.wasm'))).bytes()), 65)
  })

  test('of a module that is not there says so', async (t) => {
    const { root, at } = project(t, {})
    await assert.rejects(createCore({}, { root }).finish(at('none.wasm')), { code: 'ENOENT' })
  })
})

describe('the store', () => {
  /**
   * A project with a module, and builds of it that have nothing in memory.
   * @param {{ after(done: () => void): void }} t
   * @param {Buffer} wasm
   * @param {Options} [options]
   */
  function builds(t, wasm, options) {
    const files = project(t, { 'a.wasm': wasm })
    const core = (/** @type {Options} */ more = {}) =>
      createCore({ ...options, ...more }, { root: files.root })
    return {
      ...files,
      build: (/** @type {Options} */ more = {}) => core(more).finish(files.at('a.wasm')),
    }
  }

  test('serves the next build, with the report', async (t) => {
    const counter = runCounter()
    const { build } = builds(t, await setter(), {
      onStage: counter.onStage,
      wasi: { stdout: 'capture' },
    })
    const first = await build()
    const second = await build()
    assert.deepEqual([first.fromStore, second.fromStore, counter.runs], [false, true, 1])
    assert.equal(second.file, first.file)
    assert.deepEqual(second.bytes(), first.bytes())
    assert.deepEqual(second.report, JSON.parse(JSON.stringify(first.report), revived))
    assert.equal((await build({ keepInitFunc: true })).fromStore, false)
  })

  test('serves the same bytes under another name', async (t) => {
    const wasm = await setter()
    const { build, at, root, write } = builds(t, wasm)
    const first = await build()
    write('b.wasm', wasm)
    const second = await createCore({}, { root }).finish(at('b.wasm'))
    assert.equal(second.fromStore, true)
    assert.equal(second.file, join(dirname(first.file), 'b.wasm'))
    assert.deepEqual(readFileSync(second.file), readFileSync(first.file))
  })

  test('serves a build only where the guest would read the same', async (t) => {
    const { build, at, write } = builds(t, await reader(), {})
    const options = { wasi: { preopens: { '/': at('data') } } }
    const step = async () => {
      const { fromStore, bytes } = await build(options)
      return [fromStore, answerOf(bytes())]
    }
    write('data/other.txt', 'x')
    assert.deepEqual(await step(), [false, 0])
    assert.deepEqual(await step(), [true, 0])
    write('data/value.txt', 'A')
    assert.deepEqual(await step(), [false, 65])
    assert.deepEqual(await step(), [true, 65])
    write('data/other.txt', 'y')
    assert.deepEqual(await step(), [true, 65])
    write('data/value.txt', 'B')
    assert.deepEqual(await step(), [false, 66])
    rmSync(at('data/value.txt'))
    assert.deepEqual(await step(), [false, 0])
  })

  test('serves a build only where the guest would list the same', async (t) => {
    const { build, at, write } = builds(t, await lister())
    const options = { wasi: { preopens: { '/': at('data') } } }
    write('data/a', '')
    const first = await build(options)
    assert.equal((await build(options)).fromStore, true)
    write('data/a', 'changed')
    assert.equal((await build(options)).fromStore, true)
    write('data/b', '')
    const second = await build(options)
    assert.equal(second.fromStore, false)
    assert.notEqual(answerOf(second.bytes()), answerOf(first.bytes()))
  })

  test('asks the files within one process, too', async (t) => {
    const { root, at, write } = project(t, { 'a.wasm': await reader(), 'data/value.txt': 'A' })
    const core = createCore({ wasi: { preopens: { '/': at('data') } } }, { root })
    const before = await core.finish(at('a.wasm'))
    assert.deepEqual(before.watch, { files: [at('data/value.txt')], directories: [], missing: [] })
    write('data/value.txt', 'B')
    assert.equal(answerOf((await core.finish(at('a.wasm'))).bytes()), 66)
    write('a.wasm', await setter({ answer: 7 }))
    assert.equal(answerOf((await core.finish(at('a.wasm'))).bytes()), 7)
  })

  test('never serves what imports have made, and one build makes that once', async (t) => {
    const { root, at } = project(t, { 'a.wasm': await calling() })
    let next = 0
    const imports = { env: { next: () => (next += 1) } }
    const core = createCore({ imports }, { root })
    const answer = async (used = core) => answerOf((await used.finish(at('a.wasm'))).bytes())
    assert.deepEqual([await answer(), await answer()], [1, 1])
    core.startBuild()
    assert.equal(await answer(), 2)
    assert.equal(await answer(createCore({ imports }, { root })), 3)
    assert.ok(!existsSync(join(core.directory, 'index')))
  })

  test('is mended where it was damaged', async (t) => {
    const { build, at } = builds(t, await setter())
    const { file, bytes } = await build()
    const index = at('node_modules/.cache/wasm-preinit/modules/index')
    const [entry] = readdirSync(index).map((name) => join(index, name))
    const good = { [file]: readFileSync(file), [entry]: readFileSync(entry) }
    for (const damaged of [file, entry]) {
      const data = good[damaged]
      const ways = [
        data.subarray(0, -9),
        Buffer.alloc(0),
        Buffer.from(data).fill(120, data.length - 40, data.length - 20),
        // Still JSON, and still a module.
        Buffer.from(data.toString('latin1').replace(/wizer\.|\x01{9}/, 'Wizer.123'), 'latin1'),
      ]
      for (const broken of ways) {
        assert.notDeepEqual(broken, data)
        writeFileSync(damaged, broken)
        const mended = await build()
        assert.equal(mended.fromStore, false)
        assert.deepEqual(mended.bytes(), bytes())
        assert.deepEqual(readFileSync(file), bytes())
        assert.equal((await build()).fromStore, true)
      }
    }
    rmSync(dirname(file), { recursive: true })
    assert.equal((await build()).fromStore, false)
  })

  test('keeps no failures and no drafts', async (t) => {
    const { build, at } = builds(t, await trapping())
    await assert.rejects(build())
    assert.ok(!existsSync(at('node_modules/.cache/wasm-preinit/modules')))
    const { build: buildGood, at: atGood } = builds(t, await setter())
    const { file } = await buildGood()
    assert.deepEqual(readdirSync(dirname(file)), ['a.wasm'])
    assert.equal(readdirSync(atGood('node_modules/.cache/wasm-preinit/modules')).length, 2)
  })

  test('is where the option `cache` says', async (t) => {
    const { build, at } = builds(t, await setter())
    const { file } = await build({ cache: at('kept') })
    assert.equal(dirname(dirname(file)), at('kept/modules'))
    assert.equal((await build({ cache: at('kept') })).fromStore, true)
    assert.ok(!existsSync(at('node_modules/.cache')))
  })

  test('is gone with the process where nothing is to be kept', async (t) => {
    const { root, at } = project(t, { 'a.wasm': await setter() })
    const text = await printedBy(`
      import { existsSync } from 'node:fs'
      import { createCore } from './plugins/core.js'
      const build = () => createCore({ cache: false }, { root: ${JSON.stringify(root)} }).finish(${JSON.stringify(at('a.wasm'))})
      const [a, b] = [await build(), await build()]
      console.log(JSON.stringify({ file: a.file, there: existsSync(a.file), again: b.fromStore }))`)
    const { file, there, again } = JSON.parse(text)
    assert.deepEqual({ there, again }, { there: true, again: false })
    assert.ok(!existsSync(file))
    assert.ok(!existsSync(dirname(dirname(file))))
    assert.ok(!existsSync(at('node_modules/.cache')))
  })

  test('lets go of what was used longest ago', async (t) => {
    const { root, at, write } = project(t, { 'a.wasm': await setter() })
    const { WASM_PREINIT_CACHE_MAX_BYTES } = process.env
    t.after(() => {
      if (WASM_PREINIT_CACHE_MAX_BYTES === undefined)
        delete process.env.WASM_PREINIT_CACHE_MAX_BYTES
      else process.env.WASM_PREINIT_CACHE_MAX_BYTES = WASM_PREINIT_CACHE_MAX_BYTES
    })
    const finish = (/** @type {Options} */ options) =>
      createCore(options, { root }).finish(at('a.wasm'))
    const old = await finish({})
    const newer = await finish({ keepInitFunc: true })
    const index = join(dirname(dirname(old.file)), 'index')
    const long = new Date(Date.now() - 60_000)
    for (const file of [
      old.file,
      newer.file,
      ...readdirSync(index).map((name) => join(index, name)),
    ]) {
      utimesSync(file, long, long)
    }
    // A hit is a use.
    assert.equal((await finish({ keepInitFunc: true })).fromStore, true)
    const room = statSync(newer.file).size * 2.5
    process.env.WASM_PREINIT_CACHE_MAX_BYTES = String(Math.floor(room))
    write('a.wasm', await setter({ answer: 7 }))
    const newest = await finish({})
    assert.deepEqual(
      [old, newer, newest].map(({ file }) => existsSync(file)),
      [false, true, true],
    )
  })

  test('may be used by several processes at once', async (t) => {
    const files = Object.fromEntries(
      await Promise.all(
        [1, 2, 3].map(
          async (answer) => /** @type {const} */ ([`${answer}.wasm`, await setter({ answer })]),
        ),
      ),
    )
    const { root } = project(t, files)
    const script = `
      import { readFileSync } from 'node:fs'
      import { join } from 'node:path'
      import { createCore } from './plugins/core.js'
      const core = createCore({}, { root: ${JSON.stringify(root)} })
      const all = await Promise.all([1, 2, 3].map((n) => core.finish(join(core.root, n + '.wasm'))))
      if (!all.every(({ file, bytes }) => readFileSync(file).equals(bytes()))) throw new Error('torn')
      console.log(all.map(({ hash }) => hash).join())`
    const [a, b] = await Promise.all([printedBy(script), printedBy(script)])
    assert.equal(a, b)
    assert.equal((await createCore({}, { root }).finish(join(root, '1.wasm'))).fromStore, true)
  })

  test('is done without where it can not be written, which is said', async (t) => {
    const { root, at } = project(t, { 'a.wasm': await setter(), 'node_modules/.cache': 'a file' })
    /** @type {string[]} */
    const warnings = []
    const onWarning = (/** @type {string} */ text) => warnings.push(text)
    const core = createCore({}, { root, onWarning })
    const { file, bytes } = await core.finish(at('a.wasm'))
    assert.deepEqual(readFileSync(file), bytes())
    assert.ok(!file.startsWith(root))
    assert.equal(warnings.length, 1)
    assert.match(
      warnings[0],
      /can't be kept in .*node_modules.*; name a folder with the option `cache`/,
    )
  })

  test('is no folder that the option `cache` can not mean', async (t) => {
    const { root, at } = project(t, { 'a.wasm': await setter(), kept: 'a file' })
    const core = createCore({ cache: at('kept') }, { root })
    await assert.rejects(core.finish(at('a.wasm')), { code: 'ERR_IO' })
  })
})

/** Captured output is bytes. @param {string} _ @param {any} value */
const revived = (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data) : value)

/** @type {(map: SourceMap, line: number, column: number) => any} */
const entryAt = (map, line, column) => map.findEntry(line, column)

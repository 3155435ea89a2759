// The plugin for Vite, on real builds, dev servers and pages: what is emitted and served is compared byte
// by byte with what `initialize` gives, and then runs, in Node and in a browser.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import * as vite from 'vite'
import { initialize } from 'wasm-preinit'
import preinit from 'wasm-preinit/vite'
import { withPage } from '../scripts/browser.mjs'
import { printedBy } from './child.js'
import { assemble, functions, instantiate } from './compare.js'
import {
  ANSWER,
  INERT,
  changesUnder,
  lister,
  project,
  reader,
  setter,
  trapping,
} from './fixtures/projects.js'

/**
 * @typedef {import('../plugins/options.js').Options} Options
 * @typedef {ReturnType<typeof project>} Project
 */

const PAGE = '<!doctype html><p id="out">waiting</p><script type="module" src="/main.js"></script>'

const WASI = { wasi_snapshot_preview1: { path_open() {}, fd_read() {} } }

/** A page's program that shows a number. @param {string} number */
const show = (number) => `\ndocument.getElementById('out').textContent = String(${number})\n`

/** A page that shows what an init function gives. */
const INIT_PAGE = `import init from './a.wasm?preinit&init'
const { exports } = await init(${INERT})${show('exports.get()')}`

/** A program for Node that tells what the module at a URL gives. @param {string} url an expression */
const tell = (url) => `
import { readFileSync } from 'node:fs'
const module = new WebAssembly.Module(readFileSync(new URL(${url})))
console.log(new WebAssembly.Instance(module, ${INERT}).exports.get())`

/**
 * @param {Project} files
 * @param {Options} [options]
 * @param {import('vite').InlineConfig} [config]
 * @returns {import('vite').InlineConfig}
 */
function configOf({ root }, options, config = {}) {
  return {
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [preinit(options)],
    ...config,
    build: { target: 'esnext', ...config.build },
  }
}

/** @type {(...args: Parameters<typeof configOf>) => Promise<any[]>} */
async function build(...args) {
  const built = await vite.build(configOf(...args))
  return [built].flat().flatMap((one) => ('output' in one ? one.output : []))
}

/** @param {any[]} output */
const assetsOf = (output) =>
  output
    .filter(({ fileName }) => fileName.endsWith('.wasm'))
    .map(({ fileName, source }) => ({ fileName, source: Buffer.from(source) }))

/**
 * A dev server, closed after the test.
 * @param {{ after(done: () => unknown): void }} t
 * @param {Parameters<typeof configOf>} args
 */
async function serve(t, ...[files, options, config]) {
  const server = await vite.createServer(
    configOf(files, options, { server: { host: '127.0.0.1', port: 0 }, ...config }),
  )
  t.after(() => server.close())
  await server.listen()
  const address = /** @type {import('node:net').AddressInfo} */ (server.httpServer?.address())
  return { server, url: `http://127.0.0.1:${address.port}/` }
}

/** @param {string} file */
const printed = (file) => printedBy(`await import(${JSON.stringify(pathToFileURL(file).href)})`)

/**
 * Waits for what a page shows, across reloads.
 * @param {import('puppeteer-core').Page} page
 * @param {string} text
 */
const shows = (page, text) =>
  page.waitForFunction((wanted) => document.getElementById('out')?.textContent === wanted, {}, text)

describe('a build', () => {
  test('gives the URL of an asset that is what `initialize` gives', async (t) => {
    const wasm = await setter()
    const files = project(t, {
      'index.html': PAGE,
      'engine.wasm': wasm,
      'main.js': `import a from './engine.wasm?preinit'\nimport b from './engine.wasm?preinit&url'\nconsole.log(a, b)`,
    })
    const output = await build(files, { keepInitFunc: true })
    const [asset, ...more] = assetsOf(output)
    assert.deepEqual(more, [])
    assert.match(asset.fileName, /^assets\/engine-.+\.wasm$/)
    assert.deepEqual(asset.source, await initialize(wasm, { keepInitFunc: true }))
    assert.ok(output.find(({ type }) => type === 'chunk').code.includes(`/${asset.fileName}`))
  })

  test('names assets after what they hold, which changes with a file that init reads', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': await reader(),
      'data/value.txt': 'A',
      'main.js': `console.log(new URL('./a.wasm?preinit', import.meta.url))`,
    })
    const options = { wasi: { preopens: { '/': files.at('data') } } }
    const step = async () => {
      const [{ fileName, source }] = assetsOf(await build(files, options))
      assert.deepEqual(source, await initialize(readFileSync(files.at('a.wasm')), options))
      return fileName
    }
    const first = await step()
    assert.equal(await step(), first)
    files.write('data/value.txt', 'B')
    assert.notEqual(await step(), first)
  })

  test('puts a small module into JavaScript, byte by byte', async (t) => {
    const wasm = await setter({ bytes: 100 })
    for (const query of ['preinit', 'preinit&init', 'preinit&inline']) {
      const files = project(t, {
        'index.html': PAGE,
        'a.wasm': wasm,
        'main.js': `import a from './a.wasm?${query}'\nconsole.log(a)`,
      })
      const output = await build(files)
      assert.deepEqual(assetsOf(output), [])
      const [, data] = /data:application\/wasm;base64,([\w+/=]+)/.exec(output[0].code) ?? []
      assert.deepEqual(Buffer.from(data, 'base64'), await initialize(wasm))
    }
  })

  test('leaves other modules of that kind alone', async (t) => {
    const wasm = await setter()
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': wasm,
      'main.js': `import a from './a.wasm?init'\nconsole.log(a, new URL('./a.wasm', import.meta.url))`,
    })
    const config = { build: { assetsInlineLimit: 0 } }
    assert.deepEqual(
      assetsOf(await build(files, {}, config)).map(({ source }) => source),
      [wasm],
    )
  })

  test('means by an included import what Vite means', async (t) => {
    const wasm = await setter()
    const files = project(t, {
      'index.html': PAGE,
      'lib/a.wasm': wasm,
      'lib/b.wasm': wasm,
      'main.js': `import url from './lib/a.wasm?url'
import init from './lib/a.wasm?init'
import * as module from './lib/a.wasm'
console.log(url, init, module.get(), new URL('./lib/a.wasm', import.meta.url), new URL('./lib/b.wasm', import.meta.url))`,
    })
    const options = { include: 'lib/*.wasm', exclude: 'lib/b.*' }
    const assets = assetsOf(await build(files, options, { build: { assetsInlineLimit: 0 } }))
    const finished = await initialize(wasm)
    assert.deepEqual(
      assets
        .map(({ fileName, source }) => [fileName.slice(0, 'assets/a'.length), source])
        .toSorted(),
      [
        ['assets/a', finished],
        ['assets/b', wasm],
      ],
    )
  })

  test('finds what a module itself imports beside the original', async (t) => {
    const files = project(t, {
      'lib/a.wasm': await assemble(`(module
        (import "./env.js" "add" (func $add (param i32) (result i32)))
        (global $set (mut i32) (i32.const 0))
        (func (export "default") (result i32) (call $add (global.get $set)))
        (func (export "wizer.initialize") (global.set $set (i32.const 40))))`),
      'lib/env.js': 'export const add = (number) => number + 2',
      'main.js': `import get from './lib/a.wasm'\nconsole.log(get())`,
    })
    const config = { build: { ssr: files.at('main.js') } }
    await build(files, { include: 'lib/*.wasm' }, config)
    assert.equal(await printed(files.at('dist/main.js')), `${ANSWER}\n`)
  })

  test('for servers runs in Node', async (t) => {
    const files = project(t, {
      'large.wasm': await setter({ answer: 1 }),
      'small.wasm': await setter({ answer: 2, bytes: 100 }),
      'main.js': `import large from './large.wasm?preinit&init'
import small from './small.wasm?preinit&init'
console.log((await large({})).exports.get(), (await small({})).exports.get())${tell(`'./large.wasm?preinit', import.meta.url`)}`,
    })
    const config = { build: { ssr: files.at('main.js'), ssrEmitAssets: true } }
    await build(files, {}, config)
    assert.equal(await printed(files.at('dist/main.js')), '1 2\n1\n')
  })

  test('takes modules of a glob, and of names that vary', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'lib/a.wasm': await setter({ answer: 1 }),
      'lib/b.wasm': await setter({ answer: 2 }),
      'main.js': `const all = import.meta.glob('./lib/*.wasm', { query: '?preinit', import: 'default', eager: true })
console.log(all, (name) => new URL(\`./lib/\${name}.wasm?preinit\`, import.meta.url))`,
    })
    const assets = assetsOf(await build(files))
    assert.deepEqual(
      assets.map(({ source }) => functions(instantiate(source)).get()).toSorted(),
      [1, 2],
    )
  })

  test('reaches workers whose plugins it is among', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': await setter(),
      'main.js': `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`,
      'worker.js': `console.log(new URL('./a.wasm?preinit', import.meta.url))`,
    })
    const output = await build(files, {}, { worker: { format: 'es', plugins: () => [preinit()] } })
    assert.deepEqual(
      assetsOf(output).map(({ source }) => functions(instantiate(source)).get()),
      [ANSWER],
    )
  })

  test("shows a failure with the code, the guest's stack and who imports the module", async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'src/bad.wasm': await trapping(),
      'main.js': `console.log(new URL('./src/bad.wasm?preinit', import.meta.url))`,
    })
    await assert.rejects(build(files), (/** @type {Error} */ { message }) => {
      const parts = [
        /wasm-preinit/,
        /ERR_TRAP/,
        /`src\/bad\.wasm`/,
        /at deep \(0x/,
        /at start \(0x/,
        /imported by `main\.js`/,
      ]
      for (const part of parts) assert.match(message, part)
      return true
    })
  })

  test('that watches builds again when a file changes that init reads', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': await reader(),
      'data/value.txt': 'A',
      'main.js': `import url from './a.wasm?preinit'\nconsole.log(url)`,
    })
    const options = { wasi: { preopens: { '/': files.at('data') } } }
    const config = configOf(files, options, { build: { watch: {} } })
    const watcher = /** @type {any} */ (await vite.build(config))
    t.after(() => watcher.close())
    const changes = changesUnder(watcher)
    /** @type {(change: () => void, wanted: number) => Promise<void>} */
    const step = (change, wanted) =>
      changes(change, (code) => {
        assert.equal(code, 'BUNDLE_END')
        const [name] = readdirSync(files.at('dist/assets')).filter((file) => file.endsWith('.wasm'))
        const wasm = readFileSync(files.at('dist/assets', name))
        return functions(instantiate(wasm, WASI)).get() === wanted
      })
    await step(() => {}, 65)
    await step(() => files.write('data/value.txt', 'B'), 66)
    const other = await setter({ answer: 7 })
    await step(() => files.write('a.wasm', other), 7)
  })
})

describe('a dev server', () => {
  /** What a request for a URL gets. @param {string} base @param {string} url */
  const fetched = async (base, url) => {
    const response = await fetch(new URL(url, base))
    assert.equal(response.status, 200)
    return response
  }

  for (const [where, cache] of [
    ['in the project', undefined],
    ['elsewhere', 'kept'],
  ]) {
    test(`serves modules from a store ${where}`, async (t) => {
      const wasm = await setter()
      const elsewhere = project(t, {})
      const files = project(t, {
        'index.html': PAGE,
        'a.wasm': wasm,
        'main.js': `import url from './a.wasm?preinit'\nconsole.log(url)`,
      })
      const { server, url } = await serve(t, files, cache ? { cache: elsewhere.at(cache) } : {})
      const code = await (await fetched(url, 'a.wasm?import&preinit')).text()
      const [, target] = /from "(.*?)"/.exec(code) ?? []
      const [, file] =
        /export default "(.*?)"/.exec(await (await fetched(url, target)).text()) ?? []
      const response = await fetched(url, file)
      assert.equal(response.headers.get('content-type'), 'application/wasm')
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), await initialize(wasm))
      const store = cache
        ? elsewhere.at(cache, 'modules')
        : files.at('node_modules/.cache/wasm-preinit/modules')
      assert.ok(server.config.server.fs.allow.includes(vite.normalizePath(store)))
    })
  }

  test('serves nothing else of where the store is', async (t) => {
    const elsewhere = project(t, { 'secret.txt': 'secret', 'kept/secret.txt': 'secret' })
    const files = project(t, { 'index.html': PAGE, 'a.wasm': await setter(), 'main.js': '' })
    const { url } = await serve(t, files, { cache: elsewhere.at('kept') })
    await fetched(url, 'a.wasm?import&preinit')
    for (const file of ['secret.txt', 'kept/secret.txt']) {
      const response = await fetch(new URL(`/@fs${elsewhere.at(file)}`, url))
      assert.equal(response.status, 403)
    }
  })

  test('runs modules on the server', async (t) => {
    const files = project(t, {
      'a.wasm': await reader(),
      'data/value.txt': 'A',
      'main.js': `import { readFileSync } from 'node:fs'
import init from './a.wasm?preinit&init'
const bytes = readFileSync(new URL('./a.wasm?preinit', import.meta.url))
const { instance } = await WebAssembly.instantiate(bytes, ${INERT})
export const answers = [(await init(${INERT})).exports.get(), instance.exports.get()]`,
    })
    const options = { wasi: { preopens: { '/': files.at('data') } } }
    const { server } = await serve(t, files, options)
    const { answers } = await server.ssrLoadModule('/main.js')
    assert.deepEqual(answers, [65, 65])
    const changed = once(server.watcher, 'change')
    files.write('data/value.txt', 'B')
    await changed
    server.moduleGraph.invalidateAll()
    assert.deepEqual((await server.ssrLoadModule('/main.js')).answers, [66, 66])
  })

  test("answers with a failure that has its code, the guest's stack and who imports it", async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'bad.wasm': await trapping(),
      'main.js': `import url from './bad.wasm?preinit'\nconsole.log(url)`,
    })
    const { server } = await serve(t, files)
    await server.transformRequest('/main.js')
    await assert.rejects(
      server.transformRequest('/bad.wasm?preinit'),
      (/** @type {any} */ error) => {
        assert.match(error.message, /at deep \(0x.*\n.*at start \(0x.*\n.*imported by `main\.js`/)
        const { plugin, code, id } = error
        assert.deepEqual(
          { plugin, code: error.pluginCode ?? code, id },
          { plugin: 'wasm-preinit', code: 'ERR_TRAP', id: files.at('bad.wasm') },
        )
        return true
      },
    )
  })
})

describe('a page in a browser', () => {
  test('shows what init has made, and again when a file changes that init reads', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': await reader({ missing: 'unreachable' }),
      'data/value.txt': 'A',
      'main.js': INIT_PAGE,
    })
    const { url } = await serve(t, files, { wasi: { preopens: { '/': files.at('data') } } })
    await withPage(url, async (page) => {
      await shows(page, '65')
      files.write('data/value.txt', 'B')
      await shows(page, '66')
      rmSync(files.at('data/value.txt'))
      await page.waitForSelector('vite-error-overlay')
      const text = await page.evaluate(
        () => document.querySelector('vite-error-overlay')?.shadowRoot?.textContent,
      )
      for (const part of [/ERR_TRAP/, /at start/, /imported by `main\.js`/])
        assert.match(text ?? '', part)
      files.write('data/value.txt', 'C')
      await shows(page, '67')
      files.write('a.wasm', await setter({ answer: 7 }))
      await shows(page, '7')
    })
  })

  test('shows again what init lists when a file appears there', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': await lister(),
      'data/a': '',
      'main.js': INIT_PAGE,
    })
    const { url } = await serve(t, files, { wasi: { preopens: { '/': files.at('data') } } })
    const dots = 2 * 24 + 1 + 2
    await withPage(url, async (page) => {
      await shows(page, String(dots + 24 + 1))
      files.write('data/long-name', '')
      await shows(page, String(dots + 2 * 24 + 1 + 9))
    })
  })

  test('shows the same for `new URL`, and when that module changes', async (t) => {
    const files = project(t, {
      'index.html': PAGE,
      'a.wasm': await setter({ answer: 1 }),
      'main.js': `const url = new URL('./a.wasm?preinit', import.meta.url)
const { instance } = await WebAssembly.instantiateStreaming(fetch(url))${show('instance.exports.get()')}`,
    })
    const { url } = await serve(t, files)
    await withPage(url, async (page) => {
      await shows(page, '1')
      files.write('a.wasm', await setter({ answer: 2 }))
      await shows(page, '2')
    })
  })

  for (const base of ['/', '/deep/', './']) {
    test(`shows what init has made after a build, below ${base}`, async (t) => {
      const files = project(t, {
        'index.html': PAGE,
        'a.wasm': await setter(),
        'main.js': INIT_PAGE,
      })
      await build(files, {}, { base })
      const preview = { port: 0, host: '127.0.0.1' }
      const server = await vite.preview(configOf(files, {}, { base, preview }))
      t.after(() => server.close())
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.httpServer.address())
      const url = new URL(base === './' ? '/' : base, `http://127.0.0.1:${port}/`)
      await withPage(url, (page) => shows(page, String(ANSWER)))
    })
  }
})

describe('the plugin', () => {
  test('refuses unknown options as it is made', () => {
    const options = /** @type {Options} */ ({ initfunc: 'a' })
    assert.throws(() => preinit(options), { name: 'TypeError', code: 'ERR_INVALID_OPTION' })
  })
})

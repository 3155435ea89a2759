// Each example by its one command: it must build, pre-initialize, and find in V8 that original and
// output agree. Pages are built in copies of their folders, as somebody has them who takes one out of
// the repository, and shown in Chromium. Where a compiler can't be had, the test says so.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, extname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as cLibrary from '../examples/c-library/build.mjs'
import { withPage } from '../scripts/browser.mjs'
import { ToolchainMissing, go } from '../scripts/toolchains.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const EXAMPLES = join(ROOT, 'examples')

/** What an example says where it uses a committed module instead of one it has built. */
const COMMITTED = /^.*committed.*$/gm

/**
 * Runs a script and returns what it prints.
 * @param {import('node:test').TestContext} context
 * @param {string} script
 */
async function output(context, script) {
  const args = ['--disable-warning=ExperimentalWarning', join(EXAMPLES, script)]
  const { stdout } = await run(process.execPath, args)
  for (const line of stdout.match(COMMITTED) ?? []) context.diagnostic(line)
  return stdout
}

/** @param {string} text */
const titles = (text) => [...text.matchAll(/^([\w-]+: .*)\n {2}build /gm)].map(([, title]) => title)

/** @param {string} text */
const verdicts = (text) => [...text.matchAll(/^ {2}verified {3}(same \w+)/gm)].map(([, is]) => is)

describe('the examples', () => {
  test('start with a JavaScript engine and a table of primes', async (context) => {
    const text = await output(context, 'start.mjs')
    assert.deepEqual(titles(text), [
      'js-engine: StarlingMonkey with app.js',
      'table: the first 100,000 primes, in AssemblyScript',
    ])
    assert.deepEqual(verdicts(text), ['same answers', 'same memory'])
  })

  test('include libraries in C and C++', async (context) => {
    const text = await output(context, 'c-library/run.mjs')
    assert.deepEqual(titles(text), [
      'c-library: a dictionary that completes words, in C',
      'c-library: a lexer made of global objects, in C++',
    ])
    assert.deepEqual(verdicts(text), ['same memory', 'same memory'])
  })

  for (const source of /** @type {const} */ (['dictionary.c', 'lexer.cpp'])) {
    test(`have ${source} committed as it is built`, async (context) => {
      const { wasm, missing } = cLibrary.build(source)
      if (missing) return context.skip(missing.message)
      assert.ok(wasm.equals(await readFile(cLibrary.committed(source))), 'run it with `--commit`')
    })
  }

  test('include a module in Rust', async (context) => {
    const text = await output(context, 'rust/run.mjs')
    assert.deepEqual(verdicts(text), ['same memory'])
    assert.match(text, /^ {4}4 \* \* \* Q \* x \. \.$/m)
  })

  test('include a module in Go', async (context) => {
    try {
      go()
    } catch (error) {
      if (error instanceof ToolchainMissing) return context.skip(error.message)
      throw error
    }
    assert.deepEqual(verdicts(await output(context, 'go/run.mjs')), ['same answers'])
  })

  test('are all in the table of their README', async () => {
    const readme = await readFile(join(EXAMPLES, 'README.md'), 'utf8')
    const entries = await readdir(EXAMPLES, { withFileTypes: true })
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      assert.match(readme, new RegExp(`^\\| \\[${name}\\]\\(${name}/?\\)`, 'm'), name)
    }
  })
})

describe('the page', () => {
  test('that Vite builds holds the same thresholds as the module that runs init', async () => {
    await withBuilt('vite-app', async (url, files) => {
      assert.equal(files.filter((name) => extname(name) === '.wasm').length, 1)
      for (const dark of [false, true]) {
        const shown = await withPage(url, (page) => textOf(page, '[data-same]'), { dark })
        assert.equal(shown, 'Both hold the same 4,096 thresholds.')
      }
    })
  })

  test('that webpack builds completes words, and knows the same as the original', async () => {
    await withBuilt('webpack-app', async (url) => {
      await withPage(url, async (page) => {
        assert.equal(await textOf(page, '[data-same]'), 'Both know the same words.')
        await page.locator('#prefix').fill('snaps')
        assert.equal(await textOf(page, '#count'), '4 words')
        const words = await page.$$eval('#words li', (items) =>
          items.map((item) => item.textContent),
        )
        assert.deepEqual(words, ['snapshot', 'snapshotless', 'snapshotlike', 'snapshots'])
      })
    })
  })

  test('that webpack builds has the dictionary of the C library', async () => {
    const copied = await readFile(join(EXAMPLES, 'webpack-app', 'src', 'dictionary.wasm'))
    assert.ok(copied.equals(await readFile(cLibrary.committed('dictionary.c'))))
  })
})

/**
 * What an element says once it is there.
 * @param {import('puppeteer-core').Page} page
 * @param {string} selector
 */
async function textOf(page, selector) {
  const element = await page.waitForSelector(selector)
  return element?.evaluate(({ textContent }) => textContent)
}

/**
 * Builds an example with its own command and serves what comes out.
 * @param {string} name
 * @param {(url: string, files: string[]) => Promise<void>} use
 */
async function withBuilt(name, use) {
  const folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
  try {
    await copyOut(name, folder)
    const shell = process.platform === 'win32'
    await run('npm', ['run', '--silent', 'build'], { cwd: folder, shell })
    const dist = join(folder, 'dist')
    const files = await readdir(dist, { recursive: true })
    await withServer(dist, (url) => use(url, files))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/**
 * Copies an example without what was built in it; its dependencies are those of the repository.
 * @param {string} name
 * @param {string} folder
 */
async function copyOut(name, folder) {
  const built = ['dist', 'node_modules']
  const example = join(EXAMPLES, name)
  await cp(example, folder, {
    recursive: true,
    filter: (path) => path === example || !built.includes(basename(path)),
  })
  const { devDependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  await mkdir(join(folder, 'node_modules'))
  for (const dependency of [...Object.keys(devDependencies), '.bin']) {
    const own = join(ROOT, 'node_modules', dependency)
    const target = dependency === 'wasm-preinit' ? ROOT : own
    await symlink(target, join(folder, 'node_modules', dependency), 'junction')
  }
}

/**
 * @param {string} folder
 * @param {(url: string) => Promise<void>} use
 */
async function withServer(folder, use) {
  /** @type {Record<string, string>} */
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const file = join(folder, pathname === '/' ? 'index.html' : pathname)
    try {
      const bytes = await readFile(file)
      response.setHeader('content-type', types[extname(file)] ?? 'application/wasm')
      response.end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = /** @type {import('node:net').AddressInfo} */ (server.address())
    await use(`http://127.0.0.1:${address.port}/`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

// README.md and docs/: blocks of code run and print what the pages say, links lead somewhere, and
// pages that list things list all of them. pages.js tells how a page says what is to be done; with
// BLESS=1, what blocks print is written to the pages.

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative, resolve } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import { inspect } from 'wasm-preinit'
import { GO_ENVIRONMENT, ToolchainMissing, go, zig } from '../scripts/toolchains.mjs'
import { readPage } from './pages.js'

/**
 * @typedef {import('./pages.js').Block} Block
 * @typedef {import('./pages.js').Page} Page
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CLI = join(ROOT, 'bin', 'wasm-preinit.js')
const SCRIPTS = ['js', 'mjs', 'ts', 'sh']
const WINDOWS = process.platform === 'win32'

const pages = ['README.md', ...markdown('docs')].map((path) => readPage(join(ROOT, path)))
const anchors = new Map(pages.map((page) => [page.path, page.anchors]))

const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'docs-')))
after(() => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }))

/** @param {string} folder @returns {string[]} */
function markdown(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((path) => join(folder, String(path)))
    .filter((path) => path.endsWith('.md'))
    .sort()
}

/** @param {Page} page @param {number} line */
const placeOf = ({ path }, line) => `${relative(ROOT, path)}:${line}`

for (const page of pages) {
  describe(relative(ROOT, page.path), () => {
    test('every block of code can be parsed, and those that are not run say why', () => {
      for (const block of page.blocks) parse(block, placeOf(page, block.line))
    })

    test('links and pictures lead to files and headings that are there', () => {
      for (const { target, line } of page.links) follow(page, target, placeOf(page, line))
    })

    if (!page.blocks.some(({ directive }) => directive?.kind === 'run')) return
    test('blocks run and print what the page says', async (context) => {
      const session = new Session(page)
      for (const block of page.blocks) {
        if (block.directive === undefined || block.directive.kind === 'not run') continue
        const name = `${block.directive.kind} at line ${block.line}`
        const skip = session.reasonToSkip(block)
        await context.test(name, { skip }, () => session.take(block))
      }
      if (process.env.BLESS === '1') session.bless()
    })
  })
}

/**
 * @param {Block} block
 * @param {string} place
 */
function parse({ language, text, directive }, place) {
  if (directive?.kind === 'not run') assert.ok(directive.argument, `${place}: not run, but why?`)
  if (['js', 'mjs', 'ts'].includes(language)) {
    const loader = language === 'ts' ? 'ts' : 'js'
    assert.doesNotThrow(() => transformSync(text, { loader, format: 'esm' }), place)
  } else if (language === 'json') {
    assert.doesNotThrow(() => JSON.parse(text), place)
  } else if (language === 'wat' && text.startsWith('(module')) {
    assert.doesNotThrow(() => inspect(Buffer.from(text)), place)
  } else if (language === 'sh' && !WINDOWS) {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' })
    assert.equal(status, 0, `${place}: ${stderr}`)
  }
}

/**
 * @param {Page} page
 * @param {string} target
 * @param {string} place
 */
function follow(page, target, place) {
  if (/^(https?|mailto):/.test(target)) return void new URL(target)
  const [path, anchor] = target.split('#')
  const file = path === '' ? page.path : resolve(dirname(page.path), decodeURI(path))
  assert.ok(existsSync(file), `${place}: there is no \`${path}\``)
  if (anchor === undefined) return
  const known = anchors.get(file) ?? readPage(file).anchors
  assert.ok(known.has(anchor), `${place}: \`${path}\` has no heading \`#${anchor}\``)
}

/** A page's folder, which is a project that has this package and all it is developed with. */
class Session {
  /** @param {Page} page */
  constructor(page) {
    this.page = page
    this.folder = mkdtempSync(join(temporary, 'page-'))
    this.commands = join(this.folder, '.commands')
    this.printed = ''
    /** What was printed, by the lines of blocks that say something else. @type {Map<number, string>} */
    this.blessed = new Map()
    this.hasSkipped = false
    layOut(this.folder)
  }

  /**
   * @param {Block} block
   * @returns {string | false}
   */
  reasonToSkip({ language, directive }) {
    if (directive?.kind === 'output') return this.hasSkipped && 'what it is of was not run'
    if (directive?.kind !== 'run') return false
    const reason =
      language === 'sh' && WINDOWS ? 'it is for a POSIX shell' : this.#missing(directive.argument)
    // Later blocks of a page may use what this one would have made.
    this.hasSkipped ||= reason !== false
    return this.hasSkipped && (reason || 'an earlier block was not run')
  }

  /** @param {string} argument */
  #missing(argument) {
    const [, tool] = /needs (\w+)/.exec(argument) ?? []
    if (tool === undefined) return false
    try {
      writeCommand(this.commands, tool, tool === 'go' ? go() : zig())
      return false
    } catch (error) {
      if (!(error instanceof ToolchainMissing)) throw error
      return error.message
    }
  }

  /** @param {Block} block */
  async take({ language, text, line, directive }) {
    const { kind, argument, hidden } = /** @type {import('./pages.js').Directive} */ (directive)
    if (kind === 'file') {
      mkdirSync(dirname(join(this.folder, argument)), { recursive: true })
      writeFileSync(join(this.folder, argument), text)
    } else if (kind === 'output') {
      if (process.env.BLESS !== '1') return assertPrinted(this.printed, text)
      if (!isPrinted(this.printed, text)) this.blessed.set(line, this.printed)
    } else {
      assert.ok(SCRIPTS.includes(language), `a block of \`${language}\` can't be run`)
      const { status, printed } = await this.#run(language, line, `${hidden}\n${text}`)
      this.printed = printed
      const expected = Number(/exit (\d+)/.exec(argument)?.[1] ?? 0)
      assert.equal(status, expected, `line ${line} exits with ${status} and prints\n${printed}`)
    }
  }

  /** Writes what was printed into the page. */
  bless() {
    const lines = readFileSync(this.page.path, 'utf8').split('\n')
    for (const [line, printed] of [...this.blessed].reverse()) {
      const end = lines.findIndex((text, index) => index >= line && text.trim() === '```')
      lines.splice(line, end - line, ...printed.trim().split('\n'))
    }
    writeFileSync(this.page.path, lines.join('\n'))
  }

  /**
   * @param {string} language
   * @param {number} line
   * @param {string} text
   */
  async #run(language, line, text) {
    const name = `.block-${line}.${language === 'sh' ? 'sh' : 'mjs'}`
    const script = language === 'ts' ? transformSync(text, { loader: 'ts' }).code : text
    writeFileSync(join(this.folder, name), script)
    const { SOURCE_DATE_EPOCH, WASM_PREINIT_CACHE_DIR, FORCE_COLOR, ...inherited } = process.env
    const env = {
      ...inherited,
      ...GO_ENVIRONMENT,
      NO_COLOR: '1',
      NODE_NO_WARNINGS: '1',
      PATH: `${this.commands}${delimiter}${process.env.PATH}`,
    }
    const log = join(this.folder, '.printed')
    const output = openSync(log, 'w')
    const command = language === 'sh' ? ['sh', '-e', name] : [process.execPath, name]
    const child = spawn(command[0], command.slice(1), {
      cwd: this.folder,
      env,
      stdio: ['ignore', output, output],
      timeout: 300_000,
    })
    const [status] = await once(child, 'close')
    closeSync(output)
    const printed = readFileSync(log, 'utf8').replaceAll(this.folder, '/project')
    return { status, printed }
  }
}

/** @param {string} folder */
function layOut(folder) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  // The package itself is among them.
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) {
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'junction')
    }
  }
  const commands = join(folder, '.commands')
  mkdirSync(commands)
  writeCommand(commands, 'wasm-preinit', process.execPath, CLI)
  const tools = join(ROOT, 'node_modules', '.bin')
  const npx = `#!/bin/sh\nname=$1\nshift\n[ "$name" = wasm-preinit ] || exec "${tools}/$name" "$@"\n`
  writeFileSync(join(commands, 'npx'), `${npx}exec wasm-preinit "$@"\n`, { mode: 0o755 })
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {...string} command
 */
function writeCommand(folder, name, ...command) {
  const words = command.map((word) => `"${word}"`).join(' ')
  writeFileSync(join(folder, name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
}

/**
 * @param {string} actual
 * @param {string} expected with `…` for anything
 */
function isPrinted(actual, expected) {
  const parts = expected.trim().split('…')
  const pattern = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('[^]*?')
  return new RegExp(`^${pattern}$`).test(actual.trim())
}

/** @type {(actual: string, expected: string) => void} */
function assertPrinted(actual, expected) {
  if (isPrinted(actual, expected)) return
  assert.equal(actual.trim(), expected.trim(), 'what was printed is not what the page says')
}

test('blocks of TypeScript have no type errors', () => {
  const folder = mkdtempSync(join(temporary, 'types-'))
  layOut(folder)
  const names = pages.flatMap((page, index) =>
    page.blocks
      .filter(({ language }) => language === 'ts')
      .map(({ text, line, directive }) => {
        const name = `page-${index}-line-${line}.ts`
        writeFileSync(join(folder, name), `${directive?.hidden ?? ''}\n${text}\nexport {}\n`)
        return name
      }),
  )
  if (names.length === 0) return
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--types', 'node']
  const modules = ['--module', 'nodenext', '--lib', 'es2024,dom']
  const { stdout } = spawnSync(process.execPath, [tsc, ...flags, ...modules, ...names], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(stdout, '')
})

describe('pages that list', () => {
  /** @param {string} path */
  const textOf = (path) => readFileSync(join(ROOT, path), 'utf8')

  test('docs/README.md leads to every page', () => {
    const contents = readPage(join(ROOT, 'docs', 'README.md'))
    const listed = contents.links.map(({ target }) => join('docs', target.split('#')[0]))
    for (const path of markdown('docs')) {
      if (path !== join('docs', 'README.md')) assert.ok(listed.includes(path), path)
    }
  })

  test('docs/troubleshooting.md has a heading for each error code', () => {
    const [, union] = /type ErrorCode =([^;]*?)\n\n/.exec(textOf('index.d.ts')) ?? []
    const codes = union.match(/ERR_\w+/g) ?? []
    assert.ok(codes.length > 10)
    for (const code of codes)
      assert.match(textOf('docs/troubleshooting.md'), RegExp(`^## ${code}$`, 'm'))
  })

  test('docs/scale.md shows the configuration of the example as it is', () => {
    const { blocks } = readPage(join(ROOT, 'docs', 'scale.md'))
    const [shown] = blocks.filter(({ text }) => text.includes('turborepo.com'))
    assert.equal(shown.text, textOf('examples/turborepo/turbo.json'))
  })

  test('docs/cli.md has each flag that --help prints', () => {
    const help = execFileSync(process.execPath, [CLI, '--help'], { encoding: 'utf8' })
    const flags = new Set(help.match(/(?<=^|[\s,[])--?[a-z][a-z-]*/gm))
    assert.ok(flags.size > 30)
    const page = textOf('docs/cli.md')
    for (const flag of flags) assert.ok(page.includes(`\`${flag}`), `docs/cli.md lacks ${flag}`)
  })
})

const turbo = join(ROOT, 'node_modules', 'turbo')
const skip = existsSync(turbo) || process.env.TURBO ? false : 'Turborepo is not installed'

test(
  'the example for Turborepo hits the cache in a second checkout, with the same bytes',
  { skip },
  () => {
    const example = join(ROOT, 'examples', 'turborepo', 'run.mjs')
    const printed = execFileSync(process.execPath, [example], { encoding: 'utf8' })
    assert.match(printed, /FULL TURBO/)
    assert.match(printed, /the same bytes in all three checkouts/)
  },
)

// Outputs that Binaryen has gone over: they must do in V8 what they did before, without the code that
// only init needed, and runs that fail or are stopped must leave nothing behind.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compileTable } from '../examples/table/table.mjs'
import { InitializeError, initialize, inspect } from '../index.js'
import { optimize } from '../lib/optimize.js'
import { runScript } from './child.js'
import { assemble, assertSameBytes, functions, instantiate, isValid, memoryOf } from './compare.js'
import { font } from './fixtures/font.js'
import { inertImports } from './fixtures/guests.js'
import { dependency, readFastly, readJavy, readReactor } from './modules.js'
import { SECTION, exportsOf, section } from './sections.js'

const OPTIMIZE = new URL('../lib/optimize.js', import.meta.url).href

/** Where this process, and those that it starts, put temporary files. */
const TEMPORARY = ['TMPDIR', 'TEMP', 'TMP']
const elsewhere = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
const projects = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
const previous = TEMPORARY.map((name) => [name, process.env[name]])

before(() => TEMPORARY.forEach((name) => void (process.env[name] = elsewhere)))
afterEach(() => assert.deepEqual(readdirSync(elsewhere), [], 'something was left behind'))
after(() => {
  for (const [name, value] of previous) {
    if (value === undefined) delete process.env[String(name)]
    else process.env[String(name)] = value
  }
  for (const folder of [elsewhere, projects]) rmSync(folder, { recursive: true })
})

/** A small C program with names and debug information. */
const readStack = () => readFileSync(new URL('fixtures/stack/stack.wasm', import.meta.url))

/** @param {Uint8Array} wasm */
const codeBytes = (wasm) => section(wasm, SECTION.code)?.bytes.length ?? 0

/** @param {Uint8Array} wasm */
const sectionNames = (wasm) => inspect(wasm).sections.map(({ name }) => name)

/**
 * Optimizes an output and fails where V8 tells the two apart by exports, memory or these calls.
 * @param {Uint8Array} output
 * @param {Array<[name: string, ...args: unknown[]]>} calls
 */
async function compareOptimized(output, calls) {
  const optimized = await optimize(output)
  assert.ok(isValid(optimized))
  const kinds = (/** @type {Uint8Array} */ wasm) =>
    exportsOf(wasm).map(({ name, kind }) => ({ name, kind }))
  assert.deepEqual(kinds(optimized), kinds(output))
  assert.ok(codeBytes(optimized) < codeBytes(output), 'no code was removed')
  const [was, is] = [output, optimized].map((wasm) => instantiate(wasm, inertImports(output)))
  const same = () =>
    assertSameBytes(
      /** @type {any} */ (is.exports.memory).buffer,
      /** @type {any} */ (was.exports.memory).buffer,
      'the memory',
    )
  same()
  for (const [name, ...args] of calls) {
    assert.deepEqual(functions(is)[name](...args), functions(was)[name](...args), name)
  }
  same()
  return { output, optimized, was, is }
}

describe('an optimized output does what it did before', () => {
  test('as a table in AssemblyScript, whose init is gone', async () => {
    const output = await initialize(compileTable(), { initFunc: 'init' })
    const optimized = await optimize(output)
    const [was, is] = [output, optimized].map((wasm) => functions(instantiate(wasm)))
    assert.deepEqual(Object.keys(is), Object.keys(was))
    const [name] = Object.keys(was).filter((key) => typeof was[key] === 'function')
    for (const n of [0, 1, 2, 99_999]) assert.equal(is[name](n), was[name](n))
    assert.ok(codeBytes(optimized) < codeBytes(output) / 4, 'init is still there')
  })

  test('as a C++ reactor, whose constructors are gone', async () => {
    const output = await initialize(readReactor(), { initFunc: '_initialize' })
    await compareOptimized(output, [
      ['constructions'],
      ['shape_count'],
      ...Array.from(
        { length: 30 },
        (_, index) => /** @type {[string, number]} */ (['area', index]),
      ),
      ['prime', 2261],
      ['sine', 77],
      ['add_word', 't'.charCodeAt(0), 40],
      ['operate', 1, 21],
      ['joined'],
      ['large_sum'],
      ['allocate', 5_000_000],
    ])
  })

  test('as a JavaScript engine, which compiles a script to the same bytecode', async () => {
    const output = await initialize(readJavy(), { initFunc: 'initialize-runtime', wasi: true })
    const { was, is } = await compareOptimized(output, [])
    const source = Buffer.from('export function go() { return [1, 2, 3].map((x) => x ** 2) }')
    const [expected, actual] = [was, is].map((instance) => {
      const at = functions(instance).cabi_realloc(0, 0, 1, source.length)
      const memory = () => Buffer.from(/** @type {any} */ (instance.exports.memory).buffer)
      source.copy(memory(), at)
      const result = functions(instance)['compile-src'](at, source.length)
      const [failed, start, length] = [0, 4, 8].map((word) => memory().readUInt32LE(result + word))
      assert.equal(failed, 0)
      return Buffer.from(memory().subarray(start, start + length))
    })
    assert.ok(expected.length > source.length / 2)
    assert.deepEqual(actual, expected)
  })

  test('as HarfBuzz, under its own JavaScript', async () => {
    const dist = fileURLToPath(dependency('harfbuzzjs/dist/'))
    const original = await readFile(join(dist, 'harfbuzz.wasm'))
    const output = await initialize(original, { initFunc: '__wasm_call_ctors' })
    const folder = await mkdtemp(join(tmpdir(), 'harfbuzz-'))
    try {
      await cp(dist, folder, { recursive: true })
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
      const optimized = await optimize(output, ['--remove-unused-module-elements'])
      assert.ok(!optimized.equals(output))
      await writeFile(join(folder, 'harfbuzz.wasm'), optimized)
      const glue = await readFile(join(folder, 'harfbuzz.js'), 'utf8')
      const call = 'wasmExports["__wasm_call_ctors"]()'
      assert.ok(glue.includes(call))
      await writeFile(join(folder, 'harfbuzz.js'), glue.replace(call, 'undefined'))
      const shaped = await Promise.all(
        [dist, folder].map(async (path) => {
          const harfbuzz = await import(pathToFileURL(join(path, 'index.mjs')).href)
          const face = new harfbuzz.Face(new harfbuzz.Blob(Uint8Array.from(font()).buffer), 0)
          const buffer = new harfbuzz.Buffer()
          buffer.addText('AVATAR Ünknown')
          buffer.guessSegmentProperties()
          harfbuzz.shape(new harfbuzz.Font(face), buffer)
          return buffer.getGlyphInfosAndPositions()
        }),
      )
      assert.equal(shaped[0].length, 14)
      assert.deepEqual(shaped[1], shaped[0])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('what goes into a module and what stays', () => {
  const REACHED = '(func $only (i32.store (i32.const 0) (i32.const 7)))'

  test('the same module and flags give the same bytes, also many at once', async () => {
    const output = await initialize(readStack(), { initFunc: 'init' })
    const all = await Promise.all(
      Array.from({ length: availableParallelism() + 2 }, () => optimize(output, ['-O2'])),
    )
    for (const other of all) assert.deepEqual(other, all[0])
  })

  test('a module that would only grow stays as it is', async () => {
    const smallest = await optimize(await assemble('(module (func (export "f")))'))
    assert.deepEqual(await optimize(smallest), smallest)
    const original = await readFile(dependency('harfbuzzjs/dist/harfbuzz.wasm'))
    assert.ok((await optimize(original)).length <= original.length)
  })

  test('a module without any proposal has none afterwards', async () => {
    const wasm = await assemble(`(module (memory (export "memory") 1) ${REACHED}
      (func (export "f") (result i32) (i32.load (i32.const 4))) (data (i32.const 4) "\\05"))`)
    const optimized = await optimize(wasm, ['-O2'])
    assert.deepEqual(inspect(optimized).features, [])
    assert.equal(functions(instantiate(optimized)).f(), 5)
  })

  for (const [features, fields, gives] of [
    [
      'bulk memory and sign extension',
      `(memory 1) (func (export "f") (result i32)
        (memory.fill (i32.const 0) (i32.const 0x85) (i32.const 8))
        (i32.extend8_s (i32.load (i32.const 4))))`,
      -123,
    ],
    [
      'vectors and saturating conversions',
      `(func (export "f") (result i32)
        (i32.add (i32.trunc_sat_f32_s (f32.const 1e30))
          (i32x4.extract_lane 2 (i32x4.splat (i32.const -7)))))`,
      0x7ffffff8,
    ],
    [
      'garbage-collected types',
      `(type $pair (struct (field i32) (field i32)))
      (func (export "f") (result i32)
        (struct.get $pair 1 (struct.new $pair (i32.const 1) (i32.const 2))))`,
      2,
    ],
    [
      'relaxed vectors, several memories and tail calls',
      `(memory 1) (memory $second 1)
      (func $g (result i32) (i32x4.extract_lane 0
        (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (f32.load $second (i32.const 0))))))
      (func (export "f") (result i32) (return_call $g))`,
      undefined,
    ],
  ]) {
    test(`${features} need not be declared`, async () => {
      const wasm = await assemble(`(module (func $unused) ${fields})`)
      const optimized = await optimize(wasm)
      assert.ok(codeBytes(optimized) < codeBytes(wasm))
      // Node 20 runs not all of them.
      if (gives !== undefined && isValid(wasm)) {
        assert.equal(functions(instantiate(optimized)).f(), gives)
      }
    })
  }

  test('names stay, debug information by code offsets does not, declared features are the same', async () => {
    assert.ok(sectionNames(readStack()).includes('.debug_line'))
    const output = await initialize(readStack(), { initFunc: 'init' })
    const optimized = await optimize(output)
    const kept = sectionNames(output).filter((name) => !name.startsWith('.debug'))
    assert.deepEqual(
      sectionNames(optimized).filter((name) => name !== 'table'),
      kept.filter((name) => name !== 'table'),
    )
    assert.deepEqual(inspect(optimized).features, inspect(output).features)
    assert.ok(codeBytes(optimized) < codeBytes(output))
    const without = await optimize(output, ['--remove-unused-module-elements'])
    assert.ok(!sectionNames(without).includes('name'), 'flags of the caller are all there is')
  })
})

describe('what goes wrong', () => {
  /** @type {Buffer} */
  let wasm
  before(async () => {
    wasm = await assemble('(module (func (export "f")))')
  })

  for (const [flags, message] of /** @type {const} */ ([
    [['--no-such-pass'], /Unknown option '--no-such-pass'/],
    [['-O2', 'other.wasm'], /other\.wasm/],
    [['-S'], /`-S`.*leave it out/],
    [['--output=elsewhere.wasm'], /`--output=elsewhere\.wasm`.*leave it out/],
    [['--version'], /no module.*--version/],
  ])) {
    test(`flags \`${flags.join(' ')}\` are an invalid option`, async () => {
      await assert.rejects(optimize(wasm, flags), {
        name: 'TypeError',
        code: 'ERR_INVALID_OPTION',
        option: 'optimize',
        message,
      })
    })
  }

  test('a module that wasm-opt can not read is unsupported, in its words', async () => {
    const broken = Buffer.concat([wasm, Buffer.from([10, 1])])
    await assert.rejects(optimize(broken), (error) => {
      assert.ok(error instanceof InitializeError)
      assert.equal(error.code, 'ERR_UNSUPPORTED')
      assert.match(error.message, /^wasm-opt can't optimize the module: .+; leave out `optimize`/)
      assert.ok(!error.message.includes(elsewhere))
      return true
    })
  })

  test('a time limit ends the process with ERR_TIMEOUT', async () => {
    await assert.rejects(optimize(readFastly(), undefined, { timeout: 1, limit: 1234 }), {
      name: 'InitializeError',
      code: 'ERR_TIMEOUT',
      limit: 1234,
      message: /1234 ms/,
    })
  })

  test('an abort ends the process and rejects with the reason', async () => {
    const reason = new Error('enough')
    await assert.rejects(optimize(wasm, [], { signal: AbortSignal.abort(reason) }), reason)
    const controller = new AbortController()
    const watcher = watch(elsewhere)
    const running = optimize(readFastly(), undefined, { signal: controller.signal })
    await once(watcher, 'change')
    watcher.close()
    controller.abort(reason)
    await assert.rejects(running, reason)
  })

  test('an abort takes a run out of the queue, and the others go on', async () => {
    const controller = new AbortController()
    const many = Array.from({ length: availableParallelism() + 2 }, () => optimize(wasm))
    const last = optimize(wasm, undefined, { signal: controller.signal })
    controller.abort(new Error('not wanted'))
    await assert.rejects(last, /not wanted/)
    for (const optimized of await Promise.all(many)) assert.ok(isValid(optimized))
    assert.ok(isValid(await optimize(wasm)))
  })

  test('nothing is left of a run when the process exits meanwhile', async () => {
    const { status, stderr } = await runScript(`
      import { readFileSync, watch } from 'node:fs'
      import { optimize } from '${OPTIMIZE}'
      watch(${JSON.stringify(elsewhere)}, () => process.exit(7))
      await optimize(readFileSync(new URL('${dependency('@fastly/js-compute/fastly.wasm').href}')))`)
    assert.deepEqual({ status, stderr }, { status: 7, stderr: '' })
  })
})

describe('binaryen', () => {
  /**
   * A project with a wasm-opt of its own.
   * @param {string} name
   * @param {string} script
   */
  function projectWith(name, script) {
    const project = join(projects, name)
    const tool = join(project, 'node_modules', 'binaryen', 'tools', 'wasm-opt.js')
    mkdirSync(dirname(tool), { recursive: true })
    const manifest = { name: 'binaryen', bin: { 'wasm-opt': 'tools/wasm-opt.js' } }
    writeFileSync(join(project, 'node_modules/binaryen/package.json'), JSON.stringify(manifest))
    writeFileSync(tool, script)
    return project
  }

  /** @param {string} cwd */
  const optimizedIn = (cwd) =>
    runScript(`
      import { optimize } from '${OPTIMIZE}'
      process.chdir(${JSON.stringify(cwd)})
      const wasm = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)
      console.log((await optimize(wasm)).toString('latin1'))`)

  test('is the one of the project that is built, where it has one', async () => {
    const script = `require('fs').writeFileSync(process.argv.at(-1), 'own')`
    const project = projectWith('own', script)
    assert.equal((await optimizedIn(project)).stdout, 'own\n')
  })

  test('is stopped by an abort, and what waits for it is told at once', async () => {
    const project = projectWith(
      'endless',
      `require('fs').writeFileSync('started-' + process.pid, '')
      setTimeout(() => {}, 120_000)`,
    )
    const { status, stdout, stderr } = await runScript(`
      import { readdirSync, watch } from 'node:fs'
      import { availableParallelism } from 'node:os'
      import { optimize } from '${OPTIMIZE}'
      process.chdir(${JSON.stringify(project)})
      const wasm = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)
      const run = () => {
        const stop = new AbortController()
        return { stop, done: optimize(wasm, [], { signal: stop.signal }).catch((e) => e.message) }
      }
      const first = Array.from({ length: availableParallelism() }, run)
      const waiting = run()
      const started = () => readdirSync('.').filter((name) => name.startsWith('started-'))
      await new Promise((resolve) => {
        const watcher = watch('.', look)
        look()
        function look() {
          if (started().length < first.length) return
          watcher.close()
          resolve()
        }
      })
      waiting.stop.abort(new Error('no longer waiting'))
      console.log(await waiting.done)
      for (const { stop } of first) stop.abort(new Error('stopped'))
      console.log(new Set(await Promise.all(first.map(({ done }) => done))))
      for (const name of started()) {
        try {
          process.kill(Number(name.slice('started-'.length)), 0)
          console.log(name, 'still runs')
        } catch {}
      }`)
    assert.equal(status, 0, stderr)
    assert.equal(stdout, "no longer waiting\nSet(1) { 'stopped' }\n")
  })

  test('is the one beside this package otherwise', async () => {
    const { stdout, stderr } = await optimizedIn(projects)
    assert.equal(stdout.slice(0, 4), '\0asm', stderr)
  })
})

// Real modules, from several toolchains: the output must do what the original does after init.

import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { initialize, inspect } from '../index.js'
import { compare, functions, instantiate, isValid, memoryOf, runInit } from './compare.js'
import { font } from './fixtures/font.js'
import { dependency, readJavy, readReactor } from './modules.js'
import { SECTION, section } from './sections.js'

/**
 * @param {Uint8Array} output
 * @param {Uint8Array} original
 */
function assertSameCode(output, original) {
  assert.deepEqual(section(output, SECTION.code)?.bytes, section(original, SECTION.code)?.bytes)
}

describe('a C++ reactor with global constructors', () => {
  const options = { initFunc: '_initialize' }
  const imports = () => ({
    wasi_snapshot_preview1: { fd_close: () => 52, fd_seek: () => 52, fd_write: () => 52 },
  })
  const calls = [
    { call: 'constructions', gives: 3 },
    { call: 'shape_count', gives: 30 },
    ...Array.from({ length: 30 }, (_, index) => ({ call: 'area', with: [index] })),
    { call: 'corners', gives: 80 },
    { call: 'prime', with: [0], gives: 2 },
    { call: 'prime', with: [2261], gives: 19_997 },
    { call: 'prime', with: [2262], gives: 0 },
    { call: 'sine', with: [1024], gives: 1 },
    { call: 'sine', with: [77] },
    { call: 'word_count', with: ['t'.charCodeAt(0)], gives: 1 },
    { call: 'add_word', with: ['t'.charCodeAt(0), 40], gives: 1 },
    { call: 'word_count', with: ['t'.charCodeAt(0)], gives: 2 },
    { call: 'operate', with: [0, 0.5], gives: 2262.5 },
    { call: 'operate', with: [1, 21], gives: 42 },
    { call: 'joined' },
    { call: 'large_sum', gives: 300_000 * 'x'.charCodeAt(0) },
    { call: 'allocate', with: [5_000_000], gives: 5_300_000 },
  ]

  test('has constructed everything once, and works on', async () => {
    const { original, output } = await compare(readReactor(), { options, imports, calls })
    assertSameCode(output, original)
    const instance = instantiate(output, imports())
    const joined = functions(instance).joined()
    const memory = memoryOf(instance)
    assert.equal(
      memory.toString('latin1', joined, memory.indexOf(0, joined)),
      'and=1;function=2;init=2;keeps=1;made=1;once=1;runs=1;snapshot=1;the=3;what=1;',
    )
  })

  test('gives the same bytes in either engine, run after run', async () => {
    const wasm = readReactor()
    const output = await initialize(wasm, options)
    for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
      assert.ok((await initialize(wasm, { ...options, engine })).equals(output))
    }
  })
})

describe('HarfBuzz', () => {
  const TEXTS = ['WAVES', 'AVATAR', 'Ünknown', 'שלום', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.repeat(40)]

  /**
   * What its own JavaScript says about a font and texts shaped with it.
   * @param {Record<string, any>} harfbuzz the module
   */
  function shapeAll(harfbuzz) {
    const face = new harfbuzz.Face(new harfbuzz.Blob(Uint8Array.from(font()).buffer), 0)
    const shaped = TEXTS.map((text) => {
      const buffer = new harfbuzz.Buffer()
      buffer.addText(text)
      buffer.guessSegmentProperties()
      harfbuzz.shape(new harfbuzz.Font(face), buffer)
      return buffer.getGlyphInfosAndPositions()
    })
    const characters = [...face.collectUnicodes()]
    return { version: harfbuzz.versionString(), upem: face.upem, characters, shaped }
  }

  test('shapes text through its own JavaScript as the original does', async () => {
    const dist = fileURLToPath(dependency('harfbuzzjs/dist/'))
    const original = await readFile(join(dist, 'harfbuzz.wasm'))
    const output = await initialize(original, { initFunc: '__wasm_call_ctors' })
    assertSameCode(output, original)
    assert.ok((await initialize(original, { initFunc: '__wasm_call_ctors' })).equals(output))

    const folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
    try {
      await cp(dist, folder, { recursive: true })
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
      await writeFile(join(folder, 'harfbuzz.wasm'), output)
      const glue = await readFile(join(folder, 'harfbuzz.js'), 'utf8')
      // Constructors have run; all else of the JavaScript stays as it is.
      const initialized = glue.replace('wasmExports["__wasm_call_ctors"]()', 'undefined')
      assert.notEqual(initialized, glue)
      await writeFile(join(folder, 'harfbuzz.js'), initialized)

      const own = shapeAll(await import(pathToFileURL(join(dist, 'index.mjs')).href))
      const result = shapeAll(await import(pathToFileURL(join(folder, 'index.mjs')).href))
      assert.deepEqual(result, own)
      assert.equal(own.shaped[0].length, 5)
      assert.equal(own.shaped[0][0].xAdvance, 530)
      assert.equal(own.characters.length, 26)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('for subsets is in the same state as the original, byte by byte', async () => {
    const original = await readFile(dependency('harfbuzzjs/dist/harfbuzz-subset.wasm'))
    const { output } = await compare(original, {
      options: { initFunc: '_initialize' },
      calls: [
        { call: 'malloc', with: [1000] },
        { call: 'hb_set_create' },
        { call: 'hb_face_get_empty' },
        { call: 'hb_subset_input_create_or_fail' },
        { call: 'malloc', with: [1_000_000] },
      ],
    })
    assertSameCode(output, original)
    const again = await initialize(original, { initFunc: '_initialize', engine: 'optimizing' })
    assert.ok(again.equals(output))
  })
})

describe('the Javy plugin', () => {
  const SOURCE = `
    const squares = new Map()
    for (let i = 0; i < 100; i++) squares.set('k' + i, i * i)
    log(JSON.stringify([...squares].slice(-2)))
    log(new TextDecoder().decode(new TextEncoder().encode('é')))
    export function go() { log('called ' + [1, 2, 3].map((x) => x ** 2)) }`
  const options = { initFunc: 'initialize-runtime', wasi: true }

  /**
   * An instance whose clock stands still and whose random bytes are zero.
   * @param {Uint8Array} wasm
   */
  function start(wasm) {
    /** @type {string[]} */
    const logs = []
    const memory = () => memoryOf(instance)
    /** @type {Record<string, Function>} */
    const env = {
      log: (/** @type {number} */ at, /** @type {number} */ length) =>
        logs.push(memory().toString('utf8', at, at + length)),
      random_seed: () => 0n,
    }
    /** @type {WebAssembly.Imports} */
    const imports = {}
    for (const { module, name } of inspect(wasm).imports) {
      imports[module] ??= {}
      imports[module][name] = env[name] ?? (() => 0)
    }
    const instance = instantiate(wasm, imports)
    const exports = functions(instance)

    /** @param {Uint8Array | string} bytes */
    const give = (bytes) => {
      const given = Buffer.from(bytes)
      const at = exports.cabi_realloc(0, 0, 1, given.length)
      given.copy(memory(), at)
      return [at, given.length]
    }
    const compile = (/** @type {string} */ source) => {
      const result = exports['compile-src'](...give(source))
      const [failed, at, length] = [0, 4, 8].map((offset) => memory().readUInt32LE(result + offset))
      const bytes = Buffer.from(memory().subarray(at, at + length))
      assert.equal(failed, 0, bytes.toString())
      return bytes
    }
    const invoke = (/** @type {Uint8Array} */ bytecode, /** @type {string} */ name) =>
      exports.invoke(...give(bytecode), 1, ...give(name))
    return { instance, compile, invoke, logs }
  }

  test('compiles and runs scripts as the original does', async () => {
    const original = readJavy()
    const output = await initialize(original, options)
    assert.ok(isValid(output))
    assertSameCode(output, original)
    const before = start(original)
    runInit(before.instance, original, options)
    const after = start(output)
    const bytecode = after.compile(SOURCE)
    assert.deepEqual(bytecode, before.compile(SOURCE))
    for (const { invoke } of [before, after]) invoke(bytecode, 'go')
    assert.deepEqual(after.logs, ['[["k98",9604],["k99",9801]]', 'é', 'called 1,4,9'])
    assert.deepEqual(before.logs, after.logs)
  })

  test('starts with the memory of the original, whose time began in 1970', async () => {
    const original = readJavy()
    const before = start(original)
    runInit(before.instance, original, options)
    const after = memoryOf(start(await initialize(original, options)).instance)
    assert.ok(after.equals(memoryOf(before.instance)))
  })

  test('gives the same bytes in either engine, run after run', async () => {
    const wasm = readJavy()
    const output = await initialize(wasm, options)
    for (const engine of /** @type {const} */ (['baseline', 'optimizing', 'baseline'])) {
      assert.ok((await initialize(wasm, { ...options, engine })).equals(output))
    }
  })
})

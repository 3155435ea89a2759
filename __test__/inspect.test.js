// What inspect tells of modules, components and broken bytes.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { InitializeError, inspect } from '../index.js'

const wat = (/** @type {string} */ text) => inspect(Buffer.from(text))

describe('inspect', () => {
  test('lists imports, exports, memories and tables with their limits', () => {
    const info = wat(`(module
      (import "env" "log" (func (param i32)))
      (memory (export "memory") 1 3)
      (table (export "table") 2 funcref)
      (global (export "g") (mut i32) (i32.const 0))
      (func (export "run") (result i32) i32.const 0))`)
    assert.equal(info.kind, 'module')
    assert.deepEqual(info.imports, [{ module: 'env', name: 'log', kind: 'function' }])
    assert.deepEqual(info.exports, [
      { name: 'memory', kind: 'memory' },
      { name: 'table', kind: 'table' },
      { name: 'g', kind: 'global' },
      { name: 'run', kind: 'function' },
    ])
    assert.deepEqual(info.memories, [
      {
        index: 0,
        imported: false,
        minPages: 1,
        maxPages: 3,
        pageSize: 65536,
        memory64: false,
        shared: false,
      },
    ])
    assert.deepEqual(info.tables, [{ index: 0, imported: false, type: 'funcref', min: 2 }])
  })

  test('names the exports that could be the init function, the default first', () => {
    const info = wat(`(module
      (func (export "a"))
      (func (export "b") (param i32))
      (func (export "wizer.initialize"))
      (func (export "wizer-initialize"))
      (memory (export "m") 1))`)
    assert.deepEqual(info.initFuncs, ['wizer-initialize', 'wizer.initialize', 'a'])
    assert.deepEqual(info.problems, [])
  })

  test('finds the proposals that a module shows', () => {
    const info = wat(`(module
      (type (func (param v128) (result i32 i32)))
      (memory i64 1) (memory 1)
      (table 0 funcref) (table 0 externref)
      (tag)
      (global (export "g") (mut i32) (i32.const 0))
      (data "passive")
      (func (export "init") (data.drop 0)))`)
    for (const feature of [
      'simd',
      'multi-value',
      'memory64',
      'multi-memory',
      'reference-types',
      'exceptions',
      'mutable-globals',
      'bulk-memory',
    ]) {
      assert.ok(info.features.includes(feature), feature)
    }
    assert.deepEqual(wat('(module (func (export "init")))').features, [])
    for (const [field, feature] of [
      ['(type (array i8))', 'gc'],
      ['(global (mut i31ref) (ref.null i31))', 'gc'],
      ['(global (mut exnref) (ref.null exn))', 'exceptions'],
    ]) {
      assert.ok(wat(`(module ${field})`).features.includes(feature), field)
    }
  })

  test('says why a module would be refused, and what to do', () => {
    for (const [text, code, pattern] of /** @type {const} */ ([
      [
        '(module (import "env" "oops" (global (ref func))) (func (export "init")))',
        'ERR_UNSUPPORTED',
        /global `env\.oops`/,
      ],
      ['(module (func (export "init") (param i32)))', 'ERR_INIT_FUNC_MISSING', /export a function/],
    ])) {
      const [problem, ...others] = wat(text).problems
      assert.deepEqual(others, [])
      assert.equal(problem?.code, code)
      assert.match(problem?.message ?? '', pattern)
    }
  })

  test('tells a component from a module', () => {
    const info = wat(`(component
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func $f (canon lift (core func $i "f")))
      (export "f" (func $f)))`)
    assert.equal(info.kind, 'component')
    assert.deepEqual(info.exports, [{ name: 'f', kind: 'function' }])
    assert.equal(info.problems[0]?.code, 'ERR_UNSUPPORTED')
  })

  test('reads a real module of 10 MB without its code', () => {
    const wasm = readFileSync(
      new URL('../node_modules/@fastly/js-compute/fastly.wasm', import.meta.url),
    )
    const info = inspect(wasm)
    assert.equal(info.initFuncs[0], 'wizer.initialize')
    assert.ok(
      info.imports.some(
        ({ module, name }) => module === 'wasi_snapshot_preview1' && name === 'fd_read',
      ),
    )
    const total = info.sections.reduce((sum, { bytes }) => sum + bytes, 0)
    assert.equal(total, wasm.length - 8, 'the sections are the whole file but its header')
    assert.deepEqual(info.problems, [])
  })

  test('throws for bytes that can not be read, with the offset', () => {
    const broken = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 200])
    assert.throws(
      () => inspect(broken),
      (error) =>
        error instanceof InitializeError &&
        error.code === 'ERR_INVALID_WASM' &&
        error.offset !== undefined,
    )
    assert.throws(() => inspect(/** @type {any} */ ('text')), {
      name: 'TypeError',
      code: 'ERR_INVALID_OPTION',
    })
  })
})

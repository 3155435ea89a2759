// Imported memories, tables and globals. V8 gives the original and the output what they import, in the
// sizes that they ask for, and compares all state after init.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { initialize, initializeWithReport, inspect } from '../index.js'
import { assemble, compare, instantiate } from './compare.js'
import { failure } from './failure.js'

/**
 * Fresh memories and tables of the sizes that a module asks for, and what else there is.
 * @param {Record<string, unknown>} [more]
 */
const fresh =
  (more = {}) =>
  (/** @type {Uint8Array} */ wasm) => {
    const { imports, memories, tables } = inspect(wasm)
    /** @type {Record<string, any>} */
    const env = {}
    const [memory, table] = [memories, tables].map((all) => all.find(({ imported }) => imported))
    for (const { name, kind } of imports) {
      if (kind === 'memory') {
        const { minPages, maxPages } = /** @type {typeof memories[0]} */ (memory)
        env[name] = new WebAssembly.Memory({
          initial: minPages,
          ...(maxPages && { maximum: maxPages }),
        })
      } else if (kind === 'table') {
        const { min, max } = /** @type {typeof tables[0]} */ (table)
        env[name] = new WebAssembly.Table({
          element: 'anyfunc',
          initial: min,
          ...(max && { maximum: max }),
        })
      } else if (kind === 'global') {
        const value = more[name]
        env[name] = typeof value === 'function' ? value() : value
      } else env[name] = more[name] ?? (() => 0)
    }
    return { env }
  }

const MEMORY = `(module
  (import "env" "memory" (memory 1 10))
  (data (i32.const 0) "original") (data $passive "passive")
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "again") (memory.init $passive (i32.const 50) (i32.const 0) (i32.const 7)))
  (func (export "wizer.initialize")
    (i32.store8 (i32.const 2) (i32.const 0))
    (drop (memory.grow (i32.const 2)))
    (i32.store (i32.const 150000) (i32.const 0x01020304))))`

const LOADS = [0, 1, 2, 150000, 150003].map((at) => ({ call: 'load', with: [at] }))

describe('an imported memory', () => {
  test('stays an import, as large as init has made it, and the output fills it', async () => {
    const { output, report } = await compare(MEMORY, {
      imports: fresh(),
      calls: [
        ...LOADS,
        { call: 'size', gives: 3 },
        { call: 'again' },
        { call: 'load', with: [50], gives: 112 },
      ],
    })
    assert.deepEqual(inspect(output).memories[0], {
      index: 0,
      imported: true,
      minPages: 3,
      maxPages: 10,
      pageSize: 65_536,
      memory64: false,
      shared: false,
    })
    assert.deepEqual(
      report.memories.map(({ index, pagesBefore, pagesAfter }) => [index, pagesBefore, pagesAfter]),
      [[0, 1, 3]],
    )
    const small = { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 10 }) } }
    assert.throws(() => instantiate(output, small), WebAssembly.LinkError)
  })

  test('becomes the output’s own where that is asked for', async () => {
    for (const internalizeImports of /** @type {Array<true | ['memory']>} */ ([true, ['memory']])) {
      const { output } = await compare(MEMORY, {
        options: { internalizeImports },
        imports: fresh(),
        calls: [...LOADS, { call: 'size', gives: 3 }],
      })
      assert.deepEqual(inspect(output).imports, [])
      assert.equal(inspect(output).memories[0].imported, false)
    }
  })

  test('holds at first what the caller’s memory holds, which init does not change', async () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 10 })
    const bytes = new Uint8Array(memory.buffer)
    bytes.fill(7, 100, 200)
    bytes[100_000] = 9
    const wasm = await assemble(`(module (import "env" "memory" (memory 1 10))
      (func (export "wizer.initialize")
        (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 100000)) (memory.size)))))`)
    const output = await initialize(wasm, { imports: { env: { memory } }, verify: true })
    const { env } = fresh()(output)
    instantiate(output, { env })
    const after = new Uint8Array(env.memory.buffer)
    assert.equal(bytes[0], 0)
    bytes[0] = 11
    assert.deepEqual(Buffer.from(after), Buffer.from(bytes))
  })

  test('that is larger than the module’s import allows is ERR_INVALID_OPTION', async () => {
    const wasm = await assemble(
      '(module (import "env" "memory" (memory 1 1)) (func (export "wizer.initialize")))',
    )
    const memory = new WebAssembly.Memory({ initial: 2 })
    const error = await failure(initialize(wasm, { imports: { env: { memory } } }))
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.equal(error.option, 'imports.env.memory')
    await assert.rejects(initialize(wasm, { imports: { env: { memory: 7 } } }), {
      code: 'ERR_INVALID_OPTION',
    })
  })

  test('counts for maxMemory', async () => {
    const wasm = await assemble(MEMORY)
    const error = await failure(initialize(wasm, { maxMemory: 100_000 }))
    assert.equal(error.code, 'ERR_MEMORY_LIMIT')
  })

  test('can be seen by imports of functions', async () => {
    const wasm = await assemble(`(module (import "env" "memory" (memory 1))
      (import "env" "f" (func $f)) (func (export "wizer.initialize") (call $f)))`)
    const output = await initialize(wasm, {
      imports: (guest) => ({
        env: { f: () => new Uint8Array(guest.memory.buffer).set([1, 2, 3], 40) },
      }),
    })
    const { env } = fresh()(output)
    instantiate(output, { env })
    assert.deepEqual([...new Uint8Array(env.memory.buffer, 39, 5)], [0, 1, 2, 3, 0])
  })

  test('is checked like any other', () => {
    assert.deepEqual(inspect(Buffer.from(MEMORY)).problems, [])
  })
})

describe('an imported table', () => {
  const TABLE = `(module (type $number (func (result i32)))
    (import "env" "table" (table 3 20 funcref))
    (elem (i32.const 1) func $a) (elem declare func $b)
    (func $a (type $number) (i32.const 10)) (func $b (type $number) (i32.const 20))
    (func (export "call") (param i32) (result i32)
      (call_indirect (type $number) (local.get 0)))
    (func (export "wizer.initialize")
      (drop (table.grow (ref.func $b) (i32.const 2))) (table.set (i32.const 0) (ref.func $b))))`
  const CALLS = [20, 10, null, 20, 20].map((gives, slot) => ({
    call: 'call',
    with: [slot],
    ...(gives === null ? { traps: /null|signature/ } : { gives }),
  }))

  test('stays an import, as large as init has made it, and the output fills it', async () => {
    const { output, report } = await compare(TABLE, { imports: fresh(), calls: CALLS })
    assert.deepEqual(inspect(output).tables, [
      { index: 0, imported: true, type: 'funcref', min: 5, max: 20 },
    ])
    assert.deepEqual(report.tables, [{ index: 0, before: 3, after: 5, changed: true }])
  })

  test('becomes the output’s own where that is asked for', async () => {
    const { output } = await compare(TABLE, {
      options: { internalizeImports: ['table'] },
      imports: fresh(),
      calls: CALLS,
    })
    assert.deepEqual(inspect(output).imports, [])
  })

  test('that brings functions is ERR_INVALID_OPTION, as no guest can be given them', async () => {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 3 })
    const wasm = await assemble(TABLE)
    const output = await initialize(wasm, { imports: { env: { table } } })
    assert.equal(inspect(output).tables[0].min, 5)
    const larger = new WebAssembly.Table({ element: 'anyfunc', initial: 7 })
    const grown = await initialize(wasm, { imports: { env: { table: larger } }, verify: true })
    assert.equal(inspect(grown).tables[0].min, 9)
    const large = new WebAssembly.Table({ element: 'anyfunc', initial: 21 })
    await assert.rejects(initialize(wasm, { imports: { env: { table: large } } }), {
      code: 'ERR_INVALID_OPTION',
      message: /larger than the module's import allows/,
    })
    const { exports } = instantiate(await assemble('(module (func (export "f")))'), {})
    table.set(1, exports.f)
    const error = await failure(initialize(wasm, { imports: { env: { table } } }))
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.match(error.message, /slot 1.*leave the table out/)
  })
})

describe('an imported global', () => {
  const GLOBALS = `(module
    (import "env" "base" (global $base i32)) (import "env" "stack" (global $stack (mut i32)))
    (import "env" "ratio" (global $ratio f64))
    (memory (export "memory") 1)
    (global $own (export "own") (mut i32) (i32.const 5))
    (data (global.get $base) "placed")
    (func (export "base") (result i32) (global.get $base))
    (func (export "stack") (result i32) (global.get $stack))
    (func (export "ratio") (result f64) (global.get $ratio))
    (func (export "wizer.initialize") (global.set $own (i32.add (global.get $base) (i32.const 1)))`
  const KEEPS = `${GLOBALS}))`
  const CHANGES = `${GLOBALS} (global.set $stack (i32.const 77))))`
  const VALUES = { base: 1024, ratio: 0.5 }
  const stack = () => new WebAssembly.Global({ value: 'i32', mutable: true }, 4096)
  const imports = { env: { ...VALUES, stack: 4096 } }

  test('that init leaves alone stays an import, and the report tells what was assumed', async () => {
    const { output, report } = await compare(KEEPS, {
      options: { imports },
      imports: fresh({ ...VALUES, stack }),
      calls: [
        { call: 'base', gives: 1024 },
        { call: 'stack', gives: 4096 },
      ],
    })
    assert.deepEqual(
      inspect(output).imports.map(({ name }) => name),
      ['base', 'stack', 'ratio'],
    )
    assert.deepEqual(report.assumedGlobals, [
      { module: 'env', name: 'base' },
      { module: 'env', name: 'ratio' },
    ])
  })

  test('that init changes is ERR_UNSUPPORTED, with the way out', async () => {
    const error = await failure(initialize(await assemble(CHANGES), { imports }))
    assert.equal(error.code, 'ERR_UNSUPPORTED')
    assert.match(error.message, /`env\.stack`.*`internalizeImports: \['global'\]`/)
  })

  test('becomes the output’s own with its value after init', async () => {
    for (const wat of [KEEPS, CHANGES]) {
      const { output } = await compare(wat, {
        options: { imports, internalizeImports: ['global'] },
        imports: fresh({ ...VALUES, stack }),
        calls: [
          { call: 'base', gives: 1024 },
          { call: 'stack', gives: wat === KEEPS ? 4096 : 77 },
          { call: 'ratio', gives: 0.5 },
        ],
      })
      assert.deepEqual(inspect(output).imports, [])
    }
  })

  test('may be given as a mutable WebAssembly.Global', async () => {
    const given = { env: { ...VALUES, stack: stack() } }
    await initialize(await assemble(KEEPS), { imports: given, verify: true })
  })

  test('that is not given is ERR_IMPORT_MISSING', async () => {
    const error = await failure(initialize(await assemble(KEEPS)))
    assert.equal(error.code, 'ERR_IMPORT_MISSING')
    assert.deepEqual(
      error.imports?.map(({ name }) => name),
      ['base', 'stack', 'ratio'],
    )
  })
})

describe('an imported global of references', () => {
  const CONSTANTS = `(module
    (import "'" "hello" (global $hello externref))
    (import "'" "bye" (global $bye externref))
    (import "env" "last" (global $last (mut externref)))
    (global $greeting (export "greeting") (mut externref) (ref.null extern))
    (global (export "same") (mut externref) (global.get $hello))
    (table $said (export "said") 4 externref)
    (elem (table $said) (i32.const 2) externref (global.get $hello))
    (func (export "wizer.initialize")
      (global.set $greeting (global.get $bye))
      (table.set $said (i32.const 1) (global.get $hello))
      (table.set $said (i32.const 2) (ref.null extern))))`
  const bye = { a: 'value', of: 'the host' }
  const last = () => new WebAssembly.Global({ value: 'externref', mutable: true }, null)
  const imports = () => ({
    "'": {
      hello: /** @type {any} */ ('hello'),
      bye: new WebAssembly.Global({ value: 'externref' }, bye),
    },
    env: { last: last() },
  })

  test('stays an import, which the output refers to where init has left its value', async () => {
    const given = imports()
    const { output } = await compare(CONSTANTS, {
      options: { imports: imports() },
      imports: () => given,
    })
    const others = { "'": { hello: 1, bye: 2 }, env: { last: last() } }
    const { exports } = instantiate(output, /** @type {any} */ (others))
    const { greeting, same, said } = /** @type {Record<string, any>} */ (exports)
    assert.deepEqual([greeting.value, same.value], [2, 1])
    assert.deepEqual(
      [0, 1, 2, 3].map((slot) => said.get(slot)),
      [null, 1, null, null],
    )
  })

  test('that can not be null takes what is not', async () => {
    const wasm = await assemble(`(module (import "'" "hello" (global $hello (ref extern)))
      (global $said (mut externref) (ref.null extern))
      (func (export "wizer.initialize") (global.set $said (global.get $hello))))`)
    await initialize(wasm, { imports: { "'": { hello: 'hello' } }, verify: true })
    const error = await failure(initialize(wasm, { imports: { "'": { hello: null } } }))
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.match(error.message, /`imports\.'\.hello`/)
    assert.match(error.message, /takes any value but null/)
  })

  test('of another kind takes null alone', async () => {
    const wasm = await assemble(
      '(module (import "env" "f" (global funcref)) (func (export "wizer.initialize")))',
    )
    await initialize(wasm, { imports: { env: { f: null } }, verify: true })
    const error = await failure(initialize(wasm, { imports: { env: { f: 'text' } } }))
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.match(error.message, /null is the only reference/)
  })

  test('that init changes, or that is to be the output’s own, is ERR_UNSUPPORTED', async () => {
    const wasm = await assemble(CONSTANTS)
    const own = await failure(initialize(wasm, { imports: imports(), internalizeImports: true }))
    assert.equal(own.code, 'ERR_UNSUPPORTED')
    assert.match(own.message, /`'\.hello` holds a reference.*leave 'global' out/)
    const changing = await assemble(
      CONSTANTS.replace('(global.set $greeting', '(global.set $last (global.get $bye)) $&'),
    )
    const changed = await failure(initialize(changing, { imports: imports() }))
    assert.equal(changed.code, 'ERR_UNSUPPORTED')
    assert.match(changed.message, /init changed the imported global `env\.last`/)
  })
})

test('what is placed or computed by a global that is internalized becomes a constant for every engine', async () => {
  const wasm = await assemble(`(module
    (import "env" "base" (global $base i32)) (import "env" "wide" (global $wide i64))
    (table (export "t") 9 funcref) (func $f)
    (elem (offset (i32.add (i32.mul (global.get $base) (i32.const 2)) (i32.const 1))) func $f)
    (elem (global.get $base) func $f)
    (global (export "sum") i32 (i32.sub (global.get $base) (i32.const 10)))
    (global (export "wide") i64 (i64.mul (global.get $wide) (i64.const -3)))
    (global (export "same") i32 (global.get $base))
    (func (export "wizer.initialize")))`)
  const output = await initialize(wasm, {
    imports: { env: { base: 3, wide: 5n } },
    internalizeImports: ['global'],
    verify: true,
  })
  // Node 20 takes no extended constant expressions, so there are none left.
  const { t, sum, wide, same } = /** @type {any} */ (instantiate(output, {}).exports)
  assert.deepEqual([sum.value, wide.value, same.value], [-7, -15n, 3])
  const filled = Array.from({ length: t.length }, (_, slot) => t.get(slot) !== null)
  assert.deepEqual(
    filled.flatMap((is, slot) => (is ? [slot] : [])),
    [3, 7],
  )
})

test('imports of all kinds become definitions before those that there are, with all else in place', async () => {
  const { output } = await compare(
    `(module (type $number (func (result i32)))
      (import "env" "f" (func $f (result i32)))
      (import "env" "memory" (memory $m 1)) (import "env" "table" (table $t 2 funcref))
      (import "env" "base" (global $g (mut i32)))
      (table $u 1 funcref) (global $own (mut i64) (i64.const 3))
      (elem (table $u) (i32.const 0) func $two) (elem declare func $f $two)
      (func $two (type $number) (i32.const 2))
      (func (export "t") (param i32) (result i32) (call_indirect $t (type $number) (local.get 0)))
      (func (export "u") (result i32) (call_indirect $u (type $number) (i32.const 0)))
      (func (export "g") (result i32) (global.get $g))
      (func (export "own") (result i64) (global.get $own))
      (func (export "m") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "wizer.initialize")
        (table.set $t (i32.const 1) (ref.func $two))
        (global.set $g (i32.const 9)) (global.set $own (i64.const 4))
        (i32.store (i32.const 64) (i32.const 11))))`,
    {
      options: { internalizeImports: true, imports: { env: { base: 1 } } },
      imports: fresh({
        base: () => new WebAssembly.Global({ value: 'i32', mutable: true }, 1),
      }),
      calls: [
        { call: 't', with: [0], traps: /null|signature/ },
        { call: 't', with: [1], gives: 2 },
        { call: 'u', gives: 2 },
        { call: 'g', gives: 9 },
        { call: 'own', gives: 4n },
        { call: 'm', with: [64], gives: 11 },
      ],
    },
  )
  assert.deepEqual(inspect(output).imports, [{ module: 'env', name: 'f', kind: 'function' }])
})

for (const kinds of /** @type {Array<Array<'memory' | 'table' | 'global'>>} */ ([
  ['memory'],
  ['table'],
  ['global'],
  ['memory', 'global'],
])) {
  test(`imports of some kinds become definitions among others: ${kinds}`, async () => {
    const { output } = await compare(
      `(module (type $number (func (result i32)))
        (import "env" "memory" (memory 1)) (import "env" "table" (table $t 2 funcref))
        (import "env" "base" (global $g i32)) (import "env" "f" (func $f (result i32)))
        (elem declare func $f)
        (func (export "t") (param i32) (result i32) (call_indirect $t (type $number) (local.get 0)))
        (func (export "m") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "wizer.initialize")
          (table.set $t (i32.const 1) (ref.func $f))
          (i32.store (i32.const 64) (global.get $g))))`,
      {
        options: { internalizeImports: kinds, imports: { env: { base: 7 } } },
        imports: fresh({ base: 7, f: () => 5 }),
        calls: [
          { call: 't', with: [1], gives: 5 },
          { call: 'm', with: [64], gives: 7 },
        ],
      },
    )
    const left = inspect(output).imports.map(({ kind }) => kind)
    assert.deepEqual(
      left,
      ['memory', 'table', 'global', 'function'].filter(
        (kind) => !(/** @type {string[]} */ (kinds).includes(kind)),
      ),
    )
  })
}

test('imports that only a preloaded module could give stay refused where they are state', async () => {
  const preload = { env: await assemble('(module (memory (export "memory") 1))') }
  const wasm = await assemble(
    '(module (import "env" "memory" (memory 1)) (func (export "wizer.initialize")))',
  )
  const error = await failure(initialize(wasm, { preload }))
  assert.equal(error.code, 'ERR_UNSUPPORTED')
  const { report } = await initializeWithReport(wasm)
  assert.equal(report.memories.length, 1)
})

describe('a real module that imports its state', () => {
  const read = (/** @type {string} */ path) =>
    readFileSync(new URL(`../node_modules/${path}`, import.meta.url))
  /** What the package's own glue gives: constants, and a table of one element more than is declared. */
  const TREE_SITTER = {
    env: { __memory_base: 1024, __table_base: 1, __stack_pointer: 78_224 },
    'GOT.mem': { __heap_base: 78_224 },
  }
  const table = () => new WebAssembly.Table({ element: 'anyfunc', initial: 31 })

  for (const internalizeImports of [false, true]) {
    const how = internalizeImports ? 'internalized' : 'kept'
    for (const initFunc of ['__wasm_call_ctors', '__wasm_apply_data_relocs']) {
      test(`web-tree-sitter with ${initFunc}, its imports ${how}`, async () => {
        const imports = {
          env: { ...TREE_SITTER.env, __indirect_function_table: table() },
          'GOT.mem': TREE_SITTER['GOT.mem'],
        }
        await compare(read('web-tree-sitter/tree-sitter.wasm'), {
          options: { initFunc, imports, internalizeImports },
          imports: (wasm) => glue(wasm, TREE_SITTER),
        })
      })
    }

    test(`QuickJS of Emscripten, its memory ${how}`, async () => {
      const wasm = read('@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm')
      const nothing = Object.fromEntries(
        inspect(wasm)
          .imports.filter(({ kind }) => kind === 'function')
          .map(({ name }) => [name, () => 0]),
      )
      await compare(wasm, {
        options: {
          initFunc: inspect(wasm).initFuncs[0],
          imports: { a: nothing },
          internalizeImports,
        },
        imports: (module) => glue(module, {}),
      })
    })
  }

  /**
   * Fresh state in V8, functions that do nothing, and these numbers.
   * @param {Uint8Array} wasm
   * @param {Record<string, Record<string, number>>} numbers
   */
  function glue(wasm, numbers) {
    const { imports, memories } = inspect(wasm)
    /** @type {Record<string, Record<string, any>>} */
    const all = {}
    for (const { module, name, kind } of imports) {
      const space = (all[module] ??= {})
      const number = numbers[module]?.[name]
      const { minPages, maxPages } = memories[0]
      if (kind === 'memory')
        space[name] = new WebAssembly.Memory({ initial: minPages, maximum: maxPages })
      else if (kind === 'table') space[name] = table()
      else if (kind === 'function') space[name] = () => 0
      else if (name === '__memory_base' || name === '__table_base') space[name] = number
      else space[name] = new WebAssembly.Global({ value: 'i32', mutable: true }, number)
    }
    return all
  }
})

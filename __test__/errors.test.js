// Every way a run can fail that a module can cause: its code, and what the error carries.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InitializeError, initialize, initializeSync } from '../index.js'
import { assemble, isValid } from './compare.js'
import { withInvalidBody } from './failure.js'

/** @typedef {import('../index.js').InitializeOptions} InitializeOptions */

const ENGINES = /** @type {const} */ (['baseline', 'optimizing'])

/**
 * The error that a run rejects with.
 * @param {Uint8Array | string} module
 * @param {InitializeOptions} [options]
 * @returns {Promise<InitializeError>}
 */
async function failure(module, options) {
  const wasm = typeof module === 'string' ? await assemble(module) : module
  try {
    await initialize(wasm, options)
  } catch (error) {
    assert.ok(error instanceof InitializeError, String(error))
    assert.ok(error instanceof Error)
    return error
  }
  assert.fail('the run did not fail')
}

/**
 * Traps, with the opcode of the instruction that traps.
 * @type {Array<{ kind: string, opcode: number, body: string }>}
 */
const TRAPS = [
  { kind: 'unreachable', opcode: 0x00, body: 'unreachable' },
  {
    kind: 'memory-out-of-bounds',
    opcode: 0x28,
    body: '(drop (i32.load offset=65533 (i32.const 0)))',
  },
  {
    kind: 'memory-out-of-bounds',
    opcode: 0x36,
    body: '(i32.store (i32.const -1) (i32.const 1))',
  },
  {
    kind: 'memory-out-of-bounds',
    opcode: 0xfc,
    body: '(memory.fill (i32.const 0) (i32.const 0) (i32.const 65537))',
  },
  { kind: 'table-out-of-bounds', opcode: 0x11, body: '(call_indirect (i32.const 9))' },
  { kind: 'table-out-of-bounds', opcode: 0x25, body: '(drop (table.get (i32.const 9)))' },
  { kind: 'null-reference', opcode: 0x11, body: '(call_indirect (i32.const 0))' },
  {
    kind: 'bad-signature',
    opcode: 0x11,
    body: '(drop (call_indirect (result i32) (i32.const 1)))',
  },
  {
    kind: 'integer-overflow',
    opcode: 0x6d,
    body: '(drop (i32.div_s (i32.const 0x80000000) (global.get $minus)))',
  },
  {
    kind: 'integer-divide-by-zero',
    opcode: 0x82,
    body: '(drop (i64.rem_u (i64.const 1) (i64.extend_i32_u (i32.load (i32.const 0)))))',
  },
  { kind: 'unaligned-atomic', opcode: 0xfe, body: '(drop (i32.atomic.load (i32.const 17)))' },
  {
    kind: 'integer-overflow',
    opcode: 0xa8,
    body: '(drop (i32.trunc_f32_s (f32.load (i32.const 16))))',
  },
  {
    kind: 'bad-conversion-to-integer',
    opcode: 0xa8,
    body: '(drop (i32.trunc_f32_s (f32.load (i32.const 20))))',
  },
]

describe('a trap in init', () => {
  for (const { kind, opcode, body } of TRAPS) {
    test(`is ERR_TRAP of kind ${kind}, and its first frame points at ${body}`, async () => {
      const wasm = await assemble(`(module
        (@custom "before" (before code) "custom sections move nothing")
        (memory 1) (data (i32.const 16) "\\00\\00\\80\\7f\\00\\00\\c0\\7f") (data $passive "passive")
        (table 2 funcref) (elem (i32.const 1) func $inner) (elem $e func $inner)
        (global $minus (mut i32) (i32.const -1)) (start $start) (func $start (data.drop $passive))
        (func $inner ${body})
        (func $outer (elem.drop $e) (call $inner))
        (func $init (export "wizer.initialize") (call $outer)))`)
      for (const engine of ENGINES) {
        const error = await failure(wasm, { engine })
        assert.equal(error.code, 'ERR_TRAP', engine)
        assert.equal(error.stage, 'run')
        assert.equal(error.trap?.kind, kind)
        const { frames } = error.trap
        assert.deepEqual(
          frames.map(({ func }) => func),
          ['inner', 'outer', 'init'],
        )
        const opcodes = frames.map(({ offset }) => wasm[offset ?? -1])
        assert.deepEqual(opcodes, [opcode, 0x10, 0x10], engine)
        assert.match(error.message, /`wizer\.initialize`[^]*inner[^]*outer/)
      }
    })
  }

  test('names functions by index where the module has no name section', async () => {
    const wasm = await assemble(
      '(module (func) (func unreachable) (func (export "wizer.initialize") (call 1)))',
    )
    const { trap } = await failure(wasm)
    const names = trap?.frames.map(({ func }) => func)
    assert.deepEqual(names, ['wasm-function[1]', 'wasm-function[2]'])
  })

  test('names the function of the sequence that trapped', async () => {
    const start = await failure(
      '(module (func $s unreachable) (start $s) (func (export "wizer.initialize")))',
    )
    assert.match(start.message, /`start`/)
    const reactor = await failure(
      '(module (func (export "_initialize") unreachable) (func (export "wizer.initialize")))',
    )
    assert.match(reactor.message, /`_initialize`/)
  })

  test('is ERR_TRAP as well where active segments do not fit', async () => {
    const data = await failure(
      '(module (memory 1) (data (i32.const 65535) "xx") (func (export "wizer.initialize")))',
    )
    assert.equal(data.code, 'ERR_TRAP')
    assert.equal(data.trap?.kind, 'memory-out-of-bounds')
    assert.equal(data.stage, 'instantiate')
    const element = await failure(
      '(module (table 1 funcref) (elem (i32.const 1) func 0) (func (export "wizer.initialize")))',
    )
    assert.equal(element.trap?.kind, 'table-out-of-bounds')
  })
})

describe('recursion without end', () => {
  const DEEP = `(module
    (func $down (param i64 i64 f64) (call $down (local.get 1) (local.get 0) (local.get 2)))
    (func (export "wizer.initialize") (call $down (i64.const 1) (i64.const 2) (f64.const 3))))`

  for (const engine of ENGINES) {
    test(`is ERR_STACK_LIMIT in the ${engine} engine, with the limit`, async () => {
      const error = await failure(DEEP, { engine })
      assert.equal(error.code, 'ERR_STACK_LIMIT')
      assert.equal(error.limit, 8 * 2 ** 20)
      assert.match(error.message, /down/)
      assert.ok(error.message.length < 2000)
    })
  }

  test('is ERR_STACK_LIMIT on the calling thread too', async () => {
    const wasm = await assemble(DEEP)
    assert.throws(() => initializeSync(wasm), { code: 'ERR_STACK_LIMIT' })
  })
})

describe('proc_exit', () => {
  /** @param {number} status */
  const exiting = (status) => `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
    (func (export "wizer.initialize") (call $exit (i32.const ${status}))))`

  for (const status of [1, 3, 125, 126, 200, -1]) {
    test(`with status ${status} is ERR_EXIT, with the status`, async () => {
      const error = await failure(exiting(status), { wasi: true })
      assert.equal(error.code, 'ERR_EXIT')
      assert.equal(error.exitCode, status)
    })
  }

  test('with status 0 is no failure', async () => {
    await initialize(await assemble(exiting(0)), { wasi: true })
  })
})

describe('a function import that nobody supplies', () => {
  test('is ERR_IMPORT_CALLED where init calls it, with its name', async () => {
    const error = await failure(`(module
      (import "env" "unused" (func)) (import "env" "now" (func $now (param i32) (result i64)))
      (func $inner (drop (call $now (i32.const 1))))
      (func (export "wizer.initialize") (call $inner)))`)
    assert.equal(error.code, 'ERR_IMPORT_CALLED')
    assert.deepEqual(error.import, { module: 'env', name: 'now' })
    assert.match(error.message, /`env\.now`/)
  })

  test('is ERR_IMPORT_CALLED where it is itself the init function', async () => {
    const error = await failure(
      '(module (import "env" "setup" (func $f)) (export "wizer.initialize" (func $f)))',
    )
    assert.equal(error.code, 'ERR_IMPORT_CALLED')
    assert.deepEqual(error.import, { module: 'env', name: 'setup' })
  })

  test('is ERR_IMPORT_CALLED with a remedy where it is a WASI function', async () => {
    const error = await failure(`(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $w (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "wizer.initialize")
        (drop (call $w (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))))`)
    assert.equal(error.code, 'ERR_IMPORT_CALLED')
    assert.deepEqual(error.import, { module: 'wasi_snapshot_preview1', name: 'fd_write' })
    assert.match(error.message, /wasi: true/)
  })
})

/** Functions beside one whose body is invalid. */
const OTHERS = `(func (export "other"))
  (func (export "typed") (param i32) (result i64) (i64.const 1))`

describe('an init function that is not there', () => {
  test('is ERR_INIT_FUNC_MISSING with the exports that would fit, before anything is compiled', async () => {
    const { broken } = await withInvalidBody(OTHERS)
    const error = await failure(broken, { initFunc: 'setup' })
    assert.equal(error.code, 'ERR_INIT_FUNC_MISSING')
    assert.equal(error.stage, 'parse')
    assert.match(error.message, /`setup`.*`wizer\.initialize`.*`other`/)
    assert.doesNotMatch(error.message, /typed|`memory`/)
  })

  test('is ERR_INIT_FUNC_MISSING with the default names where none was asked for', async () => {
    const error = await failure('(module (func (export "begin")))')
    assert.equal(error.code, 'ERR_INIT_FUNC_MISSING')
    assert.match(error.message, /`wizer-initialize` or `wizer\.initialize`.*`begin`/)
  })

  test('is ERR_INIT_FUNC_TYPE where it takes or returns something, before anything is compiled', async () => {
    const { broken } = await withInvalidBody(OTHERS)
    const error = await failure(broken, { initFunc: 'typed' })
    assert.equal(error.code, 'ERR_INIT_FUNC_TYPE')
    assert.match(error.message, /`typed`.*\[i32\] -> \[i64\].*`wizer\.initialize`/)
  })

  test('is ERR_INIT_FUNC_TYPE where it is no function', async () => {
    const error = await failure('(module (memory (export "wizer.initialize") 1))')
    assert.equal(error.code, 'ERR_INIT_FUNC_TYPE')
    assert.match(error.message, /memory/)
  })
})

describe('input that is no valid module', () => {
  test('is ERR_INVALID_WASM with the offset of an invalid instruction', async () => {
    const { broken, from, to } = await withInvalidBody(OTHERS)
    for (const engine of /** @type {const} */ ([...ENGINES, 'auto'])) {
      const error = await failure(broken, { engine })
      assert.equal(error.code, 'ERR_INVALID_WASM')
      const { offset = -1 } = error
      assert.ok(from <= offset && offset < to, `${offset} is not in ${from}..${to}`)
    }
  })

  test('is ERR_INVALID_WASM where only the start function is named and not declared', async () => {
    // `ref.func` may name functions that are exported; the start function is not one of them.
    const error = await failure(`(module
      (func $s) (start $s)
      (func (export "wizer.initialize") (drop (ref.func $s))))`)
    assert.equal(error.code, 'ERR_INVALID_WASM')
    assert.ok(error.offset)
  })

  test('is ERR_INVALID_WASM with an offset where it ends early, wherever it is cut', async () => {
    const wasm = await assemble(`(module
      (import "a" "b" (func)) (memory (export "memory") 1) (global i32 (i32.const 1))
      (table 1 funcref) (elem (i32.const 0) func $f) (data (i32.const 8) "data")
      (func $f (export "wizer.initialize")))`)
    for (let length = 8; length < wasm.length; length++) {
      const cut = wasm.subarray(0, length)
      if (isValid(cut)) continue
      const error = await failure(cut)
      const expected = /ERR_INVALID_WASM|ERR_INIT_FUNC_MISSING/
      assert.match(error.code, expected, `after ${length} bytes`)
      if (error.code === 'ERR_INVALID_WASM') assert.ok((error.offset ?? Infinity) <= length)
    }
  })

  for (const [what, bytes] of /** @type {Array<[string, string | Uint8Array]>} */ ([
    ['nothing', ''],
    ['text that is no WebAssembly', '{"json": true}'],
    ['half the magic number', '\0as'],
    ['the magic number alone', '\0asm'],
    ['bytes that are no UTF-8', new Uint8Array([0x28, 0xff, 0xfe])],
    ['an unknown version', '\0asm\x02\0\0\0'],
  ])) {
    test(`is ERR_INVALID_WASM for ${what}`, async () => {
      const error = await failure(Buffer.from(bytes))
      assert.equal(error.code, 'ERR_INVALID_WASM')
      assert.equal(typeof error.offset, 'number')
    })
  }

  test('is ERR_INVALID_WASM with offset and line for a mistake in text', async () => {
    const text = '(module\n  (func (export "wizer.initialize")\n    (i32.konst 1)))'
    const error = await failure(Buffer.from(text))
    assert.equal(error.code, 'ERR_INVALID_WASM')
    assert.equal(error.offset, text.indexOf('i32.konst'))
    assert.match(error.message, /:3:6/)
  })

  test('is ERR_INVALID_WASM for text that ends early', async () => {
    const error = await failure(Buffer.from('(module (func'))
    assert.equal(error.code, 'ERR_INVALID_WASM')
  })

  test('is ERR_UNSUPPORTED for a component, in binary and in text', async () => {
    for (const wasm of [await assemble('(component)'), Buffer.from('(component)')]) {
      const error = await failure(wasm)
      assert.equal(error.code, 'ERR_UNSUPPORTED')
      assert.match(error.message, /component/)
    }
  })
})

test('a memory that no host has is ERR_MEMORY_LIMIT', async () => {
  const error = await failure(
    '(module (memory i64 0x100000000) (func (export "wizer.initialize")))',
  )
  assert.equal(error.code, 'ERR_MEMORY_LIMIT')
})

test('a rename that does not fit the module is ERR_INVALID_OPTION, before anything is compiled', async () => {
  const { broken } = await withInvalidBody(OTHERS)
  for (const [renameFuncs, message] of /** @type {Array<[Record<string, string>, RegExp]>} */ ([
    [{ go: 'absent' }, /`absent`/],
    [{ one: 'other', two: 'other' }, /`other` is renamed twice/],
    [{ go: 'wizer.initialize' }, /keepInitFunc/],
  ])) {
    const error = await failure(broken, { renameFuncs })
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.ok(error instanceof TypeError)
    assert.match(error.message, message)
  }
})

test('initializeSync throws what initialize rejects with', async () => {
  const wasm = await assemble('(module (func (export "wizer.initialize") unreachable))')
  const rejected = await failure(wasm)
  assert.throws(
    () => initializeSync(wasm),
    (thrown) => {
      assert.ok(thrown instanceof InitializeError)
      const { code, message, stage, trap } = rejected
      assert.deepEqual(
        { code: thrown.code, message: thrown.message, stage: thrown.stage, trap: thrown.trap },
        { code, message, stage, trap },
      )
      return true
    },
  )
})

// Proposals beyond what Node 20 runs. The oracle is Binaryen's interpreter, and V8 for those that it
// knows behind a flag.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { InitializeError, initialize } from '../index.js'
import { assemble, compare } from './compare.js'
import { interpret } from './interpreter.js'

test('the interpreter fails on an assertion that does not hold', async () => {
  await assert.rejects(
    interpret(
      '(module (func (export "one") (result i32) (i32.const 1)) (func (export "wizer.initialize")))',
      '(assert_return (invoke "one") (i32.const 2))',
    ),
    /expected 2, got 1/,
  )
})

describe('multiple memories', () => {
  test('keep bytes and size each', async () => {
    await interpret(
      `(module
        (memory $a 1) (memory $b 2 7) (memory $c 0) (memory $d 1)
        (data (memory $b) (i32.const 70000) "bbbb") (data (memory $d) (i32.const 5) "d")
        (data $passive "passive") (data $dropped "dropped")
        (func (export "a") (param i32) (result i32) (i32.load8_u $a (local.get 0)))
        (func (export "b") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
        (func (export "c") (param i32) (result i32) (i32.load8_u $c (local.get 0)))
        (func (export "d") (param i32) (result i32) (i32.load8_u $d (local.get 0)))
        (func (export "sizes") (result i32 i32 i32 i32)
          (memory.size $a) (memory.size $b) (memory.size $c) (memory.size $d))
        (func (export "copy") (memory.init $c $passive (i32.const 8) (i32.const 0) (i32.const 4)))
        (func (export "copy_dropped")
          (memory.init $c $dropped (i32.const 8) (i32.const 0) (i32.const 4)))
        (func (export "wizer.initialize")
          (data.drop $dropped)
          (i32.store8 $a (i32.const 65535) (i32.const 1))
          (i32.store8 $b (i32.const 70001) (i32.const 2))
          (drop (memory.grow $b (i32.const 3)))
          (i32.store8 $b (i32.const 327679) (i32.const 3))
          (drop (memory.grow $c (i32.const 1)))
          (memory.copy $c $b (i32.const 0) (i32.const 70000) (i32.const 4))
          (memory.fill $d (i32.const 0) (i32.const 0) (i32.const 99))))`,
      `(assert_return (invoke "sizes") (i32.const 1) (i32.const 5) (i32.const 1) (i32.const 1))
      (assert_return (invoke "a" (i32.const 65535)) (i32.const 1))
      (assert_return (invoke "b" (i32.const 70000)) (i32.const 98))
      (assert_return (invoke "b" (i32.const 70001)) (i32.const 2))
      (assert_return (invoke "b" (i32.const 327679)) (i32.const 3))
      (assert_trap (invoke "b" (i32.const 327680)) "out of bounds memory access")
      (assert_return (invoke "c" (i32.const 1)) (i32.const 2))
      (assert_return (invoke "d" (i32.const 5)) (i32.const 0))
      (invoke "copy")
      (assert_return (invoke "c" (i32.const 8)) (i32.const 112))
      (assert_trap (invoke "copy_dropped") "out of bounds memory access")`,
    )
  })

  test('share maxDataSegments between them', async () => {
    const wat = `(module
      (memory $a 2) (memory $b 2)
      (func (export "a") (param i32) (result i32) (i32.load8_u $a (local.get 0)))
      (func (export "b") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
      (func (export "wizer.initialize")
        (i32.store8 $a (i32.const 0) (i32.const 1)) (i32.store8 $a (i32.const 90000) (i32.const 2))
        (i32.store8 $b (i32.const 500) (i32.const 3)) (i32.store8 $b (i32.const 999) (i32.const 4))))`
    const assertions = `
      (assert_return (invoke "a" (i32.const 0)) (i32.const 1))
      (assert_return (invoke "a" (i32.const 90000)) (i32.const 2))
      (assert_return (invoke "b" (i32.const 500)) (i32.const 3))
      (assert_return (invoke "b" (i32.const 999)) (i32.const 4))`
    const capped = await interpret(wat, assertions, { maxDataSegments: 3 })
    assert.ok(
      capped.length < 1000,
      'the nearest neighbours are joined, whatever memory they are in',
    )
    await interpret(wat, assertions, { maxDataSegments: 2 })
    await assert.rejects(initialize(await assemble(wat), { maxDataSegments: 1 }), {
      code: 'ERR_INVALID_OPTION',
      option: 'maxDataSegments',
    })
  })
})

describe('memory64', () => {
  setFlagsFromString('--experimental-wasm-memory64')
  const WAT = `(module
    (memory (export "memory") i64 1 9)
    (data (i64.const 100) "before") (data $passive "passive") (data $dropped "dropped")
    (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
    (func (export "size") (result i64) (memory.size))
    (func (export "copy") (memory.init $passive (i64.const 8) (i32.const 0) (i32.const 4)))
    (func (export "copy_dropped") (memory.init $dropped (i64.const 8) (i32.const 0) (i32.const 4)))
    (func (export "wizer.initialize")
      (data.drop $dropped)
      (drop (memory.grow (i64.const 2)))
      (i32.store8 (i64.const 101) (i32.const 7))
      (i64.store (i64.const 196600) (i64.const -1))))`

  test('keeps bytes and size, by the interpreter', async () => {
    await interpret(
      WAT,
      `(assert_return (invoke "size") (i64.const 3))
      (assert_return (invoke "load" (i64.const 100)) (i32.const 98))
      (assert_return (invoke "load" (i64.const 101)) (i32.const 7))
      (assert_return (invoke "load" (i64.const 196607)) (i32.const 255))
      (assert_trap (invoke "load" (i64.const 196608)) "out of bounds memory access")
      (invoke "copy")
      (assert_return (invoke "load" (i64.const 8)) (i32.const 112))
      (assert_trap (invoke "copy_dropped") "out of bounds memory access")`,
    )
  })

  test('keeps bytes and size, by V8', async () => {
    await compare(WAT, {
      calls: [
        { call: 'size', gives: 3n },
        { call: 'load', with: [101n], gives: 7 },
        { call: 'load', with: [196608n], traps: /memory access out of bounds/ },
        { call: 'copy' },
        { call: 'copy_dropped', traps: /memory access out of bounds/ },
      ],
    })
  })

  test('keeps bytes beyond 4 GiB', async () => {
    const wasm = await assemble(`(module (memory i64 65537)
      (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
      (func (export "again") (if (i32.ne (i32.load8_u (i64.const 0x100000123)) (i32.const 9))
        (then unreachable)))
      (func (export "wizer.initialize") (i32.store8 (i64.const 0x100000123) (i32.const 9))))`)
    const output = await initialize(wasm)
    // Neither oracle holds so much memory: the output itself tells what it reads there.
    await initialize(output, { initFunc: 'again' })
  })
})

test('pages of one byte keep bytes and size', async () => {
  await interpret(
    `(module
      (memory $a 10 300 (pagesize 1)) (memory $b 2)
      (func (export "load") (param i32) (result i32) (i32.load8_u $a (local.get 0)))
      (func (export "size") (result i32) (memory.size $a))
      (func (export "wizer.initialize")
        (drop (memory.grow $a (i32.const 190)))
        (i32.store8 $a (i32.const 199) (i32.const 5)) (i32.store8 $a (i32.const 0) (i32.const 6))))`,
    `(assert_return (invoke "size") (i32.const 200))
    (assert_return (invoke "load" (i32.const 199)) (i32.const 5))
    (assert_return (invoke "load" (i32.const 0)) (i32.const 6))
    (assert_trap (invoke "load" (i32.const 200)) "out of bounds memory access")`,
  )
})

test('tables with 64-bit indices keep their functions', async () => {
  await interpret(
    `(module
      (table i64 3 funcref) (elem (i64.const 1) func $one) (elem $dropped func $one)
      (func $one (result i32) (i32.const 1)) (global $g (mut i32) (i32.const 0))
      (func (export "call") (param i64) (result i32) (call_indirect (result i32) (local.get 0)))
      (func (export "get") (result i32) (global.get $g))
      (func (export "fill") (table.init $dropped (i64.const 0) (i32.const 0) (i32.const 1)))
      (func (export "wizer.initialize")
        (elem.drop $dropped)
        (global.set $g (call_indirect (result i32) (i64.const 1)))))`,
    `(assert_return (invoke "get") (i32.const 1))
    (assert_return (invoke "call" (i64.const 1)) (i32.const 1))
    (assert_trap (invoke "call" (i64.const 0)) "uninitialized element")
    (assert_trap (invoke "fill") "out of bounds table access")`,
  )
})

test('exceptions that init catches are its own affair', async () => {
  await interpret(
    `(module
      (tag $e (param i32)) (global $g (mut i32) (i32.const 0))
      (func $thrower (throw $e (i32.const 7)))
      (func (export "get") (result i32) (global.get $g))
      (func (export "wizer.initialize")
        (global.set $g (block $caught (result i32)
          (try_table (catch $e $caught) (call $thrower)) (i32.const 1)))))`,
    '(assert_return (invoke "get") (i32.const 7))',
  )
})

test('an exception that init does not catch is ERR_TRAP of kind uncaught-exception', async () => {
  const wasm = await assemble(`(module
    (tag $e) (func $thrower (throw $e)) (func (export "wizer.initialize") (call $thrower)))`)
  await assert.rejects(initialize(wasm), (error) => {
    assert.ok(error instanceof InitializeError)
    assert.equal(error.code, 'ERR_TRAP')
    assert.equal(error.trap?.kind, 'uncaught-exception')
    return true
  })
})

test('extended constants keep their meaning where init does not change them', async () => {
  setFlagsFromString('--experimental-wasm-extended-const')
  await compare(`(module
    (memory (export "memory") 1)
    (global $base i32 (i32.const 100))
    (global (export "sum") i32 (i32.add (i32.const 20) (i32.mul (i32.const 4) (i32.const 5))))
    (data (i32.sub (i32.const 200) (i32.const 8)) "extended")
    (func (export "wizer.initialize") (i32.store8 (i32.const 0) (global.get $base))))`)
})

test('wide arithmetic gives what it gives elsewhere', async () => {
  await interpret(
    `(module
      (global $low (mut i64) (i64.const 0)) (global $high (mut i64) (i64.const 0))
      (func (export "get") (result i64 i64) (global.get $low) (global.get $high))
      (func (export "wizer.initialize")
        (i64.mul_wide_s (i64.const -7) (i64.const 0x7fffffffffffffff))
        (i64.sub128 (i64.const 1) (i64.const 0))
        (global.set $high) (global.set $low)))`,
    '(assert_return (invoke "get") (i64.const 0x8000000000000006) (i64.const -4))',
  )
})

describe('garbage collection', () => {
  const TYPES = '(type $box (struct (field (mut i32))))'

  test('that init uses for itself leaves nothing behind', async () => {
    await interpret(
      `(module ${TYPES} (global $g (mut i32) (i32.const 0))
        (func (export "get") (result i32) (global.get $g))
        (func (export "wizer.initialize") (local (ref null $box))
          (local.set 0 (struct.new $box (i32.const 41)))
          (struct.set $box 0 (local.get 0) (i32.const 42))
          (global.set $g (struct.get $box 0 (local.get 0)))))`,
      '(assert_return (invoke "get") (i32.const 42))',
    )
  })

  test('whose objects are still held in a global is ERR_UNSUPPORTED, naming the global', async () => {
    const wasm = await assemble(`(module ${TYPES}
      (global (mut i32) (i32.const 0)) (global $g (mut (ref null $box)) (ref.null $box))
      (func (export "wizer.initialize") (global.set $g (struct.new $box (i32.const 1)))))`)
    await assert.rejects(initialize(wasm), { code: 'ERR_UNSUPPORTED', message: /global 1/ })
  })

  test('whose objects a constant global holds is ERR_UNSUPPORTED, as init may have changed them', async () => {
    const wasm = await assemble(`(module ${TYPES}
      (global $g (ref $box) (struct.new $box (i32.const 1)))
      (func (export "wizer.initialize") (struct.set $box 0 (global.get $g) (i32.const 2))))`)
    await assert.rejects(initialize(wasm), { code: 'ERR_UNSUPPORTED', message: /global 0/ })
  })

  test('whose objects a table holds is ERR_UNSUPPORTED, naming table and slot', async () => {
    const wasm = await assemble(`(module ${TYPES}
      (table 3 (ref null $box))
      (func (export "wizer.initialize")
        (table.set 0 (i32.const 2) (struct.new $box (i32.const 1)))))`)
    await assert.rejects(initialize(wasm), { code: 'ERR_UNSUPPORTED', message: /table 0, slot 2/ })
  })

  test('keeps globals of small integers and typed functions that init leaves alone', async () => {
    await interpret(
      `(module
        (type $f (func (result i32)))
        (global $i (mut i31ref) (ref.i31 (i32.const 5)))
        (global $r (mut (ref $f)) (ref.func $five))
        (global $g (mut i32) (i32.const 0))
        (table 2 (ref $f) (ref.func $five))
        (func $five (type $f) (i32.const 5))
        (func (export "get") (result i32)
          (i32.add (i31.get_s (global.get $i)) (call_ref $f (global.get $r))))
        (func (export "call") (result i32) (call_indirect (type $f) (i32.const 1)))
        (func (export "wizer.initialize") (global.set $g (i32.const 1))))`,
      `(assert_return (invoke "get") (i32.const 10))
      (assert_return (invoke "call") (i32.const 5))`,
    )
  })
})

describe('a proposal that is refused', () => {
  test('is ERR_UNSUPPORTED where only an instruction uses it, with the place and the remedy', async () => {
    const wasm = await assemble(`(module (memory 1)
      (func $later (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))
      (func (export "wizer.initialize")))`)
    await initialize(wasm, { refuseFeatures: ['simd', 'threads'] })
    await assert.rejects(initialize(wasm, { refuseFeatures: ['simd', 'bulk-memory'] }), (error) => {
      assert.ok(error instanceof InitializeError)
      assert.equal(error.code, 'ERR_UNSUPPORTED')
      assert.match(error.message, /`bulk-memory`.*at byte offset 0x[0-9a-f]+.*compile it without/)
      return true
    })
  })

  test('does not hide that a module is invalid', async () => {
    const wasm = Buffer.from('0061736d01000000ff00', 'hex')
    await assert.rejects(initialize(wasm, { refuseFeatures: ['simd'] }), {
      code: 'ERR_INVALID_WASM',
    })
  })
})

// State that init leaves behind: globals and memories of every kind, compared with V8.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble, compare, functions, instantiate, memoryOf } from './compare.js'
import { initialize } from '../index.js'
import { SECTION, itemCount, section } from './sections.js'

/** @typedef {{ name: string, wat: string } & import('./compare.js').Case} Behaviour */

/** @type {Behaviour[]} */
const GLOBALS = [
  {
    name: 'exported globals of every numeric type keep the value that init gave them',
    wat: `(module
      (global (export "i32") (mut i32) (i32.const 1))
      (global (export "i64") (mut i64) (i64.const 1))
      (global (export "f32") (mut f32) (f32.const 1))
      (global (export "f64") (mut f64) (f64.const 1))
      (func (export "wizer.initialize")
        (global.set 0 (i32.const -2147483648))
        (global.set 1 (i64.const -9223372036854775808))
        (global.set 2 (f32.const -0.0))
        (global.set 3 (f64.const 0x1.fffffffffffffp+1023))))`,
  },
  {
    name: 'private globals keep the value that init gave them',
    wat: `(module
      (global $i32 (mut i32) (i32.const 1))
      (global $i64 (mut i64) (i64.const 1))
      (global $f32 (mut f32) (f32.const 1))
      (global $f64 (mut f64) (f64.const 1))
      (func (export "i32") (result i32) (global.get $i32))
      (func (export "i64") (result i64) (global.get $i64))
      (func (export "f32") (result f32) (global.get $f32))
      (func (export "f64") (result f64) (global.get $f64))
      (func (export "wizer.initialize")
        (global.set $i32 (i32.const 2147483647))
        (global.set $i64 (i64.const 9223372036854775807))
        (global.set $f32 (f32.const 0x1p-149))
        (global.set $f64 (f64.const -inf))))`,
    calls: [
      { call: 'i32', gives: 2 ** 31 - 1 },
      { call: 'i64', gives: 2n ** 63n - 1n },
      { call: 'f32', gives: 2 ** -149 },
      { call: 'f64', gives: -Infinity },
    ],
  },
  {
    name: 'NaN globals keep every bit of their payload, signalling ones too',
    wat: `(module
      (global $f32 (mut f32) (f32.const 0))
      (global $minus32 (mut f32) (f32.const nan))
      (global $f64 (mut f64) (f64.const 0))
      (global $minus64 (mut f64) (f64.const nan))
      (func (export "f32") (result i32) (i32.reinterpret_f32 (global.get $f32)))
      (func (export "minus32") (result i32) (i32.reinterpret_f32 (global.get $minus32)))
      (func (export "f64") (result i64) (i64.reinterpret_f64 (global.get $f64)))
      (func (export "minus64") (result i64) (i64.reinterpret_f64 (global.get $minus64)))
      (func (export "wizer.initialize")
        (global.set $f32 (f32.reinterpret_i32 (i32.const 0x7fa00001)))
        (global.set $minus32 (f32.reinterpret_i32 (i32.const 0xffc12345)))
        (global.set $f64 (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)))
        (global.set $minus64 (f64.reinterpret_i64 (i64.const 0xfff8123456789abc)))))`,
    calls: [
      { call: 'f32', gives: 0x7fa00001 },
      { call: 'minus32', gives: 0xffc12345 | 0 },
      { call: 'f64', gives: 0x7ff4000000000001n },
      { call: 'minus64', gives: BigInt.asIntN(64, 0xfff8123456789abcn) },
    ],
  },
  {
    name: 'a global that only changes from one NaN to another is kept',
    wat: `(module
      (global $nan (mut f64) (f64.const nan))
      (func (export "nan") (result i64) (i64.reinterpret_f64 (global.get $nan)))
      (func (export "wizer.initialize") (global.set $nan (f64.const nan:0x8000000000001))))`,
    calls: [{ call: 'nan', gives: 0x7ff8000000000001n }],
  },
  {
    name: 'a global that only changes from zero to minus zero is kept',
    wat: `(module
      (global $zero (mut f32) (f32.const 0))
      (func (export "zero") (result i32) (i32.reinterpret_f32 (global.get $zero)))
      (func (export "wizer.initialize") (global.set $zero (f32.const -0.0))))`,
    calls: [{ call: 'zero', gives: -(2 ** 31) }],
  },
  {
    name: 'vector globals keep all their lanes',
    wat: `(module
      (global $v (mut v128) (v128.const i64x2 1 2))
      (global $same (mut v128) (v128.const i64x2 3 4))
      (func (export "low") (result i64) (i64x2.extract_lane 0 (global.get $v)))
      (func (export "high") (result i64) (i64x2.extract_lane 1 (global.get $v)))
      (func (export "same") (result i64) (i64x2.extract_lane 1 (global.get $same)))
      (func (export "wizer.initialize")
        (global.set $v (v128.const i64x2 0x7ff4000000000001 0x8877665544332211))))`,
    calls: [
      { call: 'low', gives: 0x7ff4000000000001n },
      { call: 'high', gives: BigInt.asIntN(64, 0x8877665544332211n) },
      { call: 'same', gives: 4n },
    ],
  },
  {
    name: 'globals that init does not touch keep their initializers, references too',
    wat: `(module
      (global (export "constant") i32 (i32.const 7))
      (global (export "again") (mut i32) (i32.const 8))
      (global (export "callback") funcref (ref.func $f))
      (global (export "nothing") (mut funcref) (ref.null func))
      (global (export "object") (mut externref) (ref.null extern))
      (global $changed (export "changed") (mut i64) (i64.const 0))
      (func $f (export "f") (result i32) (i32.const 9))
      (func (export "wizer.initialize")
        (global.set $changed (i64.const 1))
        (global.set 1 (i32.const 5))
        (global.set 1 (i32.const 8))))`,
  },
  {
    name: 'one global exported under two names stays one global',
    wat: `(module
      (global $g (mut i32) (i32.const 1))
      (export "one" (global $g)) (export "two" (global $g))
      (func (export "set") (param i32) (global.set $g (local.get 0)))
      (func (export "wizer.initialize") (global.set $g (i32.const 2))))`,
    calls: [{ call: 'set', with: [3] }],
  },
]

/** @type {Behaviour[]} */
const MEMORIES = [
  {
    name: 'memory keeps what init wrote, at its first and its last byte as well',
    wat: `(module
      (memory (export "memory") 1)
      (func (export "wizer.initialize")
        (i32.store8 (i32.const 0) (i32.const 1))
        (i64.store (i32.const 4096) (i64.const -1))
        (i32.store8 (i32.const 65535) (i32.const 2))))`,
  },
  {
    name: 'memory that init leaves empty needs no data section',
    wat: '(module (memory (export "memory") 3) (func (export "wizer.initialize")))',
  },
  {
    name: 'a module without memory is initialized',
    wat: `(module (global (export "g") (mut i32) (i32.const 1))
      (func (export "wizer.initialize") (global.set 0 (i32.const 2))))`,
  },
  {
    name: 'data that init clears does not come back',
    wat: `(module
      (memory (export "memory") 1)
      (data (i32.const 16) "cleared") (data (i32.const 1000) "partly cleared")
      (func (export "wizer.initialize")
        (memory.fill (i32.const 16) (i32.const 0) (i32.const 7))
        (memory.fill (i32.const 1003) (i32.const 0) (i32.const 5))))`,
  },
  {
    name: 'overlapping data segments leave what the last one wrote',
    wat: `(module
      (memory (export "memory") 1)
      (data (i32.const 8) "aaaaaaaa") (data (i32.const 12) "bbbbbbbb") (data (i32.const 10) "cc")
      (func (export "wizer.initialize") (i32.store8 (i32.const 13) (i32.const 33))))`,
  },
  {
    name: 'memory that init grows is as large afterwards, and keeps its maximum',
    wat: `(module
      (memory (export "memory") 1 5)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "size") (result i32) (memory.size))
      (func (export "wizer.initialize")
        (drop (memory.grow (i32.const 2)))
        (i32.store8 (i32.const 196607) (i32.const 7))))`,
    calls: [
      { call: 'size', gives: 3 },
      { call: 'grow', with: [3], gives: -1 },
      { call: 'grow', with: [2], gives: 3 },
      { call: 'size', gives: 5 },
    ],
  },
  {
    name: 'memory that init grows without writing is as large afterwards',
    wat: `(module (memory (export "memory") 0)
      (func (export "wizer.initialize") (drop (memory.grow (i32.const 300)))))`,
  },
  {
    name: 'a memory.grow that fails in init changes nothing',
    wat: `(module (memory (export "memory") 1 2) (global (export "result") (mut i32) (i32.const 0))
      (func (export "wizer.initialize") (global.set 0 (memory.grow (i32.const 2)))))`,
  },
  {
    name: 'private memory keeps what init wrote',
    wat: `(module
      (memory 1)
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "wizer.initialize") (i32.store8 (i32.const 99) (i32.const 5))))`,
    calls: [
      { call: 'load', with: [99], gives: 5 },
      { call: 'load', with: [98], gives: 0 },
      { call: 'load', with: [65536], traps: /memory access out of bounds/ },
    ],
  },
  {
    name: 'large memory keeps sparse bytes wherever they stand',
    wat: `(module
      (memory (export "memory") 20)
      (func (export "wizer.initialize") (local $at i32) (local $gap i32)
        (loop $next
          (i32.store8 (local.get $at) (i32.or (local.get $gap) (i32.const 1)))
          (local.set $gap (i32.and (i32.add (i32.mul (local.get $gap) (i32.const 37)) (i32.const 11))
            (i32.const 63)))
          (local.set $at (i32.add (local.get $at) (i32.add (local.get $gap) (i32.const 1))))
          (br_if $next (i32.lt_u (local.get $at) (i32.const 1310720))))))`,
  },
  {
    name: 'zero runs of every short length around a boundary of 256 KiB are kept',
    wat: `(module
      (memory (export "memory") 400)
      (func (export "wizer.initialize") (local $n i32) (local $boundary i32)
        (loop $next
          (local.set $boundary (i32.mul (i32.const 262144)
            (i32.add (local.get $n) (i32.const 1))))
          (i32.store8
            (i32.sub (i32.sub (local.get $boundary) (i32.const 1))
              (i32.div_u (local.get $n) (i32.const 10)))
            (i32.const 255))
          (i32.store8
            (i32.add (local.get $boundary) (i32.rem_u (local.get $n) (i32.const 10)))
            (i32.const 255))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $n) (i32.const 99))))))`,
  },
  {
    name: 'live bytes that run over many boundaries of 256 KiB are kept whole',
    wat: `(module
      (memory (export "memory") 17)
      (func (export "wizer.initialize")
        (memory.fill (i32.const 262000) (i32.const 3) (i32.const 600000))))`,
  },
]

for (const { name, wat, ...situation } of [...GLOBALS, ...MEMORIES]) {
  test(name, async () => {
    await compare(wat, situation)
  })
}

test('bytes in the upper half of a 4 GiB address space are kept', async () => {
  const wasm = await assemble(`(module
    (memory 32769)
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "wizer.initialize")
      (i32.store8 (i32.const 0x7fffffff) (i32.const 1))
      (i32.store8 (i32.const 0x80000010) (i32.const 2))
      (i32.store8 (i32.const 0x8000ffff) (i32.const 3))))`)
  const { load, size } = functions(instantiate(await initialize(wasm)))
  const loaded = [0x7fffffff, 0x80000010, 0x8000ffff, 0x80000011].map((at) => load(at))
  assert.deepEqual(loaded, [1, 2, 3, 0])
  assert.equal(size(), 32769)
})

test('a NaN that init computes has the canonical bits in both engines', async () => {
  const wasm = await assemble(`(module
    (global $zero (mut f32) (f32.const 0))
    (memory (export "memory") 1)
    (func (export "wizer.initialize")
      (f32.store (i32.const 0) (f32.div (global.get $zero) (global.get $zero)))
      (f64.store (i32.const 8) (f64.sqrt (f64.const -1)))))`)
  for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
    const memory = memoryOf(instantiate(await initialize(wasm, { engine })))
    assert.equal(memory.readUInt32LE(0), 0x7fc00000, engine)
    assert.equal(memory.readBigUInt64LE(8), 0x7ff8000000000000n, engine)
  }
})

test('a module whose init changes nothing keeps every section but exports', async () => {
  const { original, output } = await compare(`(module
    (memory (export "memory") 1) (global (mut i32) (i32.const 4)) (table 2 funcref)
    (elem (i32.const 0) func 0)
    (func (export "wizer.initialize")) (data (i32.const 8) "data"))`)
  for (const id of Object.values(SECTION)) {
    if (id === SECTION.export) continue
    assert.deepEqual(section(output, id)?.bytes, section(original, id)?.bytes, `section ${id}`)
  }
  assert.equal(itemCount(output, SECTION.export), 1)
})

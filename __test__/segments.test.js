// Data and element segments: passive, dropped, named by instructions, and as few as asked for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initialize } from '../index.js'
import { assemble, assertSameState, compare, instantiate, runInit } from './compare.js'
import { SECTION, itemCount, section } from './sections.js'

/** @typedef {{ name: string, wat: string } & import('./compare.js').Case} Behaviour */

const OUT_OF_MEMORY_BOUNDS = /RuntimeError: memory access out of bounds/
const OUT_OF_SEGMENT_BOUNDS = /RuntimeError: element segment out of bounds/

/** Copies `$n` bytes from a segment's start to address 64. */
const copy = (/** @type {string} */ segment) =>
  `(memory.init ${segment} (i32.const 64) (i32.const 0) (local.get $n))`

/** @type {Behaviour[]} */
const DATA = [
  {
    name: 'a passive segment serves memory.init in init and again after it',
    wat: `(module
      (memory (export "memory") 1)
      (data $d "passive!")
      (func (export "copy") (param $n i32) ${copy('$d')})
      (func (export "wizer.initialize")
        (memory.init $d (i32.const 8) (i32.const 2) (i32.const 4))))`,
    calls: [
      { call: 'copy', with: [8] },
      { call: 'copy', with: [9], traps: OUT_OF_MEMORY_BOUNDS },
    ],
  },
  {
    name: 'a passive segment that only code after init uses is kept',
    wat: `(module
      (memory (export "memory") 1)
      (data $d "later")
      (func (export "copy") (param $n i32) ${copy('$d')} (data.drop $d))
      (func (export "wizer.initialize")))`,
    calls: [
      { call: 'copy', with: [5] },
      { call: 'copy', with: [1], traps: OUT_OF_MEMORY_BOUNDS },
      { call: 'copy', with: [0] },
    ],
  },
  {
    name: 'a segment that init dropped is dropped in the output as well',
    wat: `(module
      (memory (export "memory") 1)
      (data $d "dropped")
      (func (export "copy") (param $n i32) ${copy('$d')})
      (func (export "wizer.initialize")
        (memory.init $d (i32.const 8) (i32.const 0) (i32.const 7))
        (data.drop $d)))`,
    calls: [
      { call: 'copy', with: [1], traps: OUT_OF_MEMORY_BOUNDS },
      { call: 'copy', with: [0] },
    ],
  },
  {
    name: 'a data.drop that init never reaches drops nothing',
    wat: `(module
      (memory (export "memory") 1)
      (data $d "kept")
      (func (export "copy") (param $n i32) ${copy('$d')})
      (func (export "wizer.initialize")
        (if (i32.load (i32.const 0)) (then (data.drop $d)))))`,
    calls: [{ call: 'copy', with: [4] }],
  },
  {
    name: 'an active segment that memory.init names is empty, and the ones behind it keep their index',
    wat: `(module
      (memory (export "memory") 1)
      (data $active (i32.const 8) "active")
      (data $passive "passive")
      (func (export "active") (param $n i32) ${copy('$active')})
      (func (export "passive") (param $n i32) ${copy('$passive')})
      (func (export "wizer.initialize") (i32.store8 (i32.const 1000) (i32.const 1))))`,
    calls: [
      { call: 'active', with: [1], traps: OUT_OF_MEMORY_BOUNDS },
      { call: 'active', with: [0] },
      { call: 'passive', with: [7] },
    ],
  },
  {
    name: 'active, dropped and live segments side by side keep their index and fate',
    wat: `(module
      (memory (export "memory") 8)
      (data $a (i32.const 8) "aaaa") (data $b "bbbb") (data $c (i32.const 70000) "cccc")
      (data $d "dddd") (data $e "") (data $f (i32.const 140000) "ffff") (data $g "gggg")
      (func (export "a") (param $n i32) ${copy('$a')}) (func (export "b") (param $n i32) ${copy('$b')})
      (func (export "c") (param $n i32) ${copy('$c')}) (func (export "d") (param $n i32) ${copy('$d')})
      (func (export "e") (param $n i32) ${copy('$e')}) (func (export "f") (param $n i32) ${copy('$f')})
      (func (export "g") (param $n i32) ${copy('$g')})
      (func (export "wizer.initialize")
        (data.drop $b) (data.drop $a) (data.drop $e)
        (i32.store (i32.const 210000) (i32.const 1)) (i32.store (i32.const 280000) (i32.const 2))
        (i32.store (i32.const 350000) (i32.const 3)) (i32.store (i32.const 420000) (i32.const 4))
        (i32.store (i32.const 500000) (i32.const 5))))`,
    calls: [
      ...['a', 'b', 'c', 'f'].map((call) => ({ call, with: [1], traps: OUT_OF_MEMORY_BOUNDS })),
      ...['d', 'g'].map((call) => ({ call, with: [4] })),
      ...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((call) => ({ call, with: [0] })),
      { call: 'e', with: [1], traps: OUT_OF_MEMORY_BOUNDS },
    ],
  },
  {
    name: 'fewer live ranges than named segments leave the rest empty',
    wat: `(module
      (memory (export "memory") 1)
      (data $a (i32.const 8) "a") (data $b (i32.const 800) "b") (data $c "c")
      (func (export "copy") (param $n i32) ${copy('$c')})
      (func (export "wizer.initialize") (memory.fill (i32.const 0) (i32.const 0) (i32.const 999))))`,
    calls: [{ call: 'copy', with: [1] }],
  },
  {
    name: 'passive segments of a module without memory are carried along',
    wat: `(module
      (global (export "g") (mut i32) (i32.const 1))
      (data $d "nobody reads this")
      (func (export "drop") (data.drop $d))
      (func (export "wizer.initialize") (global.set 0 (i32.const 2))))`,
    calls: [{ call: 'drop' }],
  },
]

/** @type {Behaviour[]} */
const ELEMENTS = [
  {
    name: 'an element segment that init dropped is dropped in the output as well',
    wat: `(module
      (table (export "table") 4 funcref)
      (elem $e func $f $g)
      (func $f) (func $g)
      (func (export "fill") (param $n i32)
        (table.init $e (i32.const 0) (i32.const 0) (local.get $n)))
      (func (export "wizer.initialize") (elem.drop $e)))`,
    calls: [
      { call: 'fill', with: [1], traps: OUT_OF_SEGMENT_BOUNDS },
      { call: 'fill', with: [0] },
    ],
  },
  {
    name: 'element segments of either encoding that init dropped keep those behind them in place',
    wat: `(module
      (table (export "table") 4 funcref)
      (elem (i32.const 3) func $g)
      (elem $e funcref (ref.func $f) (ref.null func))
      (elem $d declare func $f)
      (elem $k func $g $f)
      (func $f) (func $g)
      (func (export "dropped") (table.init $e (i32.const 0) (i32.const 0) (i32.const 2)))
      (func (export "kept") (table.init $k (i32.const 0) (i32.const 0) (i32.const 2)))
      (func (export "wizer.initialize") (elem.drop $e)))`,
    calls: [{ call: 'dropped', traps: OUT_OF_SEGMENT_BOUNDS }, { call: 'kept' }],
  },
  {
    name: 'an element segment that nothing dropped fills the table after init',
    wat: `(module
      (table (export "table") 4 funcref)
      (elem $e func $f $g)
      (func $f (result i32) (i32.const 6)) (func $g (result i32) (i32.const 7))
      (func (export "fill") (table.init $e (i32.const 2) (i32.const 0) (i32.const 2)) (elem.drop $e))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
      (func (export "wizer.initialize")))`,
    calls: [
      { call: 'call', with: [3], traps: /RuntimeError: null function|table/ },
      { call: 'fill' },
      { call: 'call', with: [3], gives: 7 },
      { call: 'fill', traps: OUT_OF_SEGMENT_BOUNDS },
    ],
  },
  {
    name: 'an active element segment that table.init names is empty after init',
    wat: `(module
      (table (export "table") 4 funcref)
      (elem $e (i32.const 0) func $f)
      (func $f)
      (func (export "fill") (table.init $e (i32.const 1) (i32.const 0) (i32.const 1)))
      (func (export "wizer.initialize")))`,
    calls: [{ call: 'fill', traps: OUT_OF_SEGMENT_BOUNDS }],
  },
  {
    name: 'a dropped segment of externrefs is dropped in the output as well',
    wat: `(module
      (table (export "table") 2 externref)
      (elem $e externref (ref.null extern) (ref.null extern))
      (func (export "fill") (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)))
      (func (export "wizer.initialize") (elem.drop $e)))`,
    calls: [{ call: 'fill', traps: OUT_OF_SEGMENT_BOUNDS }],
  },
]

for (const { name, wat, ...situation } of [...DATA, ...ELEMENTS]) {
  test(name, async () => {
    await compare(wat, situation)
  })
}

test('a module without a DataCount section gets none, so that it stays an MVP module', async () => {
  const { original, output } = await compare(`(module
    (memory (export "memory") 1) (data (i32.const 8) "data")
    (func (export "wizer.initialize") (i32.store8 (i32.const 9999) (i32.const 1))))`)
  assert.equal(section(original, SECTION.dataCount), undefined)
  assert.equal(section(output, SECTION.dataCount), undefined)
  assert.equal(itemCount(output, SECTION.data), 2)
})

/** One byte in each of 20 pages, further apart towards the end. */
const SPARSE = `(module
  (memory (export "memory") 20)
  (func (export "wizer.initialize") (local $n i32)
    (loop $next
      (i32.store8
        (i32.mul (local.get $n) (i32.mul (local.get $n) (i32.const 3000)))
        (i32.const 255))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (i32.const 20))))))`

test('maxDataSegments is reached exactly, and never exceeded', async () => {
  for (const [maxDataSegments, segments] of [
    [1, 1],
    [2, 2],
    [7, 7],
    [19, 19],
    [20, 20],
    [21, 20],
    [100_000, 20],
  ]) {
    const { output, report } = await compare(SPARSE, { options: { maxDataSegments } })
    assert.equal(itemCount(output, SECTION.data), segments, `of ${maxDataSegments}`)
    assert.equal(report.memories[0].segments, segments)
  }
})

test('a lower maxDataSegments joins the nearest neighbours first', async () => {
  const { report } = await compare(SPARSE, { options: { maxDataSegments: 19 } })
  // The first two bytes are the nearest: 3,000 bytes apart.
  assert.equal(report.memories[0].segmentBytes, 18 + 3001)
})

test('maxDataSegments counts the segments that code can name', async () => {
  const wat = `(module
    (memory (export "memory") 8)
    (data $a "aaaa") (data $b (i32.const 70000) "bbbb") (data $c "cccc")
    (func (export "copy") (param $n i32) ${copy('$a')} ${copy('$c')})
    (func (export "wizer.initialize")
      (i32.store (i32.const 210000) (i32.const 1)) (i32.store (i32.const 280000) (i32.const 2))))`
  const calls = [{ call: 'copy', with: [4] }]
  for (const [maxDataSegments, segments] of [
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 5],
  ]) {
    const { output } = await compare(wat, { options: { maxDataSegments }, calls })
    assert.equal(itemCount(output, SECTION.data), segments, `of ${maxDataSegments}`)
  }
  await assert.rejects(initialize(await assemble(wat), { maxDataSegments: 2 }), {
    code: 'ERR_INVALID_OPTION',
    option: 'maxDataSegments',
    message: /at least 3/,
  })
})

test('maxDataSegments may be 0 where nothing lives in memory', async () => {
  const wat = '(module (memory (export "memory") 1) (func (export "wizer.initialize")))'
  const { output } = await compare(wat, { options: { maxDataSegments: 0 } })
  assert.equal(section(output, SECTION.data), undefined)
})

test('the default cap of 10,000 segments holds for memory with more live ranges', async () => {
  const { output } = await compare(`(module
    (memory (export "memory") 32)
    (func (export "wizer.initialize") (local $at i32)
      (loop $next
        (i32.store8 (local.get $at) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 100)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 2000000))))))`)
  assert.equal(itemCount(output, SECTION.data), 10_000)
})

test('an output can be initialized again, by another function', async () => {
  const wat = `(module
    (memory (export "memory") 1)
    (global $g (export "g") (mut i32) (i32.const 0))
    (data $a "first ") (data $b "second")
    (func (export "one")
      (memory.init $a (i32.const 0) (i32.const 0) (i32.const 6)) (data.drop $a)
      (global.set $g (memory.grow (i32.const 1))))
    (func (export "two")
      (memory.init $b (i32.const 6) (i32.const 0) (i32.const 6)) (data.drop $b)
      (global.set $g (memory.size))))`
  const original = await assemble(wat)
  const first = await initialize(original, { initFunc: 'one' })
  const second = await initialize(first, { initFunc: 'two' })
  const before = instantiate(original)
  runInit(before, original, { initFunc: 'one' })
  runInit(before, original, { initFunc: 'two' })
  const after = instantiate(second)
  assert.deepEqual(Object.keys(after.exports), ['memory', 'g'])
  assertSameState(before, after, undefined)
})

// Tables, references, imports and code that works on in V8 after it has been initialized.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initialize, initializeWithReport } from '../index.js'
import { assemble, compare } from './compare.js'

/** @typedef {{ name: string, wat: string } & import('./compare.js').Case} Behaviour */

/** @type {Behaviour[]} */
const BEHAVIOURS = [
  {
    name: 'tables keep their functions, and calls through them work on',
    wat: `(module
      (type $number (func (result i32)))
      (table $public (export "table") 5 10 funcref)
      (table $private 3 funcref)
      (elem (table $public) (i32.const 1) func $one $two)
      (elem (table $private) (i32.const 0) funcref (ref.func $two) (ref.null func))
      (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
      (func $wide (result i64) (i64.const 2))
      (elem (table $public) (i32.const 4) func $wide)
      (func (export "public") (param i32) (result i32)
        (call_indirect $public (type $number) (local.get 0)))
      (func (export "private") (param i32) (result i32)
        (call_indirect $private (type $number) (local.get 0)))
      (memory (export "memory") 1)
      (func (export "wizer.initialize")
        (i32.store (i32.const 0) (call_indirect $public (type $number) (i32.const 2)))))`,
    calls: [
      { call: 'public', with: [2], gives: 2 },
      { call: 'public', with: [0], traps: /null function or function signature|table/ },
      { call: 'public', with: [4], traps: /function signature/ },
      { call: 'public', with: [5], traps: /table index is out of bounds/ },
      { call: 'private', with: [0], gives: 2 },
      { call: 'private', with: [1], traps: /null function or function signature|table/ },
    ],
  },
  {
    name: 'table.set in code that init never runs works after init',
    wat: `(module
      (table $t (export "table") 3 funcref)
      (elem (i32.const 0) func $one)
      (elem declare func $two)
      (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
      (func (export "set") (param i32)
        (table.set $t (local.get 0) (ref.func $two)))
      (func (export "grow") (result i32) (table.grow $t (ref.func $two) (i32.const 2)))
      (func (export "fill") (table.fill $t (i32.const 0) (ref.null func) (i32.const 1)))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
      (func (export "wizer.initialize")))`,
    calls: [
      { call: 'set', with: [2] },
      { call: 'call', with: [2], gives: 2 },
      { call: 'grow', gives: 3 },
      { call: 'call', with: [4], gives: 2 },
      { call: 'fill' },
      { call: 'set', with: [9], traps: /table index is out of bounds/ },
    ],
  },
  {
    name: 'a table that init writes and puts back is as it was',
    wat: `(module
      (table $t (export "table") 3 funcref)
      (elem (i32.const 0) func $one $two)
      (func $one) (func $two)
      (func (export "wizer.initialize")
        (table.set $t (i32.const 2) (ref.func $one))
        (table.set $t (i32.const 2) (ref.null func))
        (table.set $t (i32.const 0) (ref.func $two))
        (table.copy (i32.const 0) (i32.const 1) (i32.const 1))
        (table.set $t (i32.const 0) (ref.func $one))))`,
  },
  {
    name: 'a function import that init never calls stays an import',
    wat: `(module
      (import "env" "twice" (func $twice (param i32) (result i32)))
      (import "env" "twice" (func $again (param i64) (result i64)))
      (import "" "" (func $nameless))
      (memory (export "memory") 1)
      (export "reexported" (func $twice))
      (func (export "call") (param i32) (result i32) (call $twice (local.get 0)))
      (func (export "nameless") (call $nameless))
      (func (export "wizer.initialize") (i32.store (i32.const 0) (i32.const 1))))`,
    imports: () => ({
      env: {
        twice: (/** @type {number | bigint} */ n) => (typeof n === 'bigint' ? 2n * n : 2 * n),
      },
      '': { '': () => {} },
    }),
    calls: [
      { call: 'call', with: [21], gives: 42 },
      { call: 'reexported', with: [4], gives: 8 },
      { call: 'nameless' },
    ],
  },
  {
    name: 'imported functions in tables stay the imported functions',
    wat: `(module
      (import "env" "one" (func $one (result i32)))
      (import "env" "two" (func $two (result i32)))
      (table (export "table") 3 funcref)
      (elem (i32.const 0) func $two $own $one)
      (func $own (result i32) (i32.const 3))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
      (func (export "wizer.initialize")))`,
    imports: () => ({ env: { one: () => 1, two: () => 2 } }),
    calls: [
      { call: 'call', with: [0], gives: 2 },
      { call: 'call', with: [1], gives: 3 },
      { call: 'call', with: [2], gives: 1 },
    ],
  },
  {
    name: 'WASI imports stay imports after a run that was given WASI',
    wat: `(module
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "sizes") (result i32) (call $sizes (i32.const 0) (i32.const 4)))
      (func (export "wizer.initialize") (i32.store8 (i32.const 100) (i32.const 1))))`,
    options: { wasi: true },
    imports: () => ({ wasi_snapshot_preview1: { args_sizes_get: () => 58 } }),
    calls: [{ call: 'sizes', gives: 58 }],
  },
  {
    name: 'traps after init are the traps of the original',
    wat: `(module
      (memory 1)
      (global $divisor (mut i32) (i32.const 1))
      (func (export "divide") (param i32) (result i32)
        (i32.div_s (local.get 0) (global.get $divisor)))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "unreachable") unreachable)
      (func $deep (export "deep") (call $deep))
      (func (export "wizer.initialize") (global.set $divisor (i32.const 0))))`,
    calls: [
      { call: 'divide', with: [1], traps: /divide by zero/ },
      { call: 'load', with: [65533], traps: /memory access out of bounds/ },
      { call: 'unreachable', traps: /unreachable/ },
      { call: 'deep', traps: /Maximum call stack size exceeded/ },
    ],
  },
  {
    name: 'multiple results, blocks with parameters and sign extension work in init',
    wat: `(module
      (memory (export "memory") 1)
      (func $pair (result i32 i64) (i32.const 7) (i64.const 8))
      (func (export "pair") (result i32 i64) (call $pair))
      (func (export "wizer.initialize") (local i64)
        (call $pair) (local.set 0)
        (block (param i32) (result i32) (i32.extend8_s))
        (i32.add (i32.const 250)) (i32.extend8_s) (drop)
        (i64.store (i32.const 8) (local.get 0))
        (i32.store (i32.const 0) (i32.trunc_sat_f32_s (f32.const 1e30)))))`,
    calls: [{ call: 'pair' }],
  },
]

for (const { name, wat, ...situation } of BEHAVIOURS) {
  test(name, async () => {
    await compare(wat, situation)
  })
}

/** Tail calls, which the baseline compiler does not take. */
const TAIL_CALLS = `(module
  (memory (export "memory") 1)
  (func $down (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (return_call $down (i32.sub (local.get 0) (i32.const 1))))
      (else (i32.const 5))))
  (func (export "down") (param i32) (result i32) (return_call $down (local.get 0)))
  (func (export "wizer.initialize")
    (i32.store (i32.const 0) (call $down (i32.const 1000000)))))`

test('a module that the baseline compiler can not take is compiled by the other', async () => {
  const calls = [{ call: 'down', with: [100_000], gives: 5 }]
  const { report } = await compare(TAIL_CALLS, { calls })
  assert.equal(report.engine, 'optimizing')
})

test('the report names the engine that was asked for', async () => {
  const wasm = await assemble('(module (func (export "wizer.initialize")))')
  for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
    const { report } = await initializeWithReport(wasm, { engine })
    assert.equal(report.engine, engine)
  }
})

test('the baseline engine alone refuses what it can not take, and names the other', async () => {
  await assert.rejects(initialize(await assemble(TAIL_CALLS), { engine: 'baseline' }), {
    code: 'ERR_UNSUPPORTED',
    stage: 'compile',
    message: /valid.*baseline compiler.*auto/,
  })
})

/** @type {Array<{ name: string, wat: string, names: RegExp }>} */
const REFUSED = [
  {
    name: 'an imported table that can not be null is refused by its name',
    wat: `(module (type $f (func)) (import "env" "calls" (table 1 (ref $f)))
      (func (export "wizer.initialize")))`,
    names: /table `env\.calls`/,
  },
]

for (const { name, wat, names } of REFUSED) {
  test(name, async () => {
    await assert.rejects(initialize(await assemble(wat)), {
      name: 'InitializeError',
      code: 'ERR_UNSUPPORTED',
      message: names,
    })
  })
}

test('imported globals that nobody gives a value to are all named', async () => {
  const wasm = await assemble(
    '(module (import "env" "base" (global i32)) (import "env" "end" (global i64)) (func (export "wizer.initialize")))',
  )
  await assert.rejects(initialize(wasm), {
    name: 'InitializeError',
    code: 'ERR_IMPORT_MISSING',
    message: /`env\.base`, `env\.end`/,
    imports: [
      { module: 'env', name: 'base' },
      { module: 'env', name: 'end' },
    ],
  })
})

// Tables of the guest, as imports see them while init runs: glue calls functions by their slot, and
// Emscripten's does so to catch what they throw. V8 runs the original with the same imports.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { InitializeError, initialize, initializeSync } from '../index.js'
import { assemble, functions, instantiate, memoryOf } from './compare.js'

/**
 * @typedef {import('../index.js').Guest} Guest
 * @typedef {import('../index.js').InitializeOptions} Options
 */

const RUNS = {
  initialize,
  initializeSync: async (/** @type {Uint8Array} */ wasm, /** @type {Options} */ options) =>
    initializeSync(wasm, options),
}

/** Functions in slots 1 to 4; what Emscripten's C++ does where an exception may come. */
const INVOKING = `(module
  (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
  (import "env" "throw" (func $throw (param i32)))
  (memory (export "memory") 1)
  (global (export "depth") (mut i32) (i32.const 0))
  (table (export "table") 6 8 funcref)
  (elem (i32.const 1) $double $throws $traps $wide)
  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $throws (param i32) (result i32) (call $throw (local.get 0)) (i32.const 1))
  (func $traps (param i32) (result i32) (unreachable))
  (func $wide (param i64 v128) (result i64) (local.get 0))
  (func (export "wizer.initialize")
    (i32.store (i32.const 0) (call $invoke (i32.const 1) (i32.const 21)))
    (i32.store (i32.const 4) (call $invoke (i32.const 2) (i32.const 7)))
    (i32.store (i32.const 8) (call $invoke (i32.const 1) (i32.const 4)))))`

class Exception {
  /** @param {number} value */
  constructor(value) {
    this.value = value
  }
}

/** @param {() => any} table */
const glue = (table) => ({
  env: {
    /**
     * @param {number} slot
     * @param {number} value
     */
    invoke_ii(slot, value) {
      try {
        return table().get(slot)(value)
      } catch (error) {
        if (!(error instanceof Exception)) throw error
        return 1000 + error.value
      }
    },
    /** @param {number} value */
    throw(value) {
      throw new Exception(value)
    },
  },
})

for (const [name, run] of Object.entries(RUNS)) {
  /**
   * What `use` sees from inside an import that init calls once, in slot 1 with 0.
   * @param {(guest: Guest) => void} use
   */
  const inside = async (use) => {
    const wasm = await assemble(INVOKING)
    let isFirst = true
    return run(wasm, {
      imports: (guest) => ({
        env: {
          throw() {},
          invoke_ii() {
            if (isFirst) use(guest)
            isFirst = false
            return 0
          },
        },
      }),
    })
  }

  describe(`a table of the guest, with ${name},`, () => {
    test('has functions that imports call, and whose exceptions they catch', async () => {
      const wasm = await assemble(INVOKING)
      /** @type {WebAssembly.Instance | undefined} */
      let instance
      instance = instantiate(
        wasm,
        glue(() => instance?.exports.table),
      )
      functions(instance)['wizer.initialize']()
      const output = await run(wasm, { imports: (guest) => glue(() => guest.exports.table) })
      const after = instantiate(
        output,
        glue(() => undefined),
      )
      assert.ok(memoryOf(after).equals(memoryOf(instance)))
      assert.deepEqual(
        [0, 4, 8].map((at) => memoryOf(after).readInt32LE(at)),
        [42, 1007, 8],
      )
    })

    test('tells its length, and null from what is out of its bounds', async () => {
      await inside(({ exports: { table } }) => {
        assert.equal(table.length, 6)
        assert.equal(table.get(0), null)
        assert.equal(table.get(5), null)
        assert.equal(typeof table.get(1), 'function')
        for (const slot of [6, -1, 1.5, NaN, 2 ** 40, 'text']) {
          assert.throws(() => table.get(slot), RangeError, String(slot))
        }
      })
    })

    test('converts what its functions take as V8 does, and refuses what can not cross', async () => {
      await inside(({ exports: { table } }) => {
        const double = table.get(1)
        assert.equal(double('21'), 42)
        assert.equal(double(), 0)
        assert.equal(double(2 ** 31), 0)
        assert.throws(() => double(1n), TypeError)
        assert.throws(() => table.get(4)(1n, 2), /`table\[4\]` takes vectors or references/)
      })
    })

    test('has functions whose traps imports can catch', async () => {
      await inside(({ exports: { table } }) => {
        assert.throws(
          () => table.get(3)(1),
          (error) => error instanceof InitializeError && error.trap?.kind === 'unreachable',
        )
      })
    })

    test('can be used while an import runs only', async () => {
      /** @type {any} */
      let kept
      await inside(({ exports: { table } }) => (kept = { table, double: table.get(1) }))
      assert.throws(() => kept.table.length, /can't be read: it can be used while an import runs/)
      assert.throws(() => kept.table.get(1), /can't be read/)
      assert.throws(() => kept.double(1), /can't be called/)
    })
  })
}

test('a slot with a reference of the host can not be given to JavaScript', async () => {
  const wasm = await assemble(`(module
    (import "env" "look" (func $look))
    (type $pair (struct (field i32)))
    (table $objects (export "objects") 2 anyref)
    (func (export "wizer.initialize")
      (table.set $objects (i32.const 1) (struct.new $pair (i32.const 1)))
      (call $look)
      (table.set $objects (i32.const 1) (ref.null any))))`)
  await initialize(wasm, {
    imports: ({ exports: { objects } }) => ({
      env: {
        look() {
          assert.equal(objects.get(0), null)
          assert.throws(() => objects.get(1), TypeError)
        },
      },
    }),
  })
})

test('WASI finds a memory that is imported and not exported, as Emscripten’s are', async () => {
  const wasm = await assemble(`(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "env" "memory" (memory 1))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "wizer.initialize") (drop (call $random (i32.const 0) (i32.const 8)))))`)
  const output = await initialize(wasm, { wasi: true, internalizeImports: true })
  const value = functions(
    instantiate(output, { wasi_snapshot_preview1: { random_get: () => 0 } }),
  ).load(0)
  assert.notEqual(value, 0)
})

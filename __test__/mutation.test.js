// Modules with single bits flipped: most are invalid, some are other programs. Whatever they are,
// the package must agree with V8, and never crash.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InitializeError, initialize } from '../index.js'
import { assemble, assertSameState, instantiate, isValid, runInit } from './compare.js'
import { withAllExported } from './sections.js'

/** What the package may refuse although V8 runs it. */
const REFUSALS = ['ERR_UNSUPPORTED', 'ERR_INIT_FUNC_MISSING', 'ERR_INIT_FUNC_TYPE']

const MODULES = {
  'a module with every kind of state': `(module
    (import "a" "b" (func $import (param i32)))
    (memory (export "memory") 1 2) (global (mut i32) (i32.const 1)) (global i64 (i64.const 2))
    (table 3 funcref) (elem (i32.const 0) func $f) (elem $e func $f $import)
    (data (i32.const 8) "data") (data $p "passive") (start $start)
    (func $start (global.set 0 (i32.const 3)))
    (func $f (export "wizer.initialize")
      (memory.init $p (i32.const 16) (i32.const 1) (i32.const 4)) (data.drop $p) (elem.drop $e)
      (i32.store (i32.const 100) (i32.add (global.get 0) (i32.const 5)))
      (if (i32.const 0) (then (call $import (i32.const 1))))
      (drop (memory.grow (i32.const 1)))))`,
  'a reactor with numbers of every type': `(module
    (memory (export "memory") 1)
    (global $f (export "f") (mut f32) (f32.const 1.5)) (global $d (mut f64) (f64.const -2.5))
    (func (export "_initialize") (global.set $f (f32.mul (global.get $f) (f32.const 3))))
    (func (export "wizer.initialize") (local i64 f32)
      (local.set 0 (i64.rotl (i64.const 0x123456789) (i64.const 7)))
      (i64.store (i32.const 1000) (local.get 0))
      (global.set $d (f64.promote_f32 (f32.sqrt (global.get $f))))
      (block (br_if 0 (f64.lt (global.get $d) (f64.const 0)))
        (i32.store8 (i32.const 3) (i32.trunc_f64_s (global.get $d)))))
    (func (export "after") (result f64) (global.get $d)))`,
}

/** Every import, as a function that stops the guest as the package does. */
const IMPORTS = new Proxy({}, { get: () => new Proxy({}, { get: () => notSupplied }) })

function notSupplied() {
  throw new Error('not supplied')
}

/**
 * The instance after init, or why there is none.
 * @param {Uint8Array} wasm
 */
function inV8(wasm) {
  if (!isValid(wasm)) return 'invalid'
  try {
    const instance = instantiate(withAllExported(wasm), IMPORTS)
    runInit(instance, wasm, {})
    return instance
  } catch (error) {
    return error instanceof WebAssembly.LinkError ? 'invalid' : 'stopped'
  }
}

for (const [name, wat] of Object.entries(MODULES)) {
  test(`${name} behaves as in V8, whichever bit is flipped`, async () => {
    const wasm = await assemble(wat)
    for (let bit = 0; bit < 8 * wasm.length; bit++) {
      const mutant = Buffer.from(wasm)
      mutant[bit >> 3] ^= 1 << (bit & 7)
      const what = `byte ${bit >> 3} ^ ${1 << (bit & 7)}`
      const outcome = await initialize(mutant, { engine: 'baseline' }).catch((error) => error)
      const oracle = inV8(mutant)
      if (outcome instanceof Error) {
        assert.ok(outcome instanceof InitializeError, `${what}: ${outcome}`)
        assert.notEqual(outcome.code, 'ERR_INTERNAL', `${what}: ${outcome.message}`)
        const agrees = typeof oracle === 'string' || REFUSALS.includes(outcome.code)
        assert.ok(agrees, `${what}: V8 runs it; ${outcome.code} ${outcome.message}`)
      } else if (oracle !== 'invalid') {
        assert.notEqual(oracle, 'stopped', `${what}: V8 does not run it to the end`)
        const after = instantiate(withAllExported(outcome), IMPORTS)
        assertSameState(/** @type {WebAssembly.Instance} */ (oracle), after, undefined)
      }
    }
  })
}

// Leftovers on the program's own stack, and the option that keeps them out of the output.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { initialize } from '../index.js'

/** Init leaves four bytes below the stack pointer, as a function does that returns. */
const program = (/** @type {string} */ data, pointer = '$__stack_pointer') =>
  Buffer.from(`(module
  (memory (export "memory") 2)
  (global ${pointer} (mut i32) (i32.const 65536))
  (data (i32.const ${data}) "static data")
  (func (export "wizer.initialize")
    (global.set 0 (i32.sub (global.get 0) (i32.const 16)))
    (i32.store (global.get 0) (i32.const 0x5ec2e7))
    (global.set 0 (i32.add (global.get 0) (i32.const 16)))
    (i32.store (i32.const 70000) (i32.const 42))))`)

/** @param {Buffer<ArrayBuffer>} wasm */
function wordsOf(wasm) {
  const { memory } = /** @type {any} */ (
    new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports
  )
  const view = new DataView(memory.buffer)
  return {
    leftover: view.getInt32(65520, true),
    live: view.getInt32(70000, true),
    data: view.getUint8(65536),
  }
}

test('leftovers on the stack are part of the output unless they are cleared', async () => {
  const wasm = program('65536')
  assert.deepEqual(wordsOf(await initialize(wasm)), { leftover: 0x5ec2e7, live: 42, data: 115 })
  assert.deepEqual(wordsOf(await initialize(wasm, { zeroDeadStack: true })), {
    leftover: 0,
    live: 42,
    data: 115,
  })
})

test('a program whose stack is not known is refused, with what to export', async () => {
  for (const [wasm, message] of /** @type {const} */ ([
    [program('1024'), /__stack_low/],
    [program('65536', '$other'), /__stack_pointer/],
  ])) {
    await assert.rejects(initialize(wasm, { zeroDeadStack: true }), {
      code: 'ERR_UNSUPPORTED',
      message,
    })
    await initialize(wasm)
  }
})

test('a C program works the same without its dead stack, and is smaller', async () => {
  const wasm = readFileSync(new URL('fixtures/stack/stack.wasm', import.meta.url))
  const whole = await initialize(wasm, { initFunc: 'init' })
  const cleared = await initialize(wasm, { initFunc: 'init', zeroDeadStack: true })
  assert.ok(cleared.length + 3000 < whole.length, `${cleared.length} and ${whole.length} bytes`)
  const [expected, actual] = [whole, cleared].map((output) => {
    const exported = /** @type {any} */ (
      new WebAssembly.Instance(new WebAssembly.Module(output)).exports
    )
    const text = Buffer.from(exported.memory.buffer, exported.text_address(), 11).toString()
    return { result: exported.result(), text }
  })
  assert.deepEqual(actual, expected)
  assert.equal(actual?.text, 'static data')
})

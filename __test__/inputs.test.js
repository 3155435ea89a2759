// The bytes of a module, in every form that JavaScript has for bytes.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { initialize, initializeSync, version } from '../index.js'
import { assemble } from './compare.js'
import pkg from '../package.json' with { type: 'json' }

const wasm = await assemble(`(module
  (memory (export "memory") 1) (data (i32.const 8) "data")
  (func (export "wizer.initialize") (i32.store8 (i32.const 100) (i32.const 7))))`)
const expected = await initialize(wasm)

/** A copy in an ArrayBuffer of its own. */
const copy = () => Uint8Array.from(wasm).buffer

/** Modules that wait in the queue while as many run as there are cores. */
const queue = () => Array.from({ length: 64 }, () => initialize(wasm, { engine: 'optimizing' }))

describe('initialize takes', () => {
  /** @type {Record<string, () => Uint8Array | ArrayBuffer | SharedArrayBuffer>} */
  const INPUTS = {
    'a Buffer': () => Buffer.from(wasm),
    'a pooled Buffer that begins within its ArrayBuffer': () => Buffer.concat([wasm]),
    'a Uint8Array': () => Uint8Array.from(wasm),
    'an ArrayBuffer': copy,
    'a subarray with an odd offset': () => {
      const larger = new Uint8Array(wasm.length + 100).fill(0xff)
      larger.set(wasm, 33)
      return larger.subarray(33, 33 + wasm.length)
    },
    'a SharedArrayBuffer': () => {
      const shared = new SharedArrayBuffer(wasm.length)
      new Uint8Array(shared).set(wasm)
      return shared
    },
    'a view of a SharedArrayBuffer': () => {
      const view = new Uint8Array(new SharedArrayBuffer(wasm.length + 8), 8)
      view.set(wasm)
      return view
    },
    'a view of a resizable ArrayBuffer': () => {
      const view = new Uint8Array(new ArrayBuffer(8, { maxByteLength: 4096 }))
      const { buffer } = view
      buffer.resize(wasm.length)
      view.set(wasm)
      return view
    },
    'a view of a resizable ArrayBuffer with an offset': () => {
      const view = new Uint8Array(new ArrayBuffer(4096, { maxByteLength: 8192 }), 5, wasm.length)
      view.set(wasm)
      return view
    },
    'a resizable ArrayBuffer': () => {
      const buffer = new ArrayBuffer(wasm.length, { maxByteLength: 4096 })
      new Uint8Array(buffer).set(wasm)
      return buffer
    },
    'the memory of another module': () => {
      const memory = new WebAssembly.Memory({ initial: 1 })
      const view = new Uint8Array(memory.buffer, 1000, wasm.length)
      view.set(wasm)
      return view
    },
    'a Uint8Array of another realm': () =>
      runInNewContext('Uint8Array.from(bytes)', { bytes: [...wasm] }),
    'an ArrayBuffer of another realm': () =>
      runInNewContext('Uint8Array.from(bytes).buffer', { bytes: [...wasm] }),
  }

  for (const [what, make] of Object.entries(INPUTS)) {
    test(what, async () => {
      assert.ok((await initialize(make())).equals(expected))
      assert.ok(initializeSync(make()).equals(expected))
    })
  }
})

describe('the bytes are copied before the call returns, so that', () => {
  test('the caller may overwrite them at once', async () => {
    const busy = queue()
    const bytes = Uint8Array.from(wasm)
    const run = initialize(bytes)
    bytes.fill(0xff)
    assert.ok((await run).equals(expected))
    await Promise.all(busy)
  })

  test('the caller may transfer them at once', async () => {
    const busy = queue()
    const bytes = Uint8Array.from(wasm)
    const run = initialize(bytes)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    assert.equal(bytes.length, 0)
    assert.ok((await run).equals(expected))
    await Promise.all(busy)
  })

  test('the caller may shrink them at once', async () => {
    const busy = queue()
    const buffer = new ArrayBuffer(wasm.length, { maxByteLength: 4096 })
    new Uint8Array(buffer).set(wasm)
    const run = initialize(buffer)
    buffer.resize(0)
    assert.ok((await run).equals(expected))
    await Promise.all(busy)
  })
})

test('a detached ArrayBuffer is refused and is no crash', async () => {
  const buffer = copy()
  structuredClone(buffer, { transfer: [buffer] })
  await assert.rejects(initialize(buffer), { name: 'TypeError', code: 'ERR_INVALID_OPTION' })
})

test('the input is left as it was', async () => {
  const bytes = Uint8Array.from(wasm)
  await initialize(bytes)
  initializeSync(bytes)
  assert.deepEqual(bytes, Uint8Array.from(wasm))
})

test('the output is a Buffer of its own that can be transferred', async () => {
  const output = await initialize(wasm)
  assert.ok(Buffer.isBuffer(output))
  assert.equal(output.byteOffset, 0)
  assert.equal(output.buffer.byteLength, output.length)
  const moved = structuredClone(output.buffer, {
    transfer: [/** @type {ArrayBuffer} */ (output.buffer)],
  })
  assert.ok(Buffer.from(moved).equals(expected))
})

test('the version is that of the package', () => {
  assert.equal(version, pkg.version)
})

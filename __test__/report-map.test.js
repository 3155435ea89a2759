// What the HTML report's maps are drawn from: segments against offsets that are known, live bytes
// against V8's memory, and where addresses are on the screen.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { initializeWithReport, inspect } from '../index.js'
import { MapWindow } from '../report/client/map-window.js'
import { memoryMaps } from '../report/memory-map.js'
import { readSegments } from '../report/segments.js'
import { assemble, instantiate, memoryOf } from './compare.js'
import { readReactor } from './modules.js'

describe('what the map shows', () => {
  test('is what V8 has in memory', async () => {
    const input = readReactor()
    const options = { initFunc: '_initialize', wasi: true }
    const { wasm: output, report } = await initializeWithReport(input, options)
    const [map] = mapsOf(input, output)
    const imports = Object.fromEntries(
      ['wasi_snapshot_preview1'].map((name) => [name, new Proxy({}, { get: () => () => 0 })]),
    )
    const [was, is] = [input, output].map((wasm) => memoryOf(instantiate(wasm, imports)))
    const live = (/** @type {Uint8Array} */ bytes) =>
      bytes.reduce((n, byte) => n + (byte ? 1 : 0), 0)
    assert.ok(map.before)
    assert.equal(map.before.bytes, was.length)
    assert.equal(map.before.live, live(was))
    assert.equal(map.after.bytes, is.length)
    assert.equal(map.after.live, live(is))
    assert.equal(map.after.live, report.memories[0].nonZeroBytes)
    const written = is.reduce(
      (n, byte, at) => n + (byte !== 0 && byte !== (was[at] ?? 0) ? 1 : 0),
      0,
    )
    assert.equal(map.after.written, written)
    assert.ok(written > 0)
  })

  test('has segments where their offsets say, for all kinds of offsets', async () => {
    const wasm = await assemble(`(module
      (import "env" "base" (global $base i32))
      (memory 1) (memory i64 1)
      (global $f f64 (f64.const 1.5))
      (global $r funcref (ref.null func))
      (global $known i32 (i32.const 4096))
      (data (i32.const 8) "a")
      (data (global.get $known) "bc")
      (data (offset (i32.add (global.get $known) (i32.mul (i32.const 2) (i32.const 4)))) "d")
      (data (global.get $base) "given")
      (data (memory 1) (i64.const 0x10000) "wide")
      (data (i32.const -1) "")
      (data "passive"))`)
    const found = readSegments(wasm).map(({ memory, start, passive, bytes }) => [
      memory,
      start,
      passive,
      Buffer.from(bytes).toString(),
    ])
    assert.deepEqual(found, [
      [0, 8, false, 'a'],
      [0, 4096, false, 'bc'],
      [0, 4104, false, 'd'],
      [0, undefined, false, 'given'],
      [1, 0x10000, false, 'wide'],
      [0, 0xffffffff, false, ''],
      [0, undefined, true, 'passive'],
    ])
  })

  test('lets later segments win where they overlap', async () => {
    const wasm = await assemble(`(module (memory 1)
      (data (i32.const 4090) "aaaaaaaaaaaa") (data (i32.const 4094) "\\00\\00\\00\\00"))`)
    const [map] = mapsOf(wasm, wasm)
    assert.equal(map.after.live, 8)
    assert.deepEqual(map.after.blocks, [0, 1])
    assert.deepEqual(map.after.blockLive, [4, 4])
    assert.equal(map.after.written, 0)
  })

  test('is found again at the pixel where it is drawn', () => {
    for (const bytes of [65_536, 5 * 65_536, 117 * 65_536, 2 ** 32, 2 ** 40 + 1]) {
      const window = new MapWindow(bytes)
      window.resize(560)
      for (let zoomed = 0; zoomed < 12; zoomed++) {
        for (const address of [0, 4_097, Math.floor(bytes / 3), bytes - 1]) {
          window.reveal(address)
          const { left, top, size } = window.rectangle(address)
          const found = window.addressAt({ x: left + size / 2, y: top + size / 2 })
          assert.equal(found, Math.floor(address / window.bytes) * window.bytes)
          assert.ok(left >= -1 && top >= -1, 'it is in sight')
          assert.ok(left < window.width && top < window.height, 'it is in sight')
        }
        window.zoom(2.5, { x: 100, y: 50 })
      }
    }
  })

  test('keeps the place that is zoomed at', () => {
    const window = new MapWindow(117 * 65_536)
    window.resize(560)
    const at = { x: 300, y: 100 }
    window.zoom(4, at)
    const address = window.addressAt(at) ?? 0
    window.zoom(1.5, at)
    assert.equal(Math.floor((window.addressAt(at) ?? 0) / 65_536), Math.floor(address / 65_536))
  })
})

/**
 * @param {Uint8Array} input
 * @param {Uint8Array} output
 */
function mapsOf(input, output) {
  return memoryMaps({
    inputInfo: inspect(input),
    outputInfo: inspect(output),
    inputSegments: readSegments(input),
    outputSegments: readSegments(output),
  })
}

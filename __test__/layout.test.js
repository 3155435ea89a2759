// The bytes of the output: what init did not change is copied as it stands, wherever it stands.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initialize, initializeSync } from '../index.js'
import { runScript } from './child.js'
import { assemble, compare } from './compare.js'
import {
  SECTION,
  customSection,
  encodeSection,
  insertBefore,
  section,
  sections,
} from './sections.js'

const INIT = '(func $init (export "wizer.initialize") (i32.store8 (i32.const 50000) (i32.const 7)))'

/** @param {Uint8Array} wasm */
const names = (wasm) => sections(wasm).map(({ id, name }) => name || id)

/** @param {Uint8Array} wasm */
const customs = (wasm) => sections(wasm).filter(({ id }) => id === SECTION.custom)

test('custom sections keep their bytes and their places', async () => {
  const { original, output } = await compare(`(module
    (@custom "first" (before first) "1\\00\\ff")
    (@custom "after type" (after type) "2")
    (@custom "before code" (before code) "3")
    (@custom "twice" (after code) "4") (@custom "twice" (after code) "5")
    (@custom "last" (after last) "6") (@custom "" (after last) "nameless")
    (memory (export "memory") 1) (data (i32.const 8) "data") ${INIT})`)
  const contents = customs(original).map(({ bytes }) => bytes)
  assert.deepEqual(
    customs(output).map(({ bytes }) => bytes),
    contents,
  )
  assert.deepEqual(names(output), names(original))
})

test('the code section is the same byte for byte, whatever else changes', async () => {
  const { original, output } = await compare(`(module
    (memory (export "memory") 1) (global $g (mut i64) (i64.const 0)) (table 1 funcref)
    (data $d "passive") (elem $e func $init) (start $start)
    (func $start (data.drop $d) (elem.drop $e) (global.set $g (i64.const 5)))
    (func (export "other") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))) ${INIT})`)
  assert.deepEqual(section(output, SECTION.code)?.bytes, section(original, SECTION.code)?.bytes)
})

test('a module without a data section gets one behind its code, in front of custom sections', async () => {
  const { output } = await compare(`(module
    (@custom "behind" (after last) "x") (memory (export "memory") 1) ${INIT})`)
  const order = names(output)
  assert.equal(order.indexOf(SECTION.data), order.indexOf(SECTION.code) + 1)
  assert.ok(order.indexOf('behind') > order.indexOf(SECTION.data))
})

test('a name section in front of the data section is carried along and names frames', async () => {
  const wasm = await assemble(`(module
    (memory (export "memory") 1) (data (i32.const 8) "data")
    (func $inner unreachable)
    (func (export "trap") (call $inner)) ${INIT})`)
  const name = sections(wasm).find((found) => found.name === 'name')
  assert.ok(name)
  const without = Buffer.concat([wasm.subarray(0, name.start), wasm.subarray(name.end)])
  const early = insertBefore(without, SECTION.data, name.bytes)
  const { output } = await compare(early)
  assert.deepEqual(names(output), names(early))
  await assert.rejects(initialize(early, { initFunc: 'trap' }), (error) => {
    const { trap } = /** @type {import('../index.js').InitializeError} */ (error)
    assert.equal(trap?.frames[0].func, 'inner')
    return true
  })
})

test('a name section that makes no sense is carried along', async () => {
  const wasm = await assemble(`(module (memory (export "memory") 1) ${INIT})`)
  const odd = Buffer.concat([
    wasm,
    customSection('name', Buffer.from([1, 0x80])),
    customSection('name', Buffer.from('nonsense')),
  ])
  const { output } = await compare(odd)
  assert.deepEqual(
    customs(output).map(({ bytes }) => bytes),
    customs(odd).map(({ bytes }) => bytes),
  )
})

test('sections whose sizes linkers have padded are understood', async () => {
  const wasm = await assemble(`(module
    (memory (export "memory") 1) (global (export "g") (mut i32) (i32.const 1))
    (table 2 funcref) (elem (i32.const 0) func $init) (data $d "passive") (data (i32.const 8) "data")
    (start $start) (func $start (data.drop $d) (global.set 0 (i32.const 2))) ${INIT})`)
  const padded = sections(wasm).map(({ id, contents, end }) =>
    encodeSection(id, wasm.subarray(contents, end), 5),
  )
  const { output, original } = await compare(Buffer.concat([wasm.subarray(0, 8), ...padded]))
  assert.deepEqual(section(output, SECTION.code)?.bytes, section(original, SECTION.code)?.bytes)
})

test('empty sections are understood', async () => {
  const wasm = await assemble(`(module (memory (export "memory") 1) ${INIT})`)
  const empty = [SECTION.import, SECTION.table, SECTION.global, SECTION.element].reduce(
    (all, id) => {
      const next = sections(all).find((found) => found.id > id)
      return insertBefore(all, next?.id ?? -1, encodeSection(id, Buffer.from([0])))
    },
    wasm,
  )
  await compare(Buffer.concat([empty, encodeSection(SECTION.data, Buffer.from([0]))]))
})

test('the output does not hold what the init function cleared', async () => {
  const { output } = await compare(`(module
    (memory (export "memory") 1) (data (i32.const 64) "a secret that init wipes")
    (func (export "wizer.initialize")
      (memory.fill (i32.const 64) (i32.const 0) (i32.const 24))))`)
  assert.equal(output.includes('secret'), false)
})

/** State of every kind, and a memory of several chunks that many threads scan. */
const RICH = `(module
  (memory (export "memory") 64) (memory $m 2) (global $g (mut f64) (f64.const 0))
  (data $a "passive") (data $b "dropped") (data (i32.const 5) "active")
  (func (export "later") (memory.init $a (i32.const 0) (i32.const 0) (i32.const 7)))
  (func (export "wizer.initialize") (local $at i32) (local $random i32)
    (memory.init $b (i32.const 100) (i32.const 0) (i32.const 7)) (data.drop $b)
    (local.set $random (i32.const 12345))
    (loop $next
      (local.set $random
        (i32.add (i32.mul (local.get $random) (i32.const 1103515245)) (i32.const 12345)))
      (local.set $at (i32.add (local.get $at)
        (i32.shr_u (local.get $random) (i32.const 25))))
      (i32.store16 (local.get $at) (local.get $random))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 4000000))))
    (i32.store $m (i32.const 70000) (i32.const 1))
    (global.set $g (f64.sqrt (f64.const 2)))))`

test('the same input gives the same bytes, run after run and in either engine', async () => {
  const wasm = await assemble(RICH)
  const first = await initialize(wasm, { engine: 'baseline' })
  for (const engine of /** @type {const} */ (['baseline', 'optimizing', 'auto'])) {
    const runs = await Promise.all(Array.from({ length: 5 }, () => initialize(wasm, { engine })))
    for (const run of runs) assert.ok(run.equals(first), engine)
  }
  assert.ok(initializeSync(wasm).equals(first))
})

test('text gives the same bytes as its binary', async () => {
  const text = `(module (memory (export "memory") 1) ${INIT})`
  const output = await initialize(await assemble(text))
  assert.ok((await initialize(Buffer.from(text))).equals(output))
  assert.ok((await initialize(Buffer.from(`\n ;; comment\n${text}`))).equals(output))
})

test('the number of threads does not change a byte', async () => {
  const wasm = (await assemble(RICH)).toString('base64')
  const script = `
    import { createHash } from 'node:crypto'
    import { initialize } from 'wasm-preinit'
    const output = await initialize(Buffer.from(process.env.WASM, 'base64'))
    console.log(createHash('sha256').update(output).digest('hex'))`
  const hashes = await Promise.all(
    ['1', '2', '8'].map(async (threads) => {
      const env = { WASM: wasm, RAYON_NUM_THREADS: threads }
      const { status, stdout } = await runScript(script, { env })
      assert.equal(status, 0)
      return stdout
    }),
  )
  assert.equal(new Set(hashes).size, 1)
  assert.match(hashes[0], /^[0-9a-f]{64}\n$/)
})

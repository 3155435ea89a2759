// Compiled code that is kept: what it is named after, and what one process has of it.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { describe, test } from 'node:test'
import { initializeSync, initializeWithReport } from '../index.js'
import { assemble } from './compare.js'
import {
  beingWritten,
  freshly,
  inFreshProcess,
  kept,
  outcomeOf,
  results,
  succeeded,
  temporary,
  unique,
  uses,
} from './fixtures/cache.js'
import { customSection } from './sections.js'

describe('the name of compiled code', () => {
  test('is the same in another process: first a miss, then a hit, and one file', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    assert.equal((await freshly(wasm, { cache })).cache, 'miss')
    assert.equal(kept(cache).length, 1)
    assert.equal((await freshly(wasm, { cache })).cache, 'hit')
    assert.equal(kept(cache).length, 1)
    assert.deepEqual(beingWritten(cache), [])
  })

  test('tells the compilers apart', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const jobs = /** @type {const} */ (['baseline', 'optimizing', 'auto']).map((engine) => ({
      wasm,
      options: { engine, cache },
    }))
    // Each in a process of its own, as the writing goes on beside the run.
    const cold = [await freshly(wasm, jobs[0].options), await freshly(wasm, jobs[1].options)]
    assert.deepEqual(uses(cold), ['miss', 'miss'])
    assert.equal(kept(cache).length, 2)
    const { outcomes } = await inFreshProcess(jobs)
    assert.deepEqual(uses(outcomes), ['hit', 'hit', 'hit'])
    const engines = outcomes.map(({ engine }) => engine)
    assert.deepEqual(engines, ['baseline', 'optimizing', 'baseline'])
  })

  test("does not change what 'auto' takes: code of the optimizing compiler is no hit", async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    await freshly(wasm, { cache, engine: 'optimizing' })
    const { cache: use, engine } = await freshly(wasm, { cache })
    assert.deepEqual({ use, engine }, { use: 'miss', engine: 'baseline' })
  })

  test('changes with one byte of code', async (t) => {
    const cache = temporary(t)
    const wasm = await assemble(`(module (memory (export "memory") 1)
      (func (export "wizer.initialize") (i32.store (i32.const 0) (i32.const 42))))`)
    const changed = Buffer.from(wasm)
    changed[wasm.lastIndexOf(42)] = 43
    assert.equal((await freshly(wasm, { cache })).cache, 'miss')
    const other = await freshly(changed, { cache })
    assert.equal(other.cache, 'miss')
    assert.deepEqual(other.result, (await outcomeOf(changed, { cache: false })).result)
    assert.equal(kept(cache).length, 2)
  })

  test('does not change with custom sections, but with the names of functions', async (t) => {
    const cache = temporary(t)
    const plain = await assemble('(module (func $a (export "wizer.initialize") unreachable))')
    const note = Buffer.concat([plain, customSection('note', Buffer.from('of no meaning'))])
    const debug = Buffer.concat([plain, customSection('.debug_info', Buffer.alloc(8))])
    const renamed = await assemble('(module (func $b (export "wizer.initialize") unreachable))')
    await freshly(unique(), { cache })
    const modules = [plain, note, debug, renamed]
    const jobs = modules.map((wasm) => ({ wasm, options: { cache } }))
    const { outcomes } = await inFreshProcess(jobs)
    assert.equal(kept(cache).length, 3)
    const funcs = results(outcomes).map(({ error }) => error.trap.frames[0].func)
    assert.deepEqual(funcs, ['a', 'a', 'a', 'b'])
  })

  test('does not change with options that the code does not depend on', async (t) => {
    const cache = temporary(t)
    const wasm = await assemble(`(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "one")) (func (export "two"))
      (func (export "other") (i32.store (i32.const 4) (i32.const ${process.pid})))
      (data (i32.const 16) "\\20\\00\\00\\00\\08")
      (func (export "wizer.initialize")
        (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))))`)
    /** @type {import('./fixtures/cache.js').Options[]} */
    const variants = [
      { wasi: { stdin: 'one' } },
      { wasi: { stdin: 'another' } },
      { wasi: true, renameFuncs: { one: 'two' } },
      { wasi: true, keepInitFunc: true },
      { initFunc: 'other' },
      { wasi: true, maxDataSegments: 1, strip: true, timeout: 60_000, maxMemory: 1 << 20 },
      { imports: { wasi_snapshot_preview1: { fd_read: () => 0 } } },
    ]
    assert.equal((await freshly(wasm, { ...variants[0], cache })).cache, 'miss')
    for (const options of variants.slice(1, 3)) {
      assert.equal((await freshly(wasm, { ...options, cache })).cache, 'hit')
    }
    for (const options of variants) {
      const hit = succeeded(await outcomeOf(wasm, { ...options, cache }))
      assert.equal(hit.cache, 'hit')
      assert.deepEqual(hit.result, (await outcomeOf(wasm, { ...options, cache: false })).result)
    }
    assert.equal(kept(cache).length, 1)
  })
})

describe('one process', () => {
  test('keeps code in memory: the folder may be gone', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const { outcomes } = await inFreshProcess([{ wasm, options: { cache } }])
    assert.deepEqual(uses(outcomes), ['miss'])
    const here = succeeded(await outcomeOf(wasm, { cache }))
    assert.equal(here.cache, 'hit')
    rmSync(cache, { recursive: true })
    const again = succeeded(await outcomeOf(wasm, { cache }))
    assert.equal(again.cache, 'hit')
    assert.deepEqual(results([here, again]), [...results(outcomes), ...results(outcomes)])
  })

  test('compiles what two runs want at once only once', async (t) => {
    const cache = temporary(t)
    for (const engine of /** @type {const} */ (['auto', 'optimizing'])) {
      const wasm = unique()
      const runs = [outcomeOf(wasm, { engine, cache }), outcomeOf(wasm, { engine, cache })]
      const outcomes = await Promise.all(runs)
      assert.deepEqual(uses(outcomes).toSorted(), ['hit', 'miss'])
      assert.deepEqual(succeeded(outcomes[0]).result, outcomes[1].result)
    }
  })

  test('tells two runs at once of an invalid module the same', async (t) => {
    const cache = temporary(t)
    const wasm = Buffer.from('(module (func (export "wizer.initialize") (i32.add)))')
    const runs = [outcomeOf(wasm, { cache }), outcomeOf(wasm, { cache })]
    const [one, other] = results(await Promise.all(runs))
    assert.equal(one.error.code, 'ERR_INVALID_WASM')
    assert.deepEqual(other, one)
  })

  test('neither reads nor keeps anything with `cache: false`', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const options = [{ cache: false }, { cache }, { cache: false }, { cache }]
    const outcomes = []
    for (const option of options) outcomes.push(await outcomeOf(wasm, option))
    assert.deepEqual(uses(outcomes), ['off', 'miss', 'off', 'hit'])
  })

  test('has the cache in blocking runs as well', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const options = { cache }
    const output = initializeSync(wasm, options)
    const { wasm: same, report } = await initializeWithReport(wasm, options)
    assert.equal(report.cache, 'hit')
    assert.ok(output.equals(same))
  })
})

for (const cache of [1, 0, null, '', {}, [], ['folder'], () => 'folder', Symbol('folder')]) {
  test(`\`cache\` can't be ${typeof cache} ${String(cache?.toString())}`, async () => {
    const options = /** @type {any} */ ({ cache })
    const expected = {
      name: 'TypeError',
      code: 'ERR_INVALID_OPTION',
      option: 'cache',
      message: /`cache`/,
    }
    await assert.rejects(initializeWithReport(unique(), options), expected)
    assert.throws(() => initializeSync(unique(), options), expected)
  })
}

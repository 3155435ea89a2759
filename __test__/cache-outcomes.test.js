// Outcomes do not depend on the cache: bytes, reports and errors are the same with it and without.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { inspect } from '../index.js'
import { assemble } from './compare.js'
import {
  age,
  eventually,
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
import { FASTLY_OPTIONS, readFastly } from './modules.js'
import { sections } from './sections.js'

const HOUR_MS = 3_600_000

/**
 * @typedef {import('./fixtures/cache.js').Job} Job
 * @typedef {import('./fixtures/cache.js').Outcome} Outcome
 */

describe('no outcome depends on the cache', () => {
  const PASSIVE = `(module (memory (export "memory") 1) (table 2 funcref)
    (func $f) (data "dropped") (data "live") (elem func $f) (elem func $f $f)
    (func (export "again")
      (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 4))
      (table.init 1 (i32.const 0) (i32.const 0) (i32.const 2)))
    (func (export "wizer.initialize")
      (memory.init 0 (i32.const 8) (i32.const 0) (i32.const 7)) (data.drop 0) (elem.drop 0)))`
  const CALLER = `(module (import "helper" "value" (func $value (result i32)))
    (memory (export "memory") 1)
    (func (export "wizer.initialize") (i32.store (i32.const 0) (call $value))))`
  const HELPER = '(module (func (export "value") (result i32) (i32.const 7)))'
  /** @param {string} body */
  const init = (body) =>
    `(module (memory 1) (func $inner ${body}) (func $outer (export "wizer.initialize") (call $inner)))`
  const symbolized = readFileSync(
    new URL('../tests/fixtures/symbolize/trap-dwarf5.wasm', import.meta.url),
  )
  const [initFunc] = inspect(symbolized).initFuncs

  /** @type {Record<string, string | Job>} */
  const modules = {
    'a module in text': String(unique()),
    'passive segments, dropped and live': PASSIVE,
    'a start function': `(module (global $g (mut i32) (i32.const 0)) (start $s)
      (func $s (global.set $g (i32.const 1)))
      (func (export "wizer.initialize") (global.set $g (i32.add (global.get $g) (i32.const 1)))))`,
    'a preloaded module': {
      wasm: Buffer.from(CALLER),
      options: { preload: { helper: Buffer.from(HELPER) } },
    },
    'input and output': {
      wasm: Buffer.from(`(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\03\\00\\00\\00")
        (data (i32.const 16) "yes")
        (func (export "wizer.initialize")
          (drop (call 0 (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`),
      options: { wasi: { stdout: 'capture' } },
    },
    'a trap: unreachable': init('unreachable'),
    'a trap: memory': init('(drop (i32.load (i32.const 65536)))'),
    'a trap: division': init('(drop (i32.div_s (i32.const 1) (i32.load (i32.const 0))))'),
    'a trap with passive segments': PASSIVE.replace('(data.drop 0)', 'unreachable'),
    'a trap with files and lines': { wasm: symbolized, options: { initFunc } },
    'too deep a recursion': '(module (func $f (export "wizer.initialize") (call $f)))',
    'a call of an import that is not there':
      '(module (import "a" "b" (func $b)) (func $f (export "wizer.initialize") (call $b)))',
  }

  for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
    describe(`with code of the ${engine} compiler`, () => {
      /** @type {Record<'off' | 'miss' | 'in memory' | 'from disk', Outcome[]>} */
      let runs

      before(async () => {
        const folder = temporary(after)
        /** @param {string | false} cache */
        const jobs = (cache) =>
          Object.values(modules).map((module) => {
            const { wasm, options } =
              typeof module === 'string' ? { wasm: Buffer.from(module) } : module
            return { wasm, options: { ...options, engine, cache } }
          })
        const { length } = jobs(false)
        const first = await inFreshProcess([...jobs(false), ...jobs(folder), ...jobs(folder)])
        const second = await inFreshProcess(jobs(folder))
        runs = {
          off: first.outcomes.slice(0, length),
          miss: first.outcomes.slice(length, 2 * length),
          'in memory': first.outcomes.slice(2 * length),
          'from disk': second.outcomes,
        }
        assert.equal(kept(folder).length, length + 1, 'all modules and a preloaded one are kept')
      })

      for (const [index, name] of Object.keys(modules).entries()) {
        test(name, () => {
          const off = runs.off[index]
          if (off.result.error) {
            assert.match(off.result.error.code, /^ERR_(TRAP|STACK_LIMIT|IMPORT_CALLED)$/)
          } else {
            assert.equal(off.engine, engine)
            const is = Object.values(runs).map((run) => run[index].cache)
            assert.deepEqual(is, ['off', 'miss', 'hit', 'hit'])
          }
          assert.equal(/trap/.test(name), off.result.error?.trap !== undefined)
          for (const [how, run] of Object.entries(runs)) {
            assert.deepEqual(run[index].result, off.result, how)
          }
        })
      }
    })
  }

  test('a JavaScript engine of 10 MB', async (t) => {
    const cache = temporary(t)
    const wasm = readFastly()
    const cold = await freshly(wasm, { ...FASTLY_OPTIONS, cache })
    const warm = await freshly(wasm, { ...FASTLY_OPTIONS, cache })
    const off = await outcomeOf(wasm, { ...FASTLY_OPTIONS, cache: false })
    assert.deepEqual(uses([cold, warm, off]), ['miss', 'hit', 'off'])
    assert.deepEqual(cold.result, succeeded(off).result)
    assert.deepEqual(warm.result, off.result)
  })

  test('files and lines of a trap are those of the module at hand, not of the one that was compiled', async (t) => {
    const cache = temporary(t)
    // Bytes that differ only in what the compiler does not see.
    const { outcomes } = await inFreshProcess([
      { wasm: withoutDebugInfo(symbolized), options: { initFunc, cache } },
      { wasm: symbolized, options: { initFunc, cache } },
    ])
    const [stripped, whole] = results(outcomes).map(({ error }) => error.trap.frames[0])
    assert.equal(stripped.file, undefined)
    assert.match(whole.file, /\.(h|cpp)$/)
    assert.equal(kept(cache).length, 1)
  })

  test('an invalid module is never kept, and is refused at the same offset again', async (t) => {
    const cache = temporary(t)
    const modules = [
      '(module (func (export "wizer.initialize") (i32.add)))',
      // An index that is in range only with what is added to read the state.
      '(module (memory 1) (data "passive") (func (export "wizer.initialize") (call 1)))',
    ]
    const invalid = modules.map((module) => Buffer.from(module))
    const jobs = invalid.map((wasm) => ({ wasm, options: { cache } }))
    const off = await inFreshProcess(invalid.map((wasm) => ({ wasm, options: { cache: false } })))
    const first = await inFreshProcess([...jobs, ...jobs])
    const second = await inFreshProcess(jobs)
    for (const { error } of results(off.outcomes)) {
      assert.equal(error.code, 'ERR_INVALID_WASM')
      assert.equal(typeof error.offset, 'number')
    }
    const { outcomes } = off
    assert.deepEqual(results(first.outcomes), results([...outcomes, ...outcomes]))
    assert.deepEqual(results(second.outcomes), results(outcomes))
    assert.deepEqual(readdirSync(cache), [])
  })
})

describe('a module that the baseline compiler refuses', () => {
  const refused = {
    'for its tail calls': '(func $next) (func (export "wizer.initialize") (return_call $next))',
    'for its exceptions': `(tag $e) (func (export "wizer.initialize")
      (block $caught (try_table (catch $e $caught) (throw $e))))`,
  }
  for (const [why, fields] of Object.entries(refused)) {
    test(`${why} falls back to the optimizing one, and its code is kept`, async (t) => {
      const cache = temporary(t)
      const wasm = Buffer.from(`(module (memory (export "memory") 1) ${fields})`)
      const off = await freshly(wasm, { cache: false })
      const jobs = Array.from({ length: 2 }, () => ({ wasm, options: { cache } }))
      const cold = await inFreshProcess(jobs)
      const warm = await inFreshProcess(jobs)
      assert.deepEqual(uses([...cold.outcomes, ...warm.outcomes]), ['miss', 'hit', 'hit', 'hit'])
      for (const { engine, result } of [...cold.outcomes, ...warm.outcomes]) {
        assert.equal(engine, 'optimizing')
        assert.deepEqual(result, off.result)
      }
      assert.equal(kept(cache).length, 1)
      const { outcomes } = await inFreshProcess([{ wasm, options: { cache, engine: 'baseline' } }])
      assert.equal(outcomes[0].result.error?.code, 'ERR_UNSUPPORTED')
    })
  }

  test('makes the modules it imports from fall back, too', async (t) => {
    const cache = temporary(t)
    const wasm = Buffer.from(`(module (import "helper" "f" (func $f))
      (func (export "wizer.initialize") (call $f)))`)
    const helper = Buffer.from('(module (func $next) (func (export "f") (return_call $next)))')
    const options = { preload: { helper }, cache }
    const cold = await freshly(wasm, options)
    const warm = await freshly(wasm, options)
    assert.deepEqual([cold.engine, warm.engine], ['optimizing', 'optimizing'])
    assert.deepEqual(uses([cold, warm]), ['miss', 'hit'])
    assert.deepEqual(warm.result, cold.result)
  })
})

test('code of preloaded modules comes from the cache, too', async (t) => {
  const cache = temporary(t)
  const wasm = Buffer.from(`(module (import "helper" "f" (func $f))
    (func (export "wizer.initialize") (call $f)))`)
  const options = { preload: { helper: Buffer.from('(module (func (export "f")))') }, cache }
  await freshly(wasm, options)
  const files = kept(cache).map((name) => join(cache, name))
  assert.equal(files.length, 2)
  // What is used is recent again.
  for (const file of files) age(file, 24)
  assert.equal((await freshly(wasm, options)).cache, 'hit')
  for (const file of files) assert.ok(statSync(file).mtimeMs > Date.now() - 12 * HOUR_MS)
})

describe('a run that ends while its module is compiled', () => {
  /**
   * A module that takes long to compile, and not to run.
   * @param {number} number
   */
  function slow(number) {
    const line = '(local.set 0 (i32.rotl (i32.mul (local.get 0) (local.get 0)) (i32.const 5)))'
    const func = `(func (param i32) (result i32) ${line.repeat(60)} (local.get 0))`
    return assemble(`(module (memory 1) ${func.repeat(2000)}
      (func (export "wizer.initialize") (i32.store (i32.const 0) (i32.const ${number}))))`)
  }
  const engine = 'optimizing'
  /** @type {Record<string, () => import('../index.js').InitializeOptions>} */
  const ends = {
    'by its time-out': () => ({ engine, timeout: 20 }),
    'by its signal': () => ({ engine, signal: AbortSignal.timeout(20) }),
  }
  for (const [number, [how, options]] of Object.entries(ends).entries()) {
    test(`${how} still fills the cache`, async (t) => {
      const cache = temporary(t)
      const wasm = await slow(number)
      const run = () => outcomeOf(wasm, { ...options(), cache })
      const { error } = (await run()).result
      assert.match(error?.code ?? error?.name, /^(ERR_TIMEOUT|TimeoutError)$/)
      // None of these has the time to compile.
      const hit = await eventually(async () => {
        const outcome = await run()
        return outcome.result.error ? undefined : outcome
      })
      assert.equal(hit.cache, 'hit')
      await eventually(() => kept(cache).length === 1)
      const fresh = await freshly(wasm, { engine, cache })
      assert.equal(fresh.cache, 'hit')
      assert.deepEqual(fresh.result, hit.result)
    })
  }
})

describe('another size of the stack', () => {
  const deep = (/** @type {number} */ frames) =>
    Buffer.from(`(module (memory (export "memory") 1)
      (func $down (param i32)
        (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "wizer.initialize")
        (call $down (i32.const ${frames})) (i32.store (i32.const 0) (i32.const 1))))`)

  test('works with the cache', async (t) => {
    const cache = temporary(t)
    const options = { maxStack: 64 << 20, cache }
    const wasm = deep(300_000)
    const runs = [await freshly(wasm, options), await freshly(wasm, options)]
    assert.deepEqual(uses(runs), ['miss', 'hit'])
    assert.deepEqual(runs[1].result, runs[0].result)
    assert.deepEqual(runs[0].result, (await outcomeOf(wasm, { ...options, cache: false })).result)
  })

  test('holds for code that was kept with any other', async (t) => {
    const cache = temporary(t)
    const wasm = deep(10_000)
    const enough = { wasm, options: { cache } }
    const tooLittle = { wasm, options: { cache, maxStack: 65_536 } }
    for (const jobs of [
      [enough, tooLittle],
      [tooLittle, enough, tooLittle],
    ]) {
      const { outcomes } = await inFreshProcess(jobs)
      const codes = results(outcomes).map(({ error }) => error?.code)
      const expected = jobs.map((job) => (job === tooLittle ? 'ERR_STACK_LIMIT' : undefined))
      assert.deepEqual(codes, expected)
    }
  })
})

/**
 * The module without the sections that tell files and lines.
 * @param {Uint8Array} wasm
 */
function withoutDebugInfo(wasm) {
  const removed = sections(wasm).filter(({ name }) => name?.startsWith('.debug_'))
  assert.notEqual(removed.length, 0)
  return Buffer.from(
    wasm.filter((_, at) => !removed.some(({ start, end }) => at >= start && at < end)),
  )
}

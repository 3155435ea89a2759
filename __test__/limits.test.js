// Guests that take too much: time, memory, stack or cores. Whatever stops one, the caller hears of
// it at once, the process goes on, and the next run is as good as the first.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { initialize, initializeSync } from '../index.js'
import { runScript } from './child.js'
import { assemble, instantiate, memoryOf } from './compare.js'
import { failure, rejection } from './failure.js'
import { dependency, readFastly } from './modules.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {(wasm: Uint8Array, options?: InitializeOptions) => Promise<Buffer>} Run
 */

/** Hung children are ended after this time; nothing is asserted on it. */
const WATCHDOG_MS = 60_000

const ENGINES = /** @type {const} */ (['baseline', 'optimizing'])
const CORES = availableParallelism()
const PAGE = 65536

/** @type {Record<string, Run>} */
const WAYS = {
  initialize: (wasm, options) => initialize(wasm, options),
  initializeSync: async (wasm, options) => initializeSync(wasm, options),
}

const NOTHING = await assemble('(module (func (export "wizer.initialize")))')

/** Says that it runs, then never ends. */
const ENDLESS = await assemble(`(module
  (import "e" "running" (func $running)) (memory (export "memory") 1)
  (func (export "wizer.initialize") (call $running)
    (loop $forever
      (i32.store (i32.const 0) (i32.add (i32.const 1) (i32.load (i32.const 0))))
      (br $forever))))`)

/** Calls an import again and again, until it returns something else than 0. */
const ASKING = await assemble(`(module
  (import "e" "ask" (func $ask (result i32)))
  (func (export "wizer.initialize") (loop $again (br_if $again (i32.eqz (call $ask))))))`)

const SILENT = { e: { running() {} } }

/** Fails when a run is not as good as the first. */
async function assertUnharmed() {
  await initialize(NOTHING)
  initializeSync(NOTHING)
}

for (const [way, run] of Object.entries(WAYS)) {
  describe(`timeout with ${way}`, () => {
    for (const engine of ENGINES) {
      test(`stops an endless loop in the ${engine} engine, with the limit`, async () => {
        const error = await failure(run(ENDLESS, { engine, timeout: 200, imports: SILENT }))
        assert.equal(error.code, 'ERR_TIMEOUT')
        assert.equal(error.limit, 200)
        assert.equal(error.stage, 'run')
        assert.match(error.message, /200/)
        await assertUnharmed()
      })
    }

    test('stops endless loops in start, in _initialize, and in a preloaded module', async () => {
      const endless = '(loop $forever (br $forever))'
      for (const wat of [
        `(module (func $s ${endless}) (start $s) (func (export "wizer.initialize")))`,
        `(module (func (export "_initialize") ${endless}) (func (export "wizer.initialize")))`,
        `(module (func $f ${endless}) (func (export "wizer.initialize") (call $f)))`,
      ]) {
        const error = await failure(run(await assemble(wat), { timeout: 200 }))
        assert.equal(error.code, 'ERR_TIMEOUT', wat)
      }
      for (const wat of [
        `(module (func $s ${endless}) (start $s))`,
        `(module (func (export "_initialize") ${endless}))`,
      ]) {
        const preload = { lib: await assemble(wat) }
        const error = await failure(run(NOTHING, { timeout: 200, preload }))
        assert.equal(error.code, 'ERR_TIMEOUT', wat)
        assert.equal(error.limit, 200)
      }
    })

    test('stops a guest that calls imports forever', async () => {
      let calls = 0
      const ask = () => void calls++
      const error = await failure(run(ASKING, { timeout: 200, imports: { e: { ask } } }))
      assert.equal(error.code, 'ERR_TIMEOUT')
      const counted = calls
      await setImmediate()
      assert.equal(calls, counted)
    })

    test('does nothing to a run that ends in time', async () => {
      await run(NOTHING, { timeout: 2 ** 31 - 1 })
    })

    test('of 0 stops the run as well', async () => {
      assert.equal(
        (await failure(run(ENDLESS, { timeout: 0, imports: SILENT }))).code,
        'ERR_TIMEOUT',
      )
    })

    test('carries what the guest has written', async () => {
      const wasm = await assemble(`(module
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
        (data (i32.const 16) "hello")
        (func (export "wizer.initialize")
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (loop $forever (br $forever))))`)
      const error = await failure(run(wasm, { timeout: 300, wasi: { stdout: 'capture' } }))
      assert.equal(error.code, 'ERR_TIMEOUT')
      assert.equal(error.stdout?.toString(), 'hello')
    })
  })
}

describe('a process whose run times out ends well', () => {
  for (const [waiting, wat, wasi] of /** @type {const} */ ([
    [
      'for standard input that never ends',
      `(module
        (import "wasi_snapshot_preview1" "fd_read"
          (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "wizer.initialize")
          (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
          (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))))`,
      { stdin: 'inherit' },
    ],
    [
      'an hour, by the clock of the host',
      `(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
          (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "wizer.initialize")
          (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 3600000000000))
          (drop (call $poll (i32.const 0) (i32.const 104) (i32.const 1) (i32.const 200)))))`,
      { clock: 'host' },
    ],
    [
      'until a date, or standard input comes',
      `(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
          (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "wizer.initialize")
          (i64.store (i32.const 24) (i64.const 0x7000000000000000)) (i32.store16 (i32.const 40) (i32.const 1))
          (i32.store8 (i32.const 56) (i32.const 1))
          (drop (call $poll (i32.const 0) (i32.const 104) (i32.const 2) (i32.const 200)))))`,
      { stdin: 'inherit', clock: 'host' },
    ],
  ])) {
    test(`when the guest waits ${waiting}`, async () => {
      const script = `
        import { initialize, initializeSync } from './index.js'
        const wasm = Buffer.from(${JSON.stringify(wat)})
        const options = { timeout: 200, wasi: ${JSON.stringify(wasi)} }
        const codes = []
        await initialize(wasm, options).catch((error) => codes.push(error.code))
        try {
          initializeSync(wasm, options)
        } catch (error) {
          codes.push(error.code)
        }
        const controller = new AbortController()
        const aborted = initialize(wasm, { wasi: options.wasi, signal: controller.signal })
        setTimeout(() => controller.abort({ code: 'aborted' }), 200)
        await aborted.catch((error) => codes.push(error.code))
        console.log(codes.join())`
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: new URL('..', import.meta.url),
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
        stdio: ['pipe', 'pipe', 'inherit'],
        timeout: WATCHDOG_MS,
        killSignal: 'SIGKILL',
      })
      const [stdout, [status, signal]] = await Promise.all([
        text(child.stdout),
        once(child, 'close'),
      ])
      assert.deepEqual({ status, signal }, { status: 0, signal: null })
      assert.equal(stdout.trim(), 'ERR_TIMEOUT,ERR_TIMEOUT,aborted')
    })
  }

  test('while a large module is compiled, of which it is told at once', async () => {
    const { status, signal, stdout, stderr } = await runScript(`
      import { readFileSync } from 'node:fs'
      import { initialize } from './index.js'
      const wasm = readFileSync(new URL('${dependency('@fastly/js-compute/fastly.wasm')}'))
      let error
      try {
        await initialize(wasm, { engine: 'optimizing', timeout: 50 })
      } catch (caught) {
        error = caught
      }
      console.log(error?.code, error?.stage, error?.limit)
    `)
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
    assert.match(stdout, /^ERR_TIMEOUT (parse|instrument|compile) 50\n$/)
  })

  test('while runs still go on that nobody waits for', async () => {
    const { status, signal, stderr } = await runScript(`
      import { initialize } from './index.js'
      const endless = Buffer.from('(module (func (export "wizer.initialize") (loop (br 0))))')
      for (let run = 0; run < 5; run++) initialize(endless)
      await initialize(endless, { timeout: 100 }).catch(() => {})
      process.exit()
    `)
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
  })
})

test('initializeSync is stopped by its timeout while it compiles', async () => {
  const error = await failure(
    WAYS.initializeSync(readFastly(), { engine: 'optimizing', timeout: 50 }),
  )
  assert.equal(error.code, 'ERR_TIMEOUT')
  assert.equal(error.limit, 50)
})

for (const [way, run] of Object.entries(WAYS)) {
  describe(`signal with ${way}`, () => {
    for (const reason of [new Error('mine'), { any: 'thing' }, 'text', 0, null, Symbol('s')]) {
      test(`that is aborted rejects with the very reason, and nothing runs: ${String(reason)}`, async () => {
        const imports = () => assert.fail('the imports were made')
        const signal = AbortSignal.abort(reason)
        assert.equal(await rejection(run(ENDLESS, { signal, imports })), reason)
      })
    }

    test('that is aborted without a reason rejects with an AbortError', async () => {
      const error = await rejection(run(ENDLESS, { signal: AbortSignal.abort() }))
      assert.ok(error instanceof DOMException)
      assert.equal(error.name, 'AbortError')
    })

    for (const reason of [new Error('mine'), { any: 'thing' }, 'text', 0, null, undefined]) {
      test(`stops an endless loop when an import aborts it: ${String(reason)}`, async () => {
        const controller = new AbortController()
        const { signal } = controller
        let calls = 0
        const running = () => {
          calls++
          controller.abort(reason)
        }
        const error = await rejection(run(ENDLESS, { signal, imports: { e: { running } } }))
        assert.equal(error, signal.reason)
        if (reason !== undefined) assert.equal(error, reason)
        assert.equal(calls, 1)
        await assertUnharmed()
      })
    }

    test('that an import aborts makes it the last one', async () => {
      const controller = new AbortController()
      let calls = 0
      const ask = () => {
        if (++calls === 3) controller.abort('enough')
        return 0
      }
      const options = { signal: controller.signal, imports: { e: { ask } } }
      assert.equal(await rejection(run(ASKING, options)), 'enough')
      assert.equal(calls, 3)
    })

    test('that an import aborts before it throws rejects with the reason', async () => {
      const controller = new AbortController()
      const running = () => {
        controller.abort('the reason')
        throw new Error('thrown')
      }
      const options = { signal: controller.signal, imports: { e: { running } } }
      const error = await rejection(run(ENDLESS, options))
      assert.equal(error, 'the reason')
    })

    test('that an import aborts in the last moment of init rejects with the reason', async () => {
      const wasm = await assemble(`(module (import "e" "running" (func $f))
        (func (export "wizer.initialize") (call $f)))`)
      const controller = new AbortController()
      const running = () => controller.abort('late')
      const options = { signal: controller.signal, imports: { e: { running } } }
      assert.equal(await rejection(run(wasm, options)), 'late')
    })

    test('is left as it was: its onabort, and no listeners', async () => {
      const imports = () => ({ e: { running: () => controller.abort('stop') } })
      let controller = new AbortController()
      let heard = 0
      const onabort = () => void heard++
      for (const [wasm, options] of /** @type {Array<[Uint8Array, InitializeOptions]>} */ ([
        [NOTHING, {}],
        [NOTHING, { initFunc: 'none' }],
        [Buffer.from('nonsense'), {}],
        [NOTHING, { timeout: -1 }],
        [
          ENDLESS,
          {
            imports: () => {
              throw new Error('no imports')
            },
          },
        ],
        [ENDLESS, { imports: SILENT, timeout: 100 }],
        [ENDLESS, { imports }],
      ])) {
        controller = new AbortController()
        const { signal } = controller
        signal.onabort = onabort
        const before = getEventListeners(signal, 'abort')
        await run(wasm, { ...options, signal }).catch(() => {})
        assert.equal(signal.onabort, onabort)
        assert.deepEqual(getEventListeners(signal, 'abort'), before)
      }
      assert.equal(heard, 1)
    })

    test('that is aborted after the run changes nothing', async () => {
      const controller = new AbortController()
      const output = await run(NOTHING, { signal: controller.signal })
      controller.abort()
      assert.deepEqual(output, await run(NOTHING))
    })
  })
}

describe('signal', () => {
  test('stops an endless loop from outside, while the event loop turns', async () => {
    const controller = new AbortController()
    /** @type {() => void} */
    let started = () => {}
    const start = new Promise((resolve) => (started = () => resolve(undefined)))
    const running = initialize(ENDLESS, {
      signal: controller.signal,
      imports: { e: { running: started } },
    })
    await start
    await setImmediate()
    controller.abort('now')
    assert.equal(await rejection(running), 'now')
  })

  test('takes a run out of the queue at once, which then never runs', async () => {
    const [busy, queued] = [new AbortController(), new AbortController()]
    let entered = 0
    /** @type {() => void} */
    let allBusy = () => {}
    const full = new Promise((resolve) => (allBusy = () => resolve(undefined)))
    const running = () => {
      if (++entered === CORES) allBusy()
    }
    const runs = Array.from({ length: CORES }, () =>
      rejection(initialize(ENDLESS, { signal: busy.signal, imports: { e: { running } } })),
    )
    await full
    let late = 0
    const waiting = initialize(ENDLESS, {
      signal: queued.signal,
      imports: { e: { running: () => late++ } },
    })
    const order = /** @type {string[]} */ ([])
    const all = Promise.all(runs).then(() => order.push('running'))
    await setImmediate()
    queued.abort('queued')
    assert.equal(await rejection(waiting), 'queued')
    order.push('queued')
    busy.abort('busy')
    assert.deepEqual(await Promise.all(runs), new Array(CORES).fill('busy'))
    await all
    assert.deepEqual(order, ['queued', 'running'])
    await initialize(NOTHING)
    assert.equal(late, 0)
  })

  test('stops a run that waits in the queue by its timeout, too', async () => {
    const busy = new AbortController()
    const runs = Array.from({ length: CORES }, () =>
      rejection(initialize(ENDLESS, { signal: busy.signal, imports: SILENT })),
    )
    const error = await failure(initialize(NOTHING, { timeout: 100 }))
    assert.equal(error.code, 'ERR_TIMEOUT')
    busy.abort()
    await Promise.all(runs)
  })

  test('ends the wait for a module that is compiled', async () => {
    const { status, signal, stdout, stderr } = await runScript(`
      import { readFileSync } from 'node:fs'
      import { initialize } from './index.js'
      const wasm = readFileSync(new URL('${dependency('@fastly/js-compute/fastly.wasm')}'))
      const reason = {}
      const controller = new AbortController()
      // At whatever point of compiling it comes, the outcome is the same.
      setTimeout(() => controller.abort(reason), 50)
      const running = initialize(wasm, { engine: 'optimizing', signal: controller.signal })
      console.log(await running.catch((error) => error === reason))
    `)
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
    assert.equal(stdout.trim(), 'true')
  })

  test('may be the same for many runs, and warns of nothing', async () => {
    const warnings = /** @type {Error[]} */ ([])
    const warn = (/** @type {Error} */ warning) => warnings.push(warning)
    process.on('warning', warn)
    const controller = new AbortController()
    const { signal } = controller
    const good = await Promise.all(
      Array.from({ length: 20 }, () => initialize(NOTHING, { signal })),
    )
    assert.equal(good.length, 20)
    const runs = Array.from({ length: 20 }, () =>
      rejection(initialize(ENDLESS, { signal, imports: SILENT })),
    )
    await setImmediate()
    controller.abort('all')
    assert.deepEqual(await Promise.all(runs), new Array(20).fill('all'))
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    await setImmediate()
    process.off('warning', warn)
    assert.deepEqual(warnings, [])
    assert.equal(await rejection(initialize(NOTHING, { signal })), 'all')
    await assertUnharmed()
  })

  test('may be AbortSignal.timeout', async () => {
    const signal = AbortSignal.timeout(100)
    const error = await rejection(initialize(ENDLESS, { signal, imports: SILENT }))
    assert.equal(error, signal.reason)
    assert.equal(error.name, 'TimeoutError')
  })

  test('may be AbortSignal.any', async () => {
    const controllers = [new AbortController(), new AbortController()]
    const signal = AbortSignal.any(controllers.map((controller) => controller.signal))
    const imports = { e: { running: () => controllers[1].abort('the second') } }
    assert.equal(await rejection(initialize(ENDLESS, { signal, imports })), 'the second')
  })

  test('and timeout together: the first counts', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const timedOut = await failure(initialize(ENDLESS, { signal, timeout: 100, imports: SILENT }))
    assert.equal(timedOut.code, 'ERR_TIMEOUT')
    const imports = { e: { running: () => controller.abort('abort') } }
    const options = { signal, timeout: 2 ** 31 - 1, imports }
    assert.equal(await rejection(initialize(ENDLESS, options)), 'abort')
  })

  test('has to be an AbortSignal', async () => {
    for (const signal of [{}, new AbortController(), new EventTarget(), null, 1]) {
      const options = { signal: /** @type {any} */ (signal) }
      const error = await failure(initialize(NOTHING, options))
      assert.equal(error.code, 'ERR_INVALID_OPTION')
    }
  })
})

for (const engine of ENGINES) {
  describe(`maxMemory in the ${engine} engine`, () => {
    /**
     * @param {string} wat
     * @param {number} maxMemory
     */
    const limited = async (wat, maxMemory) => initialize(await assemble(wat), { engine, maxMemory })

    /**
     * @param {string} wat
     * @param {number} maxMemory
     * @param {string} stage
     */
    async function exceeds(wat, maxMemory, stage) {
      const error = await failure(limited(wat, maxMemory))
      assert.equal(error.code, 'ERR_MEMORY_LIMIT')
      assert.equal(error.limit, maxMemory)
      assert.equal(error.stage, stage)
      assert.match(error.message, new RegExp(String(maxMemory)))
    }

    const init = (body = '') => `(func (export "wizer.initialize") ${body})`

    test('counts what a memory declares', async () => {
      const wat = `(module (memory 10) ${init()})`
      await limited(wat, 10 * PAGE)
      await exceeds(wat, 10 * PAGE - 1, 'instantiate')
      await exceeds(wat, 0, 'instantiate')
    })

    test('counts what memory.grow adds, and ends the run there', async () => {
      const wat = `(module (memory (export "memory") 1)
        ${init(`
          (i32.store (i32.const 0) (memory.grow (i32.const 2)))
          (i32.store (i32.const 4) (memory.grow (i32.const 3)))`)})`
      const output = await limited(wat, 6 * PAGE)
      const bytes = memoryOf(instantiate(output))
      assert.deepEqual([bytes.readInt32LE(0), bytes.readInt32LE(4)], [1, 3])
      await exceeds(wat, 6 * PAGE - 1, 'run')
      await exceeds(wat, 5 * PAGE, 'run')
      await exceeds(wat, PAGE, 'run')
    })

    test('adds several memories up', async () => {
      const wat = `(module (memory 2) (memory 3)
        ${init('(drop (memory.grow 1 (i32.const 4))) (drop (memory.grow 0 (i32.const 1)))')})`
      await limited(wat, 10 * PAGE)
      await exceeds(wat, 10 * PAGE - 1, 'run')
      await exceeds(wat, 4 * PAGE, 'instantiate')
    })

    test('counts tables, declared and grown', async () => {
      await exceeds(`(module (memory 1) (table 1000 funcref) ${init()})`, PAGE, 'instantiate')
      await limited(`(module (memory 1) (table 1000 funcref) ${init()})`, 2 * PAGE)
      const growing = `(module (table 1 funcref)
        ${init('(drop (table.grow (ref.null func) (i32.const 100000)))')})`
      await exceeds(growing, PAGE, 'run')
      // Whether such a table can be kept is another matter.
      const kept = await limited(growing, 100 * PAGE).catch((error) => error)
      assert.notEqual(kept.code, 'ERR_MEMORY_LIMIT')
    })

    test('counts the memories of preloaded modules', async () => {
      const preload = { lib: await assemble('(module (memory 10))') }
      const options = { engine, preload }
      await initialize(NOTHING, { ...options, maxMemory: 10 * PAGE })
      await rejection(initialize(NOTHING, { ...options, maxMemory: 9 * PAGE }))
    })

    test('is not hit where growing fails for another reason: it gives -1', async () => {
      const wat = `(module (memory (export "memory") 1 3) (table $t 1 5 funcref)
        ${init(`
          (i32.store (i32.const 0) (memory.grow (i32.const 3)))
          (i32.store (i32.const 4) (memory.grow (i32.const -1)))
          (i32.store (i32.const 8) (table.grow $t (ref.null func) (i32.const 5)))
          (i32.store (i32.const 12) (memory.grow (i32.const 2)))
          (i32.store (i32.const 16) (memory.grow (i32.const 1)))`)})`
      const output = await limited(wat, 3 * PAGE + 1000)
      const bytes = memoryOf(instantiate(output))
      const results = [0, 4, 8, 12, 16].map((at) => bytes.readInt32LE(at))
      assert.deepEqual(results, [-1, -1, -1, 1, -1])
      const unlimited = await initialize(await assemble(wat), { engine })
      assert.ok(unlimited.equals(output))
    })

    test('takes back what could not be had', async () => {
      const wat = `(module (memory 1 4)
        ${init(`(local $i i32)
          (loop $again
            (drop (memory.grow (i32.const 4)))
            (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
              (i32.const 1000))))
          (drop (memory.grow (i32.const 3)))`)})`
      await limited(wat, 4 * PAGE)
    })

    test('lets a module without memory run with none', async () => {
      await limited(`(module ${init()})`, 0)
    })
  })
}

/** Calls itself to the depth that it imports. */
const DEEP = await assemble(`(module
  (import "e" "depth" (global $depth i32)) (memory (export "memory") 1)
  (func $down (param $left i32) (result i32)
    (if (result i32) (local.get $left)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get $left) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "wizer.initialize") (i32.store (i32.const 0) (call $down (global.get $depth)))))`)

describe('maxStack', () => {
  for (const [way, run] of Object.entries(WAYS)) {
    for (const engine of ENGINES) {
      test(`bounds recursion in the ${engine} engine, with ${way}`, async () => {
        for (const maxStack of [4096, 65536, 2 ** 20, undefined, 64 * 2 ** 20, 256 * 2 ** 20]) {
          const imports = { e: { depth: 2 ** 31 - 1 } }
          const error = await failure(run(DEEP, { engine, maxStack, imports }))
          assert.equal(error.code, 'ERR_STACK_LIMIT')
          assert.equal(error.limit, maxStack ?? 8 * 2 ** 20)
        }
        await assertUnharmed()
      })

      test(`lets a guest go deeper the more it is, in the ${engine} engine, with ${way}`, async () => {
        for (const [depth, least] of [
          [100, 65536],
          [10_000, 4 * 2 ** 20],
          [1_000_000, 256 * 2 ** 20],
        ]) {
          const imports = { e: { depth } }
          const output = await run(DEEP, { engine, maxStack: least, imports })
          assert.equal(memoryOf(instantiate(output, imports)).readInt32LE(0), depth)
        }
        const imports = { e: { depth: 1_000_000 } }
        const error = await failure(run(DEEP, { engine, maxStack: 2 ** 20, imports }))
        assert.equal(error.code, 'ERR_STACK_LIMIT')
      })
    }
  }

  for (const maxStack of [65536, 2 ** 20, 8 * 2 ** 20, 256 * 2 ** 20]) {
    test(`or JavaScript's own bounds recursion through imports: ${maxStack}`, async () => {
      const { status, signal, stdout, stderr } = await runScript(`
        import { Worker, isMainThread } from 'node:worker_threads'
        import { initialize, initializeSync } from './index.js'
        const wasm = Buffer.from(\`(module
          (import "e" "down" (func $down (param i32) (result i32))) (memory (export "memory") 1)
          (func (export "down") (param i32) (result i32)
            (call $down (i32.add (i32.const 1) (local.get 0))))
          (func (export "wizer.initialize") (drop (call $down (i32.const 0)))))\`)
        const imports = (guest) => ({ e: { down: (n) => guest.exports.down(n) } })
        const options = { maxStack: ${maxStack}, imports }
        const told = (error) => {
          let { code } = error
          while (error.cause) error = error.cause
          console.log(code, error.code ?? error.constructor.name)
        }
        for (const engine of ['baseline', 'optimizing']) {
          await initialize(wasm, { ...options, engine }).catch(told)
          try { initializeSync(wasm, { ...options, engine }) } catch (error) { told(error) }
        }
        await initialize(Buffer.from('(module (func (export "wizer.initialize")))'))
      `)
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
      const lines = stdout.trim().split('\n')
      assert.equal(lines.length, 4, stdout)
      for (const line of lines) {
        assert.match(line, /^(ERR_STACK_LIMIT .*|ERR_IMPORT_FAILED (ERR_STACK_LIMIT|RangeError))$/)
      }
    })
  }

  test('that no thread can have is an error, or works', async () => {
    const runs = Array.from({ length: 4 }, () =>
      initialize(DEEP, { maxStack: 2 ** 30, imports: { e: { depth: 1000 } } }),
    )
    for (const output of await Promise.all(runs)) {
      assert.equal(memoryOf(instantiate(output, { e: { depth: 0 } })).readInt32LE(0), 1000)
    }
  })
})

describe('runs', () => {
  test('are as many at once as there are cores, first come first served', async () => {
    const count = CORES + 4
    const entered = /** @type {number[]} */ ([])
    const active = new Set()
    const released = new Set()
    let most = 0
    /** @type {() => void} */
    let progress = () => {}
    const runs = Array.from({ length: count }, (_, number) => {
      const ask = () => {
        if (!active.has(number)) {
          entered.push(number)
          active.add(number)
          most = Math.max(most, active.size)
        }
        progress()
        return released.has(number) ? 1 : 0
      }
      return initialize(ASKING, { imports: { e: { ask } }, cache: false }).then(() =>
        active.delete(number),
      )
    })
    /** @param {() => boolean} condition */
    const until = (condition) =>
      new Promise((resolve) => {
        progress = () => {
          if (condition()) resolve(undefined)
        }
      })
    await until(() => entered.length === CORES)
    const first = Array.from({ length: CORES }, (_, number) => number)
    assert.deepEqual(entered.toSorted(), first)
    for (let number = CORES; number < count; number++) {
      const next = until(() => entered.length > number)
      released.add(number - CORES)
      if (number < count) await next
      assert.equal(entered[number], number)
    }
    for (let number = 0; number < count; number++) released.add(number)
    await Promise.all(runs)
    assert.equal(most, CORES)
  })

  test('of initializeSync do not queue behind those that wait for this thread', async () => {
    let done = false
    const ask = () => {
      if (!done) initializeSync(NOTHING)
      done = true
      return 1
    }
    const runs = Array.from({ length: CORES + 1 }, () =>
      initialize(ASKING, { imports: { e: { ask } } }),
    )
    initializeSync(NOTHING)
    await Promise.all(runs)
    assert.ok(done)
  })

  test('may start others from their imports', async () => {
    const inner = /** @type {Array<Promise<Buffer>>} */ ([])
    const ask = () => {
      inner.push(initialize(NOTHING))
      initializeSync(ASKING, { imports: { e: { ask: () => 1 } } })
      return inner.length < 5 ? 0 : 1
    }
    await initialize(ASKING, { imports: { e: { ask } } })
    initializeSync(ASKING, { imports: { e: { ask } } })
    assert.equal((await Promise.all(inner)).length, 6)
  })
})

// Living inside Node: its event loop, its thread pool, its workers and its exit.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { initialize, initializeSync } from '../index.js'
import { printedBy, runScript } from './child.js'
import { assemble, memoryOf, instantiate } from './compare.js'
import { FASTLY_OPTIONS, readFastly } from './modules.js'

const WORKER = new URL('fixtures/worker.js', import.meta.url)

const QUICK = '(module (memory (export "memory") 1) (func (export "wizer.initialize")))'
const ENDLESS = '(module (func (export "wizer.initialize") (loop (br 0))))'

/** What every script begins with. */
const PRELUDE = `
  import { Worker } from 'node:worker_threads'
  import { initialize, initializeSync } from 'wasm-preinit'
  const QUICK = Buffer.from('${QUICK}')
  const ENDLESS = Buffer.from('${ENDLESS}')
  /** A worker that has begun to initialize a module. */
  async function begin(wasm, options) {
    const worker = new Worker(${JSON.stringify(fileURLToPath(WORKER))}, { execArgv: [] })
    const begun = new Promise((resolve) => worker.once('message', resolve))
    worker.postMessage({ wasm, options })
    await begun
    return worker
  }
`

/**
 * A module that tells its number in memory.
 * @param {number} number
 */
const numbered = (number) =>
  assemble(`(module (memory (export "memory") 4)
    (func (export "wizer.initialize") (i32.store (i32.const 70000) (i32.const ${number}))))`)

describe('the main thread', () => {
  test('goes on while a large module is compiled', async () => {
    /** @type {string[]} */
    const order = []
    const run = initialize(readFastly(), FASTLY_OPTIONS).then(() => order.push('module'))
    order.push('returned')
    setTimeout(() => order.push('timer'), 0)
    setImmediate(() => order.push('immediate'))
    await run
    assert.equal(order[0], 'returned')
    assert.equal(order.at(-1), 'module')
    assert.equal(order.length, 4)
  })

  test('can initialize by itself while others are queued without end', async () => {
    const stdout = await printedBy(`${PRELUDE}
      for (let i = 0; i < 50; i++) initialize(ENDLESS)
      console.log(Buffer.isBuffer(initializeSync(QUICK)))
      process.exit(0)`)
    assert.equal(stdout, 'true\n')
  })

  test('is kept alive by a run that is not done yet', async () => {
    const stdout = await printedBy(`${PRELUDE}initialize(QUICK).then(() => console.log("done"))`)
    assert.equal(stdout, 'done\n')
  })

  test('gets the results of many runs at once, each the right one', async () => {
    const modules = await Promise.all(Array.from({ length: 20 }, (_, number) => numbered(number)))
    const failing = await assemble('(module (func (export "wizer.initialize") unreachable))')
    const runs = modules.flatMap((wasm, number) => [
      initialize(wasm, { engine: number % 2 ? 'baseline' : 'optimizing' }),
      initialize(failing).catch((error) => error.code),
    ])
    const results = await Promise.all(runs)
    results.forEach((result, at) => {
      if (at % 2) assert.equal(result, 'ERR_TRAP')
      else assert.equal(memoryOf(instantiate(result)).readUInt32LE(70_000), at / 2)
    })
  })
})

test('the thread pool of libuv is left to files and names', async () => {
  const stdout = await printedBy(`${PRELUDE}
    import { lookup } from 'node:dns/promises'
    import { readFile } from 'node:fs/promises'
    // Twice as many as the pool has threads, and none of them ever ends.
    for (let i = 0; i < 8; i++) initialize(ENDLESS, { engine: 'optimizing' })
    console.log((await readFile('package.json')).length > 0)
    console.log((await lookup('localhost')).address.length > 0)
    process.exit(0)`)
  assert.equal(stdout, 'true\ntrue\n')
})

describe('workers', () => {
  test('initialize as the main thread does, several at once', async () => {
    const modules = await Promise.all(Array.from({ length: 6 }, (_, number) => numbered(number)))
    const outputs = modules.map(async (wasm) => {
      const worker = new Worker(WORKER)
      worker.postMessage({ wasm })
      assert.deepEqual(await once(worker, 'message'), [{ begun: true }])
      const [{ output }] = await once(worker, 'message')
      await worker.terminate()
      return Buffer.from(output)
    })
    for (const [number, output] of (await Promise.all(outputs)).entries()) {
      assert.ok(output.equals(initializeSync(modules[number])))
    }
  })

  test('get errors with their code', async () => {
    const worker = new Worker(WORKER)
    worker.postMessage({ wasm: Buffer.from('(module)') })
    await once(worker, 'message')
    const [{ code }] = await once(worker, 'message')
    assert.equal(code, 'ERR_INIT_FUNC_MISSING')
    await worker.terminate()
  })

  test('can be terminated while a run is pending, and the process ends by itself', async () => {
    const stdout = await printedBy(`${PRELUDE}
      const worker = await begin(ENDLESS)
      console.log(typeof (await worker.terminate()))`)
    assert.equal(stdout, 'number\n')
  })

  test('that were terminated do no harm when their run ends later', async () => {
    const stdout = await printedBy(
      `${PRELUDE}
      const wasm = (await import('node:fs')).readFileSync(process.env.JAVY)
      const options = { initFunc: 'initialize-runtime', wasi: true }
      const workers = await Promise.all([begin(wasm, options), begin(wasm, options)])
      await Promise.all(workers.map((worker) => worker.terminate()))
      // First come, first served: the workers' runs are over when these are.
      for (let i = 0; i < 2; i++) {
        await Promise.all([initialize(wasm, options), initialize(wasm, options)])
      }
      globalThis.gc()
      console.log('fine')`,
      {
        flags: ['--expose-gc'],
        env: {
          JAVY: 'node_modules/@chainlink/cre-sdk-javy-plugin/dist/javy-chainlink-sdk.plugin.wasm',
        },
      },
    )
    assert.equal(stdout, 'fine\n')
  })

  test('can come and go while others run', async () => {
    const stdout = await printedBy(`${PRELUDE}
      for (let i = 0; i < 10; i++) {
        const worker = await begin(QUICK)
        const run = initialize(QUICK)
        await worker.terminate()
        await run
      }
      console.log('fine')`)
    assert.equal(stdout, 'fine\n')
  })
})

describe('process.exit', () => {
  test('ends the process with its status while a guest runs', async () => {
    const { status, signal } = await runScript(`${PRELUDE}
      initialize(ENDLESS)
      initialize(ENDLESS)
      setImmediate(() => process.exit(5))`)
    assert.deepEqual({ status, signal }, { status: 5, signal: null })
  })

  test('ends the process with its status while a module is compiled', async () => {
    const { status, signal } = await runScript(
      `${PRELUDE}
      const wasm = (await import('node:fs')).readFileSync(process.env.FASTLY)
      for (const engine of ['optimizing', 'baseline']) initialize(wasm, { engine })
      setTimeout(() => process.exit(6), 1)`,
      { env: { FASTLY: 'node_modules/@fastly/js-compute/fastly.wasm' } },
    )
    assert.deepEqual({ status, signal }, { status: 6, signal: null })
  })

  test('ends the process with its status while a worker runs a guest', async () => {
    const { status, signal } = await runScript(`${PRELUDE}
      await begin(ENDLESS)
      process.exit(7)`)
    assert.deepEqual({ status, signal }, { status: 7, signal: null })
  })
})

test('a panic in native code rejects with ERR_INTERNAL, and Node lives on', async () => {
  const stdout = await printedBy(
    `${PRELUDE}
    const errors = [
      await initialize(QUICK).catch((error) => error),
      await new Promise((resolve) => { try { initializeSync(QUICK) } catch (error) { resolve(error) } }),
    ]
    for (const error of errors) console.log(error.code, /report/.test(error.message))
    delete process.env.WASM_PREINIT_INJECT_PANIC
    console.log(Buffer.isBuffer(await initialize(QUICK)))`,
    { env: { WASM_PREINIT_INJECT_PANIC: '1' } },
  )
  assert.equal(stdout, 'ERR_INTERNAL true\nERR_INTERNAL true\ntrue\n')
})

for (const flag of ['--jitless', '--disable-wasm-trap-handler', '--no-node-snapshot']) {
  test(`Node may run with ${flag}`, async () => {
    const stdout = await printedBy(`${PRELUDE}console.log((await initialize(QUICK)).length > 8)`, {
      flags: [flag],
    })
    assert.equal(stdout, 'true\n')
  })
}

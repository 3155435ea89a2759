// What a run leaves to Node when its worker, its process or its inputs go away, and when it is over.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { printedBy, runScript } from './child.js'

/** Hung children are ended after this time; nothing is asserted on it. */
const WATCHDOG_MS = 120_000

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const COMMAND = join(ROOT, 'bin', 'wasm-preinit.js')
const LEAKS = join(ROOT, 'benchmark', 'leaks.mjs')

/** What every script begins with. */
const PRELUDE = `
  import { Worker, isMainThread, parentPort } from 'node:worker_threads'
  import { initialize, initializeSync } from 'wasm-preinit'
  const QUICK = Buffer.from('(module (memory (export "memory") 1) (func (export "wizer.initialize")))')
  const ENDLESS = Buffer.from('(module (func (export "wizer.initialize") (loop (br 0))))')
  // Calls \`host.outer\`, which may call the export \`nested\`, which calls \`host.inner\`.
  const NESTED = Buffer.from(\`(module
    (import "host" "outer" (func $outer)) (import "host" "inner" (func $inner))
    (memory (export "memory") 2)
    (func (export "nested") (call $inner))
    (func (export "endless") (loop (br 0)))
    (func (export "wizer.initialize") (call $outer)))\`)
  const hold = () => { for (;;); }
`

/** What a worker does, by name; it says when it is in the middle of it. */
const IN_THE_MIDDLE = {
  'an endless guest that has a timeout': `
    initialize(ENDLESS, { timeout: 60_000 })
    say()`,
  'an endless guest that has a signal': `
    initialize(ENDLESS, { signal: new AbortController().signal })
    say()`,
  'a compilation': `
    const { readFileSync } = await import('node:fs')
    const wasm = readFileSync(
      'node_modules/@chainlink/cre-sdk-javy-plugin/dist/javy-chainlink-sdk.plugin.wasm')
    initialize(wasm, { engine: 'optimizing', initFunc: 'initialize-runtime', wasi: true })
    say()`,
  'an import': `
    initialize(NESTED, { imports: { host: { outer() { say(); hold() } } } })`,
  'an import, with a view of memory': `
    initialize(NESTED, { imports: (guest) => ({ host: { outer() {
      globalThis.view = new Uint8Array(guest.memory.buffer).fill(1)
      say()
      hold()
    } } }) })`,
  'an import within a guest call within an import': `
    initialize(NESTED, { imports: (guest) => ({ host: {
      outer() { guest.exports.nested() },
      inner() { globalThis.view = new Uint8Array(guest.memory.buffer); say(); hold() },
    } }) })`,
  'an import of a blocking run': `
    initializeSync(NESTED, { imports: { host: { outer() { say(); hold() } } } })`,
  'an import within a guest call of a blocking run': `
    initializeSync(NESTED, { imports: (guest) => ({ host: {
      outer() { guest.exports.nested() },
      inner() { globalThis.view = new Uint8Array(guest.memory.buffer); say(); hold() },
    } }) })`,
  'an endless guest call within an import': `
    initialize(NESTED, { timeout: 300, imports: (guest) => ({ host: {
      outer() { say(); guest.exports.endless() },
    } }) }).catch(() => {})`,
}

/**
 * A statement that starts a worker in the middle of something, and waits until it is there.
 * @param {string} action
 */
const worker = (action) => `
  const begin = async () => {
    const worker = new Worker(${JSON.stringify(
      `const say = () => parentPort.postMessage('begun')
      ${PRELUDE}${action}`,
    )}, { eval: true, execArgv: ['--input-type=module'] })
    const begun = new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await begun
    return worker
  }`

describe('a worker can be terminated in the middle of', () => {
  for (const [what, action] of Object.entries(IN_THE_MIDDLE)) {
    test(what, async () => {
      const stdout = await printedBy(
        `${PRELUDE}${worker(action)}
        const workers = await Promise.all([begin(), begin()])
        await Promise.all(workers.map((worker) => worker.terminate()))
        globalThis.gc()
        const host = { outer() {}, inner() {} }
        const run = initializeSync(NESTED, { imports: { host } })
        console.log(run.length > 8)
        process.exit(0)`,
        { flags: ['--expose-gc'] },
      )
      assert.equal(stdout, 'true\n')
    })
  }
})

test('guests of terminated workers stop, so that others get their turn', async () => {
  const stdout = await printedBy(`${PRELUDE}${worker(`
    initialize(ENDLESS)
    say()`)}
    const { availableParallelism } = await import('node:os')
    for (let i = 0; i < availableParallelism(); i++) await (await begin()).terminate()
    console.log((await initialize(QUICK)).length > 8)`)
  assert.equal(stdout, 'true\n')
})

describe('the process exits with its status in the middle of', () => {
  for (const [what, action] of Object.entries(IN_THE_MIDDLE)) {
    test(what, async () => {
      const { status, signal, stderr } = await runScript(
        `${PRELUDE}
        const say = () => {}
        // In place of what holds the thread.
        const exit = () => process.exit(9)
        ${action
          .replaceAll('hold()', 'exit()')
          .replace(/^ *say\(\)$/m, 'exit()')
          .replace('say(); guest', 'setImmediate(exit); guest')}`,
      )
      assert.deepEqual({ status, signal }, { status: 9, signal: null }, stderr)
    })
  }

  test('an import of a worker', async () => {
    const { status, signal, stderr } = await runScript(
      `${PRELUDE}${worker(IN_THE_MIDDLE['an import within a guest call within an import'])}
      await begin()
      process.exit(9)`,
    )
    assert.deepEqual({ status, signal }, { status: 9, signal: null }, stderr)
  })
})

describe('the process is kept alive', () => {
  test('by an endless guest, until its timeout', async () => {
    const stdout = await printedBy(
      `${PRELUDE}initialize(ENDLESS, { timeout: 50 }).catch((error) => console.log(error.code))`,
    )
    assert.equal(stdout, 'ERR_TIMEOUT\n')
  })

  test('by a guest that calls imports, until it is done', async () => {
    const stdout = await printedBy(`${PRELUDE}
      const imports = { host: { outer() { console.log('called') }, inner() {} } }
      initialize(NESTED, { imports }).then(() => console.log('done'))`)
    assert.equal(stdout, 'called\ndone\n')
  })

  test('by no run that is over', async () => {
    const stdout = await printedBy(`${PRELUDE}
      globalThis.kept = []
      const host = { outer() {}, inner() {} }
      await initialize(NESTED, { imports: (guest) => (kept.push(guest), { host }), timeout: 3_600_000 })
      await initialize(QUICK, { timeout: 3_600_000, signal: new AbortController().signal })
      console.log('done')`)
    assert.equal(stdout, 'done\n')
  })
})

describe('workers with imports of their own', () => {
  test('run at once, each with its own functions', async () => {
    const action = `
      const number = (await new Promise((resolve) => parentPort.once('message', resolve)))
      let calls = 0
      const wasm = Buffer.from(\`(module (import "host" "number" (func $n (result i32)))
        (memory (export "memory") 1)
        (func (export "wizer.initialize")
          (i32.store (i32.const 0) (call $n)) (i32.store (i32.const 4) (call $n))))\`)
      const output = await initialize(wasm, { imports: { host: { number: () => number + calls++ } } })
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(output),
        { host: { number() {} } })
      parentPort.postMessage([...new Int32Array(exports.memory.buffer, 0, 2)])`
    const stdout = await printedBy(`${PRELUDE}
      const source = ${JSON.stringify(PRELUDE + action)}
      const results = await Promise.all([10, 20, 30, 40].map((number) => {
        const worker = new Worker(source, { eval: true, execArgv: ['--input-type=module'] })
        worker.postMessage(number)
        return new Promise((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        })
      }))
      console.log(JSON.stringify(results))`)
    assert.equal(stdout, '[[10,11],[20,21],[30,31],[40,41]]\n')
  })
})

describe('the caller may transfer at once, as it is copied before the call returns,', () => {
  /** Bytes as options, and what shows that the run has seen them. */
  const INPUTS = {
    'the module': 'initialize(bytes(QUICK))',
    'a preloaded module': `initialize(Buffer.from(\`(module (import "p" "f" (func $f))
      (func (export "wizer.initialize") (call $f)))\`),
      { preload: { p: bytes(Buffer.from('(module (func (export "f")))')) } })`,
    stdin: `initialize(READS, { wasi: { stdin: bytes(Buffer.from('expected')) } })`,
    'a file': `initialize(READS_FILE, { wasi: { files: { f: bytes(Buffer.from('expected')) } } })`,
  }

  for (const [what, run] of Object.entries(INPUTS)) {
    test(what, async () => {
      const stdout = await printedBy(
        `${PRELUDE}
        const IO = \`
          (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\\\\40\\\\00\\\\00\\\\00\\\\08\\\\00\\\\00\\\\00") (data (i32.const 16) "f")
          (func $check (param i32)
            (if (call $read (local.get 0) (i32.const 0) (i32.const 1) (i32.const 24)) (then unreachable))
            (if (i64.ne (i64.load (i32.const 64)) (i64.const 0x6465746365707865)) (then unreachable)))\`
        const READS = Buffer.from(\`(module \${IO}
          (func (export "wizer.initialize") (call $check (i32.const 0))))\`)
        const READS_FILE = Buffer.from(\`(module \${IO}
          (func (export "wizer.initialize")
            (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0)
                  (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 32)) (then unreachable))
            (call $check (i32.load (i32.const 32)))))\`)
        const given = []
        const bytes = (from) => { given.push(Uint8Array.from(from)); return given.at(-1) }
        // All cores are taken, so that the run begins when its inputs are gone.
        const abort = new AbortController()
        const busy = Array.from({ length: 64 }, () => initialize(ENDLESS, { signal: abort.signal }))
        const run = ${run}
        for (const { buffer } of given) structuredClone(buffer, { transfer: [buffer] })
        given.length = 0
        for (let i = 0; i < 4; i++) {
          globalThis.gc()
          Array.from({ length: 100 }, () => new Uint8Array(1000).fill(0xff))
        }
        abort.abort()
        await Promise.allSettled(busy)
        console.log((await run).length > 8)`,
        { flags: ['--expose-gc'] },
      )
      assert.equal(stdout, 'true\n')
    })
  }
})

test('imports are garbage when their run is over, whichever way it ended', async () => {
  const stdout = await printedBy(
    `${PRELUDE}
    let collected = 0
    const registry = new FinalizationRegistry(() => collected++)
    async function run(outer) {
      const host = { outer, inner() {} }
      registry.register(host.outer)
      const imports = (guest) => (void guest, { host })
      await initialize(NESTED, { imports }).catch(() => {})
      try { initializeSync(NESTED, { imports }) } catch {}
    }
    for (let i = 0; i < 5; i++) {
      await run(() => {})
      await run(() => { throw new Error('thrown') })
    }
    // The last call's frame may still hold on to its function.
    for (let i = 0; i < 100 && collected < 9; i++) {
      globalThis.gc()
      await new Promise(setImmediate)
    }
    console.log(collected >= 9 ? 'all' : collected)`,
    { flags: ['--expose-gc'] },
  )
  assert.equal(stdout, 'all\n')
})

test('runs leave no memory, files and threads behind', async () => {
  const child = spawn(process.execPath, ['--expose-gc', LEAKS, '10'], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: WATCHDOG_MS,
    killSignal: 'SIGKILL',
  })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const [status] = await once(child, 'close')
  assert.equal(status, 0, output)
})

test(
  'Ctrl-C ends the command line in an endless guest, and no file is left',
  { skip: process.platform === 'win32' && 'there are no signals' },
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-lifetime-'))
    context.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(
      join(folder, 'endless.wat'),
      `(module
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00begun\\0a")
        (func (export "wizer.initialize")
          (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 32)))
          (loop (br 0))))`,
    )
    const before = readdirSync(folder)
    const child = spawn(
      process.execPath,
      [COMMAND, '--allow-wasi', '-o', 'output.wasm', 'endless.wat'],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: WATCHDOG_MS,
        killSignal: 'SIGKILL',
      },
    )
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
      if (stderr.includes('begun\n')) child.kill('SIGINT')
    })
    const [status, signal] = await once(child, 'close')
    // By the signal itself, or with the status that shells give for it.
    assert.ok(signal === 'SIGINT' || status === 130, `${status} ${signal} ${stderr}`)
    assert.deepEqual(readdirSync(folder), before)
  },
)

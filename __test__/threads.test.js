// Shared memories and atomic instructions. V8 runs the original and its init function, then the output;
// threads are workers that make an instance of their own with the same memory.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { initialize, initializeWithReport, inspect } from '../index.js'
import { lzma } from '../scripts/packages.mjs'
import { assemble, compare, functions, instantiate } from './compare.js'
import { failure } from './failure.js'
import { SECTION, section } from './sections.js'

/**
 * A memory as a module imports it.
 * @param {Uint8Array} wasm
 */
function memoryFor(wasm) {
  const memory = inspect(wasm).memories.find(({ imported }) => imported)
  assert.ok(memory)
  const { minPages: initial, maxPages: maximum, shared } = memory
  return new WebAssembly.Memory({ initial, maximum, shared })
}

/**
 * @param {Uint8Array} wasm
 * @returns {WebAssembly.Imports}
 */
const imports = (wasm) =>
  inspect(wasm).imports.length > 0 ? { env: { memory: memoryFor(wasm) } } : {}

const ATOMICS = `
  (func (export "load") (param i32) (result i32) (i32.atomic.load8_u (local.get 0)))
  (func (export "add") (param i32) (result i32)
    (i32.atomic.rmw.add (local.get 0) (i32.const 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "wizer.initialize")
    (atomic.fence)
    (i32.atomic.store (i32.const 16) (i32.const 41))
    (drop (i32.atomic.rmw.add (i32.const 16) (i32.const 1)))
    (drop (i32.atomic.rmw.cmpxchg (i32.const 20) (i32.const 0) (i32.const 7)))
    (i64.atomic.store (i32.const 70000) (i64.const 0x0102030405060708))
    (drop (memory.atomic.notify (i32.const 16) (i32.const 5)))
    (drop (memory.grow (i32.const 1))))`

const CALLS = [
  { call: 'load', with: [16], gives: 42 },
  { call: 'load', with: [20], gives: 7 },
  { call: 'load', with: [70000], gives: 8 },
  { call: 'add', with: [16], gives: 42 },
  { call: 'add', with: [16], gives: 43 },
  { call: 'add', with: [17], traps: /unaligned/ },
  { call: 'size', gives: 3 },
]

describe('a shared memory of the module itself', () => {
  for (const engine of /** @type {const} */ (['auto', 'baseline', 'optimizing'])) {
    test(`holds what atomic instructions left there, by the ${engine} compiler`, async () => {
      const { output } = await compare(
        `(module (memory (export "memory") 2 9 shared) ${ATOMICS})`,
        {
          options: { engine },
          calls: CALLS,
        },
      )
      assert.equal(inspect(output).memories[0].shared, true)
    })
  }

  test('stands beside one that is not shared', async () => {
    const { wasm, report } = await initializeWithReport(
      await assemble(`(module (memory $own 1) (memory $shared 1 2 shared)
        (func (export "wizer.initialize")
          (i32.store $own (i32.const 0) (i32.const 1))
          (i32.atomic.store $shared (i32.const 8) (i32.const 2))))`),
      { verify: true },
    )
    const { memories } = inspect(wasm)
    assert.deepEqual(
      memories.map(({ shared }) => shared),
      [false, true],
    )
    assert.deepEqual(
      report.memories.map(({ nonZeroBytes }) => nonZeroBytes),
      [1, 1],
    )
  })

  test('must have a maximum, as the specification wants it', async () => {
    const wasm = await assemble('(module (memory 1 2 shared) (func (export "wizer.initialize")))')
    const memory = section(wasm, SECTION.memory)
    assert.ok(memory)
    const broken = Buffer.concat([
      wasm.subarray(0, memory.start),
      // One memory, shared and without a maximum, of one page.
      Buffer.from([SECTION.memory, 3, 1, 2, 1]),
      wasm.subarray(memory.end),
    ])
    assert.equal((await failure(initialize(broken))).code, 'ERR_INVALID_WASM')
  })
})

describe('waiting at a shared memory during init', () => {
  const waiting = (/** @type {string} */ init, rest = '') => `(module
    (memory (export "memory") 1 1 shared)
    (data (i32.const 32) "\\05\\00\\00\\00\\00\\00\\00\\00\\05\\00\\00\\00\\00\\00\\00\\00")
    ${rest}
    (func (export "again") (result i32)
      (memory.atomic.wait32 (i32.const 32) (i32.const 6) (i64.const -1)))
    (func (export "wizer.initialize") ${init}))`

  for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
    test(`gives what one thread gets, by the ${engine} compiler`, async () => {
      const answers = [
        '(memory.atomic.wait32 (i32.const 32) (i32.const 6) (i64.const -1))',
        '(memory.atomic.wait32 (i32.const 32) (i32.const 5) (i64.const 1000))',
        '(memory.atomic.wait32 (i32.const 32) (i32.const 5) (i64.const 0))',
        '(memory.atomic.wait32 offset=32 (i32.const 0) (i32.const 5) (i64.const 1))',
        '(memory.atomic.wait64 (i32.const 40) (i64.const 4) (i64.const -1))',
        '(memory.atomic.wait64 (i32.const 40) (i64.const 5) (i64.const 1))',
        '(memory.atomic.wait64 offset=8 (i32.const 32) (i64.const 5) (i64.const 1))',
      ]
      const stores = answers.map((wait, at) => `(i32.store8 (i32.const ${100 + at}) ${wait})`)
      const { output } = await compare(waiting(stores.join('\n')), {
        options: { engine },
        calls: [{ call: 'again', gives: 1 }],
      })
      const memory = /** @type {WebAssembly.Memory} */ (instantiate(output).exports.memory)
      const given = Buffer.from(memory.buffer).subarray(100, 107)
      assert.deepEqual([...given], [1, 2, 2, 2, 1, 2, 2])
    })
  }

  test('traps in V8’s way where the address is not aligned', async () => {
    const wasm = await assemble(
      waiting('(drop (memory.atomic.wait32 (i32.const 33) (i32.const 0) (i64.const 0)))'),
    )
    assert.throws(() => functions(instantiate(wasm))['wizer.initialize'](), /unaligned/)
    const error = await failure(initialize(wasm))
    assert.equal(error.code, 'ERR_TRAP')
    assert.equal(error.trap?.kind, 'unaligned-atomic')
  })

  test('for nobody is ERR_UNSUPPORTED, with the guest’s stack', async () => {
    const wasm = waiting(
      '(call $lock)',
      `(func $lock
        (drop (memory.atomic.wait32 (i32.const 32) (i32.const 5) (i64.const -1))))`,
    )
    const error = await failure(initialize(await assemble(wasm)))
    assert.equal(error.code, 'ERR_UNSUPPORTED')
    assert.equal(error.stage, 'run')
    assert.match(error.message, /waits for another thread.*would wait forever: keep threads.*out/)
    assert.match(error.message, /\n {4}at lock \(0x[0-9a-f]+\)\n {4}at /)
    assert.equal(error.message.split('\n').length, 3)
  })

  test('is a trap, as ever, at a memory that is not shared', async () => {
    const wasm = await assemble(`(module (memory 1) (memory 1 1 shared)
      (func (export "wizer.initialize")
        (drop (memory.atomic.wait32 0 (i32.const 0) (i32.const 1) (i64.const 0)))))`)
    const error = await failure(initialize(wasm))
    assert.equal(error.code, 'ERR_TRAP')
    assert.match(error.message, /atomic wait on non-shared memory/)
  })

  test('leaves all code as it was', async () => {
    const { original, output } = await compare(
      waiting('(drop (memory.atomic.wait32 (i32.const 32) (i32.const 6) (i64.const -1)))'),
    )
    assert.deepEqual(section(output, SECTION.code)?.bytes, section(original, SECTION.code)?.bytes)
  })
})

/** A program as wasm-ld writes it for threads: whoever finds 0 at 2048 fills the memory. */
const PROGRAM = (more = '') => `(module
  (import "env" "memory" (memory 2 9 shared))
  (global $stack (mut i32) (i32.const 65536))
  (global $tls (mut i32) (i32.const 0))
  (data $tdata "thread") (data $rodata "constants") (data $data "variables")
  (func $init_memory
    (block $done
      (block $wait
        (block $fill
          (br_table $fill $wait $done
            (i32.atomic.rmw.cmpxchg (i32.const 2048) (i32.const 0) (i32.const 1))))
        (memory.init $tdata
          (i32.const 64) (block (result i32) (global.set $tls (i32.const 64)) (i32.const 0))
          (i32.const 6))
        (memory.init $rodata (i32.const 1024) (i32.const 0) (i32.const 9))
        (memory.init $data (i32.const 1600) (i32.const 0) (i32.const 9))
        (memory.fill (i32.const 1700) (i32.const 0) (i32.const 348))
        (i32.atomic.store (i32.const 2048) (i32.const 2))
        (drop (memory.atomic.notify (i32.const 2048) (i32.const -1)))
        (br $done))
      (drop (memory.atomic.wait32 (i32.const 2048) (i32.const 1) (i64.const -1))))
    (data.drop $rodata) (data.drop $data))
  (start $init_memory)
  (export "memory" (memory 0))
  (func (export "thread") (param i32)
    (global.set $tls (local.get 0))
    (memory.init $tdata (local.get 0) (i32.const 0) (i32.const 6)))
  (func (export "copy_dropped") (memory.init $rodata (i32.const 0) (i32.const 0) (i32.const 9)))
  ${more}
  ${ATOMICS})`

describe('an imported shared memory', () => {
  test('is filled by the output, which keeps the import', async () => {
    const { original, output, report } = await compare(PROGRAM(), {
      imports,
      calls: [
        ...CALLS,
        { call: 'thread', with: [100] },
        { call: 'load', with: [105], gives: 'd'.charCodeAt(0) },
        { call: 'copy_dropped', traps: /out of bounds/ },
      ],
    })
    const [{ imported, shared, minPages, maxPages }] = inspect(output).memories
    assert.deepEqual(
      { imported, shared, minPages, maxPages },
      {
        imported: true,
        shared: true,
        minPages: 3,
        maxPages: 9,
      },
    )
    assert.equal(report.memories[0].pagesAfter, 3)
    const [before, after] = [original, output].map((wasm) => bodiesOf(wasm))
    assert.deepEqual(after.bytes.subarray(0, before.bytes.length), before.bytes)
    assert.equal(after.count, before.count + 1, 'the start function stands behind the others')
  })

  test('is filled by the first instance alone, and is left alone by all others', async () => {
    const output = await initialize(await assemble(PROGRAM()), { verify: true })
    const memory = memoryFor(output)
    const first = functions(instantiate(output, { env: { memory } }))
    assert.equal(first.add(16), 42)
    first.thread(1600)
    const bytes = Buffer.from(new Uint8Array(memory.buffer))
    const second = functions(instantiate(output, { env: { memory } }))
    assert.ok(Buffer.from(memory.buffer).equals(bytes))
    assert.equal(second.add(16), 43)
    assert.throws(() => second.copy_dropped(), /out of bounds/)
  })

  test('is filled once where threads start at the same time, and each sees it filled', async () => {
    const rounds = 20
    const threads = 4
    const more = `
      (data $large "${'0123456789abcdef'.repeat(2000)}")
      (func (export "prepare")
        (drop (memory.grow (i32.const 1)))
        (memory.init $large (i32.const 100000) (i32.const 0) (i32.const 32000))
        (data.drop $large)
        (i32.atomic.store (i32.const 16) (i32.const 42)))`
    const output = await initialize(await assemble(PROGRAM(more)), { initFunc: 'prepare' })
    const module = new WebAssembly.Module(output)
    for (let round = 0; round < rounds; round++) {
      const memory = memoryFor(output)
      const gate = new Int32Array(new SharedArrayBuffer(8))
      const seen = await Promise.all(
        Array.from({ length: threads }, () => inThread({ module, memory, gate, threads })),
      )
      assert.deepEqual(
        seen.map(({ last }) => last),
        Array(threads).fill('f'.charCodeAt(0)),
      )
      const counts = seen.map(({ count }) => count).toSorted((a, b) => a - b)
      assert.deepEqual(
        counts,
        Array.from({ length: threads }, (_, number) => 42 + number),
      )
    }
  })

  test('becomes the output’s own with `internalizeImports`, filled by plain segments', async () => {
    const { output } = await compare(PROGRAM(), {
      options: { internalizeImports: ['memory'] },
      imports,
      calls: CALLS,
    })
    assert.deepEqual(inspect(output).imports, [])
    assert.equal(section(output, SECTION.start), undefined)
  })

  test('holds at first what the caller’s memory holds', async () => {
    const wasm = await assemble(`(module (import "env" "memory" (memory 1 2 shared))
      (func (export "wizer.initialize")
        (i32.store8 (i32.const 1) (i32.load8_u (i32.const 0)))))`)
    const memory = memoryFor(wasm)
    new Uint8Array(memory.buffer)[0] = 9
    const output = await initialize(wasm, {
      imports: { env: { memory } },
      internalizeImports: true,
      verify: true,
    })
    assert.equal(new Uint8Array(memory.buffer)[1], 0)
    const data = section(output, SECTION.data)
    assert.ok(data && Buffer.from(data.bytes).includes(Buffer.from([9, 9])))
  })

  test('that nothing tells to be filled is filled by each instance, with a warning', async () => {
    const wasm = await assemble(
      `(module (import "env" "memory" (memory 2 9 shared)) (export "memory" (memory 0)) ${ATOMICS})`,
    )
    const warned = new Promise((resolve) => process.once('warning', resolve))
    await compare(wasm, { imports, calls: CALLS })
    const warning = /** @type {any} */ (await warned)
    assert.equal(warning.code, 'WASM_PREINIT_SHARED_MEMORY')
    assert.match(warning.message, /`env\.memory` is shared, and every instance/)
  })
})

test('a preloaded module can have no shared memory', async () => {
  const wasm = await assemble(`(module (import "other" "run" (func $run))
    (func (export "wizer.initialize") (call $run)))`)
  const other = await assemble('(module (memory 1 1 shared) (func (export "run")))')
  const error = await failure(initialize(wasm, { preload: { other } }))
  assert.equal(error.code, 'ERR_IO')
  assert.match(error.message, /`other`.*its memory is shared.*build it without threads/)
})

describe('a thread that is started during init', () => {
  const SPAWNING = `(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
    (memory (export "memory") 1 1 shared)
    (func (export "wasi_thread_start") (param i32 i32))
    (func (export "wizer.initialize")
      (i32.store (i32.const 0) (call $spawn (i32.const 0)))))`

  test('is ERR_IMPORT_CALLED, which says what to do', async () => {
    const error = await failure(initialize(await assemble(SPAWNING)))
    assert.equal(error.code, 'ERR_IMPORT_CALLED')
    assert.match(error.message, /`wasi\.thread-spawn`.*start its threads after init/)
  })

  test('can be denied by an import that fails', async () => {
    const wasi = { 'thread-spawn': () => -6 }
    await compare(SPAWNING, { options: { imports: { wasi } }, imports: () => ({ wasi }) })
  })
})

describe('LZMA in Rust, built for WASI with threads', () => {
  const path = join('node_modules', '@napi-rs', 'lzma-wasm32-wasi', 'lzma.wasm32-wasi.wasm')

  test('is in the same state as the original after init', async () => {
    const wasm = await readFile(join(lzma(), path))
    const stubs = (/** @type {Uint8Array} */ module) => {
      /** @type {Record<string, Record<string, any>>} */
      const all = {}
      for (const { module: from, name, kind } of inspect(module).imports) {
        all[from] ??= {}
        all[from][name] = kind === 'memory' ? memoryFor(module) : () => 0
      }
      return all
    }
    const { report } = await compare(wasm, {
      options: { initFunc: '_initialize' },
      imports: stubs,
    })
    assert.ok(report.memories[0].nonZeroBytes > 10_000)
  })

  test('works under its own glue, in the main thread and in workers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
    try {
      await cp(lzma(), folder, { recursive: true })
      await writeFile(
        join(folder, 'run.cjs'),
        `const { xz } = require('@napi-rs/lzma-wasm32-wasi')
         const text = Buffer.from('pre-initialized '.repeat(5000))
         async function main() {
           const packed = Buffer.from(xz.compressSync(text))
           const inThreads = await Promise.all([1, 2, 3, 4].map(() => xz.compress(text)))
           const unpacked = await Promise.all(inThreads.map((one) => xz.decompress(one)))
           console.log(JSON.stringify({
             packed: packed.toString('hex'),
             same: inThreads.every((one) => packed.equals(Buffer.from(one))),
             back: unpacked.every((one) => text.equals(Buffer.from(one))),
           }))
           process.exit()
         }
         main()`,
      )
      const run = async () => {
        const args = ['--no-warnings', join(folder, 'run.cjs')]
        const { stdout } = await promisify(execFile)(process.execPath, args)
        return JSON.parse(stdout)
      }
      const expected = await run()
      assert.equal(expected.same, true)
      assert.equal(expected.back, true)
      const file = join(folder, path)
      const output = await initialize(await readFile(file), { initFunc: '_initialize' })
      await writeFile(file, output)
      assert.deepEqual(await run(), expected)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

/**
 * The code section's count and bodies.
 * @param {Uint8Array} wasm
 */
function bodiesOf(wasm) {
  const code = section(wasm, SECTION.code)
  assert.ok(code)
  // A count below 128 takes one byte.
  const [count] = wasm.subarray(code.contents)
  return { count, bytes: wasm.subarray(code.contents + 1, code.end) }
}

/**
 * Makes an instance in a thread of its own as soon as all threads are ready, and calls it.
 * @param {{ module: WebAssembly.Module, memory: WebAssembly.Memory, gate: Int32Array, threads: number }} workerData
 * @returns {Promise<{ last: number, count: number }>}
 */
function inThread(workerData) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { module, memory, gate, threads } = workerData
     if (Atomics.add(gate, 0, 1) === threads - 1) {
       Atomics.store(gate, 1, 1)
       Atomics.notify(gate, 1)
     } else Atomics.wait(gate, 1, 0)
     const { exports } = new WebAssembly.Instance(module, { env: { memory } })
     const last = exports.load(100000 + 31999)
     parentPort.postMessage({ last, count: exports.add(16) })`,
    { eval: true, workerData },
  )
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
}

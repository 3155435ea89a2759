// Whether runs leave anything behind: memory, open files or threads, whichever way they end.
//
//   node --expose-gc benchmark/leaks.mjs [ROUNDS] [PATTERN]
//
// A round takes every path 20 times: 10 rounds, the default, are 200 runs of each. Some rounds
// before them warm up allocators, caches and the JavaScript engine. PATTERN is a regular expression
// of the paths to take alone, which tells where a leak is. Exit status 1 when memory has grown by more than 5 %, or when there are
// more files or threads than before.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { initialize, initializeSync, initializeWithReport, inspect } from '../index.js'

/** @typedef {import('../index.js').InitializeOptions} InitializeOptions */

const RUNS_PER_ROUND = 20
const WARM_UP_ROUNDS = 10
const DEFAULT_ROUNDS = 10

/** How much more memory there may be than after the warm-up. */
const MOST_GROWTH = 0.05

/** Threads have ended when their number is the same so often, at looks so far apart. */
const SETTLED_LOOKS = 5
const LOOK_MS = 20

const QUICK = wat(
  '(memory (export "memory") 4) (func (export "wizer-initialize") (i32.store (i32.const 70000) (i32.const 1)))',
)
const ENDLESS = wat('(memory 4) (func (export "wizer-initialize") (loop (br 0)))')
const INVALID = Buffer.concat([Buffer.from('\0asm\x01\0\0\0'), Buffer.alloc(10_000, 0xff)])

/** Calls the import `host.f` twice, before and after its memory has grown. */
const CALLS = wat(`
  (import "host" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 10)
  (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "nested") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "fails") unreachable)
  (func (export "wizer-initialize")
    (drop (call $f (i32.const 0)))
    (drop (memory.grow (i32.const 1)))
    (drop (call $f (i32.const 1))))`)

/** Opens and reads `/file`, reads stdin, prints both, and leaves the file open. */
const READS = wat(`
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\\00\\10\\00\\00\\00\\80\\00\\00") (data (i32.const 16) "file")
  (func (export "wizer-initialize")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0)
          (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 32)) (then unreachable))
    (drop (call $read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 36)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 36)))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 36)))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 36))))`)

const EXITS = wat(`
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "wizer-initialize") (call $exit (i32.const 3)))`)

const BYTES = Buffer.alloc(30_000, 'x')

const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-leaks-'))
writeFileSync(join(folder, 'file'), BYTES)
process.on('exit', () => rmSync(folder, { recursive: true }))

/**
 * What one run can be, by name.
 * @type {Record<string, () => unknown>}
 */
const PATHS = {
  'a success': () => initialize(QUICK),
  'a success of the optimizing compiler': () => initialize(QUICK, { engine: 'optimizing' }),
  'a success with an engine of its own': () => initialize(QUICK, { maxStack: 1 << 20 }),
  'a success with a report': () => initializeWithReport(QUICK),
  'a success that blocks': () => initializeSync(QUICK),
  'many at once': () => Promise.all(Array.from({ length: 8 }, () => initialize(QUICK))),
  'a look': () => inspect(QUICK),
  'a success with a timeout and a signal': () =>
    initialize(QUICK, { timeout: 100_000, signal: new AbortController().signal }),
  'imports and views of memory': () => initialize(CALLS, { imports: hostThat(looks) }),
  'imports and views of memory, blocking': () =>
    initializeSync(CALLS, { imports: hostThat(looks) }),
  'imports that call the guest': () => initialize(CALLS, { imports: hostThat(calls) }),
  'a preloaded module': () =>
    initialize(CALLS, {
      preload: { host: wat('(func (export "f") (param i32) (result i32) (local.get 0))') },
    }),
  'files, stdin and captured output': () =>
    initializeWithReport(READS, {
      wasi: { files: { file: BYTES }, stdin: BYTES, stdout: 'capture', stderr: 'capture' },
    }),
  'a host folder': () =>
    initialize(READS, {
      wasi: {
        preopens: { '/': folder },
        stdout: 'ignore',
        stderr: 'ignore',
      },
    }),
  'an invalid module': () => failing('ERR_INVALID_WASM', initialize(INVALID)),
  'an invalid module, looked at': () => failing('ERR_INVALID_WASM', async () => inspect(INVALID)),
  'text that is no module': () => failing('ERR_INVALID_WASM', initialize(wat('(func'))),
  'no init function': () => failing('ERR_INIT_FUNC_MISSING', initialize(QUICK, { initFunc: 'x' })),
  'an unknown option': () =>
    // @ts-expect-error It is unknown.
    failing('ERR_INVALID_OPTION', initialize(QUICK, { unknown: BYTES })),
  'a trap': () =>
    failing('ERR_TRAP', initialize(wat('(func (export "wizer-initialize") unreachable)'))),
  'a stack overflow': () =>
    failing('ERR_STACK_LIMIT', initialize(wat('(func $f (export "wizer-initialize") (call $f))'))),
  'a timeout': () => failing('ERR_TIMEOUT', initialize(ENDLESS, { timeout: 3 })),
  'a timeout, blocking': () =>
    failing('ERR_TIMEOUT', async () => initializeSync(ENDLESS, { timeout: 3 })),
  'an abort': () => {
    const abort = new AbortController()
    setImmediate(() => abort.abort())
    return failing('ABORT_ERR', initialize(ENDLESS, { signal: abort.signal }))
  },
  'an abort at once': () => {
    const abort = new AbortController()
    const run = initialize(QUICK, { engine: 'optimizing', cache: false, signal: abort.signal })
    abort.abort()
    return failing('ABORT_ERR', run)
  },
  'an abort before': () => failing('ABORT_ERR', initialize(QUICK, { signal: AbortSignal.abort() })),
  'an exit': () => failing('ERR_EXIT', initialize(EXITS, { wasi: true })),
  'an import that is not supplied': () => failing('ERR_IMPORT_CALLED', initialize(CALLS)),
  'an import that throws': () =>
    failing('ERR_IMPORT_FAILED', initialize(CALLS, { imports: hostThat(throws) })),
  'an import that throws, blocking': () =>
    failing('ERR_IMPORT_FAILED', async () => initializeSync(CALLS, { imports: hostThat(throws) })),
  'an import that lets the guest trap': () =>
    failing('ERR_IMPORT_FAILED', initialize(CALLS, { imports: hostThat(lets) })),
  'an abort inside an import': () => {
    const abort = new AbortController()
    const aborts = (/** @type {import('../index.js').Guest} */ guest) => {
      looks(guest, 0)
      abort.abort()
      return 0
    }
    return failing(
      'ABORT_ERR',
      initialize(CALLS, { imports: hostThat(aborts), signal: abort.signal }),
    )
  },
  'a memory limit': () =>
    failing(
      'ERR_MEMORY_LIMIT',
      initialize(
        wat(
          '(memory 1) (func (export "wizer-initialize") (loop (drop (memory.grow (i32.const 9))) (br 0)))',
        ),
        { maxMemory: 1 << 20 },
      ),
    ),
  'a failure with captured output': () =>
    failing(
      'ERR_TRAP',
      initialize(READS, {
        wasi: { files: {}, stdin: BYTES, stdout: 'capture', stderr: 'capture' },
      }),
    ),
}

/** @param {string} fields */
function wat(fields) {
  return Buffer.from(`(module ${fields})`)
}

/**
 * Imports of `CALLS` by a function that gets the guest and an argument.
 * @param {(guest: import('../index.js').Guest, argument: number) => number} f
 * @returns {InitializeOptions['imports']}
 */
function hostThat(f) {
  return (guest) => ({ host: { f: (/** @type {number} */ argument) => f(guest, argument) } })
}

/** @type {Parameters<typeof hostThat>[0]} */
function looks(guest, argument) {
  const view = new Uint8Array(guest.memory.buffer)
  view[argument] = 1
  return view.length
}

/** @type {Parameters<typeof hostThat>[0]} */
function calls(guest, argument) {
  const { twice, nested } = /** @type {Record<string, Function>} */ (guest.exports)
  looks(guest, argument)
  return argument < 4 ? nested(4 + argument) : twice(argument)
}

/** @type {Parameters<typeof hostThat>[0]} */
function throws(guest, argument) {
  looks(guest, argument)
  throw Object.assign(new Error('thrown'), { bytes: Buffer.from(BYTES) })
}

/** @type {Parameters<typeof hostThat>[0]} */
function lets(guest) {
  const { fails } = /** @type {Record<string, Function>} */ (guest.exports)
  return fails()
}

/**
 * Waits for a run that must fail so.
 * @param {string} code
 * @param {Promise<unknown> | (() => Promise<unknown>)} run
 */
async function failing(code, run) {
  const error = await (typeof run === 'function' ? run() : run).then(
    () => new Error('it does not fail'),
    (error) => error,
  )
  const actual = error.name === 'AbortError' ? 'ABORT_ERR' : error.code
  if (actual !== code) throw error
}

/** What the process holds, without garbage. */
function held() {
  globalThis.gc?.()
  globalThis.gc?.()
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  return {
    bytes: process.memoryUsage.rss(),
    files: status ? readdirSync('/proc/self/fd').length : 0,
    threads: Number(/^Threads:\s*(\d+)/m.exec(status)?.[1] ?? 0),
  }
}

/**
 * What the process holds when no thread ends any more. Threads end a little later than the runs
 * that they have served.
 */
async function settled() {
  let last = held()
  for (let same = 0; same < SETTLED_LOOKS; same++) {
    await setTimeout(LOOK_MS)
    const now = held()
    if (now.threads !== last.threads) same = 0
    last = now
  }
  return last
}

/** @param {Array<() => unknown>} paths */
async function round(paths) {
  for (const path of paths) {
    for (let run = 0; run < RUNS_PER_ROUND; run++) await path()
  }
}

/** @param {number} bytes */
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

if (!globalThis.gc) {
  console.error('start node with --expose-gc: garbage is no leak')
  process.exit(2)
}
const rounds = Number(process.argv[2] ?? DEFAULT_ROUNDS)
const pattern = new RegExp(process.argv[3] ?? '')
const paths = Object.entries(PATHS).flatMap(([name, path]) => (pattern.test(name) ? [path] : []))
if (!(rounds > 0) || paths.length === 0) {
  console.error(`usage: leaks.mjs [ROUNDS] [PATTERN], of\n  ${Object.keys(PATHS).join('\n  ')}`)
  process.exit(2)
}

// Printing opens a file of its own, before they are counted.
console.log(`${paths.length} paths, ${RUNS_PER_ROUND} runs of each a round`)
for (let warmUp = 0; warmUp < WARM_UP_ROUNDS; warmUp++) await round(paths)
const before = await settled()
console.log(
  `after the warm-up: ${mib(before.bytes)}, ${before.files} files, ${before.threads} threads`,
)
const seen = []
for (let number = 1; number <= rounds; number++) {
  await round(paths)
  const now = await settled()
  seen.push(now)
  console.log(`round ${number}: ${mib(now.bytes)}, ${now.files} files, ${now.threads} threads`)
}

// What comes and goes is no leak: the least of the later rounds counts.
const later = seen.slice(Math.floor(seen.length / 2))
const least = (/** @type {keyof typeof before} */ what) =>
  Math.min(...later.map((now) => now[what]))
const growth = least('bytes') / before.bytes - 1
console.log(`${(100 * growth).toFixed(1)} % more memory than after the warm-up`)
const leaks = [
  growth > MOST_GROWTH && 'memory',
  least('files') > before.files && 'files',
  least('threads') > before.threads && 'threads',
].filter(Boolean)
if (leaks.length > 0) {
  console.error(`there are leaks: ${leaks.join(', ')}`)
  process.exitCode = 1
}

// What the guest sees through WASI, and what of it is baked into the output.

import assert from 'node:assert/strict'
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WASI } from 'node:wasi'
import { InitializeError, initialize, initializeSync, initializeWithReport } from '../index.js'
import { runScript } from './child.js'
import { assemble, functions, instantiate, memoryOf } from './compare.js'
import {
  DIRECTORY,
  FREE,
  FUNCTIONS,
  MEMORY_BYTES,
  errorsOf,
  open,
  parametersOf,
  perform,
  stepsModule,
} from './fixtures/guests.js'

/** @typedef {import('../index.js').WasiOptions} WasiOptions */

/** WASI functions by name and number of i32 parameters; all return an error number. */
const IMPORTS = Object.entries({
  args_sizes_get: 'i32 i32',
  args_get: 'i32 i32',
  environ_sizes_get: 'i32 i32',
  environ_get: 'i32 i32',
  fd_read: 'i32 i32 i32 i32',
  fd_write: 'i32 i32 i32 i32',
  fd_close: 'i32',
  fd_prestat_get: 'i32 i32',
  fd_prestat_dir_name: 'i32 i32 i32',
  path_open: 'i32 i32 i32 i32 i32 i64 i64 i32 i32',
}).map(
  ([name, params]) =>
    `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${params}) (result i32)))`,
)

/**
 * A guest that runs `body` and keeps the first error number that is not zero at address 0.
 * @param {string} body
 * @param {string} [more]
 */
function guest(body, more = '') {
  return assemble(`(module
    ${IMPORTS.join('\n')}
    (memory (export "memory") 8)
    (func $check (param i32)
      (if (i32.eqz (i32.load (i32.const 0))) (then (i32.store (i32.const 0) (local.get 0)))))
    ;; Writes n bytes at an address to a descriptor.
    (func $print (param $fd i32) (param $at i32) (param $n i32)
      (i32.store (i32.const 16) (local.get $at)) (i32.store (i32.const 20) (local.get $n))
      (call $check (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
    ;; Reads a descriptor to its end, to address 4096; the length is kept at 4.
    (func $slurp (param $fd i32)
      (loop $more
        (i32.store (i32.const 16) (i32.add (i32.const 4096) (i32.load (i32.const 4))))
        (i32.store (i32.const 20) (i32.const 1000))
        (call $check (call $fd_read (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24)))
        (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.load (i32.const 24))))
        (br_if $more
          (i32.gt_u (i32.load (i32.const 24)) (i32.load (i32.const 0))))))
    ${more}
    (func (export "wizer.initialize") ${body}))`)
}

const NO_IMPORTS = Object.fromEntries(
  IMPORTS.map((text) => [/** @type {string} */ (/" "(.*?)"/.exec(text)?.[1]), () => 52]),
)

/**
 * Memory as the output of a run starts with it, which another run gives as well.
 * @param {Uint8Array} wasm
 * @param {boolean | WasiOptions} wasi
 */
async function memoryAfter(wasm, wasi) {
  const output = await initialize(wasm, { wasi })
  assert.ok((await initialize(wasm, { wasi })).equals(output), 'another run gives other bytes')
  const memory = memoryOf(instantiate(output, { wasi_snapshot_preview1: NO_IMPORTS }))
  return { error: memory.readUInt32LE(0), length: memory.readUInt32LE(4), memory }
}

const ARGS = await guest(`
  (call $check (call $args_sizes_get (i32.const 32) (i32.const 36)))
  (call $check (call $args_get (i32.const 1024) (i32.const 4096)))`)

const ENV = await guest(`
  (call $check (call $environ_sizes_get (i32.const 32) (i32.const 36)))
  (call $check (call $environ_get (i32.const 1024) (i32.const 4096)))`)

const STDIN = await guest('(call $slurp (i32.const 0))')

/**
 * The C strings that a guest was given.
 * @param {Buffer} memory
 */
function strings(memory) {
  const [count, bytes] = [memory.readUInt32LE(32), memory.readUInt32LE(36)]
  const list = memory.toString('utf8', 4096, 4096 + bytes).split('\0')
  assert.equal(list.pop(), '')
  assert.equal(list.length, count)
  return list
}

describe('arguments and environment', () => {
  test('are empty unless they are given', async () => {
    for (const wasm of [ARGS, ENV]) {
      for (const wasi of [true, {}]) {
        const { error, memory } = await memoryAfter(wasm, wasi)
        assert.equal(error, 0)
        assert.equal(memory.readUInt32LE(32), 0)
      }
    }
  })

  test('reach the guest in their order and as they are', async () => {
    const args = ['program', '', '--flag=1', 'späce d', '😀']
    assert.deepEqual(strings((await memoryAfter(ARGS, { args })).memory), args)
    const env = { B: '2', A: '1', EMPTY: '', UNICODE: 'é=😀' }
    const entries = ['B=2', 'A=1', 'EMPTY=', 'UNICODE=é=😀']
    assert.deepEqual(strings((await memoryAfter(ENV, { env })).memory), entries)
  })
})

describe('standard input', () => {
  test('is empty unless it is given', async () => {
    const { error, length } = await memoryAfter(STDIN, true)
    assert.deepEqual([error, length], [0, 0])
  })

  test('is text, bytes or a view of bytes', async () => {
    const larger = Buffer.from('xx bytes\0\xff yy', 'latin1')
    for (const [stdin, expected] of /** @type {Array<[string | Uint8Array, Buffer]>} */ ([
      ['text é', Buffer.from('text é')],
      [Buffer.from([0, 255, 128]), Buffer.from([0, 255, 128])],
      [larger.subarray(3, 10), Buffer.from('bytes\0\xff', 'latin1')],
      [new Uint8Array(), Buffer.alloc(0)],
      ['x'.repeat(100_000), Buffer.alloc(100_000, 'x')],
    ])) {
      const { error, length, memory } = await memoryAfter(STDIN, { stdin })
      assert.equal(error, 0)
      assert.ok(memory.subarray(4096, 4096 + length).equals(expected))
    }
  })

  test('is copied before the call returns', async () => {
    const busy = Array.from({ length: 64 }, () =>
      initialize(ARGS, { engine: 'optimizing', wasi: true }),
    )
    const stdin = new TextEncoder().encode('before')
    const run = initialize(STDIN, { wasi: { stdin } })
    stdin.fill(0x21)
    const output = await run
    await Promise.all(busy)
    assert.ok(output.includes('before'), 'the guest reads what was written later')
  })

  test('can be transferred and freed right after the call', async () => {
    const script = `
      import { initialize } from 'wasm-preinit'
      const wasm = Buffer.from(process.env.WASM, 'base64')
      const busy = Array.from({ length: 64 }, () =>
        initialize(wasm, { engine: 'optimizing', wasi: true }),
      )
      const stdin = new Uint8Array(300_000).fill(97)
      const run = initialize(wasm, { wasi: { stdin } })
      structuredClone(stdin, { transfer: [stdin.buffer] })
      globalThis.gc()
      const output = await run
      await Promise.all(busy)
      console.log(output.includes('a'.repeat(300_000)))`
    const env = { WASM: STDIN.toString('base64') }
    const { stdout, signal } = await runScript(script, { env, flags: ['--expose-gc'] })
    assert.deepEqual({ stdout, signal }, { stdout: 'true\n', signal: null })
  })

  test('is this process’s own with inherit', async () => {
    const script = `
      import { initialize } from 'wasm-preinit'
      const wasm = Buffer.from(process.env.WASM, 'base64')
      const output = await initialize(wasm, { wasi: { stdin: 'inherit' } })
      console.log(output.includes('from the pipe'))`
    const env = { WASM: STDIN.toString('base64') }
    const { stdout } = await runScript(script, { env, input: 'from the pipe' })
    assert.equal(stdout, 'true\n')
  })
})

const HELLO = await guest(
  `(call $print (i32.const 1) (i32.const 2000) (i32.const 4))
  (call $print (i32.const 2) (i32.const 2004) (i32.const 4))
  (call $print (i32.const 1) (i32.const 2000) (i32.const 3))`,
  '(data (i32.const 2000) "out\\nerr\\n")',
)

describe('standard output and error', () => {
  test('are in the report when they are captured', async () => {
    const wasi = /** @type {const} */ ({ stdout: 'capture', stderr: 'capture' })
    const { report } = await initializeWithReport(HELLO, { wasi })
    assert.equal(report.stdout?.toString(), 'out\nout')
    assert.equal(report.stderr?.toString(), 'err\n')
  })

  test('are empty in the report when the guest writes nothing', async () => {
    const wasi = /** @type {const} */ ({ stdout: 'capture', stderr: 'ignore' })
    const { report } = await initializeWithReport(ARGS, { wasi })
    assert.deepEqual(report.stdout, Buffer.alloc(0))
    assert.equal(report.stderr, undefined)
  })

  test('fill no host: writing fails when 256 MiB are captured', async () => {
    const eager = await guest(
      `(loop $on
        (call $print (i32.const 1) (i32.const 4096) (i32.const 500000))
        (br_if $on (i32.eqz (i32.load (i32.const 0)))))`,
    )
    const { wasm, report } = await initializeWithReport(eager, { wasi: { stdout: 'capture' } })
    const errno = memoryOf(instantiate(wasm, { wasi_snapshot_preview1: NO_IMPORTS })).readUInt32LE(
      0,
    )
    assert.ok(errno > 0)
    assert.ok(report.stdout && report.stdout.length <= 256 * 2 ** 20)
    assert.ok(report.stdout.length > 255 * 2 ** 20)
  })

  test('are this process’s own unless they are ignored or captured', async () => {
    /** @param {string} options */
    const script = (options) => `
      import { initialize } from 'wasm-preinit'
      await initialize(Buffer.from(process.env.WASM, 'base64'), { wasi: ${options} })`
    const env = { WASM: HELLO.toString('base64') }
    for (const [options, stdout, stderr] of [
      ['true', 'out\nout', 'err\n'],
      ["{ stdout: 'ignore' }", '', 'err\n'],
      ["{ stdout: 'inherit', stderr: 'ignore' }", 'out\nout', ''],
      ["{ stdout: 'capture', stderr: 'capture' }", '', ''],
    ]) {
      const child = await runScript(script(options), { env })
      assert.deepEqual([child.stdout, child.stderr], [stdout, stderr], options)
    }
  })

  test('are on the error when a run fails', async () => {
    const failing = await guest(
      `(call $print (i32.const 1) (i32.const 2000) (i32.const 3))
      (call $print (i32.const 2) (i32.const 2003) (i32.const 3)) unreachable`,
      '(data (i32.const 2000) "outerr")',
    )
    const wasi = /** @type {const} */ ({ stdout: 'capture', stderr: 'capture' })
    await assert.rejects(initialize(failing, { wasi }), (error) => {
      assert.ok(error instanceof InitializeError)
      assert.equal(error.code, 'ERR_TRAP')
      assert.equal(error.stdout?.toString(), 'out')
      assert.equal(error.stderr?.toString(), 'err')
      return true
    })
    const ignored = initialize(failing, { wasi: { stdout: 'ignore', stderr: 'ignore' } })
    await assert.rejects(ignored, (error) => {
      assert.ok(error instanceof InitializeError)
      assert.deepEqual([error.stdout, error.stderr], [undefined, undefined])
      return true
    })
  })
})

/** @param {string} path */
const reading = (path) =>
  guest(
    `(call $check (call $path_open (i32.const 3) (i32.const 1) (i32.const 2000)
      (i32.const ${Buffer.byteLength(path)}) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0)
      (i32.const 40)))
    (if (i32.eqz (i32.load (i32.const 0))) (then
      (call $slurp (i32.load (i32.const 40))) (call $check (call $fd_close (i32.load (i32.const 40))))))`,
    `(data (i32.const 2000) "${path}")`,
  )

describe('preopened directories', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
    await mkdir(join(folder, 'inner'))
    await writeFile(join(folder, 'file.txt'), 'on the host')
    await writeFile(join(folder, 'inner', 'deep.txt'), 'deep down')
    await symlink('/etc/hostname', join(folder, 'outside'))
  })
  after(() => rm(folder, { recursive: true }))

  test('let init read files, whose contents are baked into the output', async () => {
    for (const [path, contents] of [
      ['file.txt', 'on the host'],
      ['inner/deep.txt', 'deep down'],
      ['inner/../file.txt', 'on the host'],
    ]) {
      const preopens = { '/data': folder }
      const { error, length, memory } = await memoryAfter(await reading(path), { preopens })
      assert.equal(error, 0)
      assert.equal(memory.toString('utf8', 4096, 4096 + length), contents)
    }
  })

  test('end where they end, for parent folders, absolute paths and links', async () => {
    const preopens = { '/data': join(folder, 'inner') }
    for (const path of ['../file.txt', '/etc/hostname', '..']) {
      const { error, length } = await memoryAfter(await reading(path), { preopens })
      assert.notEqual(error, 0, path)
      assert.equal(length, 0, path)
    }
    const linked = await memoryAfter(await reading('outside'), { preopens: { '/data': folder } })
    assert.notEqual(linked.error, 0)
  })

  test('have the names that were given to them, in their order', async () => {
    const names = await guest(`
      (call $check (call $fd_prestat_dir_name (i32.const 3) (i32.const 4096) (i32.const 1)))
      (call $check (call $fd_prestat_dir_name (i32.const 4) (i32.const 4097) (i32.const 3)))
      (i32.store (i32.const 8) (call $fd_prestat_get (i32.const 5) (i32.const 40)))`)
    const { error, memory } = await memoryAfter(names, { preopens: { b: folder, '/aa': folder } })
    assert.equal(error, 0)
    assert.equal(memory.toString('utf8', 4096, 4100), 'b/aa')
    assert.equal(memory.readUInt32LE(8), 8, 'there is a third directory')
  })

  test('that are relative are relative to the working directory', async () => {
    const script = `
      import { initialize } from 'wasm-preinit'
      process.chdir(process.env.FOLDER)
      const wasm = Buffer.from(process.env.WASM, 'base64')
      const output = await initialize(wasm, { wasi: { preopens: { '.': './inner' } } })
      console.log(output.includes('deep down'))`
    const env = { WASM: (await reading('deep.txt')).toString('base64'), FOLDER: folder }
    const { stdout } = await runScript(script, { env })
    assert.equal(stdout, 'true\n')
  })

  test('that do not exist are ERR_IO with their path, and nothing has run', async () => {
    const missing = join(folder, 'missing')
    for (const [path, what] of [
      [missing, 'is not there'],
      [join(folder, 'file.txt'), 'is a file'],
      ['', 'is empty'],
    ]) {
      const wasi = /** @type {const} */ ({ preopens: { '/data': path }, stdout: 'capture' })
      const expected = { code: 'ERR_IO', path, stage: 'instantiate' }
      await assert.rejects(initialize(HELLO, { wasi }), expected, what)
      assert.throws(() => initializeSync(HELLO, { wasi }), expected, what)
    }
  })

  test('are not there unless they are given', async () => {
    const { error } = await memoryAfter(await reading('file.txt'), true)
    assert.equal(error, 8)
  })

  test('stay as they were when init only reads', async () => {
    await memoryAfter(await reading('file.txt'), { preopens: { '/': folder } })
    assert.equal(await readFile(join(folder, 'file.txt'), 'utf8'), 'on the host')
  })
})

/** @typedef {import('./fixtures/guests.js').Step} Step */

/** Functions whose first argument is a descriptor. */
const ON_DESCRIPTORS = FUNCTIONS.filter(
  (name) => /^(fd|path|sock)_/.test(name) && name !== 'path_symlink',
)

/** Positions of flags and choices, which have few valid values; all accept 0 but `sock_shutdown`. */
const CHOICES = /** @type {Record<string, number[]>} */ ({
  clock_res_get: [0],
  clock_time_get: [0],
  fd_advise: [3],
  fd_fdstat_set_flags: [1],
  fd_filestat_set_times: [3],
  fd_seek: [2],
  path_filestat_get: [1],
  path_filestat_set_times: [1, 6],
  path_link: [1],
  path_open: [1, 4, 7],
  sock_accept: [1],
  sock_recv: [3],
  sock_send: [3],
  sock_shutdown: [1],
})

/**
 * A call of a function on a descriptor, with one value for everything else but flags.
 * @param {string} name
 * @param {number} descriptor
 * @param {number} value
 * @returns {Step}
 */
const callWith = (name, descriptor, value) => [
  name,
  ...[...parametersOf(name)].map((type, index) => {
    if (type === 'I') return 0n
    if (CHOICES[name]?.includes(index)) return name === 'sock_shutdown' ? 1 : 0
    const isDescriptor = { path_symlink: [2], path_link: [0, 4], path_rename: [0, 3] }[name]
    if (
      isDescriptor ? isDescriptor.includes(index) : index === 0 && ON_DESCRIPTORS.includes(name)
    ) {
      return descriptor
    }
    return value
  }),
]

describe('calls answer as Node’s own WASI does:', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
    await mkdir(join(folder, 'data', 'inner'), { recursive: true })
    await writeFile(join(folder, 'data', 'text.txt'), 'hello')
  })
  after(() => rm(folder, { recursive: true }))

  /**
   * Makes the calls in both, which must tell the same errors and, at some places, write the same.
   * @param {Step[]} steps
   * @param {Array<[at: number, length: number]>} [places]
   */
  async function assertSame(steps, places = []) {
    const options = {
      args: ['program', '', 'é 1'],
      env: { A: '1', EMPTY: '', B: 'ü=' },
      preopens: { '/x': folder, y: join(folder, 'data') },
    }
    const run = await perform(steps, options)
    const wasi = new WASI({ version: 'preview1', ...options })
    const instance = instantiate(await stepsModule(steps), {
      wasi_snapshot_preview1: /** @type {any} */ (wasi.wasiImport),
    })
    wasi.initialize(instance)
    functions(instance)['wizer.initialize']()
    const memory = memoryOf(instance)
    const names = steps.map(
      ([name, ...args]) =>
        `${name} ${args.map((arg) => (typeof arg === 'object' ? 'opened' : arg))}`,
    )
    const pairs = (/** @type {string[]} */ errors) =>
      names.map((name, index) => [name, errors[index]])
    assert.deepEqual(pairs(run.errors), pairs(errorsOf(memory, steps)))
    for (const [at, length] of places) {
      assert.deepEqual(run.memory.subarray(at, at + length), memory.subarray(at, at + length))
    }
    return run
  }

  test('arguments and environment, in the same layout', async () => {
    await assertSame(
      [
        ['args_sizes_get', FREE, FREE + 4],
        ['args_get', FREE + 16, FREE + 64],
        ['environ_sizes_get', FREE + 8, FREE + 12],
        ['environ_get', FREE + 128, FREE + 192],
      ],
      [[FREE, 512]],
    )
  })

  test('preopened folders', async () => {
    await assertSame(
      [
        ['fd_prestat_get', 3, FREE],
        ['fd_prestat_get', 4, FREE + 8],
        ['fd_prestat_get', 5, FREE + 16],
        ['fd_prestat_get', -1, FREE + 16],
        ['fd_prestat_dir_name', 3, FREE + 64, 2],
        ['fd_prestat_dir_name', 4, FREE + 72, 1],
        ['fd_prestat_dir_name', 5, FREE + 80, 1],
      ],
      [[FREE, 128]],
    )
  })

  test('types of files', async () => {
    const ALL = 0x1fffffffn
    await assertSame(
      [
        open(3, 'data/text.txt', 8192),
        open(3, 'data', 8196, { flags: DIRECTORY, rights: 1n << 14n }),
        ['fd_fdstat_get', 3, FREE],
        ['fd_fdstat_get', { load: 8192 }, FREE + 64],
        ['path_filestat_get', 3, 1, 'data/text.txt', FREE + 128],
        ['path_filestat_get', 3, 1, 'data', FREE + 192],
        open(3, 'data/text.txt', 8200, { rights: ALL & 0x200026n }),
        ['fd_filestat_get', { load: 8200 }, FREE + 256],
        ['fd_tell', { load: 8200 }, FREE + 320],
        ['fd_seek', { load: 8200 }, 2n, 0, FREE + 328],
        ['fd_seek', { load: 8200 }, -9n, 0, FREE + 336],
        ['fd_seek', { load: 8200 }, -1n, 2, FREE + 344],
        ['fd_seek', { load: 8200 }, 100n, 1, FREE + 352],
      ],
      [
        [FREE, 1],
        [FREE + 64, 1],
        [FREE + 128 + 16, 1],
        [FREE + 128 + 24, 16],
        [FREE + 192 + 16, 1],
        [FREE + 256 + 16, 1],
        [FREE + 256 + 24, 16],
        [FREE + 320, 64],
      ],
    )
  })

  test('errors of paths', async () => {
    await assertSame([
      open(3, 'nope', FREE),
      open(3, 'nope/x', FREE),
      open(3, 'data/text.txt/x', FREE),
      open(3, 'data/text.txt', FREE, { flags: DIRECTORY }),
      open(3, 'data/text.txt', FREE, { flags: 5 }),
      ['path_readlink', 3, 'data/text.txt', FREE, 10, FREE + 16],
      ['path_readlink', 3, 'nope', FREE, 10, FREE + 16],
      ['path_filestat_get', 3, 1, 'nope', FREE],
      ['path_unlink_file', 3, 'data'],
      ['path_unlink_file', 3, 'nope'],
      ['path_remove_directory', 3, 'data/text.txt'],
      ['path_remove_directory', 3, 'data'],
      ['path_remove_directory', 3, 'nope'],
      ['path_create_directory', 3, 'data'],
      ['path_rename', 3, 'nope', 3, 'x'],
      ['path_symlink', 'x', 3, 'data'],
      ['path_link', 3, 0, 'nope', 3, 'z'],
      ['clock_time_get', 9, 0n, FREE],
      ['clock_res_get', 9, FREE],
      ['poll_oneoff', FREE, FREE, 0, FREE],
    ])
  })

  test('descriptors that are not open are EBADF', async () => {
    // Node has no sockets to shut down.
    const names = ON_DESCRIPTORS.filter((name) => name !== 'sock_shutdown')
    const { errors } = await assertSame([
      ...names.map((name) => callWith(name, 99, FREE)),
      ['fd_renumber', 0, 99],
      ['fd_close', -1],
    ])
    assert.deepEqual(new Set(errors), new Set(['badf']))
  })
})

describe('pointers to where no memory is', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
  })
  after(() => rm(folder, { recursive: true }))

  const BAD = {
    'the last address': -8,
    'the end of memory': MEMORY_BYTES,
    'far beyond': 0x7ffffff8,
  }
  /** Those that take a pointer for sure, whatever else they are given. */
  const POINTING = [
    'args_sizes_get',
    'clock_res_get',
    'clock_time_get',
    'environ_sizes_get',
    'fd_fdstat_get',
    'fd_filestat_get',
    'fd_prestat_get',
    'random_get',
  ]
  const ON_PATHS = [
    'path_create_directory',
    'path_filestat_get',
    'path_filestat_set_times',
    'path_open',
    'path_readlink',
    'path_remove_directory',
    'path_unlink_file',
  ]
  for (const [name, address] of Object.entries(BAD)) {
    test(`(${name}) are EFAULT`, async () => {
      for (const wasi of [{ preopens: { '/': folder } }, { files: { a: 'a' } }]) {
        for (const called of [...POINTING, ...ON_PATHS]) {
          const { errors } = await perform([callWith(called, 3, address)], wasi)
          assert.deepEqual(errors, ['fault'], `${called} with ${Object.keys(wasi)}`)
        }
      }
    })

    test(`(${name}) never end the process, whatever is called`, async () => {
      for (const wasi of [{ preopens: { '/': folder } }, { files: { a: 'a' } }]) {
        for (const called of FUNCTIONS) {
          for (const descriptor of [0, 3, -1, 70_000]) {
            const quiet = /** @type {const} */ ({ stdout: 'ignore', clock: 'host' })
            const steps = [callWith(called, descriptor, address)]
            await perform(steps, { ...wasi, ...quiet }).catch((error) => {
              assert.ok(error instanceof InitializeError, called)
              assert.notEqual(error.code, 'ERR_INTERNAL', `${called}: ${error.message}`)
            })
          }
        }
      }
    })
  }

  test('in lists of buffers are EFAULT', async () => {
    const more = '(data (i32.const 8192) "\\f8\\ff\\ff\\ff\\10\\00\\00\\00")'
    for (const [wasi, first] of /** @type {Array<[WasiOptions, Step[]]>} */ ([
      [{ stdin: 'x'.repeat(100) }, []],
      [{ files: { a: 'a'.repeat(100) } }, [open(3, 'a', 8256)]],
    ])) {
      const from = first.length ? { load: 8256 } : 0
      const { errors } = await perform(
        [...first, ['fd_read', from, 8192, 1, FREE], ['fd_read', from, -8, 1, FREE]],
        wasi,
        { more },
      )
      assert.deepEqual(errors.slice(first.length), ['fault', 'fault'])
    }
  })

  test('never end the run where they are not aligned', async () => {
    const { errors } = await perform([
      ['args_sizes_get', FREE + 1, FREE + 7],
      ['clock_time_get', 0, 0n, FREE + 17],
      ['fd_fdstat_get', 0, FREE + 33],
    ])
    for (const error of errors) assert.ok(['success', 'inval'].includes(error), error)
  })

  test('and values that no flag has are EINVAL', async () => {
    const preopens = { '/': folder }
    for (const step of /** @type {Step[]} */ ([
      ['fd_seek', 3, 0n, 9, FREE],
      ['fd_advise', 3, 0n, 0n, 77],
      ['path_open', 3, 0, 'a', 0x1000, 2n, 0n, 0, FREE],
      ['clock_time_get', 77, 0n, FREE],
    ])) {
      const { errors } = await perform([step], { preopens })
      assert.deepEqual(errors, ['inval'], step[0])
    }
  })
})

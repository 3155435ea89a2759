// What a run reports: facts that are checked against the modules themselves, and against what the
// guest is known to have done.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { initializeWithReport, inspect } from '../index.js'
import { assemble } from './compare.js'
import { failure } from './failure.js'
import { FREE, LIST, open, perform, readGuest } from './fixtures/guests.js'
import { APP, FASTLY_OPTIONS, readFastly, readJavy, readReactor } from './modules.js'
import { SECTION, itemCount, leb, section, sections } from './sections.js'

/**
 * @typedef {import('../index.js').WasiOptions} WasiOptions
 * @typedef {import('./fixtures/guests.js').Step} Step
 */

const STATE = await assemble(`(module
  (memory (export "memory") 2 10)
  (memory $other 1)
  (global (export "a") (mut i32) (i32.const 1))
  (global $same (mut i32) (i32.const 5))
  (global $untouched (mut i64) (i64.const 5))
  (global $constant i32 (i32.const 3))
  (table (export "t") 4 funcref)
  (table $u 2 funcref)
  (elem (table 0) (i32.const 0) func $nothing)
  (func $nothing)
  (data (i32.const 0) "hello")
  (func (export "wizer.initialize")
    (i32.store8 (i32.const 100) (i32.const 7))
    (drop (memory.grow (i32.const 3)))
    (i64.store (i32.const 70000) (i64.const -1))
    (global.set 0 (i32.const 2))
    (global.set $same (i32.const 5))))`)

const NAMES = /** @type {Record<number, string>} */ ({
  ...Object.fromEntries(Object.entries(SECTION).map(([name, id]) => [id, name])),
  [SECTION.dataCount]: 'data count',
})

/**
 * Bytes of sections by name.
 * @param {Uint8Array} wasm
 */
function sizesOf(wasm) {
  /** @type {Record<string, number>} */
  const sizes = {}
  for (const { id, name, start, end } of sections(wasm)) {
    const key = id === SECTION.custom ? name : NAMES[id]
    sizes[key] = (sizes[key] ?? 0) + end - start
  }
  return sizes
}

describe('a report', () => {
  test('has every field, and no other', async () => {
    const { report } = await initializeWithReport(STATE)
    assert.deepEqual(Object.keys(report).toSorted(), [
      'assumedGlobals',
      'cache',
      'directoriesRead',
      'engine',
      'filesRead',
      'globals',
      'initFunc',
      'memories',
      'pathsProbed',
      'sizes',
      'tables',
      'timings',
      'wasi',
    ])
    assert.deepEqual(report.wasi, { calls: {}, baked: [] })
    assert.deepEqual(report.filesRead, [])
    assert.ok(['hit', 'miss', 'off'].includes(report.cache), report.cache)
    const wasi = /** @type {const} */ ({ stdout: 'capture', stderr: 'capture' })
    const captured = await initializeWithReport(STATE, { wasi })
    assert.deepEqual(captured.report.stdout, Buffer.alloc(0))
    assert.deepEqual(captured.report.stderr, Buffer.alloc(0))
    assert.ok(Buffer.isBuffer(captured.report.stdout) && Buffer.isBuffer(captured.report.stderr))
  })

  test('names the init function that was called', async () => {
    assert.equal((await initializeWithReport(STATE)).report.initFunc, 'wizer.initialize')
    const rust = readGuest('rust')
    const { report } = await initializeWithReport(rust, { initFunc: 'moment', wasi: true })
    assert.equal(report.initFunc, 'moment')
  })

  test('names the engine that ran', async () => {
    for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
      assert.equal((await initializeWithReport(STATE, { engine })).report.engine, engine)
    }
    assert.ok(
      ['baseline', 'optimizing'].includes((await initializeWithReport(STATE)).report.engine),
    )
  })

  test('has the times of all stages, which are no more than the total', async () => {
    for (const [wasm, options] of /** @type {const} */ ([
      [STATE, {}],
      [readJavy(), { initFunc: 'initialize-runtime', wasi: true }],
    ])) {
      const { report } = await initializeWithReport(wasm, options)
      const { total, ...stages } = report.timings
      assert.deepEqual(Object.keys(stages).toSorted(), [
        'compile',
        'instantiate',
        'instrument',
        'parse',
        'rewrite',
        'run',
        'snapshot',
      ])
      for (const [stage, time] of Object.entries(stages)) {
        assert.ok(Number.isFinite(time) && time >= 0, `${stage} ${time}`)
      }
      const sum = Object.values(stages).reduce((sum, time) => sum + time, 0)
      assert.ok(sum <= total + 1e-6, `${sum} of ${total}`)
    }
  })

  for (const [name, read, options] of /** @type {const} */ ([
    ['of a small module', () => STATE, {}],
    ['of a C++ program', readReactor, { initFunc: '_initialize' }],
    ['of a Rust program', () => readGuest('rust'), { initFunc: 'hash_maps', wasi: true }],
    ['of a Go program', () => readGuest('go'), { initFunc: 'hash_maps', wasi: true }],
    ['of the Javy plugin', readJavy, { initFunc: 'initialize-runtime', wasi: true }],
    [
      'of a stripped program',
      () => readGuest('go'),
      { initFunc: 'hash_maps', wasi: true, strip: true },
    ],
  ])) {
    test(`has the sizes of all sections ${name}, which add up to the files`, async () => {
      const wasm = read()
      const { wasm: output, report } = await initializeWithReport(wasm, options)
      const { sizes } = report
      assert.deepEqual([sizes.input, sizes.output], [wasm.length, output.length])
      const sum = (/** @type {'before' | 'after'} */ when) =>
        sizes.sections.reduce((sum, section) => sum + section[when], 0)
      assert.deepEqual([sum('before'), sum('after')], [wasm.length - 8, output.length - 8])
      const names = sizes.sections.map(({ name }) => name)
      assert.equal(new Set(names).size, names.length, 'a name is there twice')
      const [was, is] = [sizesOf(wasm), sizesOf(output)]
      for (const { name, before, after } of sizes.sections) {
        assert.deepEqual([before, after], [was[name] ?? 0, is[name] ?? 0], name)
      }
      assert.deepEqual(names.toSorted(), Object.keys({ ...was, ...is }).toSorted())
    })
  }

  test('has the sizes of text in its binary form', async () => {
    const text = Buffer.from(`(module ${' '.repeat(1000)} (func (export "wizer.initialize")))`)
    const { wasm, report } = await initializeWithReport(text)
    const { sizes } = report
    assert.equal(sizes.output, wasm.length)
    const before = sizes.sections.reduce((sum, section) => sum + section.before, 0)
    assert.ok([before + 8, text.length].includes(sizes.input), `${sizes.input}`)
    assert.equal(
      sizes.sections.reduce((sum, section) => sum + section.after, 0),
      wasm.length - 8,
    )
  })

  test('tells of each memory what is in it', async () => {
    const { wasm, report } = await initializeWithReport(STATE)
    assert.deepEqual(report.memories, [
      { index: 0, pagesBefore: 2, pagesAfter: 5, nonZeroBytes: 14, segments: 3, segmentBytes: 14 },
      { index: 1, pagesBefore: 1, pagesAfter: 1, nonZeroBytes: 0, segments: 0, segmentBytes: 0 },
    ])
    assert.equal(itemCount(wasm, SECTION.data), 3)
  })

  test('counts the segments of real programs as they are in the output', async () => {
    const wasm = readGuest('rust')
    const { wasm: output, report } = await initializeWithReport(wasm, {
      initFunc: 'hash_maps',
      wasi: true,
    })
    const [memory] = report.memories
    assert.equal(memory.segments, itemCount(output, SECTION.data))
    assert.ok(memory.nonZeroBytes <= memory.segmentBytes)
    assert.ok(memory.segmentBytes < /** @type {any} */ (section(output, SECTION.data)).bytes.length)
    assert.equal(memory.pagesBefore, inspect(wasm).memories[0].minPages)
    assert.equal(memory.pagesAfter, inspect(output).memories[0].minPages)
  })

  test('counts globals, and those whose value is another', async () => {
    const { report } = await initializeWithReport(STATE)
    assert.deepEqual(report.globals, { total: 4, changed: 1 })
  })

  test('tells of tables that nothing has changed', async () => {
    const { report } = await initializeWithReport(STATE)
    assert.deepEqual(report.tables, [
      { index: 0, before: 4, after: 4, changed: false },
      { index: 1, before: 2, after: 2, changed: false },
    ])
  })

  test('tells of tables that init has changed', async () => {
    const { report } = await initializeWithReport(
      Buffer.from(`(module
        (table $grown 1 funcref) (table $set 2 funcref) (table $same 3 funcref)
        (elem (table $same) (i32.const 0) func $f)
        (func $f)
        (func (export "wizer.initialize")
          (drop (table.grow $grown (ref.func $f) (i32.const 4)))
          (table.set $set (i32.const 1) (ref.func $f))
          (table.set $same (i32.const 0) (ref.func $f))))`),
    )
    assert.deepEqual(report.tables, [
      { index: 0, before: 1, after: 5, changed: true },
      { index: 1, before: 2, after: 2, changed: true },
      { index: 2, before: 3, after: 3, changed: false },
    ])
  })

  test('has no memories, globals and tables where there are none', async () => {
    const { report } = await initializeWithReport(
      Buffer.from('(module (func (export "wizer.initialize")))'),
    )
    assert.deepEqual(report.memories, [])
    assert.deepEqual(report.globals, { total: 0, changed: 0 })
    assert.deepEqual(report.tables, [])
  })

  test('of one run says nothing of others that run at the same time', async () => {
    /** @type {Array<Step[]>} */
    const programs = Array.from({ length: 8 }, (_, count) =>
      Array.from({ length: count }, () => ['sched_yield']),
    )
    const runs = await Promise.all(programs.map((steps) => perform(steps)))
    for (const [count, { report }] of runs.entries()) {
      assert.deepEqual(report.wasi.calls, count ? { sched_yield: count } : {})
    }
  })
})

describe('wasi.calls', () => {
  test('counts each function, failing calls too', async () => {
    const { report, errors } = await perform([
      ['random_get', FREE, 1],
      ['random_get', FREE, 1],
      ['random_get', FREE, 1],
      ['clock_time_get', 0, 0n, FREE],
      ['fd_close', 99],
      ['fd_close', 98],
      ['fd_prestat_get', 3, FREE],
      ['sched_yield'],
    ])
    assert.deepEqual(errors.slice(4, 7), ['badf', 'badf', 'badf'])
    assert.deepEqual(report.wasi.calls, {
      clock_time_get: 1,
      fd_close: 2,
      fd_prestat_get: 1,
      random_get: 3,
      sched_yield: 1,
    })
  })

  test('counts calls on files of one run', async () => {
    const { report } = await perform(
      [
        open(3, 'a.txt', FREE),
        ['fd_read', { load: FREE }, FREE + 8, 0, FREE + 16],
        ['fd_close', { load: FREE }],
        ['fd_close', { load: FREE }],
      ],
      { files: { 'a.txt': 'a' } },
    )
    assert.deepEqual(report.wasi.calls, { fd_close: 2, fd_read: 1, path_open: 1 })
  })

  test('counts an exit with status 0', async () => {
    const { report } = await initializeWithReport(
      Buffer.from(`(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "wizer.initialize") (call $exit (i32.const 0))))`),
      { wasi: true },
    )
    assert.deepEqual(report.wasi.calls, { proc_exit: 1 })
  })
})

describe('wasi.baked', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
    await mkdir(join(folder, 'inner'))
    await writeFile(join(folder, 'file.txt'), 'host')
    await writeFile(join(folder, 'unread.txt'), 'host')
    await writeFile(join(folder, 'inner', 'deep.txt'), 'deep')
    await symlink('file.txt', join(folder, 'link.txt'))
  })
  after(() => rm(folder, { recursive: true }))

  const OPENED = 8192
  /** @type {Step} */
  const READ_IT = ['fd_read', { load: OPENED }, 8320, 1, 8256]
  const more = '(data (i32.const 8320) "\\00\\50\\00\\00\\64\\00\\00\\00")'
  const ALL = () =>
    /** @type {WasiOptions} */ ({
      args: ['program'],
      env: { A: '1', B: '2' },
      stdin: 'input',
      files: { 'a.txt': 'a', 'b.txt': 'b' },
      preopens: { '/host': folder },
    })

  /** @type {Record<string, { steps: Step[], baked: string[], filesRead?: string[] }>} */
  const cases = {
    nothing: { steps: [], baked: [] },
    'nothing of what the guest only asks the size of': {
      steps: [
        ['args_sizes_get', FREE, FREE + 8],
        ['environ_sizes_get', FREE, FREE + 8],
        ['clock_res_get', 0, FREE],
        ['fd_prestat_get', 3, FREE],
        ['fd_fdstat_get', 0, FREE],
        ['sched_yield'],
      ],
      baked: [],
    },
    'the arguments': { steps: [['args_get', FREE, FREE + 64]], baked: ['args'] },
    'the environment': { steps: [['environ_get', FREE, FREE + 64]], baked: ['env:A', 'env:B'] },
    'random numbers': { steps: [['random_get', FREE, 8]], baked: ['random'] },
    'the time': { steps: [['clock_time_get', 0, 0n, FREE]], baked: ['clock'] },
    'standard input': { steps: [['fd_read', 0, 8320, 1, 8256]], baked: ['stdin'] },
    'a file of one run': {
      steps: [open(4, 'a.txt', OPENED), READ_IT],
      baked: ['file:/a.txt'],
    },
    'a file of one run, by a path with dots': {
      steps: [open(4, './b.txt', OPENED), ['fd_pread', { load: OPENED }, 8320, 1, 0n, 8256]],
      baked: ['file:/b.txt'],
    },
    'a file of the host': {
      steps: [open(3, 'file.txt', OPENED), READ_IT],
      baked: ['file:/host/file.txt'],
      filesRead: ['file.txt'],
    },
    'a file of the host, read in place': {
      steps: [open(3, 'file.txt', OPENED), ['fd_pread', { load: OPENED }, 8320, 1, 0n, 8256]],
      baked: ['file:/host/file.txt'],
      filesRead: ['file.txt'],
    },
    'a file of the host, from a folder that was opened': {
      steps: [
        open(3, 'inner', OPENED + 4, { rights: LIST }),
        open({ load: OPENED + 4 }, 'deep.txt', OPENED),
        READ_IT,
      ],
      baked: ['file:/host/inner/deep.txt'],
      filesRead: ['inner/deep.txt'],
    },
    'a file that has another number by now': {
      steps: [
        open(3, 'unread.txt', OPENED + 4),
        open(3, 'file.txt', OPENED),
        ['fd_renumber', { load: OPENED }, { load: OPENED + 4 }],
        ['fd_read', { load: OPENED + 4 }, 8320, 1, 8256],
      ],
      baked: ['file:/host/file.txt'],
      filesRead: ['file.txt'],
    },
    'a file whose number was another file’s': {
      steps: [
        open(3, 'unread.txt', OPENED),
        ['fd_close', { load: OPENED }],
        open(3, 'file.txt', OPENED),
        READ_IT,
      ],
      baked: ['file:/host/file.txt'],
      filesRead: ['file.txt'],
    },
    'no file that is only opened': {
      steps: [open(3, 'file.txt', OPENED), open(4, 'a.txt', OPENED)],
      baked: [],
    },
    'no file that could not be read': {
      steps: [open(3, 'inner', OPENED, { rights: LIST }), READ_IT, ['fd_read', 77, 8320, 1, 8256]],
      baked: [],
    },
  }
  for (const [name, { steps, baked, filesRead = [] }] of Object.entries(cases)) {
    test(`names ${name}`, async () => {
      const { report } = await perform(steps, ALL(), { more })
      assert.deepEqual(report.wasi.baked, baked)
      assert.deepEqual(
        report.filesRead,
        filesRead.map((path) => join(folder, path)),
      )
    })
  }

  test('names no arguments, environment and input that are empty', async () => {
    const { report } = await perform(
      [
        ['args_get', FREE, FREE + 64],
        ['environ_get', FREE, FREE + 64],
        ['fd_read', 0, 8320, 1, 8256],
      ],
      {},
      { more },
    )
    assert.deepEqual(report.wasi.baked, [])
  })

  test('names each once, in an order that is always the same', async () => {
    const steps = Object.values(cases).flatMap(({ steps }) => steps)
    const { report } = await perform([...steps, ...steps], ALL(), { more })
    assert.deepEqual(report.wasi.baked, [
      'args',
      'clock',
      'env:A',
      'env:B',
      'file:/a.txt',
      'file:/b.txt',
      'file:/host/file.txt',
      'file:/host/inner/deep.txt',
      'random',
      'stdin',
    ])
    assert.deepEqual(report.filesRead, [
      join(folder, 'file.txt'),
      join(folder, 'inner', 'deep.txt'),
    ])
  })

  test('tells what was looked for and at, and which folders were listed', async () => {
    const { report } = await perform(
      [
        open(3, 'missing.txt', OPENED),
        ['path_filestat_get', 3, 1, 'absent', FREE],
        ['path_filestat_get', 3, 1, 'unread.txt', FREE],
        open(3, 'file.txt', OPENED),
        READ_IT,
        open(3, 'inner', OPENED + 4, { rights: LIST }),
        ['fd_readdir', { load: OPENED + 4 }, FREE, 256, 0n, 8256],
      ],
      ALL(),
      { more },
    )
    const paths = (/** @type {string[]} */ names) => names.map((name) => join(folder, name))
    assert.deepEqual(report.filesRead, paths(['file.txt']))
    assert.deepEqual(report.pathsProbed, paths(['absent', 'inner', 'missing.txt', 'unread.txt']))
    assert.deepEqual(report.directoriesRead, paths(['inner']))
  })

  test('are told by a failed run as well, for another try', async () => {
    const steps = [open(3, 'missing.txt', OPENED), open(3, 'file.txt', OPENED), READ_IT]
    const error = await failure(
      perform(steps, ALL(), {
        // Behind the two imports and this function stands the one that takes the steps.
        more: `${more} (func (export "fail") (call 3) unreachable)`,
        initFunc: 'fail',
      }),
    )
    assert.equal(error.code, 'ERR_TRAP')
    assert.deepEqual(error.filesRead, [join(folder, 'file.txt')])
    assert.deepEqual(error.pathsProbed, [join(folder, 'missing.txt')])
    assert.deepEqual(error.directoriesRead, [])
  })

  test('names a link by its own path, so that a change of it is seen', async () => {
    const { report } = await perform([open(3, 'link.txt', OPENED), READ_IT], ALL(), { more })
    assert.deepEqual(report.wasi.baked, ['file:/host/link.txt'])
    assert.ok(report.filesRead.includes(join(folder, 'link.txt')), `${report.filesRead}`)
  })

  test('has host paths as the preopen was given', async () => {
    const path = relative(process.cwd(), folder)
    const { report } = await perform(
      [open(3, 'file.txt', OPENED), READ_IT],
      { preopens: { '.': path } },
      { more },
    )
    assert.deepEqual(report.wasi.baked, ['file:file.txt'])
    assert.equal(report.filesRead.length, 1)
    assert.ok([join(path, 'file.txt'), join(folder, 'file.txt')].includes(report.filesRead[0]))
  })
})

describe('a report of a JavaScript engine', () => {
  test('names the script that init has read, and nothing that it has not', async () => {
    const { wasm, report } = await initializeWithReport(readFastly(), FASTLY_OPTIONS)
    assert.deepEqual(report.filesRead, [join(APP, 'app.js')])
    assert.ok(report.wasi.baked.includes('file:app.js'), `${report.wasi.baked}`)
    assert.ok(report.wasi.baked.includes('stdin'))
    assert.ok(!report.wasi.baked.some((what) => what.startsWith('env:')))
    assert.equal(report.stdout?.toString(), 'app.js runs\n')
    assert.ok(report.wasi.calls.fd_write >= 1)
    const [memory] = report.memories
    assert.equal(memory.segments, itemCount(wasm, SECTION.data))
    assert.ok(memory.nonZeroBytes <= memory.segmentBytes)
    const total = report.sizes.sections.reduce((sum, { after }) => sum + after, 0)
    assert.equal(total, wasm.length - 8)
  })
})

describe('inspect answers from section headers:', () => {
  const wasm = readFastly()
  const code = /** @type {import('./sections.js').Section} */ (section(wasm, SECTION.code))
  const expected = inspect(wasm)

  test('the code of a module of 10 MB may be anything', () => {
    const corrupt = Buffer.from(wasm)
    // The number of functions stays.
    const bodies = code.contents + leb(itemCount(wasm, SECTION.code)).length
    corrupt.fill(0xff, bodies, code.end)
    assert.deepEqual(inspect(corrupt), expected)
    assert.throws(() => new WebAssembly.Module(corrupt))
    corrupt.fill(0, bodies, code.end)
    assert.deepEqual(inspect(corrupt), expected)
  })

  test('names and sizes of all sections are right', () => {
    const own = sections(wasm).map(({ id, name, start, end }) => ({
      name: id === SECTION.custom ? name : NAMES[id],
      bytes: end - start,
    }))
    assert.deepEqual(expected.sections, own)
  })

  test('imports, exports, memories and tables are those that V8 finds', async () => {
    for (const bytes of [readGuest('rust'), readGuest('go'), readGuest('c'), readJavy()]) {
      const info = inspect(bytes)
      const module = new WebAssembly.Module(bytes)
      assert.deepEqual(info.imports, WebAssembly.Module.imports(module))
      assert.deepEqual(info.exports, WebAssembly.Module.exports(module))
      assert.ok(info.memories.length === 1 && !info.memories[0].imported)
    }
  })
})

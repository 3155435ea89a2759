// The same module, options and files give the same bytes: run after run, in any environment, on
// either engine. What guests usually take from their host to differ, they are given evenly.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { initialize, initializeSync } from '../index.js'
import { runScript } from './child.js'
import { instantiate, functions, memoryOf } from './compare.js'
import {
  FREE,
  LIST,
  inertImports,
  logOf,
  open,
  perform,
  readGuest,
  stepsModule,
} from './fixtures/guests.js'
import { FASTLY_OPTIONS, readFastly, readJavy } from './modules.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('../index.js').WasiOptions} WasiOptions
 */

const ENGINES = /** @type {const} */ (['baseline', 'optimizing'])

/** Programs whose init looks at everything that differs from run to run. */
const PROGRAMS =
  /** @type {Record<string, { read: () => Buffer, options: InitializeOptions }>} */ ({
    'Rust’s hash maps': {
      read: () => readGuest('rust'),
      options: { initFunc: 'hash_maps', wasi: true },
    },
    'Rust’s clocks': { read: () => readGuest('rust'), options: { initFunc: 'times', wasi: true } },
    'Go’s runtime and maps': {
      read: () => readGuest('go'),
      options: { initFunc: 'hash_maps', wasi: true },
    },
    'Go’s timers': { read: () => readGuest('go'), options: { initFunc: 'times', wasi: true } },
    'the Javy plugin': {
      read: readJavy,
      options: { initFunc: 'initialize-runtime', wasi: true },
    },
  })

describe('run after run, the bytes are the same for', () => {
  for (const [name, { read, options }] of Object.entries(PROGRAMS)) {
    test(name, async () => {
      const wasm = read()
      const first = await initialize(wasm, options)
      for (let run = 0; run < 3; run++) {
        assert.ok((await initialize(wasm, options)).equals(first), `run ${run}`)
      }
      assert.ok(initializeSync(wasm, options).equals(first), 'the blocking twin')
      const together = Array.from({ length: 4 }, () => initialize(wasm, options))
      for (const output of await Promise.all(together)) assert.ok(output.equals(first))
    })

    test(`${name} in either engine`, async () => {
      const wasm = read()
      const [baseline, optimizing] = await Promise.all(
        ENGINES.map((engine) => initialize(wasm, { ...options, engine })),
      )
      assert.ok(optimizing.equals(baseline))
    })
  }

  test('a JavaScript engine that has evaluated an app, five times', async () => {
    const wasm = readFastly()
    const first = await initialize(wasm, FASTLY_OPTIONS)
    for (let run = 0; run < 4; run++) {
      assert.ok((await initialize(wasm, FASTLY_OPTIONS)).equals(first), `run ${run}`)
    }
  })
})

/** Runs everything in a process of its own, and prints the hash of all outputs. */
const HASHES = `
  import { createHash } from 'node:crypto'
  import { initialize } from 'wasm-preinit'
  import { readGuest } from './__test__/fixtures/guests.js'
  import { FASTLY_OPTIONS, readFastly, readJavy } from './__test__/modules.js'
  if (process.env.WORKING_FOLDER) process.chdir(process.env.WORKING_FOLDER)
  const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
  for (const [wasm, options] of [
    [readGuest('rust'), { initFunc: 'hash_maps', wasi: true }],
    [readGuest('rust'), { initFunc: 'times', wasi: true }],
    [readGuest('rust'), { initFunc: 'environment', wasi: true }],
    [readGuest('go'), { initFunc: 'times', wasi: true }],
    [readGuest('go'), { initFunc: 'environment', wasi: true }],
    [readJavy(), { initFunc: 'initialize-runtime', wasi: true }],
    [readFastly(), FASTLY_OPTIONS],
  ]) console.log(hash(await initialize(wasm, options)))`

describe('processes give the same bytes', () => {
  const hash = (/** @type {Uint8Array} */ bytes) => createHash('sha256').update(bytes).digest('hex')
  let expected = ''
  before(async () => {
    const { stdout, stderr } = await runScript(HASHES, { env: { SOURCE_DATE_EPOCH: '' } })
    assert.equal(stdout.trim().split('\n').length, 7, stderr)
    expected = stdout
  })

  /** @type {Record<string, Record<string, string>>} */
  const environments = {
    'with one thread': { RAYON_NUM_THREADS: '1' },
    'with two threads': { RAYON_NUM_THREADS: '2' },
    'with eight threads': { RAYON_NUM_THREADS: '8', UV_THREADPOOL_SIZE: '8' },
    'in another time zone and language': { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8' },
    'with other environment variables and no home': {
      LC_ALL: 'C',
      HOME: '/nonexistent',
      RUST_LOG: 'trace',
      RUST_BACKTRACE: 'full',
      GODEBUG: 'gctrace=1',
      GOMAXPROCS: '7',
      HOSTNAME: 'elsewhere',
      NOISE: 'x'.repeat(5000),
    },
    'in another working directory': { WORKING_FOLDER: tmpdir() },
  }
  for (const [name, env] of Object.entries(environments)) {
    test(name, async () => {
      const { stdout, stderr } = await runScript(HASHES, { env: { SOURCE_DATE_EPOCH: '', ...env } })
      assert.equal(stdout, expected, stderr)
    })
  }

  test('as this one, which began at another time', async () => {
    const own = []
    for (const [read, options] of /** @type {Array<[() => Buffer, InitializeOptions]>} */ ([
      [() => readGuest('rust'), { initFunc: 'hash_maps', wasi: true }],
      [() => readGuest('rust'), { initFunc: 'times', wasi: true }],
      [() => readGuest('rust'), { initFunc: 'environment', wasi: true }],
      [() => readGuest('go'), { initFunc: 'times', wasi: true }],
      [() => readGuest('go'), { initFunc: 'environment', wasi: true }],
      [readJavy, { initFunc: 'initialize-runtime', wasi: true }],
      [readFastly, FASTLY_OPTIONS],
    ])) {
      own.push(hash(await initialize(read(), options)))
    }
    assert.equal(`${own.join('\n')}\n`, expected)
  })
})

describe('what init has built works on', () => {
  for (const language of /** @type {const} */ (['rust', 'go'])) {
    test(`in a hash map of ${language}`, async () => {
      const output = await initialize(readGuest(language), { initFunc: 'hash_maps', wasi: true })
      const { look_up } = functions(instantiate(output, inertImports(output)))
      for (const number of [0, 1, 50, 99]) assert.equal(look_up(number), number)
      assert.equal(look_up(100), -1)
    })
  }
})

describe('a folder that is copied in another order gives the same bytes', () => {
  const names = [
    ...Array.from({ length: 500 }, (_, number) => `file ${(number * 7919) % 10_007}.txt`),
    'Upper.txt',
    'ünïcode-😀.txt',
    'inner/deep/down.txt',
    'inner/a.txt',
    'other/a.txt',
    'a.b/x',
    'a/x',
  ]
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
    await copy('first', names, 1_000_000_000)
    // Other inodes and places in the folders.
    const fillers = Array.from({ length: 40 }, (_, number) => `filler ${number}`)
    await copy('second', [...fillers, ...names.toReversed()], 1_500_000_000)
    for (const filler of fillers) await rm(join(folder, 'second', filler))
    await copy('third', names.toSorted(), 1_700_000_000)
  })
  after(() => rm(folder, { recursive: true }))

  /**
   * @param {string} name
   * @param {string[]} paths
   * @param {number} seconds
   */
  async function copy(name, paths, seconds) {
    for (const [number, path] of paths.entries()) {
      const file = join(folder, name, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, `contents of ${path}`)
      await utimes(file, seconds + number, seconds + 3 * number)
    }
  }

  /**
   * @param {Uint8Array} wasm
   * @param {InitializeOptions} [options]
   */
  const fromEach = (wasm, options) =>
    Promise.all(
      ['first', 'second', 'third'].map((name) =>
        initialize(wasm, { ...options, wasi: { preopens: { '/data': join(folder, name) } } }),
      ),
    )

  for (const [language, initFunc] of /** @type {const} */ ([
    ['rust', 'walk'],
    ['go', 'walk'],
    ['c', 'list_data'],
    ['c', 'count_data'],
  ])) {
    test(`to ${initFunc} of ${language}`, async () => {
      const [first, ...others] = await fromEach(readGuest(language), { initFunc })
      const log = logOf(first)
      if (initFunc === 'walk') assert.equal(log.length, names.length + 5)
      for (const other of others) {
        assert.deepEqual(logOf(other), log)
        assert.ok(other.equals(first))
      }
    })
  }

  test('to a guest that looks at inode numbers, link counts and times', async () => {
    const wasm = await stepsModule([
      ['path_filestat_get', 3, 1, 'inner/a.txt', FREE],
      ['path_filestat_get', 3, 1, 'Upper.txt', FREE + 64],
      ['path_filestat_get', 3, 1, 'inner', FREE + 128],
      open(3, 'a/x', FREE + 200),
      ['fd_filestat_get', { load: FREE + 200 }, FREE + 256],
      ['fd_filestat_get', 3, FREE + 320],
      ['fd_readdir', 3, FREE + 400, 40_000, 0n, FREE + 384],
    ])
    const [first, ...others] = await fromEach(wasm)
    for (const other of others) assert.ok(other.equals(first))
  })

  test('and is listed in the order of its names', async () => {
    const [output] = await fromEach(readGuest('rust'), { initFunc: 'walk' })
    const paths = logOf(output).map((line) => /** @type {string} */ (line.split('.txt')[0]))
    const top = paths.filter((path) => path.startsWith('/data/file '))
    assert.equal(top.length, 500)
    assert.deepEqual(top, top.toSorted())
  })

  /** The names in a listing, and the cookie of the last entry that is whole. */
  const parse = (/** @type {Buffer} */ listing) => {
    const entries = []
    for (let at = 0; at + 24 <= listing.length;) {
      const length = listing.readUInt32LE(at + 16)
      const end = at + 24 + length
      if (end > listing.length) break
      entries.push({
        next: listing.readBigUInt64LE(at),
        inode: listing.readBigUInt64LE(at + 8),
        name: listing.toString('utf8', at + 24, end),
      })
      at = end
    }
    return entries
  }

  test('can be listed in pieces, from any cookie on', async () => {
    const size = 300
    const preopens = { '/data': join(folder, 'first') }
    const whole = await perform([['fd_readdir', 3, FREE, 40_000, 0n, 512]], { preopens })
    const all = parse(whole.memory.subarray(FREE, FREE + whole.memory.readUInt32LE(512)))
    assert.deepEqual(
      all.map(({ name }) => name),
      ['.', '..', ...new Set(names.map((name) => name.split('/')[0]))].toSorted((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      ),
    )
    assert.equal(new Set(all.map(({ next }) => next)).size, all.length)
    const cookies = [0n, ...all.map(({ next }) => next)]
    /** @type {string[]} */
    const found = []
    for (let cookie = 0n; found.length < all.length;) {
      const { errors, memory } = await perform([['fd_readdir', 3, FREE, size, cookie, 512]], {
        preopens,
      })
      assert.deepEqual(errors, ['success'])
      const used = memory.readUInt32LE(512)
      const entries = parse(memory.subarray(FREE, FREE + used))
      assert.ok(entries.length > 0)
      found.push(...entries.map(({ name }) => name))
      cookie = entries[entries.length - 1].next
      assert.ok(cookies.includes(cookie))
      // A buffer that is not full says that this was the end.
      assert.equal(used < size, found.length === all.length)
    }
    assert.deepEqual(
      found,
      all.map(({ name }) => name),
    )
  })

  test('ends for cookies beyond its end and has no entries for an empty buffer', async () => {
    const preopens = { '/data': join(folder, 'first') }
    const files = { 'a.txt': 'a' }
    for (const [wasi, number] of /** @type {Array<[WasiOptions, number]>} */ ([
      [{ preopens }, 3],
      [{ files }, 3],
    ])) {
      const { errors, memory } = await perform(
        [
          ['fd_readdir', number, FREE, 1000, 1_000_000n, 512],
          ['fd_readdir', number, FREE, 1000, -1n, 516],
          ['fd_readdir', number, FREE, 0, 0n, 520],
        ],
        wasi,
      )
      assert.deepEqual(errors, ['success', 'success', 'success'])
      assert.deepEqual(
        [512, 516, 520].map((at) => memory.readUInt32LE(at)),
        [0, 0, 0],
      )
    }
  })
})

test('streams of the process, be they a pipe, a file or nothing, do not show in the bytes', async () => {
  const script = `
    import { openSync } from 'node:fs'
    import { spawnSync } from 'node:child_process'
    import { fileURLToPath } from 'node:url'
    const inner = \`
      import { writeSync, openSync } from 'node:fs'
      import { createHash } from 'node:crypto'
      import { initialize } from 'wasm-preinit'
      import { FREE, readGuest, stepsModule } from './__test__/fixtures/guests.js'
      const steps = [0, 1, 2].flatMap((number) => [
        ['fd_fdstat_get', number, FREE + 128 * number],
        ['fd_filestat_get', number, FREE + 1024 + 128 * number],
      ])
      const outputs = [
        await initialize(await stepsModule(steps), { wasi: { stdin: 'inherit' } }),
        await initialize(await stepsModule(steps), { wasi: true }),
        await initialize(readGuest('c'), { initFunc: 'list_root', wasi: true }),
      ]
      const hash = createHash('sha256')
      for (const output of outputs) hash.update(output)
      writeSync(3, hash.digest('hex'))\`
    const hashes = [
      ['pipe', 'pipe', 'pipe'],
      ['ignore', 'ignore', 'ignore'],
      ['pipe', openSync('package.json', 'r'), openSync('/dev/null', 'w')],
    ].map((stdio) => {
      const args = ['--input-type=module', '--eval', inner]
      return String(spawnSync(process.execPath, args, { stdio: [...stdio, 'pipe'] }).output[3])
    })
    console.log(hashes.map((hash) => hash.length), new Set(hashes).size)`
  const { stdout, stderr } = await runScript(script)
  assert.equal(stdout, '[ 64, 64, 64 ] 1\n', stderr)
})

/** A program of util-linux that gives its child a terminal. */
const TERMINAL = '/usr/bin/script'

test(
  'a terminal does not show in the bytes',
  { skip: process.platform !== 'linux' || !existsSync(TERMINAL) },
  async () => {
    const script = `
      import { spawnSync } from 'node:child_process'
      const inner = \`
        import('wasm-preinit').then(async ({ initialize }) => {
          const { createHash } = await import('node:crypto')
          const { stepsModule } = await import('./__test__/fixtures/guests.js')
          const { writeFileSync } = await import('node:fs')
          const wasm = await stepsModule([0, 1, 2].map((fd) => ['fd_fdstat_get', fd, 8192 + 64 * fd]))
          const output = await initialize(wasm, { wasi: true })
          console.log('hash:' + createHash('sha256').update(output).digest('hex'))
        })\`
      const env = { ...process.env, INNER: inner }
      const command = '"' + process.execPath + '" -e "$INNER"'
      const hash = ({ stdout }) => /hash:(\\w{64})/.exec(String(stdout))?.[1] ?? String(stdout)
      const piped = hash(spawnSync('sh', ['-c', command], { env }))
      const terminal = hash(spawnSync('${TERMINAL}', ['-qec', command, '/dev/null'], { env }))
      console.log(piped.length, terminal.length, piped === terminal)`
    const { stdout, stderr } = await runScript(script)
    assert.equal(stdout, '64 64 true\n', stderr)
  },
)

describe('random bytes', () => {
  const steps = /** @type {import('./fixtures/guests.js').Step[]} */ ([
    ['random_get', FREE, 64],
    ['random_get', FREE + 64, 64],
    ['random_get', 512, 0],
  ])

  test('are the same in each run, and different in each call', async () => {
    const [one, other] = [await perform(steps), await perform(steps)]
    assert.deepEqual(one.errors, ['success', 'success', 'success'])
    const bytes = one.memory.subarray(FREE, FREE + 64)
    assert.ok(bytes.some((byte) => byte !== 0))
    assert.notDeepEqual(one.memory.subarray(FREE + 64, FREE + 128), bytes)
    assert.deepEqual(other.memory, one.memory)
    const explicit = await perform(steps, { random: 'deterministic' })
    assert.deepEqual(explicit.memory, one.memory)
  })

  test('are the same in two calls as in one for as many', async () => {
    const two = await perform([
      ['random_get', FREE, 5],
      ['random_get', FREE + 5, 8],
    ])
    assert.ok(new Set(two.memory.subarray(FREE, FREE + 13)).size > 4)
  })

  test('depend on the module', async () => {
    const bytes = async (/** @type {string} */ more) =>
      (await perform(steps, {}, { more })).memory.subarray(FREE, FREE + 64)
    assert.notDeepEqual(await bytes('(data (i32.const 9000) "a")'), await bytes(''))
  })

  test('do not depend on other options of the guest', async () => {
    const { memory } = await perform(steps, { args: ['x'], env: { A: 'b' }, stdin: 'y' })
    const plain = await perform(steps)
    assert.deepEqual(memory.subarray(FREE, FREE + 128), plain.memory.subarray(FREE, FREE + 128))
  })

  test('of the host differ from run to run', async () => {
    const [one, other] = [
      await perform(steps, { random: 'host' }),
      await perform(steps, { random: 'host' }),
    ]
    assert.notDeepEqual(
      one.memory.subarray(FREE, FREE + 64),
      other.memory.subarray(FREE, FREE + 64),
    )
    for (const language of /** @type {const} */ (['rust', 'go'])) {
      const options = /** @type {const} */ ({ initFunc: 'hash_maps', wasi: { random: 'host' } })
      const run = () => initialize(readGuest(language), options)
      assert.notDeepEqual(logOf(await run()), logOf(await run()), language)
    }
  })
})

describe('the clock', () => {
  /** @param {WasiOptions['clock']} [clock] */
  const moment = async (clock) => {
    const output = await initialize(readGuest('rust'), { initFunc: 'moment', wasi: { clock } })
    return BigInt(logOf(output)[0])
  }

  /**
   * @template T
   * @param {string | undefined} value
   * @param {() => Promise<T>} run
   */
  async function withEpoch(value, run) {
    const was = process.env.SOURCE_DATE_EPOCH
    if (value === undefined) delete process.env.SOURCE_DATE_EPOCH
    else process.env.SOURCE_DATE_EPOCH = value
    try {
      return await run()
    } finally {
      if (was === undefined) delete process.env.SOURCE_DATE_EPOCH
      else process.env.SOURCE_DATE_EPOCH = was
    }
  }

  test('begins in 1970', async () => {
    await withEpoch(undefined, async () => assert.equal(await moment(), 0n))
    await withEpoch('', async () => assert.equal(await moment('deterministic'), 0n))
  })

  test('begins at a number of milliseconds', async () => {
    assert.equal(await moment(0), 0n)
    assert.equal(await moment(1), 1_000_000n)
    assert.equal(await moment(1_700_000_000_123), 1_700_000_000_123_000_000n)
    for (const language of /** @type {const} */ (['rust', 'go'])) {
      const lines = await Promise.all(
        [946_684_800_000, 1_700_000_000_123].map(async (clock) => {
          const wasm = readGuest(language)
          return logOf(await initialize(wasm, { initFunc: 'times', wasi: { clock } }))[0]
        }),
      )
      assert.deepEqual(lines, ['milliseconds 946684800000', 'milliseconds 1700000000123'])
    }
  })

  test('begins at SOURCE_DATE_EPOCH, unless a number is given', async () => {
    await withEpoch('1700000000', async () => {
      assert.equal(await moment(), 1_700_000_000_000_000_000n)
      assert.equal(await moment('deterministic'), 1_700_000_000_000_000_000n)
      assert.equal(await moment(5), 5_000_000n)
    })
    await withEpoch('0', async () => assert.equal(await moment(), 0n))
  })

  test('is ERR_INVALID_OPTION for a SOURCE_DATE_EPOCH that is no number of seconds', async () => {
    for (const value of ['tomorrow', '-1', '1.5', ' 1', '1e3', '0x10', '9'.repeat(20)]) {
      await withEpoch(value, () =>
        assert.rejects(moment(), (error) => {
          assert.ok(error instanceof TypeError, value)
          assert.equal(/** @type {any} */ (error).code, 'ERR_INVALID_OPTION')
          assert.match(error.message, /SOURCE_DATE_EPOCH/)
          return true
        }),
      )
    }
  })

  test('takes no look at SOURCE_DATE_EPOCH where nothing begins there', async () => {
    await withEpoch('tomorrow', async () => {
      assert.equal(await moment(7), 7_000_000n)
      assert.ok((await moment('host')) > 0n)
      await initialize(Buffer.from('(module (func (export "wizer.initialize")))'))
    })
  })

  test('of the host is the time', async () => {
    const before = BigInt(Date.now()) * 1_000_000n
    const now = await moment('host')
    const after = BigInt(Date.now() + 1) * 1_000_000n
    assert.ok(now >= before && now <= after, `${before} ${now} ${after}`)
  })

  test('refuses other values', async () => {
    for (const clock of [-1, 1.5, NaN, Infinity, 2 ** 53, '1', 'now', null, {}]) {
      await assert.rejects(moment(/** @type {any} */ (clock)), {
        name: 'TypeError',
        code: 'ERR_INVALID_OPTION',
        message: /`wasi\.clock`/,
      })
    }
  })

  test('never goes back, and goes on by each look at it', async () => {
    const looks = [0, 1, 0, 1, 2, 3, 1, 0].map(
      (id, index) =>
        /** @type {import('./fixtures/guests.js').Step} */ ([
          'clock_time_get',
          id,
          1n,
          FREE + 8 * index,
        ]),
    )
    const { errors, memory } = await perform(looks, { clock: 0 })
    assert.deepEqual(new Set(errors), new Set(['success']))
    const times = looks.map((_, index) => memory.readBigUInt64LE(FREE + 8 * index))
    for (const [index, time] of times.entries()) {
      if (index > 0) assert.ok(time > times[index - 1], `${times}`)
    }
    const { errors: refused } = await perform([
      ['clock_time_get', 4, 1n, FREE],
      ['clock_time_get', -1, 1n, FREE],
      ['clock_res_get', 4, FREE],
    ])
    assert.deepEqual(refused, ['inval', 'inval', 'inval'])
  })

  test('has a resolution that is not zero', async () => {
    const { errors, memory } = await perform(
      [0, 1, 2, 3].map((id) => ['clock_res_get', id, FREE + 8 * id]),
    )
    assert.deepEqual(errors, ['success', 'success', 'success', 'success'])
    for (const id of [0, 1, 2, 3]) assert.notEqual(memory.readBigUInt64LE(FREE + 8 * id), 0n)
  })
})

describe('waiting ends at once', () => {
  const HOUR = 3_600_000_000_000n
  const CENTURY = 876_000n * HOUR

  /**
   * Subscriptions as they stand in memory.
   * @param {Array<{ userdata: bigint, clock?: number, timeout?: bigint, absolute?: boolean, read?: number }>} list
   */
  const subscriptions = (list) => {
    const bytes = Buffer.alloc(48 * list.length)
    for (const [index, { userdata, clock = 0, timeout = 0n, absolute, read }] of list.entries()) {
      const at = 48 * index
      bytes.writeBigUInt64LE(userdata, at)
      bytes.writeUInt8(read === undefined ? 0 : 1, at + 8)
      bytes.writeUInt32LE(read ?? clock, at + 16)
      if (read === undefined) {
        bytes.writeBigUInt64LE(timeout, at + 24)
        bytes.writeUInt16LE(Number(absolute ?? false), at + 40)
      }
    }
    const text = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
    return `(data (i32.const ${FREE}) "${text}")`
  }
  const EVENTS = FREE + 4096
  /** The userdata of the events. */
  const events = (/** @type {Buffer} */ memory) =>
    Array.from({ length: memory.readUInt32LE(512) }, (_, index) => {
      assert.equal(memory.readUInt16LE(EVENTS + 32 * index + 8), 0, 'an event has failed')
      return memory.readBigUInt64LE(EVENTS + 32 * index)
    })

  test('for a time from now on, after which it has passed', async () => {
    for (const clock of [0, 1]) {
      const more = subscriptions([{ userdata: 77n, clock, timeout: CENTURY }])
      const { errors, memory } = await perform(
        [
          ['clock_time_get', clock, 0n, FREE + 8000],
          ['poll_oneoff', FREE, EVENTS, 1, 512],
          ['clock_time_get', clock, 0n, FREE + 8008],
        ],
        {},
        { more },
      )
      assert.deepEqual(errors, ['success', 'success', 'success'])
      assert.deepEqual(events(memory), [77n])
      const [before, after] = [8000, 8008].map((at) => memory.readBigUInt64LE(FREE + at))
      assert.ok(after - before >= CENTURY && after - before < CENTURY + HOUR)
    }
  })

  test('for a time on the clock, be it to come or past', async () => {
    for (const clock of [0, 1]) {
      for (const timeout of [0n, 1_000_000n * HOUR, 2n ** 63n, 2n ** 64n - 1n]) {
        const more = subscriptions([{ userdata: 5n, clock, timeout, absolute: true }])
        const { errors, memory } = await perform(
          [
            ['poll_oneoff', FREE, EVENTS, 1, 512],
            ['clock_time_get', clock, 0n, FREE + 8000],
          ],
          { clock: 1000 },
          { more },
        )
        assert.deepEqual(errors, ['success', 'success'])
        assert.deepEqual(events(memory), [5n])
        assert.ok(memory.readBigUInt64LE(FREE + 8000) >= timeout)
      }
    }
  })

  test('for the soonest of several', async () => {
    const more = subscriptions([
      { userdata: 1n, timeout: 3n * HOUR },
      { userdata: 2n, clock: 1, timeout: HOUR },
      { userdata: 3n, clock: 1, timeout: HOUR },
      { userdata: 4n, timeout: 2n * HOUR },
    ])
    const { errors, memory } = await perform([['poll_oneoff', FREE, EVENTS, 4, 512]], {}, { more })
    assert.deepEqual(errors, ['success'])
    assert.deepEqual(events(memory), [2n, 3n])
  })

  test('for a stream, which is always ready', async () => {
    const more = subscriptions([
      { userdata: 1n, timeout: CENTURY },
      { userdata: 2n, read: 0 },
    ])
    const { errors, memory } = await perform(
      [['poll_oneoff', FREE, EVENTS, 2, 512]],
      { stdin: 'text' },
      { more },
    )
    assert.deepEqual(errors, ['success'])
    assert.deepEqual(events(memory), [2n])
  })

  test('with an error for a descriptor that is not open', async () => {
    const more = subscriptions([{ userdata: 9n, read: 99 }])
    const { memory } = await perform([['poll_oneoff', FREE, EVENTS, 1, 512]], {}, { more })
    assert.equal(memory.readUInt32LE(512), 1)
    assert.equal(memory.readBigUInt64LE(EVENTS), 9n)
    assert.equal(memory.readUInt16LE(EVENTS + 8), 8)
  })

  test('in loops that look at a clock until a time has come', async () => {
    const wasm = Buffer.from(`(module
      (import "wasi_snapshot_preview1" "clock_time_get"
        (func $clock (param i32 i64 i32) (result i32)))
      (memory (export "memory") 1)
      (global $until (mut i64) (i64.const 0))
      (func (export "wizer.initialize")
        (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 8)))
        (global.set $until (i64.add (i64.load (i32.const 8)) (i64.const 200_000_000)))
        (loop $again
          (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 8)))
          (br_if $again (i64.lt_u (i64.load (i32.const 8)) (global.get $until))))))`)
    const output = await initialize(wasm, { wasi: true })
    assert.ok((await initialize(wasm, { wasi: true })).equals(output))
  })

  for (const language of /** @type {const} */ (['rust', 'go'])) {
    test(`in threads and timers of ${language}`, async () => {
      const lines = logOf(await initialize(readGuest(language), { initFunc: 'times', wasi: true }))
      assert.equal(lines[1], 'slept true')
      assert.equal(lines[2], language === 'rust' ? 'waited' : 'goroutines 4 3 2 1 0')
    })
  }

  test('of the host’s clock only when the time has passed', async () => {
    const more = subscriptions([{ userdata: 3n, clock: 1, timeout: 2_000_000n }])
    const { errors, memory } = await perform(
      [
        ['clock_time_get', 1, 0n, FREE + 8000],
        ['poll_oneoff', FREE, EVENTS, 1, 512],
        ['clock_time_get', 1, 0n, FREE + 8008],
      ],
      { clock: 'host' },
      { more },
    )
    assert.deepEqual(errors, ['success', 'success', 'success'])
    assert.deepEqual(events(memory), [3n])
    const [before, after] = [8000, 8008].map((at) => memory.readBigUInt64LE(FREE + at))
    assert.ok(after - before >= 2_000_000n)
  })
})

describe('bits of a NaN that arithmetic makes are canonical', () => {
  /** Operations that give a NaN, by their type. */
  const OPERATIONS = {
    f32: [
      '(f32.div (local.get $f) (local.get $f))',
      '(f32.sqrt (f32.const -1))',
      '(f32.sub (f32.const inf) (f32.const inf))',
      '(f32.mul (f32.const inf) (local.get $f))',
      '(f32.add (f32.const nan:0x200001) (f32.const 1))',
      '(f32.min (f32.const nan:0x345678) (local.get $f))',
      '(f32.max (local.get $f) (f32.const -nan:0x345678))',
      '(f32.ceil (f32.const -nan:0x200000))',
      '(f32.nearest (f32.const nan:0x1))',
      '(f32.demote_f64 (f64.const -nan:0x123456789))',
    ],
    f64: [
      '(f64.div (local.get $d) (local.get $d))',
      '(f64.sqrt (f64.const -1))',
      '(f64.sub (f64.const inf) (f64.const inf))',
      '(f64.add (f64.const nan:0x4000000000001) (f64.const 1))',
      '(f64.min (f64.const -nan:0x345678) (local.get $d))',
      '(f64.floor (f64.const nan:0x1))',
      '(f64.promote_f32 (f32.const -nan:0x345678))',
    ],
  }
  const VECTORS = [
    '(f32x4.div (v128.const f32x4 0 0 0 0) (v128.const f32x4 0 -0 0 0))',
    '(f32x4.sqrt (v128.const f32x4 -1 -1 -1 -1))',
    '(f32x4.add (v128.const f32x4 nan:0x1 -nan nan:0x200001 -nan:0x345) (v128.const f32x4 1 1 1 1))',
  ]
  const stores = Object.entries(OPERATIONS).flatMap(([type, list]) =>
    list.map((operation) => ({ type, operation })),
  )
  const wat = `(module (memory (export "memory") 1)
    (func (export "wizer.initialize") (local $f f32) (local $d f64)
      ${stores.map(({ type, operation }, index) => `(${type}.store (i32.const ${8 * index}) ${operation})`).join('\n')}
      ${VECTORS.map((operation, index) => `(v128.store (i32.const ${1024 + 16 * index}) ${operation})`).join('\n')}))`

  for (const engine of ENGINES) {
    test(`in ${engine} code`, async () => {
      const output = await initialize(Buffer.from(wat), { engine })
      const memory = memoryOf(instantiate(output))
      for (const [index, { type, operation }] of stores.entries()) {
        const is =
          type === 'f32' ? memory.readUInt32LE(8 * index) : memory.readBigUInt64LE(8 * index)
        assert.equal(is, type === 'f32' ? 0x7fc00000 : 0x7ff8000000000000n, operation)
      }
      for (let lane = 0; lane < 4 * VECTORS.length; lane++) {
        assert.equal(memory.readUInt32LE(1024 + 4 * lane), 0x7fc00000, `lane ${lane}`)
      }
    })
  }
})

test('a listing names inodes as fd_filestat_get does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
  try {
    await writeFile(join(folder, 'file.txt'), 'x')
    for (const wasi of [{ preopens: { '/': folder } }, { files: { 'file.txt': 'x' } }]) {
      const { errors, memory } = await perform(
        [
          ['fd_readdir', 3, FREE, 4096, 2n, 512],
          open(3, 'file.txt', 516),
          ['fd_filestat_get', { load: 516 }, FREE + 4096],
          open(3, '.', 520, { rights: LIST }),
        ],
        wasi,
      )
      assert.deepEqual(errors, ['success', 'success', 'success', 'success'])
      assert.equal(memory.toString('utf8', FREE + 24, FREE + 32), 'file.txt')
      assert.equal(memory.readBigUInt64LE(FREE + 8), memory.readBigUInt64LE(FREE + 4096 + 8))
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

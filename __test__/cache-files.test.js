// Files of compiled code: how many there may be, who writes them when, and which are ignored.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, extname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { runScript } from './child.js'
import { assemble } from './compare.js'
import {
  OTHER_USER,
  age,
  beingWritten,
  fileOf,
  freshProcess,
  freshly,
  inFreshProcess,
  kept,
  needsModes,
  needsRoot,
  outcomeOf,
  results,
  succeeded,
  temporary,
  unique,
  uses,
} from './fixtures/cache.js'
import { SECTION, encodeSection, leb } from './sections.js'

const INDEX = new URL('../index.js', import.meta.url).href

/** @typedef {import('./fixtures/cache.js').Outcome} Outcome */

/** @param {number} bytes */
const bound = (bytes) => ({ env: { WASM_PREINIT_CACHE_MAX_BYTES: String(Math.floor(bytes)) } })

/** @param {string} folder */
const totalBytes = (folder) =>
  kept(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

describe('a folder is bounded', () => {
  test('and what was used longest ago goes first', async (t) => {
    const cache = temporary(t)
    const [a, b, c] = [unique(), unique(), unique()]
    const fileA = await fileOf(cache, () => freshly(a, { cache }))
    const maxBytes = 2.5 * statSync(fileA).size
    const fileB = await fileOf(cache, () => freshly(b, { cache }, bound(maxBytes)))
    age(fileA, 3)
    age(fileB, 2)
    assert.equal((await freshly(a, { cache }, bound(maxBytes))).cache, 'hit')
    const fileC = await fileOf(cache, () => freshly(c, { cache }, bound(maxBytes)))
    assert.deepEqual(
      kept(cache).toSorted(),
      [fileA, fileC].map((path) => basename(path)).toSorted(),
    )
    assert.ok(totalBytes(cache) <= maxBytes)
    assert.deepEqual(uses([await freshly(a, { cache }), await freshly(c, { cache })]), [
      'hit',
      'hit',
    ])
    assert.equal((await freshly(b, { cache })).cache, 'miss')
  })

  test('by as much as it takes', async (t) => {
    const cache = temporary(t)
    const jobs = Array.from({ length: 6 }, () => ({ wasm: unique(), options: { cache } }))
    await inFreshProcess(jobs)
    assert.equal(kept(cache).length, 6)
    const maxBytes = (totalBytes(cache) / 6) * 2.5
    for (const name of kept(cache)) age(join(cache, name), 1)
    const file = await fileOf(cache, () => freshly(unique(), { cache }, bound(maxBytes)))
    assert.equal(kept(cache).length, 2)
    assert.ok(existsSync(file))
  })

  test('also for code that does not fit at all', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    for (const maxBytes of [0, 1000]) {
      assert.equal((await freshly(wasm, { cache }, bound(maxBytes))).cache, 'miss')
      assert.deepEqual(readdirSync(cache), [])
    }
  })

  test('and other files there are left alone', async (t) => {
    const cache = temporary(t)
    const notes = join(cache, 'notes.txt')
    writeFileSync(notes, 'x'.repeat(100_000))
    age(notes, 24)
    await freshly(unique(), { cache }, bound(50_000))
    assert.equal(kept(cache).length, 2)
    assert.ok(existsSync(notes))
  })
})

describe('files that were being written', () => {
  test('more than an hour ago are removed when the next one is written', async (t) => {
    const cache = temporary(t)
    const [old, ancient, young] = ['.writing-old', '.writing-ancient', '.writing-young']
    for (const name of [old, ancient, young]) writeFileSync(join(cache, name), 'half')
    age(join(cache, old), 1.1)
    age(join(cache, ancient), 24 * 365)
    age(join(cache, young), 0.8)
    await freshly(unique(), { cache })
    assert.deepEqual(beingWritten(cache), [young])
    assert.equal(kept(cache).length, 1)
  })

  test('may be anything', async (t) => {
    const cache = temporary(t)
    mkdirSync(join(cache, '.writing-folder', 'full'), { recursive: true })
    age(join(cache, '.writing-folder'), 2)
    const wasm = unique()
    await freshly(wasm, { cache })
    assert.equal((await freshly(wasm, { cache })).cache, 'hit')
  })
})

describe('eight processes at once', () => {
  /**
   * Performs runs, each in a process of its own, as much at once as can be.
   * @param {Uint8Array[]} modules
   * @param {string} cache
   * @param {import('./fixtures/cache.js').Place} [place]
   */
  async function atOnce(modules, cache, place) {
    const processes = await Promise.all(modules.map(() => freshProcess(place)))
    const runs = processes.map((process, index) =>
      process.perform([{ wasm: modules[index], options: { cache } }]),
    )
    const all = await Promise.all(runs)
    assert.deepEqual(
      all.flatMap(({ warnings }) => warnings),
      [],
    )
    return all.map(({ outcomes }) => succeeded(outcomes[0]))
  }

  test('with the same module get the same, and leave one good file', async (t) => {
    const cache = join(temporary(t), 'made', 'by', 'the', 'first')
    const wasm = unique()
    const outcomes = await atOnce(Array(8).fill(wasm), cache)
    const { result } = await outcomeOf(wasm, { cache: false })
    for (const outcome of outcomes) assert.deepEqual(outcome.result, result)
    assert.ok(uses(outcomes).includes('miss'))
    assert.equal(readdirSync(cache).length, 1)
    assert.equal((await freshly(wasm, { cache })).cache, 'hit')
  })

  test('with different modules get each its own, and leave eight good files', async (t) => {
    const cache = join(temporary(t), 'cache')
    const modules = Array.from({ length: 8 }, unique)
    const outcomes = await atOnce(modules, cache)
    assert.deepEqual(uses(outcomes), Array(8).fill('miss'))
    assert.equal(new Set(outcomes.map(({ result }) => result.output)).size, 8)
    assert.equal(readdirSync(cache).length, 8)
    const jobs = modules.map((wasm) => ({ wasm, options: { cache } }))
    const warm = await inFreshProcess(jobs)
    assert.deepEqual(uses(warm.outcomes), Array(8).fill('hit'))
    assert.deepEqual(results(warm.outcomes), results(outcomes))
    const off = await Promise.all(modules.map((wasm) => outcomeOf(wasm, { cache: false })))
    assert.deepEqual(results(off), results(outcomes))
  })

  test('keep to the bound, and remove nothing that another one needs', async (t) => {
    const cache = temporary(t)
    await freshly(unique(), { cache })
    const maxBytes = 2.5 * totalBytes(cache)
    const modules = Array.from({ length: 8 }, unique)
    const outcomes = await atOnce(modules, cache, bound(maxBytes))
    const off = await Promise.all(modules.map((wasm) => outcomeOf(wasm, { cache: false })))
    assert.deepEqual(results(outcomes), results(off))
    assert.deepEqual(beingWritten(cache), [])
    assert.ok(totalBytes(cache) <= maxBytes)
  })

  test('remove no more than it takes', async (t) => {
    const cache = temporary(t)
    const first = await fileOf(cache, () => freshly(unique(), { cache }))
    const [count, bytes] = [2000, 1000]
    for (let index = 0; index < count; index++) {
      const path = join(cache, `${index}${extname(first)}`)
      writeFileSync(path, Buffer.alloc(bytes))
      age(path, 10)
    }
    const maxBytes = (count * bytes) / 2
    await atOnce(Array.from({ length: 8 }, unique), cache, bound(maxBytes))
    assert.ok(totalBytes(cache) <= maxBytes)
    // Each has seen the folder at another moment, but all have seen most of it.
    assert.ok(
      totalBytes(cache) > maxBytes * 0.8,
      `${totalBytes(cache)} bytes of ${maxBytes} are left`,
    )
    assert.equal(kept(cache).filter((name) => statSync(join(cache, name)).size > bytes).length, 9)
  })
})

describe('code is written before the process ends', () => {
  const SEGMENT_BYTES = 64 << 20

  /** A module whose code is fast to run and slow to write, as a segment that nobody reads is in it. */
  async function large() {
    const segment = Buffer.concat([Buffer.from([1, 1]), leb(SEGMENT_BYTES)])
    const data = Buffer.alloc(SEGMENT_BYTES, unique())
    const plain = await assemble('(module (func (export "wizer.initialize")))')
    return Buffer.concat([plain, encodeSection(SECTION.data, Buffer.concat([segment, data]))])
  }

  const inWorker = (/** @type {string} */ after) => `
    const worker = new Worker(\`
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.index).then(async ({ initialize }) => {
        await initialize(workerData.wasm, workerData.options)
        ${after}
      })\`, { eval: true, execArgv: [], workerData: { index: ${JSON.stringify(INDEX)}, wasm, options } })`
  const stay = "parentPort.on('message', () => {}).postMessage('done')"
  const inMain = (/** @type {string} */ what) => `
    const { initialize, initializeSync } = await import(${JSON.stringify(INDEX)})
    ${what}`

  /**
   * What a process does with `wasm` and `options`, by how it ends. The main thread of one with a
   * worker does not know the package.
   * @type {Record<string, string>}
   */
  const scripts = {
    'by itself': inMain('await initialize(wasm, options)'),
    'with process.exit': inMain('await initialize(wasm, options); process.exit(0)'),
    'by itself, after a blocking run': inMain('initializeSync(wasm, options)'),
    'with process.exit, after a blocking run': inMain(
      'initializeSync(wasm, options); process.exit(0)',
    ),
    'by itself, after its worker': `${inWorker('')}; await once(worker, 'exit')`,
    'with process.exit, after its worker': `${inWorker('')}; await once(worker, 'exit'); process.exit(0)`,
    'by itself, after its worker has exited with process.exit': `${inWorker('process.exit(0)')}; await once(worker, 'exit')`,
    'by itself, after it has terminated its worker': `${inWorker(stay)}; await once(worker, 'message'); await worker.terminate()`,
    'with process.exit, while its worker lives': `${inWorker(stay)}; await once(worker, 'message'); process.exit(0)`,
  }
  for (const [how, script] of Object.entries(scripts)) {
    test(`that ends ${how}`, async (t) => {
      const folder = temporary(t)
      const cache = join(folder, 'cache')
      const wasm = await large()
      writeFileSync(join(folder, 'module.wasm'), wasm)
      const { status, signal, stderr } = await runScript(`
        import { once } from 'node:events'
        import { readFileSync } from 'node:fs'
        import { Worker } from 'node:worker_threads'
        const wasm = readFileSync(${JSON.stringify(join(folder, 'module.wasm'))})
        const options = { cache: ${JSON.stringify(cache)} }
        ${script}`)
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
      assert.deepEqual(beingWritten(cache), [])
      assert.equal(kept(cache).length, 1)
      assert.equal((await freshly(wasm, { cache })).cache, 'hit')
    })
  }

  test('that ends for an exception', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const { status, stderr } = await runScript(`
      import { initialize } from 'wasm-preinit'
      await initialize(Buffer.from(\`${wasm}\`), { cache: ${JSON.stringify(cache)} })
      throw new Error('thrown afterwards')`)
    assert.equal(status, 1)
    assert.match(stderr, /thrown afterwards/)
    assert.equal((await freshly(wasm, { cache })).cache, 'hit')
  })
})

describe('a file is ignored and replaced', () => {
  /**
   * @param {string} path
   * @param {(bytes: Buffer) => Buffer} change
   */
  const rewrite = (path, change) => writeFileSync(path, change(readFileSync(path)))

  /**
   * @param {string} path
   * @param {number} part 0 for the first byte, 1 for the last
   */
  const flip = (path, part) =>
    rewrite(path, (bytes) => {
      bytes[Math.round((bytes.length - 1) * part)] ^= 0x10
      return bytes
    })

  /**
   * What happens to a file, given its path and that of another module's good one.
   * @type {Record<string, (path: string, other: string) => void>}
   */
  const damages = {
    'cut to half': (path) => truncateSync(path, statSync(path).size / 2),
    'cut by a byte': (path) => truncateSync(path, statSync(path).size - 1),
    'cut to less than a checksum': (path) => truncateSync(path, 31),
    'cut to a checksum': (path) => rewrite(path, (bytes) => bytes.subarray(-32)),
    emptied: (path) => truncateSync(path, 0),
    'longer by a byte': (path) => rewrite(path, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
    'longer by a block': (path) =>
      rewrite(path, (bytes) => Buffer.concat([bytes, Buffer.alloc(4096)])),
    doubled: (path) => rewrite(path, (bytes) => Buffer.concat([bytes, bytes])),
    'flipped at its start': (path) => flip(path, 0),
    'flipped in its first quarter': (path) => flip(path, 0.25),
    'flipped in its middle': (path) => flip(path, 0.5),
    'flipped in its last quarter': (path) => flip(path, 0.75),
    'flipped shortly before its end': (path) => flip(path, 1 - 30 / statSync(path).size),
    'flipped at its end': (path) => flip(path, 1),
    'all zeros': (path) => rewrite(path, (bytes) => bytes.fill(0)),
    'that of another module': (path, other) => copyFileSync(other, path),
    'that of another module, with its own last block': (path, other) =>
      rewrite(path, (bytes) =>
        Buffer.concat([readFileSync(other).subarray(0, -48), bytes.subarray(-48)]),
      ),
    'a link to that of another module': (path, other) => {
      rmSync(path)
      symlinkSync(other, path)
    },
    text: (path) => writeFileSync(path, 'not code at all\n'.repeat(100)),
    ...(!needsModes && {
      'writable by all': (/** @type {string} */ path) => chmodSync(path, 0o666),
      'writable by its group': (/** @type {string} */ path) => chmodSync(path, 0o620),
      'an endless device': (/** @type {string} */ path) => {
        rmSync(path)
        symlinkSync('/dev/zero', path)
      },
    }),
    ...(!needsRoot && {
      "another user's": (/** @type {string} */ path) => chownSync(path, OTHER_USER, OTHER_USER),
    }),
  }

  for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
    describe(`of the ${engine} compiler`, () => {
      /** @type {Record<'good' | 'damaged' | 'replaced', Outcome[]>} */
      let runs

      before(async () => {
        const cache = temporary(after)
        const names = Object.keys(damages)
        const jobs = names.map(() => ({ wasm: unique(), options: { engine, cache } }))
        const other = await fileOf(cache, () => freshly(unique(), { engine, cache }))
        /** @type {Outcome[]} */
        const good = []
        for (const [index, { wasm, options }] of jobs.entries()) {
          const run = async () => (good[index] = await outcomeOf(wasm, options))
          damages[names[index]](await fileOf(cache, run), other)
        }
        const { outcomes: damaged, warnings } = await inFreshProcess(jobs)
        assert.deepEqual(warnings, [])
        const { outcomes: replaced } = await inFreshProcess(jobs)
        runs = { good, damaged, replaced }
        assert.deepEqual(beingWritten(cache), [])
        assert.equal(kept(cache).length, names.length + 1)
      })

      for (const [index, name] of Object.keys(damages).entries()) {
        test(`if it is ${name}`, () => {
          const { good, damaged, replaced } = runs
          const is = [good, damaged, replaced].map((run) => succeeded(run[index]).cache)
          assert.deepEqual(is, ['miss', 'miss', 'hit'])
          assert.deepEqual(damaged[index].result, good[index].result)
          assert.deepEqual(replaced[index].result, good[index].result)
        })
      }
    })
  }

  test('if it is that of another compiler', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const [baseline, optimizing] = /** @type {const} */ (['baseline', 'optimizing'])
    const from = await fileOf(cache, () => freshly(wasm, { cache, engine: baseline }))
    const to = await fileOf(cache, () => freshly(wasm, { cache, engine: optimizing }))
    copyFileSync(from, to)
    const runs = [
      await freshly(wasm, { cache, engine: optimizing }),
      await freshly(wasm, { cache, engine: optimizing }),
    ]
    assert.deepEqual(uses(runs), ['miss', 'hit'])
    assert.deepEqual(
      runs[1].result,
      (await outcomeOf(wasm, { cache: false, engine: optimizing })).result,
    )
  })

  test('if it is a pipe, for which nobody writes', { skip: needsModes }, async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    const file = await fileOf(cache, () => freshly(wasm, { cache }))
    rmSync(file)
    execFileSync('mkfifo', ['-m', '600', file])
    const runs = [await freshly(wasm, { cache }), await freshly(wasm, { cache })]
    assert.deepEqual(uses(runs), ['miss', 'hit'])
  })

  test('but for a folder, which is ignored and stays', async (t) => {
    const cache = temporary(t)
    for (const contents of [[], ['something']]) {
      const wasm = unique()
      const off = await outcomeOf(wasm, { cache: false })
      const file = await fileOf(cache, () => freshly(wasm, { cache }))
      rmSync(file)
      mkdirSync(file)
      for (const name of contents) writeFileSync(join(file, name), '')
      for (let run = 0; run < 2; run++) {
        const { cache: use, result } = await freshly(wasm, { cache })
        assert.equal(use, 'miss')
        assert.deepEqual(result, off.result)
      }
      assert.deepEqual(readdirSync(file), contents)
      assert.deepEqual(beingWritten(cache), [])
    }
  })
})

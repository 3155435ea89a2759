// The largest module there is to test with: a JavaScript engine that has evaluated an app. V8 runs
// original and output with Node's own WASI, and a host that sends the app one request.

import assert from 'node:assert/strict'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WASI } from 'node:wasi'
import { initialize, initializeWithReport, inspect } from '../index.js'
import { functions, memoryOf } from './compare.js'
import { APP, FASTLY_OPTIONS, FASTLY_STDIN, readFastly } from './modules.js'
import { SECTION, exportsOf, section } from './sections.js'

/** Bytes that init fills with random numbers, or that depend on them, were 1,300 of 7.6 million. */
const MAX_RANDOM_BYTES = 4_000

/**
 * A host: WASI functions of the running phase, and as much of the platform's as one request takes.
 * @param {Uint8Array} wasm
 * @param {WebAssembly.Module} module
 * @param {WASI} wasi
 */
function start(wasm, module, wasi) {
  /** @type {string[]} */
  const log = []
  const note = (/** @type {string} */ line) => {
    log.push(line)
    return 0
  }
  let current = wasi
  // As in the run: a microsecond is between two looks at a clock.
  let time = 0n
  const clock_time_get = (/** @type {number[]} */ ...[, , at]) => {
    const { buffer } = /** @type {WebAssembly.Memory} */ (instance.exports.memory)
    new DataView(buffer).setBigUint64(at, time, true)
    time += 1000n
    return 0
  }
  const view = () => memoryOf(instance)
  const write = (/** @type {number} */ at, /** @type {number} */ value) => {
    new DataView(/** @type {WebAssembly.Memory} */ (instance.exports.memory).buffer).setUint32(
      at,
      value,
      true,
    )
    return 0
  }
  const text = (/** @type {number} */ at, /** @type {number} */ length) =>
    view().toString('utf8', at, at + length)
  const answer =
    (/** @type {string} */ value) =>
    (/** @type {number[]} */ ...[, at, , written]) => {
      Buffer.from(/** @type {WebAssembly.Memory} */ (instance.exports.memory).buffer).write(
        value,
        at,
      )
      return write(written, value.length)
    }
  /** @type {Record<string, (...args: number[]) => number>} */
  const host = {
    body_downstream_get: (request, body) => write(request, 1) || write(body, 2),
    method_get: answer('POST'),
    uri_get: answer('https://example.com/path'),
    'fastly_http_resp.new': (response) => write(response, 3),
    'fastly_http_body.new': (body) => write(body, 4),
    'fastly_http_body.write': (_body, at, length, _end, written) => {
      return note(`body ${text(at, length)}`) || write(written, length)
    },
    status_set: (_response, status) => note(`status ${status}`),
    header_insert: (_response, name, nameLength, value, valueLength) =>
      note(`header ${text(name, nameLength)}: ${text(value, valueLength)}`),
    send_downstream: () => note('sent'),
  }
  /** @type {WebAssembly.Imports} */
  const imports = {}
  for (const { module: from, name } of inspect(wasm).imports) {
    imports[from] ??= {}
    imports[from][name] =
      from === 'wasi_snapshot_preview1'
        ? name === 'clock_time_get'
          ? clock_time_get
          : (/** @type {number[]} */ ...args) =>
              /** @type {Record<string, Function>} */ (current.wasiImport)[name](...args)
        : (host[`${from}.${name}`] ?? host[name] ?? (() => 0))
  }
  const instance = new WebAssembly.Instance(module, imports)
  /** Runs the app's handler as its host does, in an environment of its own. */
  const respond = (/** @type {string} */ entry) => {
    current = new WASI({ version: 'preview1', args: ['app'], returnOnExit: true })
    // Node runs any module with a memory and a start function.
    const exports = { memory: instance.exports.memory, _start: instance.exports[entry] }
    assert.equal(current.start({ exports }), 0)
    return log
  }
  return { instance, respond }
}

describe('a JavaScript engine that has evaluated an app', () => {
  const original = readFastly()
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
  const stdinPath = join(folder, 'stdin')
  writeFileSync(stdinPath, FASTLY_STDIN)
  after(() => rmSync(folder, { recursive: true }))

  /** @type {Awaited<ReturnType<typeof initializeWithReport>>} */
  let run
  /** @type {ReturnType<typeof start>} */
  let initialized
  /** @type {ReturnType<typeof start>} */
  let resumed
  before(async () => {
    run = await initializeWithReport(original, FASTLY_OPTIONS)
    const stdin = openSync(stdinPath, 'r')
    const wasi = new WASI({
      version: 'preview1',
      stdin,
      stdout: openSync(join(folder, 'out'), 'w'),
      preopens: { '.': APP },
    })
    initialized = start(original, await WebAssembly.compile(original), wasi)
    wasi.initialize(initialized.instance)
    functions(initialized.instance)['wizer.initialize']()
    closeSync(stdin)
    const output = /** @type {Buffer<ArrayBuffer>} */ (run.wasm)
    resumed = start(output, await WebAssembly.compile(output), wasi)
  })

  test('tells what the app printed, and how far memory has grown', () => {
    const { report } = run
    assert.equal(report.initFunc, 'wizer.initialize')
    assert.equal(report.stdout?.toString(), 'app.js runs\n')
    assert.equal(report.stderr?.toString(), '')
    assert.equal(report.sizes.input, original.length)
    assert.equal(report.sizes.output, run.wasm.length)
    const [memory] = report.memories
    const { buffer } = /** @type {WebAssembly.Memory} */ (initialized.instance.exports.memory)
    assert.equal(memory.pagesAfter * 65_536, buffer.byteLength)
    assert.ok(memory.segments <= 10_000)
  })

  test('exports what the host needs and nothing that would run init again', () => {
    const names = exportsOf(run.wasm).map(({ name }) => name)
    assert.deepEqual(names.toSorted(), ['_start', 'cabi_realloc', 'memory'])
  })

  test('has the code section of the original', () => {
    const [is, was] = [run.wasm, original].map((wasm) => section(wasm, SECTION.code)?.bytes)
    assert.ok(is && was && Buffer.from(is).equals(was))
  })

  test('gives the same bytes in another run, be its folder elsewhere', async () => {
    const again = await initialize(original, FASTLY_OPTIONS)
    assert.ok(again.equals(run.wasm))
    const copied = join(folder, 'copied')
    mkdirSync(copied)
    writeFileSync(join(copied, 'later.js'), '')
    writeFileSync(join(copied, 'app.js'), readFileSync(join(APP, 'app.js')))
    const wasi = /** @type {import('../index.js').WasiOptions} */ (FASTLY_OPTIONS.wasi)
    const options = { ...FASTLY_OPTIONS, wasi: { ...wasi, preopens: { '.': copied } } }
    assert.ok((await initialize(original, options)).equals(run.wasm))
  })

  test('starts with the memory of the original after init, but for random numbers', () => {
    const [is, was] = [memoryOf(resumed.instance), memoryOf(initialized.instance)]
    assert.equal(is.length, was.length)
    let different = 0
    for (let at = 0; at < is.length; at++) if (is[at] !== was[at]) different++
    assert.ok(different < MAX_RANDOM_BYTES, `${different} bytes differ`)
  })

  test('answers a request as the original does after init', () => {
    const response = resumed.respond('_start')
    assert.deepEqual(response, [
      'status 201',
      'body {"started":["BUILT","BEFORE","THE","SNAPSHOT"],"visits":[["/path",1]],"method":"POST"}',
      'header x-app: yes',
      'header content-type: text/plain;charset=UTF-8',
      'sent',
    ])
    assert.deepEqual(initialized.respond('wizer.resume'), response)
  })
})

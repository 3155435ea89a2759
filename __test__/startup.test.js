// Measuring start-up in V8: what is run and what the guest finds there. Nothing is said about how
// long anything takes, but for one init that does a thousand times as much as instantiating.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { initializeWithReport } from '../index.js'
import { measureStartup } from '../report/startup.js'
import { assemble } from './compare.js'
import { FASTLY_OPTIONS, readFastly, readReactor } from './modules.js'

/** @typedef {import('../index.js').InitializeOptions} InitializeOptions */

/** WASI functions by name, with their parameters. */
const IMPORTS = Object.entries({
  environ_sizes_get: 'i32 i32',
  args_sizes_get: 'i32 i32',
  fd_read: 'i32 i32 i32 i32',
  fd_write: 'i32 i32 i32 i32',
  path_open: 'i32 i32 i32 i32 i32 i64 i64 i32 i32',
})
  .map(([name, parameters]) => {
    const type = `(param ${parameters}) (result i32)`
    return `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${type}))`
  })
  .join('\n')

/**
 * A guest whose init traps unless what it does there succeeds: `$must` takes errors, `$same` two
 * numbers.
 * @param {string} init
 * @param {string} [more]
 */
function guest(init, more = '') {
  return assemble(`(module ${IMPORTS}
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1) ${more}
    (data (i32.const 512) "data.txt") (data (i32.const 600) "new.txt")
    (func $must (param i32) (if (local.get 0) (then unreachable)))
    (func $same (param i32 i32)
      (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
    (func $open (param $name i32) (param $length i32) (param $flags i32)
      (call $must (call $path_open (i32.const 3) (i32.const 0) (local.get $name)
        (local.get $length) (local.get $flags) (i64.const 2) (i64.const 0) (i32.const 0)
        (i32.const 32))))
    ;; Reads 8 bytes at most to address 64 and gives the first.
    (func $first (param $from i32) (result i32)
      (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 8))
      (call $must (call $fd_read (local.get $from) (i32.const 16) (i32.const 1) (i32.const 24)))
      (i32.load8_u (i32.const 64)))
    (func (export "wizer.initialize") ${init}))`)
}

/**
 * @param {Uint8Array} input
 * @param {InitializeOptions} [options]
 * @param {InitializeOptions} [measuring] other options to measure with
 */
async function measured(input, options = {}, measuring = options) {
  const { wasm: output, report } = await initializeWithReport(input, options)
  return measureStartup({ input, output, initFunc: report.initFunc, options: measuring })
}

/** @param {Awaited<ReturnType<typeof measured>>} result */
function assertMeasured(result) {
  assert.ok('before' in result, 'reason' in result ? result.reason : '')
  assert.ok(result.samples >= 3)
  assert.equal(result.unit, 'ms')
  assert.match(result.engine, /^V8 \d+\.\d+/)
  assert.ok(Number.isFinite(result.before) && result.before > 0)
  assert.ok(Number.isFinite(result.after) && result.after > 0)
  return result
}

/**
 * @param {Awaited<ReturnType<typeof measured>>} result
 * @param {RegExp} reason
 */
function assertReason(result, reason) {
  assert.ok('reason' in result, 'it was measured')
  assert.match(result.reason, reason)
}

describe('measuring start-up', () => {
  /** @type {string} */
  let folder
  const outside = { TMPDIR: process.env.TMPDIR, TEMP: process.env.TEMP, TMP: process.env.TMP }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'startup-test-'))
    await mkdir(join(folder, 'temporary'))
    for (const name of Object.keys(outside)) process.env[name] = join(folder, 'temporary')
  })

  after(async () => {
    for (const [name, value] of Object.entries(outside)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    await rm(folder, { recursive: true })
  })

  test('runs init before, and only instantiates after', async () => {
    const input = await assemble(`(module (global $n (mut i32) (i32.const 0))
      (func (export "wizer.initialize")
        (loop $more (global.set $n (i32.add (global.get $n) (i32.const 1)))
          (br_if $more (i32.lt_u (global.get $n) (i32.const 20000000))))))`)
    const { before, after } = assertMeasured(await measured(input))
    assert.ok(before > 10 * after, `${before} ms before, ${after} ms after`)
  })

  test('works for a C++ program and for a JavaScript engine', async () => {
    assertMeasured(await measured(readReactor(), { initFunc: '_initialize', wasi: true }))
    assertMeasured(await measured(readFastly(), FASTLY_OPTIONS))
  })

  test('gives the guest its arguments, variables, input, files and folders', async () => {
    const host = join(folder, 'host')
    await mkdir(host)
    await writeFile(join(host, 'data.txt'), 'h')
    const checks = `
      (call $must (call $args_sizes_get (i32.const 0) (i32.const 4)))
      (call $same (i32.load (i32.const 0)) (i32.const 2))
      (call $must (call $environ_sizes_get (i32.const 0) (i32.const 4)))
      (call $same (i32.load (i32.const 0)) (i32.const 1))
      (call $same (call $first (i32.const 0)) (i32.const 105))
      (call $open (i32.const 512) (i32.const 8) (i32.const 0))`
    const wasi = { args: ['a', 'b'], env: { A: 'b' }, stdin: 'in' }
    const fromHost = await guest(
      `${checks} (call $same (call $first (i32.load (i32.const 32))) (i32.const 104))`,
    )
    assertMeasured(await measured(fromHost, { wasi: { ...wasi, preopens: { '.': host } } }))
    const fromFiles = await guest(
      `${checks} (call $same (call $first (i32.load (i32.const 32))) (i32.const 102))`,
    )
    assertMeasured(await measured(fromFiles, { wasi: { ...wasi, files: { 'data.txt': 'f' } } }))
  })

  test('takes an exit with status 0 for the end of init', async () => {
    const input = await guest('(call $proc_exit (i32.const 0))')
    assertMeasured(await measured(input, { wasi: true }))
  })

  test('gives imported memories, tables and globals, and preloaded modules', async () => {
    const preload = await assemble('(module (func (export "seven") (result i32) (i32.const 7)))')
    /** @param {string} pages */
    const module = (pages) =>
      assemble(`(module
        (import "other" "seven" (func $seven (result i32)))
        (import "env" "memory" (memory ${pages} 4))
        (import "env" "table" (table 3 funcref))
        (import "env" "base" (global $base i32))
        (func (export "start")
          (i32.store (global.get $base) (i32.add (table.size) (call $seven)))))`)
    const options = {
      initFunc: 'start',
      imports: { env: { base: 131_068 } },
      preload: { other: preload },
    }
    const [input, output] = [await module('2'), await module('3')]
    assertMeasured(await measureStartup({ input, output, options }))
  })

  test('gives the function as the reason where init calls one of the host’s', async () => {
    const input = await assemble(`(module (import "host" "log" (func $log))
      (func (export "wizer.initialize") (call $log)))`)
    const result = await measured(input, { imports: { host: { log() {} } } })
    assertReason(result, /`host\.log`/)
  })

  test('gives a trap as the reason', async () => {
    const input = await guest('(call $same (call $first (i32.const 0)) (i32.const 105))')
    const result = await measured(input, { wasi: { stdin: 'in' } }, { wasi: { stdin: 'other' } })
    assertReason(result, /init traps: unreachable/)
  })

  test('does not read standard input a second time', async () => {
    const input = await guest('(drop (call $first (i32.const 0)))')
    const result = await measured(input, { wasi: true }, { wasi: { stdin: 'inherit' } })
    assertReason(result, /standard input/)
  })

  test('does not write files a second time', async () => {
    const host = join(folder, 'written')
    await mkdir(host)
    const input = await guest('(call $open (i32.const 600) (i32.const 7) (i32.const 9))')
    const options = { wasi: { preopens: { '.': host } } }
    const { wasm: output } = await initializeWithReport(input, options)
    await writeFile(join(host, 'new.txt'), 'kept')
    assertReason(await measureStartup({ input, output, options }), /writes files/)
    assert.equal(await readFile(join(host, 'new.txt'), 'utf8'), 'kept')
  })

  test('has a reason for what V8 does not run', async () => {
    const text = Buffer.from('(module (func (export "wizer.initialize")))')
    assertReason(await measured(text), /text/)
    const component = await assemble('(component)')
    const output = await assemble('(module)')
    assertReason(await measureStartup({ input: component, output }), /components/)
    const missing = await assemble('(module (import "a" "b" (global i32)))')
    assertReason(await measureStartup({ input: missing, output: missing }), /`a\.b`/)
  })

  test('stops an init that never ends when it is aborted', async () => {
    const input = await assemble(
      '(module (func (export "wizer.initialize") (loop $again (br $again))))',
    )
    const reason = new Error('enough')
    const controller = new AbortController()
    const { signal } = controller
    const result = measureStartup({ input, output: input, options: { signal } })
    // Whether that is before, while or after init has begun makes no difference to what follows.
    setTimeout(() => controller.abort(reason), 300)
    await assert.rejects(result, reason)
    await assert.rejects(measureStartup({ input, output: input, options: { signal } }), reason)
  })

  test('has left nothing behind', async () => {
    assert.deepEqual(await readdir(join(folder, 'temporary')), [])
  })
})

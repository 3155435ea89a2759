// The command line as a caller sees it: files, pipes, messages and exit statuses.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { version } from '../index.js'

const COMMAND = fileURLToPath(new URL('../bin/wasm-preinit.js', import.meta.url))

const COUNTER = `(module
  (global $count (mut i32) (i32.const 0))
  (func $init (export "wizer.initialize") (global.set $count (i32.const 42)))
  (func (export "other") (global.set $count (i32.const 7)))
  (func (export "resume") (result i32) (global.get $count)))`

/** Reads stdin, the environment and the file `input` into memory, and prints one line. */
const READER = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\\40\\01\\00\\00\\20\\00\\00\\00")
  (data (i32.const 16) "\\80\\01\\00\\00\\20\\00\\00\\00")
  (data (i32.const 32) "\\00\\01\\00\\00\\08\\00\\00\\00")
  (data (i32.const 64) "input")
  (data (i32.const 256) "printed\\n")
  (func (export "wizer.initialize")
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 80)))
    (if (i32.eqz (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 84)))
      (then (drop (call $fd_read (i32.load (i32.const 84)) (i32.const 16) (i32.const 1) (i32.const 80)))))
    (drop (call $environ_get (i32.const 512) (i32.const 1024)))
    (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 80)))))`

const TRAP = '(module (func $boom (export "wizer.initialize") unreachable))'

describe('wasm-preinit', () => {
  /** @type {string} */
  let folder
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-cli-'))
    writeFileSync(join(folder, 'counter.wat'), COUNTER)
    writeFileSync(join(folder, 'reader.wat'), READER)
    writeFileSync(join(folder, 'trap.wat'), TRAP)
    mkdirSync(join(folder, 'dir'))
    writeFileSync(join(folder, 'dir', 'input'), 'from a file')
  })
  after(() => rmSync(folder, { recursive: true }))

  /**
   * @param {string[]} args
   * @param {{ input?: string | Buffer, env?: Record<string, string> }} [options]
   */
  function run(args, { input = '', env = {} } = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
      cwd: folder,
      input,
      env: { ...process.env, ...env },
    })
    return { status, stdout, stderr: stderr.toString() }
  }

  /** @param {Uint8Array} wasm */
  const exportsOf = (wasm) =>
    /** @type {any} */ (new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(wasm))).exports)

  /** @param {Uint8Array} wasm @param {number} at */
  function textAt(wasm, at) {
    const module = new WebAssembly.Module(Buffer.from(wasm))
    const wasi_snapshot_preview1 = Object.fromEntries(
      WebAssembly.Module.imports(module).map(({ name }) => [name, () => 0]),
    )
    const { memory } = /** @type {any} */ (
      new WebAssembly.Instance(module, { wasi_snapshot_preview1 }).exports
    )
    const bytes = Buffer.from(memory.buffer, at)
    return bytes.subarray(0, bytes.indexOf(0)).toString()
  }

  test('reads a file and writes a file', () => {
    const { status, stdout, stderr } = run(['counter.wat', '-o', 'counter.wasm'])
    assert.deepEqual(
      { status, stdout: stdout.length, stderr },
      { status: 0, stdout: 0, stderr: '' },
    )
    const exported = exportsOf(readFileSync(join(folder, 'counter.wasm')))
    assert.deepEqual(Object.keys(exported), ['other', 'resume'])
    assert.equal(exported.resume(), 42)
  })

  test('reads stdin and writes stdout', () => {
    for (const args of [[], ['-'], ['-', '-o', '-']]) {
      const { status, stdout } = run(args, { input: COUNTER })
      assert.equal(status, 0)
      assert.equal(exportsOf(stdout).resume(), 42)
    }
  })

  test('takes the init function, renames and switches in every form of a flag', () => {
    for (const args of [
      ['-f', 'other', '-r', '_start=resume', '--keep-init-func', 'counter.wat'],
      [
        '--init-func',
        'other',
        '--rename-func',
        '_start=resume',
        '--keep-init-func=true',
        'counter.wat',
      ],
      ['counter.wat', '--init-func=other', '--func-rename=_start=resume', '--keep-init-func'],
      ['-fother', '-r_start=resume', '--keep-init-func', 'counter.wat'],
      ['--init-func=other', '-r _start=resume', '--keep-init-func=true', 'counter.wat'],
    ]) {
      const { status, stdout, stderr } = run(args)
      assert.deepEqual({ args, status, stderr }, { args, status: 0, stderr: '' })
      const exported = exportsOf(stdout)
      assert.deepEqual(Object.keys(exported), ['wizer.initialize', 'other', '_start'])
      assert.equal(exported._start(), 7)
    }
  })

  test('warns of a rename whose source is not exported, and goes on', () => {
    const { status, stdout, stderr } = run(['-r', '_start=nothing', 'counter.wat'])
    assert.equal(status, 0)
    assert.match(stderr, /^warning: .*`nothing`/)
    assert.equal(exportsOf(stdout).resume(), 42)
  })

  test('lets the guest call WASI only when it is allowed', () => {
    const { status, stderr } = run(['reader.wat', '-o', 'reader.wasm'])
    assert.equal(status, 1)
    assert.match(stderr, /ERR_IMPORT_CALLED/)
    assert.match(stderr, /--allow-wasi/)
    assert.equal(existsSync(join(folder, 'reader.wasm')), false)
  })

  test('gives the guest stdin, directories and the environment as asked', () => {
    for (const directory of [['--dir', 'dir'], ['--mapdir', '/inside::dir'], ['--mapdir=/::dir']]) {
      const args = [
        'reader.wat',
        '-o',
        'reader.wasm',
        '--allow-wasi',
        '--inherit-env=true',
        ...directory,
      ]
      const { status, stdout, stderr } = run(args, { input: 'from a pipe', env: { AAA: 'first' } })
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
      assert.equal(stdout.toString(), 'printed\n')
      const wasm = readFileSync(join(folder, 'reader.wasm'))
      assert.equal(textAt(wasm, 0x140), 'from a pipe')
      assert.equal(textAt(wasm, 0x180), 'from a file')
      assert.ok(Buffer.from(wasm).includes('AAA=first'))
    }
  })

  test('gives the guest no environment and no stdio that it was not given', () => {
    const args = ['reader.wat', '-o', 'reader.wasm', '--allow-wasi', '--inherit-stdio=false']
    const { status, stdout } = run(args, { input: 'from a pipe', env: { AAA: 'first' } })
    assert.equal(status, 0)
    assert.equal(stdout.toString(), '')
    const wasm = readFileSync(join(folder, 'reader.wasm'))
    assert.equal(textAt(wasm, 0x140), '')
    assert.equal(Buffer.from(wasm).includes('AAA=first'), false)
  })

  test('keeps what the guest prints out of a module that goes to stdout', () => {
    const { status, stdout, stderr } = run(['--allow-wasi', 'reader.wat'])
    assert.equal(status, 0)
    assert.equal(stderr, 'printed\n')
    assert.ok(WebAssembly.validate(stdout))
  })

  test('fails with status 1, says why, and leaves nothing behind', () => {
    const before = readdirSync(folder)
    const { status, stdout, stderr } = run(['trap.wat', '-o', 'trap.wasm'])
    assert.equal(status, 1)
    assert.equal(stdout.length, 0)
    assert.match(stderr, /^error \[ERR_TRAP\]: the `wizer\.initialize` function trapped: /)
    assert.match(stderr, /at boom/)
    assert.deepEqual(readdirSync(folder), before)
  })

  test('does not touch an older output when it fails', () => {
    writeFileSync(join(folder, 'old.wasm'), 'old')
    assert.equal(run(['trap.wat', '-o', 'old.wasm']).status, 1)
    assert.equal(readFileSync(join(folder, 'old.wasm'), 'utf8'), 'old')
    assert.equal(run(['missing.wasm', '-o', 'old.wasm']).status, 1)
    assert.equal(run(['counter.wat', '-o', 'no-such-folder/out.wasm']).status, 1)
  })

  test('fails with status 2 when the call is not understood', () => {
    for (const args of [
      ['--no-such-flag', 'counter.wat'],
      ['counter.wat', 'trap.wat'],
      ['-r', 'resume', 'counter.wat'],
      ['--mapdir', 'dir', 'counter.wat'],
      ['--allow-wasi=perhaps', 'counter.wat'],
    ]) {
      const { status, stderr } = run(args)
      assert.equal(status, 2, args.join(' '))
      assert.match(stderr, /^error: /)
      assert.match(stderr, /--help/)
    }
  })

  test('prints its version and its help', () => {
    assert.equal(run(['--version']).stdout.toString(), `wasm-preinit ${version}\n`)
    const { status, stdout } = run(['--help'])
    assert.equal(status, 0)
    assert.match(stdout.toString(), /--rename-func/)
  })
})

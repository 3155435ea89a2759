// The command line over time: it watches files, is ended by signals, and leaves standard input alone.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMAND, run, start, temporaryFolder } from './cli-process.js'

/** @param {number} value */
const counter = (value) => `(module
  (global $count (mut i32) (i32.const 0))
  (func (export "wizer.initialize") (global.set $count (i32.const ${value})))
  (func (export "resume") (result i32) (global.get $count)))`

/** Prints a dot, so that others know it runs, and then never ends. */
const ENDLESS = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\02\\00\\00\\00")
  (data (i32.const 16) ".\\n")
  (func (export "wizer.initialize")
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (loop br 0)))`

/** Prints a line to stderr, then reads a line from stdin to address 256. */
const WAITS = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\02\\00\\00\\00")
  (data (i32.const 16) "?\\n")
  (data (i32.const 32) "\\00\\01\\00\\00\\20\\00\\00\\00")
  (func (export "wizer.initialize")
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 8)))))`

/** Reads the file \`input\` of its first preopened folder to address 256. */
const READS = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 32) "\\00\\01\\00\\00\\20\\00\\00\\00")
  (data (i32.const 64) "input")
  (func (export "wizer.initialize")
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 84))
      (then unreachable))
    (drop (call $fd_read (i32.load (i32.const 84)) (i32.const 32) (i32.const 1) (i32.const 8)))))`

const folder = temporaryFolder()
const path = (/** @type {string[]} */ ...names) => join(folder, ...names)

/** @param {string} file */
const resumed = (file) => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path(file))))
  return /** @type {any} */ (exports).resume()
}

/** @param {string} name @param {string} text */
function replaceAtomically(name, text) {
  writeFileSync(path(`${name}.new`), text)
  renameSync(path(`${name}.new`), path(name))
}

/** Signals that end a process as a user would. @type {Array<[NodeJS.Signals, number]>} */
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]

for (const [signal, status] of SIGNALS) {
  test(`${signal} ends an endless run with status ${status}, and leaves nothing`, async () => {
    writeFileSync(path('endless.wat'), ENDLESS)
    const before = readdirSync(folder)
    const { child, line, ended } = start(folder, ['endless.wat', '--allow-wasi', '-o', 'no.wasm'])
    assert.equal(await line(), '.')
    child.kill(signal)
    assert.deepEqual(await ended, [status, null])
    assert.deepEqual(readdirSync(folder), before)
  })
}

test('SIGINT ends a call that waits for a module from stdin', async () => {
  const { child, ended, line } = start(folder, ['-o', 'no.wasm', '--env', 'A=b'])
  assert.match(await line(), /^warning/)
  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
})

test('SIGINT ends a guest that waits for stdin', async () => {
  writeFileSync(path('waits.wat'), WAITS)
  const { child, ended, line } = start(folder, ['waits.wat', '--allow-wasi', '-o', 'no.wasm'])
  assert.equal(await line(), '?')
  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
})

test('a guest reads what comes to stdin after it has begun to wait', async () => {
  writeFileSync(path('waits.wat'), WAITS)
  const { child, ended, line } = start(folder, ['waits.wat', '--allow-wasi', '-o', 'waits.wasm'])
  assert.equal(await line(), '?')
  child.stdin.write('late\n')
  assert.deepEqual(await ended, [0, null])
  assert.ok(readFileSync(path('waits.wasm')).includes('late\n'))
})

test('a comparison gives the guest what has come to stdin', () => {
  writeFileSync(path('waits.wat'), WAITS)
  const args = ['waits.wat', '--allow-wasi', '-o', 'waits.wasm', '--compare']
  assert.equal(run(folder, args, { input: 'early\n' }).status, 0)
  assert.ok(readFileSync(path('waits.wasm')).includes('early\n'))
})

test('stdin that stays open keeps no call from ending that does not read it', async () => {
  writeFileSync(path('one.wat'), counter(1))
  const { ended } = start(folder, ['one.wat', '--allow-wasi', '-o', 'one.wasm'])
  assert.deepEqual(await ended, [0, null])
  assert.equal(resumed('one.wasm'), 1)
})

test('--watch builds again when the input is written or replaced, whatever is in it', async () => {
  writeFileSync(path('watched.wat'), counter(1))
  const { child, line, ended } = start(folder, ['watched.wat', '-o', 'watched.wasm', '--watch'])
  assert.match(await line(), /^built watched.wasm in .*ms/)
  assert.equal(resumed('watched.wasm'), 1)

  writeFileSync(path('watched.wat'), counter(2))
  assert.match(await line(), /^built/)
  assert.equal(resumed('watched.wasm'), 2)

  replaceAtomically('watched.wat', counter(3))
  assert.match(await line(), /^built/)
  assert.equal(resumed('watched.wasm'), 3)

  replaceAtomically('watched.wat', '(module')
  assert.match(await line(), /^error \[ERR_INVALID_WASM\]/)
  assert.equal(resumed('watched.wasm'), 3)

  replaceAtomically('watched.wat', counter(4))
  let next = await line()
  while (!next.startsWith('built')) next = await line()
  assert.equal(resumed('watched.wasm'), 4)

  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
})

test('--watch builds again when a file changes that the guest has read, or that it misses', async () => {
  writeFileSync(path('reads.wat'), READS)
  mkdirSync(path('data'))
  const args = ['reads.wat', '-o', 'reads.wasm', '--allow-wasi', '--dir=data', '--watch', '--json']
  const { child, line, ended } = start(folder, args, { stream: 'stdout' })
  assert.equal(JSON.parse(await line()).error.code, 'ERR_TRAP')

  writeFileSync(path('data', 'input'), 'first')
  assert.equal(JSON.parse(await line()).error, undefined)
  assert.ok(readFileSync(path('reads.wasm')).includes('first'))

  writeFileSync(path('data', 'input'), 'second')
  assert.equal(JSON.parse(await line()).error, undefined)
  assert.ok(readFileSync(path('reads.wasm')).includes('second'))

  rmSync(path('data', 'input'))
  assert.equal(JSON.parse(await line()).error.code, 'ERR_TRAP')

  writeFileSync(path('data', 'input'), 'third')
  assert.equal(JSON.parse(await line()).error, undefined)
  assert.ok(readFileSync(path('reads.wasm')).includes('third'))

  child.kill('SIGTERM')
  assert.deepEqual(await ended, [143, null])
})

test('--watch builds files that come to match a glob, and only what is stale', async () => {
  mkdirSync(path('many'))
  writeFileSync(path('many', 'a.wat'), counter(1))
  const args = ['many/*.wat', '--out-dir', 'built', '--watch', '--json']
  const { child, line, ended } = start(folder, args, { stream: 'stdout' })
  assert.equal(JSON.parse(await line()).input, 'many/a.wat')
  replaceAtomically('many/b.wat', counter(2))
  const { input } = JSON.parse(await line())
  assert.equal(input, 'many/b.wat')
  assert.equal(resumed('built/b.wasm'), 2)
  replaceAtomically('many/a.wat', counter(3))
  assert.equal(JSON.parse(await line()).input, 'many/a.wat')
  assert.equal(resumed('built/a.wasm'), 3)
  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
})

test('--watch refuses streams, and an output that is its own input', () => {
  for (const args of [['one.wat'], ['-', '-o', 'x.wasm'], ['one.wat', '-o', './one.wat']]) {
    assert.equal(run(folder, [...args, '--watch'], { input: '' }).status, 2, args.join(' '))
  }
})

/**
 * Runs a command in a terminal; undefined where there is no program for that.
 * @param {string} command
 * @param {number} [columns]
 */
function inTerminal(command, columns = 80) {
  if (process.platform !== 'linux') return undefined
  const { CI, FORCE_COLOR, ...env } = process.env
  const { status, stdout, error } = spawnSync(
    'script',
    ['-qec', `stty cols ${columns} rows 24; ${command}`, '/dev/null'],
    { cwd: folder, input: '', env: { ...env, NO_COLOR: '1', TERM: 'xterm' }, timeout: 60_000 },
  )
  return error ? undefined : { status, text: stdout.toString() }
}

test('a terminal gets a line and a table, and never a module', (context) => {
  writeFileSync(path('one.wat'), counter(1))
  const node = `'${process.execPath}' '${COMMAND}'`
  const built = inTerminal(`${node} one.wat -o one.wasm`)
  if (!built) return context.skip('there is no `script` here')
  assert.equal(built.status, 0)
  assert.match(built.text, /built one.wasm in /)
  assert.match(built.text, /section +before +after +gzip +brotli/)
  const quiet = inTerminal(`${node} one.wat -o one.wasm --quiet`)
  assert.deepEqual(quiet, { status: 0, text: '' })
  const refused = inTerminal(`${node} one.wat`)
  assert.equal(refused?.status, 2)
  assert.match(refused?.text ?? '', /not for terminals/)
})

test('a terminal shows the stage that takes long, and one without a width does not', (context) => {
  writeFileSync(path('loop.wat'), '(module (func (export "wizer.initialize") (loop br 0)))')
  const command = `'${process.execPath}' '${COMMAND}' loop.wat -o no.wasm --timeout=700`
  const shown = inTerminal(command)
  if (!shown) return context.skip('there is no `script` here')
  assert.match(shown.text, /running the init function/)
  const plain = inTerminal(command, 0)
  assert.doesNotMatch(plain?.text ?? '', /running the init function/)
  for (const result of [shown, plain]) {
    assert.equal(result?.status, 1)
    assert.match(result?.text ?? '', /ERR_TIMEOUT/)
  }
})

// What comes out of the command line besides the module: objects, tables, pages, and several modules.

import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { inspect } from '../index.js'
import { rows } from '../cli/sizes.js'
import { run, temporaryFolder } from './cli-process.js'

/** @param {number} value */
const counter = (value) => `(module
  (global $count (mut i32) (i32.const 0))
  (func (export "wizer.initialize") (global.set $count (i32.const ${value})))
  (func (export "resume") (result i32) (global.get $count)))`

const PRINTS = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\08\\00\\00\\00")
  (data (i32.const 16) "printed\\n")
  (func (export "wizer.initialize")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))))`

const EXITS = `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "wizer.initialize") (call $exit (i32.const 7))))`

const SIMD = `(module (func (export "wizer.initialize")
  (drop (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))))`

const folder = temporaryFolder()
const path = (/** @type {string[]} */ ...names) => join(folder, ...names)
writeFileSync(path('one.wat'), counter(1))
writeFileSync(path('two.wat'), counter(2))
writeFileSync(path('prints.wat'), PRINTS)
writeFileSync(path('exits.wat'), EXITS)
writeFileSync(path('simd.wat'), SIMD)
writeFileSync(path('trap.wat'), '(module (func $boom (export "wizer.initialize") unreachable))')
writeFileSync(path('broken.wasm'), 'nothing of the kind')

/** @param {string} file */
const resumed = (file) => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path(file))))
  return /** @type {any} */ (exports).resume()
}

/** @param {Uint8Array | string} text one line with one object */
const object = (text) => {
  const lines = text.toString().split('\n')
  assert.deepEqual([lines.length, lines[1]], [2, ''])
  return JSON.parse(lines[0])
}

test('--json prints one object with the report and sizes, and what the guest has printed', () => {
  const { status, stdout, stderr } = run(folder, [
    ...['prints.wat', '-o', 'prints.wasm', '--allow-wasi', '--json', '-r', 'x=missing'],
  ])
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  const { input, output, size, report, warnings } = object(stdout)
  assert.deepEqual([input, output], ['prints.wat', 'prints.wasm'])
  assert.equal(size.output, statSync(path('prints.wasm')).size)
  assert.equal(size.input, PRINTS.length)
  assert.ok(size.gzip > 0 && size.brotli > 0)
  assert.equal(report.initFunc, 'wizer.initialize')
  assert.deepEqual([report.stdout, report.stderr], ['printed\n', 'printed\n'])
  assert.match(warnings.join(), /`missing`/)
})

test('--json leaves stdout to a module that goes there', () => {
  const { status, stdout, stderr } = run(folder, ['prints.wat', '--allow-wasi', '--json'])
  assert.equal(status, 0)
  assert.ok(WebAssembly.validate(stdout))
  assert.equal(object(stderr).output, '-')
})

test('--json tells failures as an object, with the same exit status', () => {
  const failures = [
    [1, 'ERR_TRAP', ['trap.wat', '-o', 'no.wasm']],
    [1, 'ERR_EXIT', ['exits.wat', '--allow-wasi', '-o', 'no.wasm']],
    [1, 'ERR_INVALID_WASM', ['broken.wasm', '-o', 'no.wasm']],
    [1, 'ERR_IO', ['missing.wasm', '-o', 'no.wasm']],
    [2, 'ERR_USAGE', ['trap.wat', '-o', 'no.wasm', '--no-such-flag']],
    [2, 'ERR_INVALID_OPTION', ['one.wat', '-o', 'no.wasm', '--max-stack=1']],
  ]
  for (const [expected, code, args] of failures) {
    const { status, stdout, stderr } = run(folder, [.../** @type {string[]} */ (args), '--json'])
    const { error } = object(stdout)
    assert.deepEqual([status, error.code, stderr], [expected, code, ''])
    assert.ok(error.message.length > 0)
    if (code === 'ERR_TRAP') assert.equal(error.trap.frames[0].func, 'boom')
    if (code === 'ERR_EXIT') assert.equal(error.exitCode, 7)
  }
  assert.equal(existsSync(path('no.wasm')), false)
})

test('the strings that callers of wizer look for stand in stderr', () => {
  const trapped = run(folder, ['trap.wat', '-o', 'no.wasm']).stderr
  assert.ok(trapped.includes('Error: the `wizer.initialize` function trapped\n\nCaused by:\n'))
  const exited = run(folder, ['exits.wat', '--allow-wasi', '-o', 'no.wasm']).stderr
  const [head, tail] = exited.split('Exited with i32 exit status 7\n')
  assert.ok(head.startsWith('Error: the `wizer.initialize` function trapped\n\nCaused by:\n'))
  assert.equal(tail, '')
})

test('a file that is not there is named, and so is what was meant by a misspelt flag', () => {
  const { stderr } = run(folder, ['missing.wasm', '-o', 'no.wasm'])
  assert.match(stderr, /^error \[ERR_IO\]: can't read `missing.wasm`: no such file or directory\n$/)
  assert.match(run(folder, ['--alow-wasi', 'one.wat']).stderr, /did you mean `--allow-wasi`/)
})

test('stderr stays empty where it is no terminal, but for what was asked for', () => {
  assert.equal(run(folder, ['one.wat', '-o', 'one.wasm']).stderr, '')
  const plain = run(folder, ['one.wat', '-o', 'one.wasm', '--table']).stderr
  assert.match(plain, /^section +before +after +gzip +brotli\n/)
  assert.match(plain, /\ntotal .* kB/)
  assert.equal(plain, stripVTControlCharacters(plain))
  const env = { FORCE_COLOR: '1' }
  const colorful = run(folder, ['one.wat', '-o', 'one.wasm', '--table'], { env }).stderr
  assert.notEqual(colorful, stripVTControlCharacters(colorful))
  assert.equal(stripVTControlCharacters(colorful), plain)
})

test('--quiet keeps warnings back, and errors not', () => {
  const args = ['-r', 'x=missing', '--table', '--quiet', '-o', 'quiet.wasm']
  assert.deepEqual(
    { ...run(folder, ['one.wat', ...args]), stdout: undefined },
    { status: 0, stdout: undefined, stderr: '' },
  )
  assert.match(run(folder, ['trap.wat', ...args]).stderr, /ERR_TRAP/)
})

test('flags for a guest that may not call WASI are warned of', () => {
  const { status, stderr } = run(folder, ['one.wat', '-o', 'one.wasm', '--env', 'A=b'])
  assert.equal(status, 0)
  assert.match(stderr, /^warning: `--env`: .*`--allow-wasi`/)
})

test('the table has sections that came and that went', () => {
  const sections = [{ name: 'data', bytes: 5, gzip: 3, brotli: 2 }]
  const changes = [
    { name: 'start', before: 3, after: 0 },
    { name: 'data', before: 0, after: 5 },
  ]
  assert.deepEqual(rows(changes, sections), [
    { name: 'data', before: 0, after: 5, gzip: 3, brotli: 2 },
    { name: 'start', before: 3 },
  ])
})

test('a refused proposal ends with status 1 and its name', () => {
  const { status, stderr } = run(folder, ['simd.wat', '-o', 'no.wasm', '--wasm-simd=false'])
  assert.equal(status, 1)
  assert.match(stderr, /ERR_UNSUPPORTED.*`simd`/)
  assert.equal(run(folder, ['simd.wat', '-o', 'simd.wasm', '--wasm-threads=false']).status, 0)
})

test('what the API refuses about an option is told about its flag', () => {
  const refused = [
    ['--max-stack=1', /`--max-stack` must be a whole number/],
    ['--max-data-segments=100001', /`--max-data-segments`/],
    ['--env==x', /`--env` has a name that no environment can hold/],
  ]
  for (const [flag, message] of refused) {
    const args = ['one.wat', '-o', 'no.wasm', '--allow-wasi', String(flag)]
    const { status, stderr } = run(folder, args)
    assert.equal(status, 2)
    assert.match(stderr, /** @type {RegExp} */ (message))
  }
})

test('options of the run and of the module reach it', () => {
  writeFileSync(path('preloaded.wat'), '(module (func (export "f") (result i32) i32.const 5))')
  writeFileSync(
    path('needs.wat'),
    `(module (import "other" "f" (func $f (result i32))) (memory (export "memory") 1)
      (func (export "wizer.initialize") (i32.store (i32.const 64) (call $f)))
      (@custom "note" "abc"))`,
  )
  const args = ['needs.wat', '-o', 'needs.wasm', '--preload', 'other=preloaded.wat', '--strip=note']
  const limits = ['--engine=optimizing', '--no-cache', '--timeout=60s', '--max-memory=16MiB']
  const { status, stdout } = run(folder, [...args, ...limits, '--json'])
  assert.equal(status, 0)
  const { report } = object(stdout)
  assert.deepEqual([report.engine, report.cache], ['optimizing', 'off'])
  const { sections } = inspect(readFileSync(path('needs.wasm')))
  assert.equal(
    sections.some(({ name }) => name === 'note'),
    false,
  )
  assert.equal(run(folder, [...args, '--max-memory=1KiB']).status, 1)
  assert.match(
    run(folder, ['needs.wat', '--undefined-imports=error']).stderr,
    /ERR_IMPORT_MISSING.*`?other/,
  )
})

test('the guest gets arguments and variables that the call names', () => {
  writeFileSync(
    path('reads.wat'),
    `(module
      (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "wizer.initialize")
        (drop (call $args (i32.const 256) (i32.const 512)))
        (drop (call $env (i32.const 1024) (i32.const 2048)))))`,
  )
  const flags = ['--arg', '-x', '--env', 'A=b=c', '--env', 'FROM_HOST', '--env', 'NOT_THERE']
  const { status, stdout } = run(folder, ['reads.wat', '--allow-wasi', ...flags], {
    env: { FROM_HOST: 'yes', OTHER: 'no' },
  })
  assert.equal(status, 0)
  const text = stdout.toString('latin1')
  assert.ok(text.includes('reads.wat\0-x'))
  assert.ok(text.includes('A=b=c\0FROM_HOST=yes'))
  assert.equal(text.includes('OTHER'), false)
  assert.equal(text.includes('NOT_THERE'), false)
})

test('--out-dir takes several inputs and globs, and keeps folders below a glob', () => {
  mkdirSync(path('src', 'deep'), { recursive: true })
  writeFileSync(path('src', 'a.wat'), counter(11))
  writeFileSync(path('src', 'deep', 'b.wat'), counter(12))
  const args = ['--out-dir', 'src/out', 'one.wat', 'src/**/*.wat', 'src/a.wat']
  for (let time = 0; time < 2; time++) {
    const { status, stderr } = run(folder, args)
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.deepEqual(
      ['one', 'a', 'deep/b'].map((name) => resumed(`src/out/${name}.wasm`)),
      [1, 11, 12],
    )
  }
})

test('a file that is called like a glob comes first', () => {
  writeFileSync(path('[ot]*.wat'), counter(21))
  assert.equal(run(folder, ['[ot]*.wat', '-o', 'literal.wasm']).status, 0)
  assert.equal(resumed('literal.wasm'), 21)
  assert.match(run(folder, ['no-such-*.wat', '-o', 'no.wasm']).stderr, /no file matches/)
})

test('of several inputs, those that fail do not keep others from being written', () => {
  const args = ['--out-dir', 'some', 'one.wat', 'trap.wat', 'two.wat']
  const { status, stderr } = run(folder, args)
  assert.equal(status, 1)
  assert.match(stderr, /^error \[ERR_TRAP\]: trap.wat: /)
  assert.deepEqual(readdirSync(path('some')).sort(), ['one.wasm', 'two.wasm'])
  const { outputs } = object(run(folder, [...args, '--json']).stdout)
  assert.deepEqual(
    outputs.map((/** @type {any} */ { input, error }) => [input, error?.code]),
    [
      ['one.wat', undefined],
      ['trap.wat', 'ERR_TRAP'],
      ['two.wat', undefined],
    ],
  )
})

test('--out-dir refuses to overwrite an input, and one output for two inputs', () => {
  mkdirSync(path('other'), { recursive: true })
  writeFileSync(path('other', 'one.wat'), counter(31))
  const same = run(folder, ['--out-dir', 'x', 'one.wat', 'other/one.wat'])
  assert.equal(same.status, 2)
  assert.match(same.stderr, /`one.wat` and `other\/one.wat`/)
  const over = run(folder, ['--out-dir', '.', 'broken.wasm'])
  assert.equal(over.status, 2)
  assert.match(over.stderr, /`broken.wasm` would be overwritten/)
  assert.match(run(folder, ['--out-dir', 'x'], { input: 'x' }).stderr, /name files or globs/)
})

test('an output that is a link stays one, and an output that is a folder is told', () => {
  writeFileSync(path('target.wasm'), 'old')
  symlinkSync('target.wasm', path('link.wasm'))
  assert.equal(run(folder, ['one.wat', '-o', 'link.wasm']).status, 0)
  assert.ok(lstatSync(path('link.wasm')).isSymbolicLink())
  assert.equal(resumed('target.wasm'), 1)
  mkdirSync(path('a-folder'))
  const { status, stderr } = run(folder, ['one.wat', '-o', 'a-folder'])
  assert.equal(status, 1)
  assert.match(stderr, /can't write `a-folder`: it is a folder/)
})

test('--report writes a page, and --compare measures start-up', () => {
  const { status, stdout } = run(folder, [
    ...['one.wat', '-o', 'one.wasm', '--report', 'one.html', '--compare', '--json'],
  ])
  assert.equal(status, 0)
  const { startup } = object(stdout)
  assert.ok('reason' in startup || startup.samples > 0)
  assert.match(readFileSync(path('one.html'), 'utf8'), /^<!doctype html>/i)
  const { stderr } = run(folder, ['one.wat', '-o', 'one.wasm', '--compare'])
  assert.match(stderr, /^start-up in V8/)
})

test('--optimize hands the module to wasm-opt', () => {
  const args = ['one.wat', '-o', 'optimized.wasm', '--json']
  const plain = object(run(folder, args).stdout)
  const { status, stdout } = run(folder, [...args, '--optimize=-Oz'])
  assert.equal(status, 0, stdout.toString())
  assert.ok(object(stdout).size.output <= plain.size.output)
  assert.equal(resumed('optimized.wasm'), 1)
})

test('inspect prints what a module offers, as text and as the object of the API', () => {
  const { status, stdout } = run(folder, ['inspect', 'prints.wat'])
  assert.equal(status, 0)
  assert.match(stdout.toString(), /^init functions: wizer.initialize$/m)
  assert.match(stdout.toString(), /^imports: wasi_snapshot_preview1 fd_write function$/m)
  for (const args of [
    ['inspect', '--json', 'prints.wat'],
    ['inspect', '--json'],
  ]) {
    const { stdout } = run(folder, args, { input: PRINTS })
    assert.deepEqual(object(stdout), inspect(Buffer.from(PRINTS)))
  }
  assert.equal(run(folder, ['inspect', 'broken.wasm']).status, 1)
})

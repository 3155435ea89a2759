// How the arguments of a call are understood, without running anything.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { understand } from '../cli/arguments.js'
import { FLAGS } from '../cli/flags.js'
import { parse } from '../cli/parse.js'

/** @param {string[]} args */
const given = (...args) => Object.fromEntries(parse(args).given)

/** @param {string[]} args */
const refusal = (...args) => {
  try {
    understand(args)
  } catch (error) {
    assert.equal(/** @type {any} */ (error).code, 'ERR_USAGE')
    return /** @type {Error} */ (error).message
  }
  assert.fail(`${args.join(' ')} was understood`)
}

test('a value follows its flag in the same argument or in the next', () => {
  for (const args of [
    ['--init-func', 'init'],
    ['--init-func=init'],
    ['--init-func init'],
    ['-f', 'init'],
    ['-finit'],
    ['-f=init'],
    ['-f init'],
  ]) {
    assert.deepEqual(given(...args), { 'init-func': ['init'] }, args.join(' '))
    assert.deepEqual(parse([...args, 'in.wasm']).positionals, ['in.wasm'])
  }
})

test('only the first sign of equality ends a flag', () => {
  for (const args of [['-r', 'a=b'], ['-r=a=b'], ['-ra=b'], ['-r a=b'], ['--func-rename=a=b']]) {
    assert.deepEqual(given(...args), { 'rename-func': ['a=b'] }, args.join(' '))
  }
  assert.deepEqual(given('--dir=my folder'), { dir: ['my folder'] })
  assert.deepEqual(given('--env=A=b=c'), { env: ['A=b=c'] })
})

test('calls of componentize-js and js-compute are understood as wizer understands them', () => {
  const first = understand([
    '--allow-wasi',
    '--init-func',
    'componentize.wizer',
    '--dir=D',
    '--mapdir=/::P',
    '--wasm-bulk-memory=true',
    '--inherit-env=true',
    '-o=OUT',
    'IN',
  ])
  assert.equal(first.initFunc, 'componentize.wizer')
  assert.deepEqual(first.preopens, [
    ['D', 'D'],
    ['/', 'P'],
  ])
  assert.deepEqual(
    { inputs: first.inputs, output: first.output, inheritEnv: first.inheritEnv },
    { inputs: ['IN'], output: 'OUT', inheritEnv: true },
  )
  assert.deepEqual(first.refuseFeatures, [])

  const second = understand([
    '--inherit-env=true',
    '--allow-wasi',
    '--dir=.',
    '--dir=//?/C:/build',
    '-r _start=wizer.resume',
    '--wasm-bulk-memory=true',
    '-o=//?/C:/build/out.wasm',
    '//?/C:/in.wasm',
  ])
  assert.deepEqual(second.renames, [['_start', 'wizer.resume']])
  assert.deepEqual(second.preopens, [
    ['.', '.'],
    ['//?/C:/build', '//?/C:/build'],
  ])
  assert.equal(second.output, '//?/C:/build/out.wasm')
  assert.deepEqual(second.inputs, ['//?/C:/in.wasm'])
})

test('a switch stands alone, and takes no input for its value', () => {
  for (const { name } of FLAGS.filter(({ takes }) => takes === 'switch')) {
    const { given: flags, positionals } = parse([`--${name}`, 'in.wasm'])
    assert.deepEqual([Object.fromEntries(flags), positionals], [{ [name]: ['true'] }, ['in.wasm']])
    assert.deepEqual(given(`--${name}=false`), { [name]: ['false'] })
  }
})

test('a switch of wizer takes true and false as the next argument', () => {
  const call = understand(['--inherit-stdio', 'false', '--wasm-simd', 'false', 'in.wasm'])
  assert.equal(call.inheritStdio, false)
  assert.deepEqual(call.refuseFeatures, ['simd'])
  assert.deepEqual(call.inputs, ['in.wasm'])
})

test('the last of several values counts, and lists keep all in order', () => {
  const call = understand(['-o', 'a', '-o', 'b', '--arg', 'x', '--arg=--y', '--arg', '-z'])
  assert.equal(call.output, 'b')
  assert.deepEqual(call.args, ['x', '--y', '-z'])
})

test('what follows two dashes is an input, and one dash is a stream', () => {
  assert.deepEqual(parse(['-o', '-', '--', '-f', '--watch']).positionals, ['-f', '--watch'])
  assert.deepEqual(parse(['-']).positionals, ['-'])
})

test('every proposal of wizer can be refused, and none is by default', () => {
  const wizer = [
    'bulk-memory',
    'multi-memory',
    'multi-value',
    'reference-types',
    'relaxed-simd',
    'simd',
  ]
  assert.deepEqual(understand([]).refuseFeatures, [])
  assert.deepEqual(
    understand(wizer.map((name) => `--wasm-${name}=false`)).refuseFeatures.toSorted(),
    wizer,
  )
  assert.equal(understand(['--relaxed-simd-deterministic', 'in']).inputs[0], 'in')
})

test('times and sizes have units', () => {
  const times = ['1500', '1500ms', '1.5s', '2m', '2min'].map(
    (value) => understand(['--timeout', value]).timeout,
  )
  assert.deepEqual(times, [1500, 1500, 1500, 120_000, 120_000])
  const sizes = ['1000', '1KiB', '1k', '1kB', '256MiB', '256M', '1.5GiB'].map(
    (value) => understand(['--max-memory', value]).maxMemory,
  )
  const mebibyte = 2 ** 20
  assert.deepEqual(sizes, [1000, 1024, 1024, 1000, 256 * mebibyte, 256 * mebibyte, 1536 * mebibyte])
})

test('an optional value is only taken from the same argument', () => {
  assert.equal(understand(['--strip', 'in.wasm']).strip, true)
  assert.equal(understand([]).strip, undefined)
  assert.deepEqual(understand(['--strip=producers,.debug_*', '--strip=name']).strip, [
    'producers',
    '.debug_*',
    'name',
  ])
  assert.deepEqual(understand(['--optimize', 'in.wasm']).optimize, [])
  assert.deepEqual(understand(['--optimize=-O3 --converge']).optimize, ['-O3', '--converge'])
})

test('what means nothing is refused with the flag and what it takes', () => {
  assert.match(refusal('--timeout=soon'), /`--timeout` takes a time .*`soon`/)
  assert.match(refusal('--max-memory=1TB'), /`--max-memory` takes a size .*`1TB`/)
  assert.match(refusal('--max-memory=-1'), /`--max-memory`/)
  assert.match(refusal('--engine=fast'), /auto, baseline, optimizing.*`fast`/)
  assert.match(refusal('--allow-wasi=1'), /true or false, not `1`/)
  assert.match(refusal('--mapdir=a:b'), /GUEST::HOST/)
  assert.match(refusal('--preload', 'file.wasm'), /NAME=FILE/)
  assert.match(refusal('--preload'), /needs a value/)
  assert.match(refusal('-o', '--watch'), /`--output` needs a value/)
  assert.match(refusal('-o='), /path is empty/)
  assert.match(refusal('-r', 'a=x', '-r', 'a=y'), /`a` twice/)
  assert.match(refusal('-r', 'a=x', '-r', 'b=x'), /`x` twice/)
  assert.match(refusal('-o', 'a', '--out-dir', 'b'), /--output.*--out-dir/)
  assert.match(refusal('--no-cache', '--cache-dir=x'), /--cache-dir.*--no-cache/)
  assert.match(refusal('--no-such-flag'), /no flag `--no-such-flag`/)
  assert.match(refusal('-x'), /no flag `-x`/)
  assert.match(refusal('inspect', '--watch'), /`inspect` has no flag `--watch`/)
})

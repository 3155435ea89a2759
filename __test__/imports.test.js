// What init sees of the host, and the host of init: imports from JavaScript, calls back into the
// guest, its live memory, and preloaded modules. V8 running the same functions is the oracle.
//
// Everything holds for `initialize` and `initializeSync`, on the main thread and in a worker, and
// where the guest's memory can only be shown as a copy.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { InitializeError, initialize, initializeSync, inspect } from '../index.js'
import { runScript } from './child.js'
import { assemble, functions, instantiate, isValid, memoryOf } from './compare.js'
import { failure, rejection, withInvalidBody } from './failure.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('../index.js').Guest} Guest
 * @typedef {(guest: Guest) => Record<string, Record<string, any>>} MakeImports
 * @typedef {(wasm: Uint8Array, options?: InitializeOptions) => Promise<Buffer>} Run
 */

/** Makes every view of the guest's memory a copy. */
const COPIES = 'WASM_PREINIT_NO_EXTERNAL_BUFFERS'

/** Hung children are ended after this time; nothing is asserted on it. */
const WATCHDOG_MS = 240_000

/** @type {Record<string, Run>} */
const WAYS = {
  initialize: (wasm, options) => initialize(wasm, options),
  initializeSync: async (wasm, options) => initializeSync(wasm, options),
}

/** @type {Array<{ group: string, name: string, check: (run: Run) => Promise<unknown> }>} */
const cases = []
let group = ''

/**
 * A test that is run in every way.
 * @param {string} name
 * @param {(run: Run) => Promise<unknown>} check
 */
const each = (name, check) => cases.push({ group, name, check })

/**
 * The same imports and init function in V8.
 * @param {Uint8Array} wasm
 * @param {MakeImports} makeImports
 */
function inV8(wasm, makeImports) {
  /** @type {WebAssembly.Instance} */
  let instance
  const guest = {
    memory: {
      get buffer() {
        return /** @type {WebAssembly.Memory} */ (instance.exports.memory).buffer
      },
    },
    get exports() {
      return instance.exports
    },
  }
  instance = instantiate(wasm, makeImports(/** @type {Guest} */ (guest)))
  functions(instance)['wizer.initialize']()
  return instance
}

/** @param {unknown} error */
const className = (error) =>
  error instanceof Error ? Object.getPrototypeOf(error).constructor.name : typeof error

/**
 * What a function comes to: its value, or the class of what it throws.
 * @param {() => unknown} call
 */
function outcome(call) {
  try {
    return { value: call() }
  } catch (error) {
    return { throws: className(error) }
  }
}

const TYPES = /** @type {const} */ (['i32', 'i64', 'f32', 'f64'])

const thrownByValueOf = new Error('thrown by valueOf')

/**
 * Values that conversions treat differently, by what they show.
 * @type {Record<string, unknown>}
 */
const WEIRD = {
  undefined,
  null: null,
  true: true,
  false: false,
  zero: 0,
  'minus zero': -0,
  'a fraction': 1.9,
  'a negative fraction': -1.9,
  NaN,
  Infinity,
  '-Infinity': -Infinity,
  '2 ** 31': 2 ** 31,
  '2 ** 32 - 1': 2 ** 32 - 1,
  '2 ** 32': 2 ** 32,
  '2 ** 32 + 5': 2 ** 32 + 5,
  '-(2 ** 31) - 1': -(2 ** 31) - 1,
  '2 ** 53': 2 ** 53,
  '-(2 ** 53) - 2': -(2 ** 53) - 2,
  1e300: 1e300,
  '1e-320, which f64 has as a denormal': 1e-320,
  '1e-42, which f32 has as a denormal': 1e-42,
  0.1: 0.1,
  '16777217, which f32 has to round': 16777217,
  'the largest that rounds to an f32': 3.4028235677973362e38,
  'the least that does not': 3.4028235677973366e38,
  'an empty string': '',
  'a decimal string': '12',
  'a hexadecimal string with spaces': ' 0x10 ',
  'a fraction as string': '1.5',
  'a large string': '18446744073709551621',
  'a word': 'word',
  'an empty array': [],
  'an array of one': [7],
  'an array of two': [1, 2],
  'an object': {},
  'a function': () => 1,
  'an object with valueOf': { valueOf: () => 5.5 },
  'an object with toString': { toString: () => '8' },
  'an object with toPrimitive': {
    /** @param {string} hint */
    [Symbol.toPrimitive]: (hint) => (hint === 'number' ? 3 : 4),
  },
  'an object whose valueOf gives a bigint': { valueOf: () => 6n },
  'an object whose valueOf throws': {
    valueOf() {
      throw thrownByValueOf
    },
  },
  'an object without a primitive': Object.create(null),
  'a date': new Date(86_400_000),
  '0n': 0n,
  '5n': 5n,
  '-1n': -1n,
  '2n ** 63n': 2n ** 63n,
  '-(2n ** 63n) - 1n': -(2n ** 63n) - 1n,
  '2n ** 64n + 3n': 2n ** 64n + 3n,
  '2n ** 200n - 7n': 2n ** 200n - 7n,
  'a bigint object': Object(9n),
  'a number object': Object(9.5),
  'a symbol': Symbol('a symbol'),
}

/** Calls an import without parameters and stores its result at 0. @param {string} type */
const STORING = (type) => `(module
  (import "e" "f" (func $f (result ${type})))
  (memory (export "memory") 1)
  (func (export "wizer.initialize") (${type}.store (i32.const 0) (call $f))))`

group = 'what an import returns'

for (const type of TYPES) {
  each(`is converted to ${type} as V8 does`, async (run) => {
    const wasm = await assemble(STORING(type))
    for (const [name, value] of Object.entries(WEIRD)) {
      const imports = { e: { f: () => value } }
      const expected = outcome(() => memoryOf(inV8(wasm, () => imports)).subarray(0, 8))
      const running = run(wasm, { imports })
      if ('throws' in expected) {
        const error = await failure(running)
        assert.equal(error.code, 'ERR_IMPORT_FAILED', name)
        assert.equal(className(error.cause), expected.throws, name)
        if (name.endsWith('valueOf throws')) assert.equal(error.cause, thrownByValueOf)
      } else {
        const output = instantiate(await running, imports)
        assert.deepEqual(memoryOf(output).subarray(0, 8), expected.value, name)
      }
    }
  })
}

each('is ignored where the guest wants nothing', async (run) => {
  const wasm = await assemble(`(module (import "e" "f" (func $f))
    (func (export "wizer.initialize") (call $f)))`)
  for (const value of Object.values(WEIRD)) await run(wasm, { imports: { e: { f: () => value } } })
})

const TWO = `(module
  (import "e" "f" (func $f (result i32 f64)))
  (memory (export "memory") 1)
  (func (export "wizer.initialize") (local f64)
    (i32.const 0) (call $f) (local.set 0) (i32.store) (f64.store (i32.const 8) (local.get 0))))`

/** @type {Record<string, () => unknown>} */
const MULTIPLE = {
  'an array': () => [1, 2.5],
  'an array with values to convert': () => ['7', { valueOf: () => 0.5 }],
  'an array with holes': () => new Array(2),
  'a set': () => new Set([3, 4]),
  'a generator': () =>
    (function* () {
      yield 5
      yield 6.25
    })(),
  'a typed array': () => new Float64Array([1.5, 2.5]),
  'an object with an iterator': () => ({ [Symbol.iterator]: () => [8, 9][Symbol.iterator]() }),
  'an object like an array, which is not iterable': () => ({ length: 2, 0: 1, 1: 2 }),
  'too few values': () => [1],
  'too many values': () => [1, 2, 3],
  'no values': () => [],
  'a number': () => 1,
  undefined: () => undefined,
  null: () => null,
  'an object': () => ({}),
  'a bigint among them': () => [1n, 2],
  'a symbol among them': () => [1, Symbol('s')],
  'an iterator that throws': () => ({
    *[Symbol.iterator]() {
      throw thrownByValueOf
    },
  }),
}

each('may be several values, by the rules of V8', async (run) => {
  const wasm = await assemble(TWO)
  for (const [name, f] of Object.entries(MULTIPLE)) {
    const imports = { e: { f } }
    const expected = outcome(() => memoryOf(inV8(wasm, () => imports)).subarray(0, 16))
    const running = run(wasm, { imports })
    if ('throws' in expected) {
      const error = await failure(running)
      assert.equal(error.code, 'ERR_IMPORT_FAILED', name)
      assert.equal(className(error.cause), expected.throws, name)
    } else {
      const output = instantiate(await running, imports)
      assert.deepEqual(memoryOf(output).subarray(0, 16), expected.value, name)
    }
  }
})

each('can be no promise, and the error says why', async (run) => {
  for (const wat of [STORING('i32'), STORING('i64'), TWO]) {
    const error = await failure(run(await assemble(wat), { imports: { e: { f: async () => 1 } } }))
    assert.equal(error.code, 'ERR_IMPORT_FAILED')
    assert.deepEqual(error.import, { module: 'e', name: 'f' })
    assert.match(error.message, /promise/)
    assert.match(/** @type {Error} */ (error.cause).message, /promise/)
  }
})

group = 'what an import is given'

each('is what V8 gives it', async (run) => {
  const wasm = await assemble(`(module
    (import "e" "f" (func $f (param i32 i64 f32 f64)))
    (func (export "wizer.initialize")
      (call $f (i32.const -1) (i64.const -1) (f32.const 0.1) (f64.const 0.1))
      (call $f (i32.const 0x80000000) (i64.const 0x8000000000000000) (f32.const -0) (f64.const -0))
      (call $f (i32.const 0x7fffffff) (i64.const 0x7fffffffffffffff) (f32.const nan) (f64.const nan))
      (call $f (i32.const 0) (i64.const 0) (f32.const inf) (f64.const -inf))
      (call $f (i32.const 1) (i64.const 0x20000000000001) (f32.const 1e-45) (f64.const 5e-324))))`)
  /** @param {unknown[]} log @returns {MakeImports} */
  const logging = (log) => () => ({
    e: {
      /** @param {unknown[]} params */
      f(...params) {
        log.push(params)
      },
    },
  })
  /** @type {[unknown[], unknown[]]} */
  const [expected, actual] = [[], []]
  inV8(wasm, logging(expected))
  await run(wasm, { imports: logging(actual) })
  assert.deepEqual(actual, expected)
})

each('is no `this`, as in V8', async (run) => {
  const wasm = await assemble(STORING('i32'))
  /** @type {unknown[]} */
  const seen = []
  /** @type {MakeImports} */
  const imports = () => ({
    e: {
      /** @this {unknown} */
      f() {
        seen.push(this)
        return 1
      },
    },
  })
  inV8(wasm, imports)
  await run(wasm, { imports })
  assert.deepEqual(seen, [undefined, undefined])
})

each('is in the order of calls, and each call is made once', async (run) => {
  const wasm = await assemble(`(module
    (import "e" "a" (func $a (param i32))) (import "e" "b" (func $b (param i32)))
    (import "other" "a" (func $c (param i32))) (import "e" "unused" (func))
    (func $s (call $a (i32.const 0))) (start $s)
    (func (export "_initialize") (call $b (i32.const 1)))
    (func (export "wizer.initialize") (local $i i32)
      (loop $next
        (call $a (local.get $i)) (call $c (local.get $i)) (call $b (local.get $i))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))))`)
  /** @type {string[]} */
  const log = []
  const logger = (/** @type {string} */ name) => (/** @type {number} */ n) => log.push(name + n)
  await run(wasm, { imports: { e: { a: logger('a'), b: logger('b') }, other: { a: logger('c') } } })
  const looped = Array.from({ length: 100 }, (_, n) => [`a${n}`, `c${n}`, `b${n}`])
  assert.deepEqual(log, ['a0', 'b1', ...looped.flat()])
})

group = 'an import that throws'

const CALLING = `(module
  (import "env" "call" (func $f))
  (func (export "wizer.initialize") (call $f)))`

for (const [name, thrown] of /** @type {Array<[string, unknown]>} */ ([
  ['an error', new RangeError('out of it')],
  ['an object', { some: 'thing' }],
  ['a string', 'text'],
  ['undefined', undefined],
  ['null', null],
  ['zero', 0],
  ['a symbol', Symbol('thrown')],
  ['a function', () => {}],
  ['an object without a prototype', Object.create(null)],
  ['an object that can not be text', { toString: () => assert.fail('asked for text') }],
  [
    'an error whose message throws',
    Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new Error('no message')
      },
    }),
  ],
  ['an error whose message is no string', Object.assign(new Error('x'), { message: 5n })],
])) {
  each(`is ERR_IMPORT_FAILED whose cause is the very value: ${name}`, async (run) => {
    const imports = {
      env: {
        call() {
          throw thrown
        },
      },
    }
    const error = await failure(run(await assemble(CALLING), { imports }))
    assert.equal(error.code, 'ERR_IMPORT_FAILED')
    assert.equal(error.stage, 'run')
    assert.ok('cause' in error)
    assert.equal(error.cause, thrown)
    assert.deepEqual(error.import, { module: 'env', name: 'call' })
    assert.match(error.message, /`env\.call`/)
  })
}

each('names the import and what it said', async (run) => {
  const wasm = await assemble(`(module
    (import "env" "good" (func $good)) (import "env" "bad" (func $bad))
    (func (export "wizer.initialize") (call $good) (call $bad)))`)
  let calls = 0
  const bad = () => {
    throw new Error('the disk is full')
  }
  const error = await failure(run(wasm, { imports: { env: { good: () => calls++, bad } } }))
  assert.deepEqual(error.import, { module: 'env', name: 'bad' })
  assert.match(error.message, /`env\.bad`.*the disk is full/)
  assert.equal(calls, 1)
})

each('stops the guest there and then', async (run) => {
  const wasm = await assemble(`(module
    (import "e" "throw" (func $t)) (import "e" "after" (func $a))
    (func (export "wizer.initialize") (call $t) (call $a)))`)
  let calls = 0
  const imports = {
    e: {
      throw() {
        throw 1
      },
      after: () => calls++,
    },
  }
  await failure(run(wasm, { imports }))
  assert.equal(calls, 0)
})

each('leaves nothing behind: the next run is as good as the first', async (run) => {
  const wasm = await assemble(STORING('i32'))
  const bad = () => {
    throw new Error('once')
  }
  for (let round = 0; round < 5; round++) {
    await failure(run(wasm, { imports: { e: { f: bad } } }))
    const output = await run(wasm, { imports: { e: { f: () => round } } })
    assert.equal(memoryOf(instantiate(output, { e: { f: bad } }))[0], round)
  }
})

each('is not the cause of a failure that comes later', async (run) => {
  const wasm = await assemble(`(module
    (import "e" "outer" (func $outer)) (import "e" "inner" (func $inner))
    (import "e" "vector" (func $vector (param v128)))
    (func (export "nested") (call $inner))
    (func (export "wizer.initialize") (call $outer) (call $vector (v128.const i64x2 1 2))))`)
  const caught = new Error('caught long ago')
  /** @type {MakeImports} */
  const imports = (guest) => ({
    e: {
      outer() {
        assert.throws(() => guest.exports.nested(), caught)
      },
      inner() {
        throw caught
      },
      vector() {},
    },
  })
  const error = await failure(run(wasm, { imports, engine: 'optimizing' }))
  assert.equal(error.code, 'ERR_IMPORT_FAILED')
  assert.deepEqual(error.import, { module: 'e', name: 'vector' })
  assert.notEqual(error.cause, caught)
})

group = 'an imported global'

/** @param {string} type */
const IMPORTING_GLOBAL = (type) => `(module
  (import "e" "g" (global $g ${type}))
  (memory (export "memory") 1) (global $own (export "own") ${type} (global.get $g))
  (func (export "wizer.initialize") (${type}.store (i32.const 0) (global.get $g))))`

for (const type of TYPES) {
  each(`of type ${type} takes what it takes in V8`, async (run) => {
    const wasm = await assemble(IMPORTING_GLOBAL(type))
    const globals = [
      new WebAssembly.Global({ value: type }, type === 'i64' ? 5n : 5.75),
      new WebAssembly.Global({ value: type === 'i64' ? 'i32' : 'i64' }),
      new WebAssembly.Global({ value: type === 'f64' ? 'f32' : 'f64' }),
      new WebAssembly.Global({ value: type, mutable: true }, type === 'i64' ? 5n : 5.75),
    ]
    for (const value of [...Object.values(WEIRD), ...globals]) {
      if (value === undefined) continue
      const imports = { e: { g: /** @type {any} */ (value) } }
      const expected = outcome(() => memoryOf(inV8(wasm, () => imports)).subarray(0, 8))
      const running = run(wasm, { imports })
      const what = `${typeof value} ${String(Object.prototype.toString.call(value))}`
      if ('throws' in expected) {
        const error = await failure(running)
        assert.equal(error.code, 'ERR_INVALID_OPTION', what)
        assert.ok(error instanceof TypeError)
        assert.match(error.message, /`imports\.e\.g`/)
      } else {
        const output = instantiate(await running, imports)
        assert.deepEqual(memoryOf(output).subarray(0, 8), expected.value, what)
        const own = /** @type {WebAssembly.Global} */ (output.exports.own)
        const original = /** @type {WebAssembly.Global} */ (instantiate(wasm, imports).exports.own)
        assert.equal(own.value, original.value)
      }
    }
  })
}

each('stays an import of the output', async (run) => {
  const wasm = await assemble(IMPORTING_GLOBAL('i32'))
  const output = await run(wasm, { imports: { e: { g: 7 } } })
  const left = inspect(output).imports
  assert.deepEqual(left, [{ module: 'e', name: 'g', kind: 'global' }])
})

each('that is missing is ERR_IMPORT_MISSING, before anything is compiled', async (run) => {
  const { broken: wasm } = await withInvalidBody(`
    (import "e" "g" (global i32)) (import "e" "h" (global f64)) (import "e" "f" (func))`)
  /** @type {Array<InitializeOptions['imports']>} */
  const lacking = [undefined, {}, { e: {} }, { other: { g: 1 } }, () => ({})]
  for (const imports of lacking) {
    const error = await failure(run(wasm, { imports }))
    assert.equal(error.code, 'ERR_IMPORT_MISSING')
    assert.equal(error.stage, 'parse')
    assert.deepEqual(error.imports, [
      { module: 'e', name: 'g' },
      { module: 'e', name: 'h' },
    ])
    assert.match(error.message, /`e\.g`/)
    assert.match(error.message, /`e\.h`/)
  }
})

each('of functions that can not be null is ERR_UNSUPPORTED, naming it', async (run) => {
  const wasm = await assemble(
    '(module (import "e" "x" (global (ref func))) (func (export "wizer.initialize")))',
  )
  const error = await failure(run(wasm, { imports: { e: { x: 1 } } }))
  assert.equal(error.code, 'ERR_UNSUPPORTED')
  assert.match(error.message, /`e\.x`/)
})

group = 'imports'

each('that are no functions are ERR_INVALID_OPTION where the guest wants some', async (run) => {
  const wasm = await assemble(CALLING)
  for (const call of [1, 1n, 'text', {}, null]) {
    const imports = { env: { call: /** @type {any} */ (call) } }
    const error = await failure(run(wasm, { imports }))
    assert.equal(error.code, 'ERR_INVALID_OPTION', String(call))
    assert.match(error.message, /`imports\.env\.call`/)
  }
})

each('of the wrong type are ERR_INVALID_OPTION', async (run) => {
  const wasm = await assemble(CALLING)
  for (const imports of [1, 'text', null, () => 1, () => null, () => undefined]) {
    const error = await failure(run(wasm, { imports: /** @type {any} */ (imports) }))
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.match(error.message, /`imports`/)
  }
})

each('that the guest does not import are ignored', async (run) => {
  const wasm = await assemble(CALLING)
  let calls = 0
  const imports = { env: { call: () => calls++, other: assert.fail }, none: { such: assert.fail } }
  await run(wasm, { imports })
  assert.equal(calls, 1)
})

each('that fail to be made reject with what was thrown, and nothing runs', async (run) => {
  const wasm = await assemble(CALLING)
  const thrown = { not: 'an error' }
  const imports = () => {
    throw thrown
  }
  assert.equal(await rejection(run(wasm, { imports })), thrown)
})

each('may be the same function under several names', async (run) => {
  const wasm = await assemble(`(module
    (import "e" "a" (func $a (param i32) (result i64))) (import "e" "b" (func $b (result f32)))
    (memory (export "memory") 1)
    (func (export "wizer.initialize")
      (i64.store (i32.const 0) (call $a (i32.const 1))) (f32.store (i32.const 8) (call $b))))`)
  const f = (/** @type {number[]} */ ...params) => String(params.length + 4)
  const imports = { e: { a: f, b: f } }
  const output = await run(wasm, { imports })
  assert.deepEqual(memoryOf(instantiate(output, imports)), memoryOf(inV8(wasm, () => imports)))
})

each('are found under any name', async (run) => {
  for (const name of ['', '__proto__', 'constructor', 'a b', 'ünï \u{1f600}', 'a`b', 'a.b']) {
    const wasm = await assemble(`(module
      (import "${name}" "${name}" (func $f (result i32))) (memory (export "memory") 1)
      (func (export "wizer.initialize") (i32.store (i32.const 0) (call $f))))`)
    const imports = Object.fromEntries([[name, Object.fromEntries([[name, () => 42]])]])
    const output = await run(wasm, { imports })
    assert.equal(memoryOf(instantiate(output, imports))[0], 42, name)
  }
})

each('stay imports of the output', async (run) => {
  const wasm = await assemble(STORING('i32'))
  const output = await run(wasm, { imports: { e: { f: () => 1 } } })
  assert.deepEqual(inspect(output).imports, inspect(wasm).imports)
})

each('go before WASI and preloaded modules', async (run) => {
  const wasm = await assemble(`(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
    (import "lib" "f" (func $f (result i32)))
    (memory (export "memory") 1)
    (func (export "wizer.initialize")
      (i32.store8 (i32.const 0) (call $y)) (i32.store8 (i32.const 1) (call $f))))`)
  const lib = await assemble('(module (func (export "f") (result i32) (i32.const 1)))')
  const imports = { wasi_snapshot_preview1: { sched_yield: () => 77 }, lib: { f: () => 78 } }
  const output = await run(wasm, { wasi: true, preload: { lib }, imports })
  assert.deepEqual([...memoryOf(instantiate(output, imports)).subarray(0, 2)], [77, 78])
})

group = 'undefinedImports'

each("'error' lists all functions that are missing, before anything is compiled", async (run) => {
  const { broken: wasm } = await withInvalidBody(`
    (import "a" "one" (func)) (import "a" "two" (func (param i32))) (import "b" "one" (func))
    (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))`)
  const imports = { a: { two: () => {} } }
  const missing = [
    { module: 'a', name: 'one' },
    { module: 'b', name: 'one' },
  ]
  const sched = { module: 'wasi_snapshot_preview1', name: 'sched_yield' }
  const without = await failure(run(wasm, { imports, undefinedImports: 'error' }))
  assert.equal(without.code, 'ERR_IMPORT_MISSING')
  assert.deepEqual(without.imports, [...missing, sched])
  assert.match(without.message, /`a\.one`.*`b\.one`.*`wasi_snapshot_preview1\.sched_yield`/)
  const withWasi = await failure(run(wasm, { imports, wasi: true, undefinedImports: 'error' }))
  assert.deepEqual(withWasi.imports, missing)
})

each("'error' is content when all are there", async (run) => {
  const wasm = await assemble(CALLING)
  await run(wasm, { imports: { env: { call() {} } }, undefinedImports: 'error' })
})

each(
  "'error' misses what a preloaded module does not export, and unknown WASI functions",
  async (run) => {
    const wasm = await assemble(`(module
    (import "lib" "there" (func)) (import "lib" "gone" (func)) (import "lib" "memory" (func))
    (import "wasi_snapshot_preview1" "no_such_function" (func))
    (func (export "wizer.initialize")))`)
    const lib = await assemble('(module (func (export "there")) (memory (export "memory") 1))')
    const options = /** @type {const} */ ({
      preload: { lib },
      wasi: true,
      undefinedImports: 'error',
    })
    const error = await failure(run(wasm, options))
    assert.equal(error.code, 'ERR_IMPORT_MISSING')
    assert.deepEqual(error.imports, [
      { module: 'lib', name: 'gone' },
      { module: 'lib', name: 'memory' },
      { module: 'wasi_snapshot_preview1', name: 'no_such_function' },
    ])
  },
)

each("'trap' lets them stay until init calls one", async (run) => {
  const wasm = await assemble(`(module
    (import "a" "unused" (func)) (import "a" "used" (func $used)) (import "a" "given" (func $given))
    (func (export "wizer.initialize") (call $given) (call $used)))`)
  let calls = 0
  for (const undefinedImports of /** @type {const} */ (['trap', undefined])) {
    const imports = { a: { given: () => calls++ } }
    const error = await failure(run(wasm, { imports, undefinedImports }))
    assert.equal(error.code, 'ERR_IMPORT_CALLED')
    assert.deepEqual(error.import, { module: 'a', name: 'used' })
  }
  assert.equal(calls, 2)
})

group = "the guest's memory"

/** A guest whose init calls `step` with 0, 1, 2… and does something with its memory in between. */
const STEPPING = `(module
  (import "e" "step" (func $step (param i32)))
  (memory (export "memory") 1 6)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "poke") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "again") (param i32) (call $step (local.get 0)))
  (func (export "wizer.initialize")
    (i32.store8 (i32.const 1) (i32.const 11))
    (call $step (i32.const 0))
    (i32.store8 (i32.const 2) (i32.add (i32.load8_u (i32.const 3)) (i32.const 1)))
    (call $step (i32.const 1))
    (call $step (i32.const 2))
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 131080) (i32.const 55))
    (call $step (i32.const 3))
    (drop (memory.grow (i32.const 100)))
    (call $step (i32.const 4))))`

/**
 * Looks at the memory in every way, and writes down what it sees.
 * @param {unknown[]} log
 * @param {(buffer: ArrayBuffer) => void} [keep] is given each buffer that it saw
 * @returns {MakeImports}
 */
const watching = (log, keep) => (guest) => {
  /** @type {Array<{ buffer: ArrayBuffer, view: Uint8Array }>} */
  const seen = []
  const look = (/** @type {string} */ where) => {
    const { buffer } = guest.memory
    let at = seen.findIndex((known) => known.buffer === buffer)
    if (at < 0) at = seen.push({ buffer, view: new Uint8Array(buffer) }) - 1
    keep?.(buffer)
    log.push({
      where,
      at,
      same: guest.memory.buffer === buffer,
      isArrayBuffer: buffer instanceof ArrayBuffer,
      bytes: buffer.byteLength,
      known: seen.map((known) => [known.buffer.byteLength, known.view.length, known.view[1]]),
      starts: [...new Uint8Array(buffer, 0, 12)],
      exported: guest.exports.memory.buffer === buffer,
    })
    return new Uint8Array(buffer)
  }
  const { exports } = guest
  const call = (/** @type {string} */ name, /** @type {number[]} */ ...args) =>
    (exports ?? guest.exports)[name](...args)
  /** @type {Uint8Array} */
  let view
  return {
    e: {
      /** @param {number} n */
      step(n) {
        switch (n) {
          case 0:
            view = look('the first import')
            view[3] = 33
            log.push(call('peek', 3))
            call('poke', 4, 44)
            log.push(view[4])
            look('after nested calls')
            break
          case 1:
            log.push(view[2], view.length)
            look('the second import')
            view[5] = 66
            break
          case 2:
            log.push(call('grow', 1))
            log.push(view.length, view[5])
            view = look('after growing in a nested call')
            view[65536 + 7] = 77
            log.push(call('peek', 65536 + 7))
            log.push(call('grow', 50), view.length)
            look('after growing in vain')
            call('again', 10)
            look('after a deeper import has grown it')
            break
          case 3:
            view = look('after growing between imports')
            log.push(view.length, view[131080])
            break
          case 4:
            log.push(view.length)
            look('after growing in vain between imports')
            break
          case 10:
            look('a nested import')
            log.push(call('grow', 1), view.length)
            view = look('a nested import that has grown it')
            break
        }
      },
    },
  }
}

each('is seen as V8 shows it, from the first import to the last', async (run) => {
  const wasm = await assemble(STEPPING)
  /** @type {[unknown[], unknown[]]} */
  const [expected, actual] = [[], []]
  // In V8 the exports are not there before the instance is.
  const original = inV8(wasm, (guest) => watching(expected)(lazily(guest)))
  const output = await run(wasm, { imports: watching(actual) })
  assert.equal(expected.length > 20, true)
  assert.deepEqual(actual, expected)
  const bytes = memoryOf(instantiate(output, { e: { step() {} } }))
  assert.ok(bytes.equals(memoryOf(original)))
})

/** @param {Guest} guest @returns {Guest} */
const lazily = (guest) => ({
  memory: guest.memory,
  exports: new Proxy({}, { get: (_, name) => guest.exports[/** @type {string} */ (name)] }),
})

each('is written through views that were made in an earlier import', async (run) => {
  const wasm = await assemble(`(module
    (import "e" "next" (func $next (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "wizer.initialize") (local $i i32)
      (loop $loop
        (i32.store8 offset=1000 (local.get $i)
          (i32.add (i32.load8_u (local.get $i)) (call $next (local.get $i))))
        (br_if $loop
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))))`)
  /** @type {MakeImports} */
  const imports = (guest) => {
    /** @type {Uint8Array | undefined} */
    let view
    return {
      e: {
        /** @param {number} n */
        next(n) {
          view ??= new Uint8Array(guest.memory.buffer)
          view[n + 1] = n * 3
          return n === 0 ? 0 : view[1000 + n - 1]
        },
      },
    }
  }
  const output = await run(wasm, { imports })
  const bytes = memoryOf(instantiate(output, { e: { next: () => 0 } }))
  assert.ok(bytes.equals(memoryOf(inV8(wasm, imports))))
  assert.ok(bytes.subarray(1000, 1200).some((byte) => byte > 0))
})

/** Shows its memory, then ends in the way that is asked for. */
const ENDING = `(module
  (import "e" "show" (func $show (result i32))) (import "e" "call" (func $call))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (func $end (export "end") (param $how i32)
    (if (i32.eq (local.get $how) (i32.const 1)) (then unreachable))
    (if (i32.eq (local.get $how) (i32.const 2)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $how) (i32.const 3)) (then (call $call)))
    (if (i32.eq (local.get $how) (i32.const 4)) (then (call $exit (i32.const 9))))
    (if (i32.eq (local.get $how) (i32.const 5)) (then (call $exit (i32.const 0))))
    (if (i32.eq (local.get $how) (i32.const 6)) (then (drop (memory.grow (i32.const 100)))))
    (if (i32.eq (local.get $how) (i32.const 7)) (then (call $end (local.get $how)))))
  (func (export "wizer.initialize") (call $end (call $show))))`

const ENDINGS = /** @type {const} */ ([
  ['success', 0, undefined],
  ['a trap', 1, 'ERR_TRAP'],
  ['a timeout', 2, 'ERR_TIMEOUT'],
  ['an import that throws', 3, 'ERR_IMPORT_FAILED'],
  ['an exit', 4, 'ERR_EXIT'],
  ['an exit with status 0', 5, undefined],
  ['the memory limit', 6, 'ERR_MEMORY_LIMIT'],
  ['the stack limit', 7, 'ERR_STACK_LIMIT'],
])

for (const [ending, how, code] of ENDINGS) {
  each(`is detached when the run ends by ${ending}`, async (run) => {
    const wasm = await assemble(ENDING)
    /** @type {Uint8Array | undefined} */
    let view
    const thrown = new Error('thrown')
    /** @type {MakeImports} */
    const imports = (guest) => ({
      e: {
        show() {
          view = new Uint8Array(guest.memory.buffer)
          assert.equal(view.length, 131072)
          return how
        },
        call() {
          throw thrown
        },
      },
    })
    /** @type {InitializeOptions} */
    const options = { imports, wasi: true, maxMemory: 1 << 20 }
    if (how === 2) options.timeout = 300
    const running = run(wasm, options)
    if (code === undefined) await running
    else assert.equal((await failure(running)).code, code)
    assert.ok(view)
    assert.equal(view.length, 0)
    assert.equal(view.buffer.byteLength, 0)
  })
}

each('is detached when the run is aborted from an import', async (run) => {
  const wasm = await assemble(ENDING)
  const controller = new AbortController()
  const reason = { stop: true }
  /** @type {Uint8Array | undefined} */
  let view
  /** @type {MakeImports} */
  const imports = (guest) => ({
    e: {
      show() {
        view = new Uint8Array(guest.memory.buffer)
        controller.abort(reason)
        return 2
      },
      call() {},
    },
  })
  assert.equal(await rejection(run(wasm, { imports, signal: controller.signal })), reason)
  assert.equal(view?.length, 0)
})

each('has no buffer before the run and after it, and the error says so', async (run) => {
  const wasm = await assemble(ENDING)
  /** @type {Guest | undefined} */
  let guest
  await run(wasm, {
    imports: (given) => {
      guest = given
      assert.throws(() => given.memory.buffer, /guest/)
      return { e: { show: () => given.memory.buffer.byteLength * 0 } }
    },
  })
  assert.throws(() => guest?.memory.buffer, /guest/)
})

each('may be empty, or missing', async (run) => {
  const empty = await assemble(`(module (import "env" "call" (func $f)) (memory (export "memory") 0)
    (func (export "wizer.initialize") (call $f)))`)
  let calls = 0
  await run(empty, {
    imports: (guest) => ({
      env: {
        call() {
          assert.equal(guest.memory.buffer.byteLength, 0)
          calls++
        },
      },
    }),
  })
  await run(await assemble(CALLING), {
    imports: (guest) => ({
      env: {
        call() {
          assert.throws(() => guest.memory.buffer, /memory/)
          calls++
        },
      },
    }),
  })
  assert.equal(calls, 2)
})

each('is memory 0 also where it is not exported', async (run) => {
  const wasm = await assemble(`(module (import "env" "call" (func $f)) (memory 1)
    (data (i32.const 5) "hidden") (func (export "wizer.initialize") (call $f)))`)
  let found = ''
  await run(wasm, {
    imports: (guest) => ({
      env: {
        call() {
          found = Buffer.from(guest.memory.buffer, 5, 6).toString()
        },
      },
    }),
  })
  assert.equal(found, 'hidden')
})

each('is each its own where there are several', async (run) => {
  const wasm = await assemble(`(module (import "env" "call" (func $f))
    (memory (export "first") 1) (memory (export "second") 2)
    (data (i32.const 0) "one") (data (memory 1) (i32.const 0) "two")
    (func (export "wizer.initialize") (call $f)))`)
  /** @type {unknown[]} */
  let found = []
  await run(wasm, {
    imports: (guest) => ({
      env: {
        call() {
          const { first, second } = guest.exports
          found = [first, second].map(({ buffer }) => [
            buffer.byteLength,
            Buffer.from(buffer, 0, 3).toString(),
          ])
        },
      },
    }),
  })
  assert.deepEqual(found, [
    [65536, 'one'],
    [131072, 'two'],
  ])
})

group = "the guest's exports"

const IDENTITIES = `(module
  (import "env" "call" (func $f))
  ${TYPES.map((type) => `(func (export "${type}") (param ${type}) (result ${type}) (local.get 0))`).join('\n')}
  (func (export "none")) (func (export "two") (param i32 i64) (result i64 i32)
    (local.get 1) (local.get 0))
  ${TYPES.map((type) => `(global (export "g${type}") (mut ${type}) (${type}.const 1))`).join('\n')}
  (global (export "constant") i32 (i32.const 5))
  (func (export "wizer.initialize") (call $f)))`

/**
 * Runs a function inside an import, in V8 and here, and returns what each came to.
 * @param {Run} run
 * @param {string} wat
 * @param {(guest: Guest) => unknown} inside
 */
async function insideBoth(run, wat, inside) {
  const wasm = await assemble(wat)
  /** @type {unknown[]} */
  const results = []
  /** @type {MakeImports} */
  const imports = (guest) => ({
    env: {
      call() {
        results.push(inside(guest))
      },
    },
  })
  inV8(wasm, imports)
  await run(wasm, { imports })
  assert.equal(results.length, 2)
  return { expected: results[0], actual: results[1] }
}

each('convert arguments and results as in V8', async (run) => {
  const { expected, actual } = await insideBoth(run, IDENTITIES, ({ exports }) =>
    TYPES.map((type) =>
      Object.entries(WEIRD).map(([name, value]) => [
        `${type} from ${name}`,
        outcome(() => exports[type](value)),
      ]),
    ),
  )
  assert.deepEqual(actual, expected)
})

each('take missing and surplus arguments as in V8', async (run) => {
  const surplus = [1, Symbol('never converted'), { valueOf: () => assert.fail('converted') }]
  const { expected, actual } = await insideBoth(run, IDENTITIES, ({ exports }) => [
    ...TYPES.map((type) => outcome(() => exports[type]())),
    outcome(() => exports.none()),
    outcome(() => exports.none(...surplus)),
    outcome(() => exports.i32(...surplus)),
    outcome(() => exports.two(1, 2n)),
    outcome(() => exports.two(1)),
  ])
  assert.deepEqual(actual, expected)
})

each('read and set globals as in V8', async (run) => {
  const { expected, actual } = await insideBoth(run, IDENTITIES, ({ exports }) => [
    exports.constant.value,
    outcome(() => (exports.constant.value = 3)),
    TYPES.map((type) =>
      Object.entries(WEIRD).map(([name, value]) => {
        const global = exports[`g${type}`]
        const set = outcome(() => void (global.value = value))
        return [`${type} from ${name}`, set, global.value]
      }),
    ),
  ])
  assert.deepEqual(actual, expected)
})

each('keep in the output what imports set', async (run) => {
  const wasm = await assemble(IDENTITIES)
  const output = await run(wasm, {
    imports: ({ exports }) => ({
      env: {
        call() {
          exports.gi32.value = -7
          exports.gi64.value = 2n ** 40n
          exports.gf64.value = -0
        },
      },
    }),
  })
  const { exports } = instantiate(output, { env: { call() {} } })
  const value = (/** @type {string} */ name) =>
    /** @type {WebAssembly.Global} */ (exports[name]).value
  assert.deepEqual([value('gi32'), value('gi64'), value('gf64')], [-7, 2n ** 40n, -0])
})

const NESTING = `(module
  (import "e" "visit" (func $visit (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $entered (export "entered") (mut i32) (i32.const 0))
  (func (export "enter") (param i32) (result i32)
    (global.set $entered (i32.add (global.get $entered) (i32.const 1)))
    (i32.add (i32.const 1) (call $visit (local.get 0))))
  (func (export "trap") (param i32) (result i32) (i32.load (i32.const -1)))
  (func (export "wizer.initialize")
    (i32.store (i32.const 0) (call $visit (i32.const 20)))
    (i32.store (i32.const 4) (call $visit (i32.const 0)))))`

each('can be called from imports that they call, level after level', async (run) => {
  const wasm = await assemble(NESTING)
  /** @type {MakeImports} */
  const imports = (guest) => ({
    e: {
      /** @param {number} n */
      visit(n) {
        const view = new Uint8Array(guest.memory.buffer)
        view[100 + n]++
        const result = n === 0 ? 1000 : guest.exports.enter(n - 1)
        view[200 + n] = result
        return result
      },
    },
  })
  const original = inV8(wasm, imports)
  const output = instantiate(await run(wasm, { imports }), { e: { visit: () => 0 } })
  assert.ok(memoryOf(output).equals(memoryOf(original)))
  assert.equal(memoryOf(output).readInt32LE(0), 1020)
  assert.equal(/** @type {WebAssembly.Global} */ (output.exports.entered).value, 20)
})

each('that trap throw an error that an import can catch, and the run goes on', async (run) => {
  const wasm = await assemble(NESTING)
  /** @type {any} */
  let caught
  const output = await run(wasm, {
    imports: (guest) => ({
      e: {
        /** @param {number} n */
        visit(n) {
          if (n > 0) return guest.exports.enter(0)
          try {
            return guest.exports.trap(0)
          } catch (error) {
            caught = error
            return 17
          }
        },
      },
    }),
  })
  assert.ok(caught instanceof InitializeError)
  assert.equal(caught.code, 'ERR_TRAP')
  assert.equal(caught.trap?.kind, 'memory-out-of-bounds')
  const bytes = memoryOf(instantiate(output, { e: { visit: () => 0 } }))
  assert.deepEqual([bytes.readInt32LE(0), bytes.readInt32LE(4)], [18, 17])
})

each('that trap are the cause where the import does not catch it', async (run) => {
  const wasm = await assemble(NESTING)
  const imports = (/** @type {Guest} */ guest) => ({ e: { visit: () => guest.exports.trap(0) } })
  const error = await failure(run(wasm, { imports }))
  assert.equal(error.code, 'ERR_IMPORT_FAILED')
  assert.deepEqual(error.import, { module: 'e', name: 'visit' })
  assert.ok(error.cause instanceof InitializeError)
  assert.equal(error.cause.code, 'ERR_TRAP')
})

for (const thrown of [new Error('deep down'), { deep: 'down' }, undefined, 'deep down']) {
  each(`let a thrown ${typeof thrown} pass through guest frames as it is`, async (run) => {
    const wasm = await assemble(NESTING)
    /** @type {unknown[]} */
    const passing = []
    /** @type {MakeImports} */
    const imports = (guest) => ({
      e: {
        /** @param {number} n */
        visit(n) {
          if (n === 0) throw thrown
          try {
            return guest.exports.enter(n - 1)
          } catch (error) {
            passing.push(error)
            throw error
          }
        },
      },
    })
    const error = await failure(run(wasm, { imports }))
    assert.equal(error.code, 'ERR_IMPORT_FAILED')
    assert.equal(error.cause, thrown)
    assert.equal(passing.length, 20)
    assert.ok(passing.every((value) => value === thrown))
  })
}

each('let an import turn what it catches into something else', async (run) => {
  const wasm = await assemble(NESTING)
  /** @type {MakeImports} */
  const imports = (guest) => ({
    e: {
      /** @param {number} n */
      visit(n) {
        if (n === 0) throw [n]
        try {
          return guest.exports.enter(n - 1)
        } catch (error) {
          throw [n, .../** @type {number[]} */ (error)]
        }
      },
    },
  })
  const { cause } = await failure(run(wasm, { imports }))
  assert.deepEqual(
    cause,
    Array.from({ length: 21 }, (_, n) => 20 - n),
  )
})

for (const [ending, how, code] of ENDINGS) {
  if (![2, 4, 5, 6].includes(how)) continue
  each(`end the run by ${ending}, even if the import catches it`, async (run) => {
    const wasm = await assemble(ENDING)
    let caught = 0
    /** @type {MakeImports} */
    const imports = (guest) => ({
      e: {
        show() {
          for (let attempt = 0; attempt < 3; attempt++) {
            try {
              guest.exports.end(how)
              assert.fail('the guest went on')
            } catch (error) {
              assert.ok(error instanceof Error)
              assert.doesNotMatch(error.message, /went on/)
              caught++
            }
          }
          return 1
        },
        call() {},
      },
    })
    /** @type {InitializeOptions} */
    const options = { imports, wasi: true, maxMemory: 1 << 20 }
    if (how === 2) options.timeout = 300
    const running = run(wasm, options)
    if (code === undefined) await running
    else assert.equal((await failure(running)).code, code)
    assert.equal(caught, 3)
  })
}

each('that do not end are caught as a stack limit, and the run goes on', async (run) => {
  const wasm = await assemble(ENDING)
  /** @type {any} */
  let caught
  await run(wasm, {
    imports: (guest) => ({
      e: {
        show() {
          try {
            guest.exports.end(7)
          } catch (error) {
            caught = error
          }
          return 0
        },
        call() {},
      },
    }),
  })
  assert.ok(caught instanceof InitializeError)
  assert.equal(caught.code, 'ERR_STACK_LIMIT')
})

each('can not be used before the run and after it, and the error says so', async (run) => {
  const wasm = await assemble(IDENTITIES)
  /** @type {Guest | undefined} */
  let kept
  const unusable = (/** @type {Guest | undefined} */ guest) => {
    assert.ok(guest)
    assert.throws(() => guest.exports.i32(1), /guest/)
    assert.throws(() => guest.exports.gi32.value, /guest/)
    assert.throws(() => (guest.exports.gi32.value = 1), /guest/)
  }
  await run(wasm, {
    imports: (guest) => {
      kept = guest
      unusable(guest)
      return { env: { call: () => assert.equal(guest.exports.i32(1), 1) } }
    },
  })
  unusable(kept)
})

each('are those of the module that is initialized', async (run) => {
  const wasm = await assemble(IDENTITIES)
  await run(wasm, {
    imports: ({ exports }) => {
      const names = inspect(wasm).exports.map(({ name }) => name)
      assert.deepEqual(Object.keys(exports).toSorted(), names.toSorted())
      return { env: { call() {} } }
    },
  })
})

group = 'a preloaded module'

const LIBRARY = `(module
  (global $count (mut i32) (i32.const 40)) (global (export "answer") i32 (i32.const 42))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count)))`

const USING_LIBRARY = `(module
  (import "lib" "next" (func $next (result i32))) (import "lib" "answer" (global $answer i32))
  (memory (export "memory") 1)
  (func (export "wizer.initialize")
    (i32.store8 (i32.const 0) (call $next)) (i32.store8 (i32.const 1) (call $next))
    (i32.store8 (i32.const 2) (global.get $answer))))`

each('satisfies functions and globals, and stays an import of the output', async (run) => {
  const [wasm, lib] = [await assemble(USING_LIBRARY), await assemble(LIBRARY)]
  const output = await run(wasm, { preload: { lib } })
  assert.deepEqual(inspect(output).imports, inspect(wasm).imports)
  const library = instantiate(lib)
  const bytes = memoryOf(instantiate(output, { lib: library.exports }))
  assert.deepEqual([...bytes.subarray(0, 3)], [41, 42, 42])
  assert.equal(functions(library).next(), 41, 'its state is not part of the output')
})

each('imports from those before it, whose state they share', async (run) => {
  const lib = await assemble(LIBRARY)
  const doubled = await assemble(`(module
    (import "lib" "next" (func $next (result i32)))
    (func (export "next") (result i32) (i32.mul (i32.const 2) (call $next))))`)
  const wasm = await assemble(`(module
    (import "doubled" "next" (func $a (result i32))) (import "lib" "next" (func $b (result i32)))
    (memory (export "memory") 1)
    (func (export "wizer.initialize")
      (i32.store8 (i32.const 0) (call $a)) (i32.store8 (i32.const 1) (call $b))))`)
  const output = await run(wasm, { preload: { lib, doubled } })
  const stubs = { lib: { next: () => 0 }, doubled: { next: () => 0 } }
  assert.deepEqual([...memoryOf(instantiate(output, stubs)).subarray(0, 2)], [82, 42])
})

each('has WASI and a memory of its own', async (run) => {
  const lib = await assemble(`(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "count") (result i32)
      (drop (call $sizes (i32.const 16) (i32.const 20))) (i32.load (i32.const 16))))`)
  const wasm = await assemble(`(module
    (import "lib" "count" (func $count (result i32))) (memory (export "memory") 1)
    (func (export "wizer.initialize") (i32.store (i32.const 0) (call $count))))`)
  const output = await run(wasm, { preload: { lib }, wasi: { args: ['a', 'b', 'c'] } })
  const bytes = memoryOf(instantiate(output, { lib: { count: () => 0 } }))
  assert.equal(bytes.readInt32LE(0), 3)
  assert.ok(bytes.subarray(4).every((byte) => byte === 0))
})

each('has its _initialize run, and its imports from JavaScript', async (run) => {
  const lib = await assemble(`(module
    (import "env" "seed" (func $seed (result i32))) (global $g (mut i32) (i32.const 1))
    (func (export "_initialize") (global.set $g (call $seed)))
    (func (export "get") (result i32) (global.get $g)))`)
  const wasm = await assemble(`(module
    (import "lib" "get" (func $get (result i32))) (memory (export "memory") 1)
    (func (export "wizer.initialize") (i32.store (i32.const 0) (call $get))))`)
  const output = await run(wasm, { preload: { lib }, imports: { env: { seed: () => 123 } } })
  const bytes = memoryOf(instantiate(output, { lib: { get: () => 0 } }))
  assert.equal(bytes.readInt32LE(0), 123)
})

each('that traps in a call is ERR_TRAP', async (run) => {
  const lib = await assemble('(module (func (export "f") unreachable))')
  const wasm = await assemble(`(module (import "lib" "f" (func $f))
    (func (export "wizer.initialize") (call $f)))`)
  const error = await failure(run(wasm, { preload: { lib } }))
  assert.equal(error.code, 'ERR_TRAP')
  assert.equal(error.trap?.kind, 'unreachable')
})

for (const [what, wat] of /** @type {const} */ ([
  ['that traps when it starts', '(module (func $s unreachable) (start $s))'],
  ['that traps in its _initialize', '(module (func (export "_initialize") unreachable))'],
  ['whose segments do not fit', '(module (memory 1) (data (i32.const 65536) "x"))'],
])) {
  each(`${what} is ERR_IO, naming it`, async (run) => {
    const wasm = await assemble('(module (func (export "wizer.initialize")))')
    const error = await failure(run(wasm, { preload: { broken: await assemble(wat) } }))
    assert.equal(error.code, 'ERR_IO')
    assert.equal(error.path, 'broken')
    assert.match(error.message, /`?broken/)
  })
}

each('that is no module is ERR_IO, naming it', async (run) => {
  const wasm = await assemble('(module (func (export "wizer.initialize")))')
  const truncated = (await assemble(LIBRARY)).subarray(0, 40)
  for (const broken of [Buffer.from('nonsense'), Buffer.alloc(0), truncated]) {
    const error = await failure(run(wasm, { preload: { broken } }))
    assert.equal(error.code, 'ERR_IO')
    assert.equal(error.path, 'broken')
  }
})

each('that lacks a function lets it stay until it is called', async (run) => {
  const lib = await assemble(LIBRARY)
  const wasm = await assemble(`(module (import "lib" "gone" (func $f))
    (func (export "fine")) (func (export "wizer.initialize") (call $f)))`)
  await run(wasm, { preload: { lib }, initFunc: 'fine' })
  const error = await failure(run(wasm, { preload: { lib } }))
  assert.equal(error.code, 'ERR_IMPORT_CALLED')
  assert.deepEqual(error.import, { module: 'lib', name: 'gone' })
})

each('that has a function of another type says so', async (run) => {
  const lib = await assemble('(module (func (export "f") (param i32)))')
  const wasm = await assemble(`(module (import "lib" "f" (func $f (param i64)))
    (func (export "wizer.initialize") (call $f (i64.const 1))))`)
  const error = await failure(run(wasm, { preload: { lib } }))
  assert.match(error.message, /`lib\.f`/)
})

each('that lacks a global, or has it with another type, is refused', async (run) => {
  const wasm = await assemble(`(module (import "lib" "g" (global i32))
    (func (export "wizer.initialize")))`)
  const missing = await failure(run(wasm, { preload: { lib: await assemble('(module)') } }))
  assert.equal(missing.code, 'ERR_IMPORT_MISSING')
  assert.deepEqual(missing.imports, [{ module: 'lib', name: 'g' }])
  const other = await assemble('(module (global (export "g") i64 (i64.const 1)))')
  const error = await failure(run(wasm, { preload: { lib: other } }))
  assert.match(error.code, /ERR_IMPORT_MISSING|ERR_INVALID_OPTION/)
  assert.match(error.message, /`lib\.g`/)
})

each('may be in the text format', async (run) => {
  const output = await run(await assemble(USING_LIBRARY), {
    preload: { lib: Buffer.from(LIBRARY) },
  })
  assert.ok(isValid(output))
})

/** `ArrayBuffer.prototype.transfer` refuses the buffer of a `WebAssembly.Memory`. */
const TAKING_AWAY = `
  import { initialize, initializeSync } from './index.js'
  const wasm = Buffer.from(\`(module (import "e" "f" (func $f)) (memory 64)
    (func (export "wizer.initialize") (call $f) (call $f)))\`)
  const taken = []
  const imports = (guest) => ({
    e: {
      f() {
        const { buffer } = guest.memory
        for (const take of [
          () => buffer.transfer(),
          () => buffer.transfer(2 ** 20),
          () => structuredClone(buffer, { transfer: [buffer] }),
        ]) {
          try {
            taken.push(take())
          } catch {
            // Refused, as V8 does.
          }
        }
      },
    },
  })
  initializeSync(wasm, { imports })
  await initialize(wasm, { imports })
  for (const buffer of taken) new Uint8Array(buffer).fill(7)
  await initialize(wasm, { imports: { e: { f() {} } } })
  for (const buffer of taken) new Uint8Array(buffer).fill(8)
`

/** Terminates workers while their guests are at different points. */
const TERMINATING = `
  import { once } from 'node:events'
  import { Worker } from 'node:worker_threads'
  import { initialize } from './index.js'
  const script = \`
    import { parentPort } from 'node:worker_threads'
    import { initialize, initializeSync } from './index.js'
    const mode = process.env.MODE
    const wasm = Buffer.from('(module (import "e" "f" (func $f)) (memory 1) \` +
      \`(func (export "loop") (loop (br 0))) (func (export "calls") (loop (call $f) (br 0))) \` +
      \`(func (export "init") (call $f) (loop (br 0))))')
    const imports = (guest) => ({
      e: {
        f() {
          guest.memory.buffer
          parentPort.postMessage('here')
          if (mode === 'import') for (;;) {}
          if (mode === 'nested') guest.exports.loop()
        },
      },
    })
    const options = { imports, initFunc: mode === 'calls' ? 'calls' : 'init' }
    if (mode === 'sync') initializeSync(wasm, options)
    else await initialize(wasm, options)
  \`
  const url = new URL('data:text/javascript,' + encodeURIComponent(
    script.replaceAll("'./index.js'", JSON.stringify(import.meta.resolve('./index.js')))))
  for (let round = 0; round < 10; round++) {
    const worker = new Worker(url)
    await once(worker, 'message')
    await worker.terminate()
  }
  await initialize(Buffer.from('(module (func (export "wizer.initialize")))'))
`

if (isMainThread) {
  for (const [way, run] of Object.entries(WAYS)) {
    describe(`with ${way}`, () => declare(({ check }) => check(run)))
  }

  if (!process.env[COPIES]) {
    for (const way of Object.keys(WAYS)) {
      describe(`with ${way} in a worker`, () => {
        /** @type {Worker} */
        let worker
        before(() => {
          worker = new Worker(new URL(import.meta.url))
        })
        after(() => worker.terminate())
        declare(async (_, number) => {
          const answer = once(worker, 'message')
          worker.postMessage({ way, number })
          const [problem] = await answer
          assert.equal(problem, undefined)
        })
      })
    }

    test('the memory is safe from code that takes its buffer away', async () => {
      const { status, signal, stdout, stderr } = await runScript(TAKING_AWAY, {
        flags: 'transfer' in ArrayBuffer.prototype ? [] : ['--harmony-rab-gsab-transfer'],
      })
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stdout + stderr)
    })

    for (const mode of ['import', 'nested', 'guest', 'sync', 'calls']) {
      test(`a worker may be terminated at any time: ${mode}`, async () => {
        const { status, signal, stderr } = await runScript(TERMINATING, { env: { MODE: mode } })
        assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
      })
    }

    test('all this holds where buffers over foreign memory are forbidden', async () => {
      const child = spawn(process.execPath, [import.meta.filename], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, [COPIES]: '1' },
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: WATCHDOG_MS,
        killSignal: 'SIGKILL',
      })
      const [stdout, [status, signal]] = await Promise.all([
        text(child.stdout),
        once(child, 'close'),
      ])
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stdout)
    })
  }
} else {
  parentPort?.on('message', async ({ way, number }) => {
    try {
      await cases[number].check(WAYS[way])
      parentPort?.postMessage(undefined)
    } catch (error) {
      parentPort?.postMessage(error instanceof Error ? error.stack : String(error))
    }
  })
}

/**
 * Declares all tests, by group.
 * @param {(test: typeof cases[number], number: number) => Promise<unknown>} check
 */
function declare(check) {
  for (const name of new Set(cases.map((found) => found.group))) {
    describe(name, () => {
      for (const [number, found] of cases.entries()) {
        if (found.group === name) test(found.name, async () => void (await check(found, number)))
      }
    })
  }
}

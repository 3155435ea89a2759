// Options: what is no option, or none of the right type, is told before anything else happens.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  InitializeError,
  initialize,
  initializeSync,
  initializeWithReport,
  inspect,
} from '../index.js'
import { assemble } from './compare.js'

const wasm = await assemble('(module (func (export "wizer.initialize")) (func (export "other")))')

/**
 * @param {unknown} options
 * @param {string} key
 * @param {unknown} [input]
 */
async function assertInvalid(options, key, input = wasm) {
  const wrong = /** @type {any} */ (options)
  const module = /** @type {any} */ (input)
  /** @type {(error: unknown) => true} */
  const isRight = (error) => {
    assert.ok(error instanceof TypeError, `${error} is no TypeError`)
    assert.ok(error instanceof InitializeError, `${error} is no InitializeError`)
    assert.equal(error.name, 'TypeError')
    assert.equal(error.code, 'ERR_INVALID_OPTION')
    assert.equal(error.stage, 'options')
    assert.equal(error.option, key)
    assert.ok(error.message.includes(key), error.message)
    return true
  }
  await assert.rejects(initialize(module, wrong), isRight)
  await assert.rejects(initializeWithReport(module, wrong), isRight)
  assert.throws(() => initializeSync(module, wrong), isRight)
}

/** Values of the wrong type, by what stands in their place. @type {Record<string, unknown[]>} */
const WRONG = {
  string: [0, true, null, {}, [], Symbol('s'), () => {}, Buffer.from('x')],
  boolean: [0, 1, 'true', null, {}, []],
  number: ['1', 1n, true, null, {}, [1]],
  record: ['a', 1, true, null, ['a', 'b'], () => {}],
  array: ['a', 1, true, null, { 0: 'a', length: 1 }, new Set(['a'])],
}

describe('an option of the wrong type names its key', () => {
  for (const [key, values] of /** @type {Array<[string, unknown[]]>} */ ([
    ['initFunc', WRONG.string],
    ['keepInitFunc', WRONG.boolean],
    ['renameFuncs', WRONG.record],
    ['engine', [...WRONG.string, 'fast', '', 'Auto']],
    ['maxDataSegments', WRONG.number],
    ['refuseFeatures', WRONG.array],
    ['verify', WRONG.boolean],
    ['internalizeImports', ['memory', 1, null, {}, () => {}]],
    ['optimize', [0, 'true', null, {}, () => {}]],
    ['onStage', ['run', 1, true, null, {}, []]],
    ['wasi', ['true', 1, null, [], () => {}]],
  ])) {
    test(key, async () => {
      for (const value of values) await assertInvalid({ [key]: value }, key)
    })
  }

  for (const [key, values] of /** @type {Array<[string, unknown[]]>} */ ([
    ['args', WRONG.array],
    ['env', WRONG.record],
    ['stdin', [1, true, null, {}, ['a'], new ArrayBuffer(1), new Uint16Array(1)]],
    ['stdout', [...WRONG.string, 'pipe', 'inherited']],
    ['stderr', [...WRONG.string, 'pipe', '']],
    ['preopens', WRONG.record],
  ])) {
    test(`wasi.${key}`, async () => {
      for (const value of values) await assertInvalid({ wasi: { [key]: value } }, `wasi.${key}`)
    })
  }

  test('a value within a record or a list', async () => {
    await assertInvalid({ renameFuncs: { a: 1 } }, 'renameFuncs.a')
    await assertInvalid({ renameFuncs: { a: undefined } }, 'renameFuncs.a')
    await assertInvalid({ wasi: { env: { HOME: null } } }, 'wasi.env.HOME')
    await assertInvalid({ wasi: { args: ['a', 2] } }, 'wasi.args[1]')
    await assertInvalid({ wasi: { preopens: { '/': 7 } } }, 'wasi.preopens./')
  })
})

describe('a bad value names its key', () => {
  test('maxDataSegments outside of 0 to 100,000', async () => {
    for (const value of [-1, 100_001, 1.5, NaN, Infinity, -Infinity, 2 ** 32]) {
      await assertInvalid({ maxDataSegments: value }, 'maxDataSegments')
    }
  })

  test('refuseFeatures with a name that no proposal has', async () => {
    await assertInvalid({ refuseFeatures: ['simd', 'sims'] }, 'refuseFeatures')
  })

  test('text with a lone surrogate, which no module can hold', async () => {
    await assertInvalid({ initFunc: 'a\ud800' }, 'initFunc')
    await assertInvalid({ wasi: { args: ['\udc00'] } }, 'wasi.args[0]')
  })

  test('text with a NUL where the guest reads C strings', async () => {
    await assertInvalid({ wasi: { args: ['a\0b'] } }, 'wasi.args[0]')
    await assertInvalid({ wasi: { env: { A: 'a\0' } } }, 'wasi.env.A')
    await assertInvalid({ wasi: { preopens: { '/': 'a\0' } } }, 'wasi.preopens./')
  })

  test('names of environment variables that no environment can hold', async () => {
    await assertInvalid({ wasi: { env: { 'A=B': 'c' } } }, 'wasi.env.A=B')
    await assertInvalid({ wasi: { env: { '': 'c' } } }, 'wasi.env.')
  })
})

describe('an unknown option names its key', () => {
  for (const [options, key] of /** @type {Array<[object, string]>} */ ([
    [{ initfunc: 'other' }, 'initfunc'],
    [{ initFunc: 'other', allowWasi: true }, 'allowWasi'],
    [{ inheritEnv: undefined }, 'inheritEnv'],
    [{ wasi: { inherit: true } }, 'wasi.inherit'],
    [{ wasi: { env: {}, dirs: [] } }, 'wasi.dirs'],
    [{ ['__proto__']: 1 }, '__proto__'],
  ])) {
    test(key, () => assertInvalid(options, key))
  }
})

test('options that are no object are refused', async () => {
  for (const options of ['other', 1, null, true, ['other']]) {
    await assertInvalid(options, 'options')
  }
})

test('a module that is no bytes is refused', async () => {
  for (const input of [undefined, null, 'AGFzbQ==', 7, [0, 97], {}, new WebAssembly.Module(wasm)]) {
    await assertInvalid(undefined, 'wasm', input ?? false)
    assert.throws(() => inspect(/** @type {any} */ (input)), {
      name: 'TypeError',
      code: 'ERR_INVALID_OPTION',
    })
  }
  await assert.rejects(/** @type {any} */ (initialize)(), { code: 'ERR_INVALID_OPTION' })
})

test('undefined stands for the default everywhere', async () => {
  const plain = await initialize(wasm)
  const output = await initialize(wasm, {
    initFunc: undefined,
    keepInitFunc: undefined,
    renameFuncs: undefined,
    wasi: undefined,
    engine: undefined,
    maxDataSegments: undefined,
  })
  assert.ok(output.equals(plain))
  const wasi = {
    args: undefined,
    env: undefined,
    stdin: undefined,
    stdout: undefined,
    stderr: undefined,
    preopens: undefined,
  }
  assert.ok((await initialize(wasm, { wasi })).equals(plain))
  assert.ok((await initialize(wasm, { wasi: false })).equals(plain))
  assert.ok((await initialize(wasm, undefined)).equals(plain))
})

test('options may be frozen, of a class or without a prototype, and are not changed', async () => {
  const plain = await initialize(wasm, { initFunc: 'other' })
  const bare = Object.assign(Object.create(null), { initFunc: 'other' })
  class Options {
    initFunc = 'other'
  }
  for (const options of [Object.freeze({ initFunc: 'other' }), bare, new Options()]) {
    assert.ok((await initialize(wasm, options)).equals(plain))
    assert.deepEqual({ ...options }, { initFunc: 'other' })
  }
})

test('what a getter in the options throws is what initialize rejects with', async () => {
  const thrown = new Error('mine')
  const options = {
    /** @returns {string} */
    get initFunc() {
      throw thrown
    },
  }
  await assert.rejects(initialize(wasm, options), (error) => error === thrown)
})

test('options are read before the call returns', async () => {
  /** @type {import('../index.js').InitializeOptions} */
  const options = { initFunc: 'other', renameFuncs: { a: 'wizer.initialize' } }
  const run = initialize(wasm, options)
  options.initFunc = 'gone'
  /** @type {Record<string, string>} */
  const renames = options.renameFuncs ?? {}
  renames.b = 'gone'
  const { exports } = inspect(await run)
  assert.deepEqual(exports, [{ name: 'a', kind: 'function' }])
})

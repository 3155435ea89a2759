// `onStage`: what goes on is told while it goes on, on the thread that called.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { initialize, initializeSync, initializeWithReport } from '../index.js'
import { assemble } from './compare.js'
import { failure, rejection } from './failure.js'

const WASM = await assemble('(module (func (export "wizer.initialize")))')
const ALL = ['parse', 'instrument', 'compile', 'instantiate', 'run', 'snapshot', 'rewrite']

describe('onStage', () => {
  test('hears of all stages in their order, before the promise is settled', async () => {
    /** @type {string[]} */
    const stages = []
    const { report } = await initializeWithReport(WASM, { onStage: (stage) => stages.push(stage) })
    assert.deepEqual(stages, ALL)
    assert.deepEqual(Object.keys(report.timings), [...ALL, 'total'])
  })

  test('hears of the check where it is asked for', async () => {
    /** @type {string[]} */
    const stages = []
    const onStage = (/** @type {string} */ stage) => stages.push(stage)
    const { report } = await initializeWithReport(WASM, { onStage, verify: true })
    assert.deepEqual(stages, [...ALL, 'verify'])
    assert.deepEqual(Object.keys(report.timings).toSorted(), [...ALL, 'total', 'verify'].toSorted())
  })

  test('hears of optimizing where it is asked for, and the report tells of it', async () => {
    /** @type {string[]} */
    const stages = []
    const onStage = (/** @type {string} */ stage) => stages.push(stage)
    const used = await assemble(`(module (func $init (call $only)) (func $only)
      (func (export "answer") (result i32) (i32.const 42)) (export "wizer.initialize" (func $init)))`)
    const plain = await initializeWithReport(used)
    const { wasm, report } = await initializeWithReport(used, { onStage, optimize: true })
    assert.deepEqual(stages, [...ALL, 'optimize'])
    assert.ok(wasm.length < plain.wasm.length)
    assert.equal(report.sizes.output, wasm.length)
    const sections = report.sizes.sections.map(({ after }) => after)
    assert.equal(8 + sections.reduce((sum, bytes) => sum + bytes, 0), wasm.length)
    assert.ok(report.timings.optimize && report.timings.optimize < report.timings.total)
    assert.deepEqual(await initialize(used, { optimize: true }), wasm)
  })

  test('hears of no stage behind the one that fails', async () => {
    const trap = await assemble('(module (func (export "wizer.initialize") unreachable))')
    /** @type {string[]} */
    const stages = []
    const error = await failure(initialize(trap, { onStage: (stage) => stages.push(stage) }))
    assert.equal(error.code, 'ERR_TRAP')
    assert.deepEqual(stages, ALL.slice(0, ALL.indexOf('run') + 1))
  })

  test('hears of a stage while it goes on', async () => {
    const endless = await assemble('(module (func (export "wizer.initialize") (loop (br 0))))')
    const controller = new AbortController()
    const running = initialize(endless, {
      signal: controller.signal,
      onStage: (stage) => {
        if (stage === 'run') controller.abort(new Error('seen'))
      },
    })
    assert.equal((await rejection(running)).message, 'seen')
  })

  test('ends the run with what it throws, even an endless one', async () => {
    const endless = await assemble('(module (func (export "wizer.initialize") (loop (br 0))))')
    for (const thrown of [new RangeError('mine'), undefined, 'text']) {
      const running = initialize(endless, {
        onStage: (stage) => {
          if (stage === 'run') throw thrown
        },
      })
      assert.equal(await rejection(running), thrown)
    }
  })

  test('has nothing to be called on where the thread waits', () => {
    for (const options of [{ onStage() {} }, { optimize: true }]) {
      assert.throws(() => initializeSync(WASM, options), {
        code: 'ERR_INVALID_OPTION',
        option: Object.keys(options)[0],
      })
    }
  })
})

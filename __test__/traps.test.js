// V8 and the package both turn signals into traps. In one process, in any order and on any thread,
// each must still get its own.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runScript } from './child.js'
import { assemble } from './compare.js'

const load = await assemble(`(module (memory 1)
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $deep (export "deep") (call $deep)))`)

/** Functions for scripts that run on the main thread and in workers, which they are sent to as text. */
const FUNCTIONS = `
  const { initialize } = await import('wasm-preinit')

  const bytes = Buffer.from('${load.toString('base64')}', 'base64')
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  function caught(run) {
    try { return run() } catch (error) { return error.constructor.name + ': ' + error.message }
  }
  /** Traps in V8, by signals where it has a handler for them. */
  function v8() {
    const outcomes = [
      caught(() => exports.load(65533)),
      caught(() => exports.load(-1)),
      caught(() => exports.divide(1, 0)),
      caught(() => exports.deep()).split(':')[0],
      caught(() => exports.load(0)),
    ]
    return JSON.stringify(outcomes)
  }

  const init = (body) => Buffer.from('(module (memory 1) (func $init (export "wizer.initialize") ' + body + '))')
  const GUESTS = {
    fine: init('(i32.store (i32.const 0) (i32.const 1))'),
    bounds: init('(drop (i32.load (i32.const 65533)))'),
    division: init('(drop (i32.div_s (i32.const 1) (i32.load (i32.const 0))))'),
    unreachable: init('unreachable'),
    stack: init('(call $init)'),
  }
  /** Runs guests of the package: one that ends well and one for each kind of signal. */
  async function guests() {
    const outcomes = []
    for (const wasm of Object.values(GUESTS)) {
      for (const engine of ['baseline', 'optimizing']) {
        const run = initialize(wasm, { engine })
        outcomes.push(await run.then(() => 'fine', (error) => error.trap?.kind ?? error.code))
      }
    }
    return JSON.stringify(outcomes)
  }

  function expect(actual, expected) {
    if (actual !== expected) throw new Error(actual + ' is not ' + expected)
  }
  const V8_OUTCOMES = JSON.stringify([
    'RuntimeError: memory access out of bounds', 'RuntimeError: memory access out of bounds',
    'RuntimeError: divide by zero', 'RangeError', 0,
  ])
  const GUEST_OUTCOMES = JSON.stringify([
    'fine', 'fine', 'memory-out-of-bounds', 'memory-out-of-bounds',
    'integer-divide-by-zero', 'integer-divide-by-zero', 'unreachable', 'unreachable',
    'ERR_STACK_LIMIT', 'ERR_STACK_LIMIT',
  ])
  const expectV8 = () => expect(v8(), V8_OUTCOMES)
  const expectGuests = async () => expect(await guests(), GUEST_OUTCOMES)
`

/** A worker that runs some of the functions above. */
const WORKERS = `
  const { Worker } = await import('node:worker_threads')
  const FUNCTIONS = ${JSON.stringify(FUNCTIONS)}
  function inWorker(body) {
    const source = '(async () => {' + FUNCTIONS + body + '})()'
    const worker = new Worker(source, { eval: true, execArgv: [] })
    return new Promise((resolve, reject) => {
      worker.once('error', reject)
      worker.once('exit', resolve)
    })
  }
`

/** @type {Record<string, string>} */
const ORDERS = {
  'V8 traps first': `
    expectV8(); await expectGuests(); expectV8()`,
  'a guest traps first': `
    await expectGuests(); expectV8(); await expectGuests(); expectV8()`,
  'they take turns': `
    for (let turn = 0; turn < 5; turn++) { expectV8(); await expectGuests() }`,
  'V8 traps while guests do': `
    let running = true
    const runs = Promise.all([expectGuests(), expectGuests()]).then(() => { running = false })
    while (running) { expectV8(); await new Promise(setImmediate) }
    await runs`,
  'V8 traps first in a worker': `
    await inWorker('expectV8(); await expectGuests(); expectV8()')
    expectV8(); await expectGuests(); expectV8()`,
  'a guest traps first in a worker': `
    await inWorker('await expectGuests(); expectV8()')
    expectV8(); await expectGuests()`,
  'a worker traps after the main thread': `
    expectV8(); await expectGuests()
    await inWorker('await expectGuests(); expectV8()')
    await inWorker('expectV8(); await expectGuests()')
    expectV8()`,
  'V8 traps in two workers and guests in the main thread': `
    const turns = 'for (let turn = 0; turn < 20; turn++) { expectV8(); await new Promise(setImmediate) }'
    await Promise.all([inWorker(turns), inWorker(turns), expectGuests(), expectGuests()])
    expectV8()`,
}

describe('V8 and guests each get their own traps when', () => {
  for (const [name, script] of Object.entries(ORDERS)) {
    test(name, async () => {
      const source = `${FUNCTIONS}${WORKERS}${script}\nconsole.log('as expected')`
      const { status, signal, stdout, stderr } = await runScript(source)
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
      assert.equal(stdout, 'as expected\n')
    })
  }
})

const skip = process.platform === 'win32' && 'Windows has no signals'

test('a real crash of the process is still a crash after a run', { skip }, async () => {
  const source = `${FUNCTIONS}
    await expectGuests()
    process.kill(process.pid, 'SIGSEGV')
    setInterval(() => {}, 1000)`
  const { signal, stderr } = await runScript(source)
  assert.equal(signal, 'SIGSEGV', stderr)
})

// What runs before the snapshot, in which order, and what the output still exports afterwards.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, procExit } from './compare.js'
import { SECTION, exportsOf, section } from './sections.js'

/** Functions that append a letter to a log in memory, so that the order of calls is state. */
const LOG = `
  (memory (export "memory") 1)
  (global $at (mut i32) (i32.const 0))
  (func $log (param i32)
    (i32.store8 (global.get $at) (local.get 0))
    (global.set $at (i32.add (global.get $at) (i32.const 1))))
  (func $start (call $log (i32.const 115)))
  (func $reactor (call $log (i32.const 114)))
  (func $init (call $log (i32.const 105)))
  (func $run (export "run") (call $log (i32.const 46)))
  (func (export "logged") (result i32) (i32.load (i32.const 0)))`

/** @typedef {{ name: string, wat: string, exports: string[] } & import('./compare.js').Case} Order */

/** @type {Order[]} */
const ORDERS = [
  {
    name: 'the start function has run, and does not run again',
    wat: `(module ${LOG} (start $start) (export "wizer.initialize" (func $init)))`,
    calls: [{ call: 'run' }, { call: 'logged', gives: text('si.\0') }],
    exports: ['logged', 'memory', 'run'],
  },
  {
    name: 'start, _initialize and init run once each, in this order',
    wat: `(module ${LOG} (start $start)
      (export "wizer.initialize" (func $init)) (export "_initialize" (func $reactor)))`,
    calls: [{ call: 'run' }, { call: 'logged', gives: text('sri.') }],
    exports: ['logged', 'memory', 'run'],
  },
  {
    name: '_initialize can be the init function, and runs once',
    wat: `(module ${LOG} (export "_initialize" (func $reactor)))`,
    options: { initFunc: '_initialize' },
    calls: [{ call: 'logged', gives: text('r\0\0\0') }],
    exports: ['logged', 'memory', 'run'],
  },
  {
    name: '_initialize is removed even where the init function is kept',
    wat: `(module ${LOG} (export "_initialize" (func $reactor)) (export "go" (func $init)))`,
    options: { initFunc: 'go', keepInitFunc: true },
    calls: [{ call: 'go' }, { call: 'logged', gives: text('rii\0') }],
    exports: ['go', 'logged', 'memory', 'run'],
  },
  {
    name: '_initialize is removed even where it is the init function and is to be kept',
    wat: `(module ${LOG} (export "_initialize" (func $reactor)))`,
    options: { initFunc: '_initialize', keepInitFunc: true },
    exports: ['logged', 'memory', 'run'],
  },
  {
    name: 'an _initialize that takes a parameter is an ordinary export',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)) (export "_initialize" (func $log)))`,
    calls: [
      { call: '_initialize', with: [33] },
      { call: 'logged', gives: text('i!\0\0') },
    ],
    exports: ['_initialize', 'logged', 'memory', 'run'],
  },
  {
    name: 'an _initialize that is no function is an ordinary export',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)) (export "_initialize" (global $at)))`,
    exports: ['_initialize', 'logged', 'memory', 'run'],
  },
  {
    name: 'the start function may be the init function, which then runs twice as in any host',
    wat: `(module ${LOG} (start $init) (export "wizer.initialize" (func $init)))`,
    calls: [{ call: 'logged', gives: text('ii\0\0') }],
    exports: ['logged', 'memory', 'run'],
  },
  {
    name: 'wizer-initialize is preferred to wizer.initialize, which stays',
    wat: `(module ${LOG}
      (export "wizer.initialize" (func $reactor)) (export "wizer-initialize" (func $init)))`,
    calls: [{ call: 'logged', gives: text('i\0\0\0') }],
    exports: ['logged', 'memory', 'run', 'wizer.initialize'],
  },
  {
    name: 'the init function stays under its other names',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)) (export "again" (func $init)))`,
    calls: [{ call: 'again' }, { call: 'logged', gives: text('ii\0\0') }],
    exports: ['again', 'logged', 'memory', 'run'],
  },
  {
    name: 'keepInitFunc keeps the init function, which can be called again',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)))`,
    options: { keepInitFunc: true },
    calls: [{ call: 'wizer.initialize' }, { call: 'logged', gives: text('ii\0\0') }],
    exports: ['logged', 'memory', 'run', 'wizer.initialize'],
  },
  {
    name: 'an init function with any name can be named, the empty one too',
    wat: `(module ${LOG} (export "" (func $init)) (export "ini\\00t é" (func $reactor)))`,
    options: { initFunc: '' },
    calls: [{ call: 'logged', gives: text('i\0\0\0') }],
    exports: ['ini\0t é', 'logged', 'memory', 'run'],
  },
  {
    name: 'proc_exit(0) ends init well, with the state that there is by then',
    wat: `(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) ${LOG}
      (func (export "wizer.initialize")
        (call $init) (call $exit (i32.const 0)) (call $init)))`,
    options: { wasi: true },
    imports: procExit,
    calls: [{ call: 'logged', gives: text('i\0\0\0') }],
    exports: ['logged', 'memory', 'run'],
  },
]

/** @type {Order[]} */
const RENAMES = [
  {
    name: 'a rename gives an export a new name',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)))`,
    options: { renameFuncs: { go: 'run' } },
    calls: [{ call: 'go' }, { call: 'logged', gives: text('i.\0\0') }],
    exports: ['go', 'logged', 'memory'],
  },
  {
    name: 'a rename replaces the export that had the name',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)) (export "_start" (func $start)))`,
    options: { renameFuncs: { _start: 'run' } },
    calls: [{ call: '_start' }, { call: 'logged', gives: text('i.\0\0') }],
    exports: ['_start', 'logged', 'memory'],
  },
  {
    name: 'renames take effect all at once, so that a chain shifts',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init))
      (export "a" (func $start)) (export "b" (func $reactor)) (export "c" (func $run)))`,
    options: { renameFuncs: { a: 'b', b: 'c', c: 'run' } },
    calls: [{ call: 'a' }, { call: 'b' }, { call: 'c' }, { call: 'logged', gives: text('ir..') }],
    exports: ['a', 'b', 'c', 'logged', 'memory'],
  },
  {
    name: 'renames can swap two exports',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init))
      (export "a" (func $start)) (export "b" (func $reactor)))`,
    options: { renameFuncs: { a: 'b', b: 'a' } },
    calls: [{ call: 'a' }, { call: 'b' }, { call: 'logged', gives: text('irs\0') }],
    exports: ['a', 'b', 'logged', 'memory', 'run'],
  },
  {
    name: 'a rename may take the name of the init function',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)))`,
    options: { renameFuncs: { 'wizer.initialize': 'run' } },
    calls: [{ call: 'wizer.initialize' }, { call: 'logged', gives: text('i.\0\0') }],
    exports: ['logged', 'memory', 'wizer.initialize'],
  },
  {
    name: 'a rename may take the name of the init function that is kept, and replaces it',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)))`,
    options: { keepInitFunc: true, renameFuncs: { 'wizer.initialize': 'run' } },
    calls: [{ call: 'wizer.initialize' }, { call: 'logged', gives: text('i.\0\0') }],
    exports: ['logged', 'memory', 'wizer.initialize'],
  },
  {
    name: 'the init function that is kept can be renamed',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)))`,
    options: { keepInitFunc: true, renameFuncs: { again: 'wizer.initialize' } },
    calls: [{ call: 'again' }, { call: 'logged', gives: text('ii\0\0') }],
    exports: ['again', 'logged', 'memory', 'run'],
  },
  {
    name: 'a rename may take the name _initialize',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init))
      (export "_initialize" (func $reactor)))`,
    options: { renameFuncs: { _initialize: 'run' } },
    calls: [{ call: '_initialize' }, { call: 'logged', gives: text('ri.\0') }],
    exports: ['_initialize', 'logged', 'memory'],
  },
  {
    name: 'a rename to the same name changes nothing',
    wat: `(module ${LOG} (export "wizer.initialize" (func $init)))`,
    options: { renameFuncs: { run: 'run' } },
    calls: [{ call: 'run' }, { call: 'logged', gives: text('i.\0\0') }],
    exports: ['logged', 'memory', 'run'],
  },
]

for (const { name, wat, exports, ...situation } of [...ORDERS, ...RENAMES]) {
  test(name, async () => {
    const { output } = await compare(wat, situation)
    const names = exportsOf(output).map((exported) => exported.name)
    assert.deepEqual(names.toSorted(), exports)
    assert.equal(section(output, SECTION.start), undefined)
  })
}

/** @type {Array<{ name: string, wat: string, situation?: import('./compare.js').Case }>} */
const PRIVATE_NAMES = [
  {
    name: 'a module may itself export names with the prefix of private names',
    wat: `(module
      (memory (export "__wasm_preinit_memory0") 1)
      (global (export "__wasm_preinit_global0") (mut i32) (i32.const 1))
      (func (export "__wasm_preinit_start") (result i32) (i32.const 5))
      (func (export "__wasm_preinit__data0"))
      (func $start (global.set 0 (i32.const 2))) (start $start)
      (data $d "passive")
      (func (export "wizer.initialize")
        (memory.init $d (i32.const 9) (i32.const 0) (i32.const 7)) (data.drop $d)))`,
    situation: { calls: [{ call: '__wasm_preinit_start', gives: 5 }] },
  },
  {
    name: 'the init function may itself have the prefix of private names',
    wat: `(module
      (memory (export "memory") 1)
      (func (export "__wasm_preinit_memory0") (i32.store8 (i32.const 1) (i32.const 1))))`,
    situation: { options: { initFunc: '__wasm_preinit_memory0' } },
  },
]

for (const { name, wat, situation } of PRIVATE_NAMES) {
  test(name, async () => {
    const { output } = await compare(wat, situation)
    assert.doesNotMatch(Buffer.from(output).toString('latin1'), /__wasm_preinit_+(?:table|element)/)
  })
}

/**
 * The number that four letters make in memory.
 * @param {string} letters
 */
function text(letters) {
  return Buffer.from(letters, 'latin1').readInt32LE()
}

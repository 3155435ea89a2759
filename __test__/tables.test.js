// Tables and globals that hold references, changed by init. The oracle is V8, which compares every slot
// by the function in it, and calls through the tables.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { initialize, initializeWithReport } from '../index.js'
import { assemble, compare, instantiate } from './compare.js'
import { failure } from './failure.js'
import { SECTION, section } from './sections.js'

/** Functions that give their number. */
const NUMBERED = Array.from(
  { length: 6 },
  (_, number) => `(func $f${number} (type $number) (i32.const ${number}))`,
).join('\n')

const TYPES = '(type $number (func (result i32))) (type $init (func))'

/**
 * A module with functions `$f0` to `$f5`, and one that calls slot `n` of each table.
 * @param {string} fields
 * @param {string} init
 * @param {string[]} [tables]
 */
const program = (fields, init, tables = ['$t']) => `(module ${TYPES}
  ${fields} ${NUMBERED}
  ${tables
    .map(
      (table, index) => `(func (export "call${index}") (param i32) (result i32)
        (call_indirect ${table} (type $number) (local.get 0)))`,
    )
    .join('\n')}
  (func (export "wizer.initialize") ${init}))`

/**
 * Calls every slot of a table, and one behind its end.
 * @param {Array<number | null>} slots what they give
 * @param {number} [table]
 */
const slots = (slots, table = 0) => [
  ...slots.map((gives, slot) => ({
    call: `call${table}`,
    with: [slot],
    ...(gives === null ? { traps: /null|signature/ } : { gives }),
  })),
  { call: `call${table}`, with: [slots.length], traps: /bounds|index/ },
]

describe('a table that init changes', () => {
  test('has what table.set put there', async () => {
    await compare(
      program(
        '(table $t 5 funcref) (elem (i32.const 0) func $f0 $f1) (elem declare func $f2)',
        '(table.set (i32.const 3) (ref.func $f2)) (table.set (i32.const 0) (ref.null func))',
      ),
      { calls: slots([null, 1, null, 2, null]) },
    )
  })

  test('has what table.copy, table.fill and table.init put there', async () => {
    await compare(
      program(
        `(table $t 8 funcref) (elem (i32.const 0) func $f0 $f1 $f2) (elem $later func $f3 $f4)`,
        `(table.copy (i32.const 4) (i32.const 0) (i32.const 3))
        (table.init $later (i32.const 7) (i32.const 1) (i32.const 1))
        (table.fill (i32.const 1) (ref.func $f4) (i32.const 2))`,
      ),
      { calls: slots([0, 4, 4, null, 0, 1, 2, 4]) },
    )
  })

  test('has grown, beyond its declared minimum, and keeps its maximum', async () => {
    const { output } = await compare(
      program(
        '(table $t (export "t") 1 4 funcref) (elem declare func $f5)',
        '(drop (table.grow (ref.func $f5) (i32.const 2))) (table.set (i32.const 0) (ref.func $f5))',
      ),
      { calls: slots([5, 5, 5]) },
    )
    const { t } = instantiate(output, {}).exports
    assert.ok(t instanceof WebAssembly.Table)
    assert.equal(t.grow(1), 3)
    assert.throws(() => t.grow(1), RangeError)
  })

  test('has grown by null alone, where there is no element section', async () => {
    const { output, report } = await compare(
      program(
        '(table $t (export "t") 1 funcref)',
        '(drop (table.grow (ref.null func) (i32.const 4)))',
      ),
      { calls: slots([null, null, null, null, null]) },
    )
    assert.equal(section(output, SECTION.element), undefined)
    assert.deepEqual(report.tables, [{ index: 0, before: 1, after: 5, changed: true }])
  })

  test('gets an element section where there is none', async () => {
    await compare(
      program(
        '(table $t 2 funcref) (export "known" (func $f4))',
        '(table.set (i32.const 1) (ref.func $f4))',
      ),
      { calls: slots([null, 4]) },
    )
  })

  test('holds the same function in several slots, and imported ones', async () => {
    const imports = () => ({ e: { n: instantiateNumber(41), m: instantiateNumber(42) } })
    await compare(
      program(
        `(import "e" "n" (func $n (type $number))) (import "e" "m" (func $m (type $number)))
        (table $t 6 funcref) (elem (i32.const 0) func $n) (elem declare func $m $f1)`,
        `(table.set (i32.const 2) (ref.func $m)) (table.set (i32.const 3) (ref.func $m))
        (table.set (i32.const 4) (ref.func $f1)) (table.set (i32.const 5) (ref.func $f1))`,
      ),
      { imports, calls: slots([41, null, 42, 42, 1, 1]) },
    )
  })

  test('is made again beside others that stay byte for byte', async () => {
    const { original, output, report } = await compare(
      program(
        `(table $t 3 funcref) (table $u 3 funcref) (table $v 3 funcref)
        (elem (table $u) (i32.const 0) func $f0 $f1 $f2)
        (elem (table $v) (i32.const 1) func $f3 $f4)`,
        '(table.set $v (i32.const 0) (ref.func $f2))',
        ['$t', '$u', '$v'],
      ),
      { calls: [...slots([null, null, null]), ...slots([0, 1, 2], 1), ...slots([2, 3, 4], 2)] },
    )
    assert.deepEqual(
      report.tables.map(({ changed }) => changed),
      [false, false, true],
    )
    const code = (/** @type {Uint8Array} */ wasm) => {
      const { contents, end } = section(wasm, SECTION.code) ?? assert.fail('no code')
      return wasm.subarray(contents, end)
    }
    assert.deepEqual(code(output), Buffer.from(code(original)))
  })

  test('is as it was in the end, byte for byte, where init has put everything back', async () => {
    const { original, output } = await compare(
      program(
        '(table $t 3 funcref) (elem (i32.const 0) func $f0 $f1)',
        `(table.set (i32.const 0) (ref.null func)) (table.set (i32.const 0) (ref.func $f0))`,
      ),
      { calls: slots([0, 1, null]) },
    )
    const elements = (/** @type {Uint8Array} */ wasm) => {
      const { contents, end } = section(wasm, SECTION.element) ?? assert.fail('no elements')
      return Buffer.from(wasm.subarray(contents, end))
    }
    assert.deepEqual(elements(output), elements(original))
  })

  test('lets table.init, elem.drop and ref.func behave as they would have after init', async () => {
    await compare(
      program(
        `(table $t 4 funcref)
        (elem $active (i32.const 0) func $f0)
        (elem $dropped func $f1 $f2) (elem $kept func $f3 $f4) (elem declare func $f5)
        (func (export "dropped") (table.init $dropped (i32.const 1) (i32.const 0) (i32.const 1)))
        (func (export "active") (table.init $active (i32.const 1) (i32.const 0) (i32.const 1)))
        (func (export "nothing") (table.init $dropped (i32.const 1) (i32.const 0) (i32.const 0)))
        (func (export "kept") (table.init $kept (i32.const 2) (i32.const 0) (i32.const 2)))
        (func (export "drop") (elem.drop $kept))
        (func (export "refer") (table.set (i32.const 1) (ref.func $f0)))`,
        `(table.set (i32.const 1) (ref.func $f5))
        (table.init $dropped (i32.const 3) (i32.const 1) (i32.const 1)) (elem.drop $dropped)`,
      ),
      {
        calls: [
          ...slots([0, 5, null, 2]),
          { call: 'dropped', traps: /bounds/ },
          { call: 'active', traps: /bounds/ },
          { call: 'nothing' },
          { call: 'kept' },
          { call: 'drop' },
          { call: 'kept', traps: /bounds/ },
          { call: 'refer' },
          ...slots([0, 0, 3, 4]),
        ],
      },
    )
  })

  test('is kept where segments overlap and where their place depends on an import', async () => {
    await compare(
      program(
        `(import "e" "base" (global $base i32)) (table $t 6 funcref)
        (elem (i32.const 0) func $f0 $f1 $f2) (elem (i32.const 2) func $f3)
        (elem (global.get $base) func $f4)`,
        '(table.set (i32.const 5) (ref.func $f0)) (table.set (i32.const 0) (ref.func $f2))',
      ),
      {
        imports: () => ({ e: { base: 3 } }),
        options: { imports: { e: { base: 3 } } },
        calls: slots([2, 1, 3, 4, null, 0]),
      },
    )
  })

  for (const engine of /** @type {const} */ (['baseline', 'optimizing'])) {
    test(`is the same with the ${engine} compiler`, async () => {
      await compare(
        program(
          '(table $t 5 funcref) (elem (i32.const 1) func $f0) (elem declare func $f2)',
          '(table.set (i32.const 3) (ref.func $f2)) (table.set (i32.const 1) (ref.null func))',
        ),
        { options: { engine }, calls: slots([null, null, null, 2, null]) },
      )
    })
  }

  test('gives the same bytes each time', async () => {
    const wasm = await assemble(
      program(
        '(table $t 5 funcref) (elem declare func $f2)',
        '(table.set (i32.const 3) (ref.func $f2))',
      ),
    )
    assert.deepEqual(await initialize(wasm), await initialize(wasm, { cache: false }))
  })
})

describe('a table of typed function references', () => {
  test('that init changes is made again, and globals of such types are kept', async () => {
    // V8 of Node 20 knows an earlier encoding, and Binaryen can't read declared segments of these
    // types: the package checks itself.
    const wat = `(module (type $f (func (result i32)))
      (table $t 3 (ref null $f)) (elem (table $t) (i32.const 0) (ref null $f) (ref.func $one))
      (elem declare func $two)
      (global $g (mut (ref null $f)) (ref.null $f)) (global $h (mut (ref $f)) (ref.func $one))
      (func $one (type $f) (i32.const 1)) (func $two (type $f) (i32.const 2))
      (func (export "wizer.initialize")
        (table.set $t (i32.const 2) (ref.func $two)) (table.set $t (i32.const 0) (ref.null $f))
        (drop (table.grow $t (ref.func $one) (i32.const 2)))
        (global.set $g (ref.func $two)) (global.set $h (ref.func $two))))`
    const { report } = await initializeWithReport(Buffer.from(wat), { verify: true })
    assert.deepEqual(report.tables, [{ index: 0, before: 3, after: 5, changed: true }])
    assert.deepEqual(report.globals, { total: 2, changed: 2 })
  })
})

describe('a table with an initializer', () => {
  test('that init changes is made again, nulls included', async () => {
    // V8 of Node 20 knows no table initializers: the package checks itself.
    const wat = program(
      '(table $t 3 funcref (ref.func $f5)) (elem declare func $f1)',
      '(table.set (i32.const 0) (ref.null func)) (table.set (i32.const 1) (ref.func $f1))',
    )
    const { report } = await initializeWithReport(Buffer.from(wat), { verify: true })
    assert.deepEqual(report.tables, [{ index: 0, before: 3, after: 3, changed: true }])
  })

  test('that has grown keeps what its slots begin with', async () => {
    const wat = program(
      '(table $t 2 (ref $number) (ref.func $f5)) (elem declare func $f1)',
      '(drop (table.grow (ref.func $f1) (i32.const 2)))',
    )
    const { report } = await initializeWithReport(Buffer.from(wat), { verify: true })
    assert.deepEqual(report.tables, [{ index: 0, before: 2, after: 4, changed: true }])
  })
})

describe('a mutable global that holds a reference', () => {
  test('has the function or the null that init left there', async () => {
    await compare(
      program(
        `(import "e" "n" (func $n (type $number))) (table $t 1 funcref)
        (global $a (export "a") (mut funcref) (ref.null func))
        (global $b (export "b") (mut funcref) (ref.func $f0))
        (global $c (export "c") (mut funcref) (ref.null func))
        (global $d (export "d") (mut funcref) (ref.func $f1))
        (global $same (export "same") (mut funcref) (ref.func $f4))
        (elem declare func $f3 $n)
        (func (export "via") (param i32) (result i32)
          (table.set (i32.const 0) (global.get $d)) (call_indirect (type $number) (i32.const 0)))`,
        `(global.set $a (ref.func $f3)) (global.set $b (ref.null func)) (global.set $c (ref.func $n))
        (global.set $d (ref.func $f3))`,
      ),
      {
        imports: () => ({ e: { n: instantiateNumber(7) } }),
        calls: [{ call: 'via', with: [0], gives: 3 }],
      },
    )
  })

  test('of a host reference keeps null, and nothing else', async () => {
    const wat = (/** @type {string} */ init) => `(module
      (import "e" "host" (func $host (result externref)))
      (global (export "g") (mut externref) (ref.null extern)) (table (export "t") 2 externref)
      (func (export "wizer.initialize") ${init}))`
    await compare(
      wat('(global.set 0 (ref.null extern)) (table.set (i32.const 1) (ref.null extern))'),
      {
        imports: () => ({ e: { host: () => 'host' } }),
      },
    )
  })
})

describe('a reference that no module can hold', () => {
  test('is ERR_UNSUPPORTED only if it is there in the end, naming table and slot', async () => {
    const wat = (/** @type {string} */ last) => `(module (type $box (struct (field (mut i32))))
      (table $t 4 (ref null $box))
      (func (export "wizer.initialize")
        (table.set $t (i32.const 2) (struct.new $box (i32.const 1)))
        ${last}))`
    const error = await failure(initialize(Buffer.from(wat(''))))
    assert.equal(error.code, 'ERR_UNSUPPORTED')
    assert.match(error.message, /table 0, slot 2.*set it to null/)
    await initialize(Buffer.from(wat('(table.set $t (i32.const 2) (ref.null $box))')), {
      verify: true,
    })
  })

  test('is no i31, in a table or a global', async () => {
    const wat = `(module (table $t 3 anyref) (global $g (mut anyref) (ref.null any))
      (func (export "wizer.initialize")
        (table.set $t (i32.const 1) (ref.i31 (i32.const -5)))
        (global.set $g (ref.i31 (i32.const 1073741823)))))`
    const { report } = await initializeWithReport(Buffer.from(wat), { verify: true })
    assert.deepEqual(report.globals, { total: 1, changed: 1 })
    assert.deepEqual(report.tables, [{ index: 0, before: 3, after: 3, changed: true }])
  })
})

/**
 * A WebAssembly function that gives a number: only those fit tables of other modules.
 * @param {number} number
 */
function instantiateNumber(number) {
  const bytes = Buffer.from(
    '0061736d010000000105016000017f03020100070501016600000a0601040041000b',
    'hex',
  )
  bytes[bytes.length - 2] = number
  return /** @type {Function} */ (new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f)
}

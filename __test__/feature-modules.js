// For each feature in the table of docs/features.md, a module whose init function uses it, and what is
// to be seen in the output: by V8 (`calls`), by Binaryen's interpreter (`assertions`), or the refusal.

/**
 * @typedef {object} Use
 * @property {string} wat
 * @property {import('./compare.js').Call[]} [calls]
 * @property {() => WebAssembly.Imports} [imports] for V8
 * @property {string} [assertions]
 * @property {string} [before] modules that the interpreter links it with
 * @property {import('../index.js').InitializeOptions} [options]
 * @property {{ code: string, message: RegExp }} [refused]
 */

const INIT = '(func (export "wizer.initialize")'
const GET = '(func (export "get") (result i32) (i32.load (i32.const 0)))'
const LIVE = /holds a reference to an object.*set it to null at the end of init/

/**
 * A module whose init function stores an i32 that it has computed.
 * @param {string} value
 * @param {string} [fields]
 */
const storing = (value, fields = '') =>
  `(module ${fields} (memory (export "memory") 1) ${GET} ${INIT} (i32.store (i32.const 0) ${value})))`

/** @param {number} value */
const gives = (value) => ({ calls: [{ call: 'get', gives: value }] })

/** @param {number} value */
const returns = (value) => ({ assertions: `(assert_return (invoke "get") (i32.const ${value}))` })

/**
 * A module that the engine does not know a proposal of.
 * @param {string} name
 * @param {string} fields
 * @param {string} [body]
 * @returns {Use}
 */
const unknown = (name, fields, body = '') => ({
  wat: `(module ${fields} ${INIT} ${body}))`,
  refused: {
    code: 'ERR_UNSUPPORTED',
    message: new RegExp(`\`${name}\`.*at byte offset 0x[0-9a-f]+.*compile it without`, 's'),
  },
})

/** What init, and only init, can do to imported state. */
const IMPORTED = `(module
  (import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref))
  (import "env" "limit" (global $limit i32))
  (func $seven (result i32) (i32.const 7)) (elem declare func $seven) ${GET}
  (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0)))
  ${INIT}
    (i32.store (i32.const 0) (global.get $limit))
    (table.set (i32.const 0) (ref.func $seven))))`

const importedCalls = [
  { call: 'get', gives: 100 },
  { call: 'call', gives: 7 },
]

const importedInV8 = () => ({
  env: {
    memory: new WebAssembly.Memory({ initial: 1 }),
    table: new WebAssembly.Table({ initial: 1, element: 'anyfunc' }),
    limit: 100,
  },
})

/** @type {Record<string, Use>} */
export const FEATURES = {
  'multi-value': {
    wat: storing(
      '(i32.sub (call $two))',
      '(func $two (result i32 i32) (i32.const 9) (i32.const 4))',
    ),
    ...gives(5),
  },
  'mutable-globals': {
    wat: `(module (global $g (export "g") (mut i32) (i32.const 1))
      (func (export "get") (result i32) (global.get $g)) ${INIT} (global.set $g (i32.const 2))))`,
    ...gives(2),
  },
  'sign-extensions': { wat: storing('(i32.extend8_s (i32.const 0x80))'), ...gives(-128) },
  'saturating-float-to-int': {
    wat: storing('(i32.trunc_sat_f32_s (f32.const 1e30))'),
    ...gives(0x7fffffff),
  },
  'bulk-memory': {
    wat: `(module (memory (export "memory") 1) (data $d "abcd") ${GET} ${INIT}
      (memory.init $d (i32.const 8) (i32.const 0) (i32.const 4))
      (memory.copy (i32.const 0) (i32.const 8) (i32.const 2))
      (memory.fill (i32.const 2) (i32.const 1) (i32.const 2))))`,
    ...gives(0x01016261),
  },
  'dropped segments': {
    wat: `(module (memory (export "memory") 1) (table 1 funcref) (func $f)
      (data $d "abcd") (elem $e func $f) ${GET}
      (func (export "copy") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))
      (func (export "fill") (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)))
      ${INIT} (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4))
        (data.drop $d) (elem.drop $e)))`,
    calls: [
      { call: 'get', gives: 0x64636261 },
      { call: 'copy', traps: /memory access out of bounds/ },
      { call: 'fill', traps: /(segment|index is) out of bounds/ },
    ],
  },
  'reference-types': {
    wat: storing(
      '(ref.is_null (table.get $hosts (i32.const 0)))',
      '(table $hosts (export "hosts") 1 externref) (table (export "functions") 1 funcref)',
    ),
    ...gives(1),
  },
  tables: {
    wat: `(module (table $t (export "table") 1 9 funcref) (elem declare func $f)
      (func $f (result i32) (i32.const 6))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
      ${INIT} (drop (table.grow $t (ref.func $f) (i32.const 2)))))`,
    calls: [
      { call: 'call', with: [2], gives: 6 },
      { call: 'call', with: [0], traps: /signature mismatch|null/ },
      { call: 'call', with: [3], traps: /table index is out of bounds/ },
    ],
  },
  'reference globals': {
    wat: `(module (table $t 1 funcref) (elem declare func $f) (func $f (result i32) (i32.const 6))
      (global $g (export "g") (mut funcref) (ref.null func))
      (func (export "call") (result i32) (table.set $t (i32.const 0) (global.get $g))
        (call_indirect (result i32) (i32.const 0)))
      ${INIT} (global.set $g (ref.func $f))))`,
    calls: [{ call: 'call', gives: 6 }],
  },
  'imported state': {
    wat: IMPORTED,
    options: { imports: { env: { limit: 100 } } },
    imports: importedInV8,
    calls: importedCalls,
  },
  'imported state: internalized': {
    wat: IMPORTED,
    options: { imports: { env: { limit: 100 } }, internalizeImports: true },
    imports: importedInV8,
    calls: importedCalls,
  },
  simd: {
    wat: `(module (global $g (mut v128) (v128.const i32x4 0 0 0 0))
      (func (export "get") (result i32) (i32x4.extract_lane 3 (global.get $g)))
      ${INIT} (global.set $g
        (i32x4.add (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 5))))))`,
    ...gives(9),
  },
  'relaxed-simd': {
    wat: storing(`(i32.trunc_f32_s (f32x4.extract_lane 1 (f32x4.relaxed_madd
      (v128.const f32x4 1 2 3 4) (v128.const f32x4 5 6 7 8) (v128.const f32x4 9 10 11 12))))`),
    ...gives(22),
  },
  'wide-arithmetic': {
    wat: `(module (memory 1)
      (func (export "get") (result i64) (i64.load (i32.const 0)))
      (func (export "wizer.initialize") (local $high i64)
        (i64.mul_wide_u (i64.const -1) (i64.const -1)) (local.set $high) (drop)
        (i64.store (i32.const 0) (local.get $high))))`,
    assertions: '(assert_return (invoke "get") (i64.const -2))',
  },
  'extended-const': {
    wat: `(module (memory (export "memory") 1)
      (global $g (mut i32) (i32.mul (i32.const 6) (i32.sub (i32.const 9) (i32.const 2))))
      (data (i32.add (i32.const 2) (i32.const 2)) "abcd") ${GET}
      ${INIT} (i32.store (i32.const 0) (i32.add (global.get $g) (i32.load8_u (i32.const 4))))))`,
    ...gives(42 + 97),
  },
  'multi-memory': {
    wat: `(module (memory 1) (memory $other 1) (data (memory $other) (i32.const 8) "abcd") ${GET}
      (func (export "other") (result i32) (i32.load $other (i32.const 4)))
      ${INIT} (i32.store (i32.const 0) (i32.load $other (i32.const 8)))
        (i32.store $other (i32.const 4) (i32.const 3))))`,
    assertions: `(assert_return (invoke "get") (i32.const 0x64636261))
      (assert_return (invoke "other") (i32.const 3))`,
  },
  memory64: {
    wat: `(module (memory (export "memory") i64 1)
      (func (export "get") (result i32) (i32.load (i64.const 65540)))
      ${INIT} (drop (memory.grow (i64.const 1))) (i32.store (i64.const 65540) (i32.const 5))))`,
    ...gives(5),
  },
  'memory64: tables': {
    wat: `(module (table $t i64 1 funcref) (elem declare func $f) (func $f (result i32) (i32.const 6))
      (func (export "get") (result i32) (call_indirect (result i32) (i64.const 0)))
      ${INIT} (table.set $t (i64.const 0) (ref.func $f))))`,
    ...returns(6),
  },
  'custom-page-sizes': {
    wat: `(module (memory 4 (pagesize 1)) ${GET}
      (func (export "size") (result i32) (memory.size))
      ${INIT} (drop (memory.grow (i32.const 3))) (i32.store (i32.const 0) (i32.const 5))))`,
    assertions: `(assert_return (invoke "get") (i32.const 5))
      (assert_return (invoke "size") (i32.const 7))`,
  },
  threads: {
    wat: `(module (memory (export "memory") 1 2 shared) ${GET}
      ${INIT} (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 5)))))`,
    ...gives(5),
  },
  'tail-call': {
    // Deeper than any stack, unless frames are reused.
    wat: storing(
      '(call $count (i32.const 10000000) (i32.const 0))',
      `(func $count (param i32 i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
        (return_call $count
          (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 1))))`,
    ),
    ...gives(10_000_000),
  },
  'typed-function-references': {
    wat: `(module (type $t (func (result i32))) (elem declare func $one $two)
      (func $one (type $t) (i32.const 1)) (func $two (type $t) (i32.const 2))
      (global $g (mut (ref $t)) (ref.func $one))
      (func (export "get") (result i32) (call_ref $t (global.get $g)))
      ${INIT} (if (i32.eq (call_ref $t (global.get $g)) (i32.const 1))
        (then (global.set $g (ref.func $two))))))`,
    ...returns(2),
  },
  gc: {
    wat: `(module (type $list (array (mut i32)))
      (type $pair (struct (field (mut i32)) (field (ref null $list)))) (memory 1) ${GET}
      (global $g (mut (ref null $pair)) (ref.null $pair)) (table $t 2 (ref null $list))
      ${INIT}
        (table.set $t (i32.const 1) (array.new $list (i32.const 3) (i32.const 10)))
        (global.set $g (struct.new $pair (i32.const 4) (table.get $t (i32.const 1))))
        (i32.store (i32.const 0) (i32.add (struct.get $pair 0 (global.get $g))
          (array.len (struct.get $pair 1 (global.get $g)))))
        (global.set $g (ref.null $pair)) (table.set $t (i32.const 1) (ref.null $list))))`,
    ...returns(14),
  },
  'gc: i31': {
    wat: `(module (global $g (mut anyref) (ref.null any)) (table $t 2 i31ref)
      (func (export "get") (result i32) (i32.add (i31.get_s (table.get $t (i32.const 1)))
        (i31.get_s (ref.cast i31ref (global.get $g)))))
      ${INIT} (global.set $g (ref.i31 (i32.const -5)))
        (table.set $t (i32.const 1) (ref.i31 (i32.const 7)))))`,
    ...returns(2),
  },
  'gc: live objects': {
    wat: `(module (type $box (struct (field i32))) (global i32 (i32.const 0))
      (global $g (mut (ref null $box)) (ref.null $box))
      ${INIT} (global.set $g (struct.new $box (i32.const 1)))))`,
    refused: { code: 'ERR_UNSUPPORTED', message: new RegExp(`global 1 ${LIVE.source}`) },
  },
  exceptions: {
    wat: storing(
      `(block $caught (result i32)
        (try_table (catch $e $caught) (call $thrower)) (i32.const 1))`,
      '(tag $e (param i32)) (func $thrower (throw $e (i32.const 7)))',
    ),
    ...returns(7),
  },
  'exceptions: imported tags': {
    wat: storing(
      `(block $caught (result i32)
        (try_table (catch $e $caught) (throw $e (i32.const 7))) (i32.const 1))`,
      `(import "env" "tag" (tag $e (param i32))) (import "env" "throw" (func $throw))
      (func (export "again") (result i32) (block $caught (result i32)
        (try_table (catch $e $caught) (call $throw)) (i32.const 1)))`,
    ),
    before: `(module (tag $e (export "tag") (param i32))
      (func (export "throw") (throw $e (i32.const 8)))) (register "env")`,
    assertions: `(assert_return (invoke "get") (i32.const 7))
      (assert_return (invoke "again") (i32.const 8))`,
  },
  'exceptions: live exnref': {
    wat: `(module (tag $e) (global $g (mut exnref) (ref.null exn))
      ${INIT} (global.set $g (block $caught (result exnref)
        (try_table (catch_all_ref $caught) (throw $e)) (unreachable)))))`,
    refused: { code: 'ERR_UNSUPPORTED', message: new RegExp(`global 0 ${LIVE.source}`) },
  },
  'exceptions: legacy': {
    wat: `(module (tag $e (param i32)) (memory 1) ${GET} ${INIT} (local i32)
      try (throw $e (i32.const 5)) catch $e (local.set 0) end
      (i32.store (i32.const 0) (local.get 0))))`,
    refused: {
      code: 'ERR_UNSUPPORTED',
      message:
        /`legacy-exceptions`.*at byte offset 0x[0-9a-f]+.*-wasm-use-legacy-eh=false.*-sWASM_LEGACY_EXCEPTIONS=0.*wasm-opt -all --translate-to-exnref/s,
    },
  },
  'branch-hinting': {
    wat: storing(
      `(if (result i32) (i32.eqz (i32.load (i32.const 0)))
        (then (i32.const 5)) (else (i32.const 6)))`,
    ).replace('(if (result', '(@metadata.code.branch_hint "\\01") (if (result'),
    ...gives(5),
  },
  'js-string-builtins': {
    wat: storing(
      '(ref.is_null (ref.null extern))',
      `(import "wasm:js-string" "length" (func $length (param externref) (result i32)))
      (func (export "measure") (param externref) (result i32) (call $length (local.get 0)))`,
    ),
    imports: () => ({ 'wasm:js-string': { length: (/** @type {string} */ s) => s.length } }),
    calls: [
      { call: 'get', gives: 1 },
      { call: 'measure', with: ['four'], gives: 4 },
    ],
  },
  'js-string-builtins: called by init': {
    wat: storing(
      '(call $length (ref.null extern))',
      '(import "wasm:js-string" "length" (func $length (param externref) (result i32)))',
    ),
    refused: {
      code: 'ERR_IMPORT_CALLED',
      message: /`wasm:js-string\.length`.*keep the call out of init/,
    },
  },
  'js-string-builtins: imported constants': {
    wat: `(module (import "'" "hello" (global $hello externref))
      (global $said (export "said") (mut externref) (ref.null extern))
      ${INIT} (global.set $said (global.get $hello))))`,
    options: { imports: { "'": { hello: 'hello' } } },
    imports: () => ({ "'": { hello: /** @type {any} */ ('hello') } }),
    calls: [],
  },
  'compact-imports': {
    wat: `(module (import "env" (item "a" (func)) (item "b" (func))) ${INIT}))`,
    refused: { code: 'ERR_UNSUPPORTED', message: /compact form.*compile it without/ },
  },
  'stack-switching': unknown(
    'stack-switching',
    '(type $f (func)) (type $c (cont $f)) (func $g) (elem declare func $g)',
    '(resume $c (cont.new $c (ref.func $g)))',
  ),
  'custom-descriptors': unknown(
    'custom-descriptors',
    '(rec (type $s (descriptor $d) (struct (field i32))) (type $d (describes $s) (struct)))',
  ),
  'shared-everything-threads': unknown(
    'shared-everything-threads',
    '(global $g (shared mut i32) (i32.const 0))',
    '(global.set $g (i32.const 1))',
  ),
  'memory-control': unknown(
    'memory-control',
    '(memory 1)',
    '(memory.discard (i32.const 0) (i32.const 65536))',
  ),
  'component-model': {
    wat: `(component (core module (func (export "wizer.initialize"))))`,
    refused: { code: 'ERR_UNSUPPORTED', message: /this is a component.*pass the core module/ },
  },
}

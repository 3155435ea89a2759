// node examples/c-library/run.mjs: builds the C and the C++ library, pre-initializes both and verifies
// the outputs. With `--commit`, writes what it has built to the committed modules.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { show } from '../show.mjs'
import { build, committed } from './build.mjs'

const SNIPPET = 'for (int i = 0x10; i <= limit; i++) total += "a\\"b"[i]; // sum'

/** Neither library imports anything that V8 would have to bring. */
const host = () => ({
  imports: { wasi_snapshot_preview1: new Proxy({}, { get: () => () => 52 }) },
  /** @param {WebAssembly.Instance} instance */
  initialize(instance) {
    const exports = /** @type {Record<string, Function>} */ (instance.exports)
    exports._initialize()
    exports['wizer-initialize']()
  },
})

const { answers: completions } = await show({
  title: 'c-library: a dictionary that completes words, in C',
  wasm: library('dictionary.c'),
  host,
  use: ({ exports }) => ['snaps', 'unboo', 'preinit', 'qz'].map((word) => complete(exports, word)),
})
assert.deepEqual(completions, [
  { count: 4, first: ['snapshot', 'snapshotless', 'snapshotlike'] },
  { count: 4, first: ['unboost', 'unboosted', 'unboosting'] },
  { count: 4, first: ['preinitialize', 'preinitialized', 'preinitializes'] },
  { count: 0, first: [] },
])

const { answers: tokens } = await show({
  title: 'c-library: a lexer made of global objects, in C++',
  wasm: library('lexer.cpp'),
  host,
  use: ({ exports }) => scan(exports, SNIPPET),
})
assert.equal(tokens.map(({ text }) => text).join(''), SNIPPET)
assert.deepEqual(
  tokens.filter(({ kind }) => kind !== 'space' && kind !== 'sign').map(Object.values),
  [
    ['keyword', 'for'],
    ['keyword', 'int'],
    ['name', 'i'],
    ['number', '0x10'],
    ['name', 'i'],
    ['name', 'limit'],
    ['name', 'i'],
    ['name', 'total'],
    ['text', '"a\\"b"'],
    ['name', 'i'],
    ['comment', '// sum'],
  ],
)

/** @param {'dictionary.c' | 'lexer.cpp'} source */
function library(source) {
  const { wasm, missing } = build(source)
  if (missing) console.log(`\n${source}: the committed module is used, as ${missing.message}`)
  else if (process.argv.includes('--commit')) writeFileSync(committed(source), wasm)
  return wasm
}

/**
 * How many words begin with a prefix, and up to three of them.
 * @param {Record<string, any>} exports
 * @param {string} prefix
 */
function complete(exports, prefix) {
  const at = exports.dictionary_input()
  const memory = () => Buffer.from(exports.memory.buffer)
  memory().write(prefix, at)
  const count = exports.dictionary_count(prefix.length)
  const first = Array.from({ length: Math.min(count, 3) }, (_, index) => {
    memory().write(prefix, at)
    return memory().toString('latin1', at, at + exports.dictionary_complete(prefix.length, index))
  })
  return { count, first }
}

/**
 * @param {Record<string, any>} exports
 * @param {string} source
 */
function scan(exports, source) {
  const memory = () => Buffer.from(exports.memory.buffer)
  memory().write(source, exports.lexer_input(source.length))
  const count = exports.lexer_scan()
  const tokens = exports.lexer_tokens()
  let start = 0
  return Array.from({ length: count }, (_, index) => {
    const kind = exports.lexer_kind_name(memory().readUInt32LE(tokens + index * 8))
    const end = memory().readUInt32LE(tokens + index * 8 + 4)
    const text = source.slice(start, end)
    start = end
    return { kind: memory().toString('latin1', kind, memory().indexOf(0, kind)), text }
  })
}

// node examples/rust/run.mjs: builds a Rust module where Rust has the target, pre-initializes it and
// verifies the output. With `--commit`, writes what it has built to magic.wasm.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { show } from '../show.mjs'
import { COMMITTED, build } from './build.mjs'

/** Bits of squares: a1 is 0, h8 is 63. */
const D4 = 27
const IN_THE_WAY = (1n << 29n) | (1n << 51n) | (1n << 9n)

const { wasm, missing } = build()
if (missing) console.log(`\nmagic.wasm as it is committed is used: ${missing}`)
else if (process.argv.includes('--commit')) writeFileSync(COMMITTED, wasm)

const { answers } = await show({
  title: 'rust: magic numbers for chess',
  wasm,
  host: () => ({
    imports: {},
    initialize: (instance) => /** @type {any} */ (instance.exports)['wizer-initialize'](),
  }),
  use: ({ exports }) => ({
    eightQueens: exports.eight_queens(),
    queen: BigInt.asUintN(64, exports.queen_moves(D4, IN_THE_WAY)),
    rooks: Array.from({ length: 64 }, (_, square) => exports.rook_moves(square, 0n)),
  }),
})
assert.equal(answers.eightQueens, 92)
assert.deepEqual(answers.rooks.map(squares), Array(64).fill(14))
console.log(`\n  a queen on d4, with pieces on b2, f4 and d7\n${board(answers.queen)}`)
assert.equal(squares(answers.queen), 23)

/** @param {bigint} set */
function squares(set) {
  return BigInt.asUintN(64, set).toString(2).replaceAll('0', '').length
}

/** @param {bigint} moves */
function board(moves) {
  const ranks = Array.from({ length: 8 }, (_, index) => {
    const rank = 7 - index
    const files = Array.from({ length: 8 }, (_, file) => square(rank * 8 + file, moves))
    return `    ${rank + 1} ${files.join(' ')}`
  })
  return [...ranks, '      a b c d e f g h'].join('\n')
}

/**
 * @param {number} square
 * @param {bigint} moves
 */
function square(square, moves) {
  const bit = 1n << BigInt(square)
  if (square === D4) return 'Q'
  if (moves & bit) return IN_THE_WAY & bit ? 'x' : '*'
  return '.'
}

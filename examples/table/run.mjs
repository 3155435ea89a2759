// node examples/table/run.mjs: builds the table of primes, pre-initializes it and verifies the output.

import assert from 'node:assert/strict'
import { show } from '../show.mjs'
import { compileTable } from './table.mjs'

const { answers } = await show({
  title: 'table: the first 100,000 primes, in AssemblyScript',
  wasm: compileTable(),
  options: { initFunc: 'init' },
  host: () => ({
    imports: {},
    initialize: (instance) => /** @type {any} */ (instance.exports).init(),
  }),
  use: ({ exports }) => [0, 1, 2261, 99_999].map((index) => exports.prime(index)),
})
assert.deepEqual(answers, [2, 3, 19_997, 1_299_709])

// Custom sections that the output shall not have.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initialize, inspect } from '../index.js'

const WAT = Buffer.from(`(module $named
  (@custom ".debug_info" (before first) "a")
  (@custom ".debug_line" (after last) "b")
  (@custom "producers" (after code) "c")
  (func $init (export "wizer.initialize")))`)

/** @param {import('../index.js').InitializeOptions['strip']} strip */
async function customSections(strip) {
  const output = await initialize(WAT, strip === undefined ? {} : { strip })
  const known = ['type', 'function', 'export', 'code']
  return inspect(output)
    .sections.map(({ name }) => name)
    .filter((name) => !known.includes(name))
}

test('custom sections stay unless they are dropped', async () => {
  assert.deepEqual((await customSections(undefined)).toSorted(), [
    '.debug_info',
    '.debug_line',
    'name',
    'producers',
  ])
  assert.equal((await customSections(false)).length, 4)
  assert.equal((await customSections([])).length, 4)
})

test('all custom sections can be dropped', async () => {
  assert.deepEqual(await customSections(true), [])
})

test('custom sections can be dropped by name, and by how a name begins', async () => {
  assert.deepEqual((await customSections(['.debug_*'])).toSorted(), ['name', 'producers'])
  assert.deepEqual((await customSections(['name', 'producers'])).toSorted(), [
    '.debug_info',
    '.debug_line',
  ])
  assert.deepEqual((await customSections(['*'])).toSorted(), [])
})

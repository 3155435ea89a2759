// Runs that fail: what they reject with, and a module that fails as soon as it is compiled.

import assert from 'node:assert/strict'
import { InitializeError } from '../index.js'
import { assemble, isValid } from './compare.js'
import { SECTION, section } from './sections.js'

/**
 * What a run rejects with.
 * @param {Promise<unknown>} running
 */
export async function rejection(running) {
  try {
    await running
  } catch (error) {
    return /** @type {any} */ (error)
  }
  assert.fail('the run did not fail')
}

/**
 * The `InitializeError` that a run rejects with.
 * @param {Promise<unknown>} running
 * @returns {Promise<InitializeError & { cause?: unknown }>}
 */
export async function failure(running) {
  const error = await rejection(running)
  assert.ok(error instanceof InitializeError, String(error))
  return error
}

/**
 * A module whose init function has an invalid body, with all else in order; the invalid instruction
 * is somewhere in `from..to`.
 * @param {string} fields what comes before its memory and init function
 */
export async function withInvalidBody(fields) {
  const wasm = await assemble(`(module ${fields} (memory (export "memory") 1)
    (func (export "wizer.initialize") (i32.store (i32.const 1) (i32.const 2))))`)
  const code = section(wasm, SECTION.code)
  assert.ok(code)
  const broken = Buffer.from(wasm)
  const store = broken.indexOf(Buffer.from([0x36, 2, 0]), code.contents)
  broken.fill(0x01, store, store + 3)
  assert.equal(isValid(broken), false)
  return { broken, from: store, to: code.end }
}

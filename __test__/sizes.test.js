// Sizes by section: against another reader of sections, and zlib called directly.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { BROTLI_QUALITY, GZIP_LEVEL, moduleSize, sectionSizes } from '../report/sizes.js'
import { assemble } from './compare.js'
import { readReactor } from './modules.js'
import { SECTION, customSection, section, sections } from './sections.js'

/** @param {Uint8Array} bytes */
const expected = (bytes) => ({
  bytes: bytes.length,
  gzip: gzipSync(bytes, { level: GZIP_LEVEL }).length,
  brotli: brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }).length,
})

describe('sizes', () => {
  test('are those of each section, and add up to the module', async () => {
    const wasm = readReactor()
    const sizes = await sectionSizes(wasm)
    assert.equal(8 + sizes.reduce((sum, { bytes }) => sum + bytes, 0), wasm.length)
    const code = section(wasm, SECTION.code)
    assert.ok(code)
    assert.deepEqual(
      sizes.find(({ name }) => name === 'code'),
      { name: 'code', ...expected(code.bytes) },
    )
  })

  test('of a module are of all of it in one piece', async () => {
    const wasm = readReactor()
    assert.deepEqual(await moduleSize(wasm), expected(wasm))
  })

  test('add sections of one name up, wherever they are', async () => {
    const plain = await assemble('(module (func))')
    const twice = ['first', 'second'].map((text) => customSection('notes', Buffer.from(text)))
    const wasm = Buffer.concat([plain.subarray(0, 8), twice[0], plain.subarray(8), twice[1]])
    const notes = (await sectionSizes(wasm)).filter(({ name }) => name === 'notes')
    assert.deepEqual(notes, [{ name: 'notes', ...expected(Buffer.concat(twice)) }])
  })

  test('are the same whether or not those of a similar module are known', async () => {
    const wasm = readReactor()
    const other = Buffer.concat([wasm, customSection('more', Buffer.from('bytes'))])
    const known = { wasm, sizes: await sectionSizes(wasm) }
    assert.deepEqual(await sectionSizes(other, known), await sectionSizes(other))
  })

  test('are in the order of the sections', async () => {
    const wasm = await assemble('(module (memory 1) (func) (data (i32.const 0) "a"))')
    const ids = sections(wasm).map(({ id }) => id)
    const numbers = /** @type {Record<string, number>} */ ({ ...SECTION, name: SECTION.custom })
    assert.deepEqual(
      (await sectionSizes(wasm)).map(({ name }) => numbers[name]),
      ids,
    )
  })

  test('by section are none for text, which has a size all the same', async () => {
    const text = Buffer.from('(module)')
    assert.deepEqual(await sectionSizes(text), [])
    assert.deepEqual(await moduleSize(text), expected(text))
  })

  test('of what is no module are an error', async () => {
    const broken = Buffer.concat([readReactor().subarray(0, 8), Buffer.from([1, 99])])
    await assert.rejects(sectionSizes(broken), { code: 'ERR_INVALID_WASM' })
  })
})

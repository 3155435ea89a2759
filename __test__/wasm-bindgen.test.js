// A module of Rust's wasm-bindgen with references to JavaScript values: its table of them, and code that
// changes it, are there, and hold nothing at the end of init. It runs under its own glue.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { initialize, inspect } from '../index.js'
import { compare } from './compare.js'

const PACKAGE = new URL('../node_modules/@css-inline/css-inline-wasm/', import.meta.url)

/** What the glue does when the module starts: it fills the table, which is the glue's own affair. */
const START = { initFunc: '__wbindgen_start', keepInitFunc: true }
const imports = { './index_bg.js': { __wbindgen_init_externref_table: () => {} } }

/**
 * The package's own glue, anew.
 * @param {string} name
 */
const glue = (name) => import(new URL(`index.mjs?${name}`, PACKAGE).href)

const PAGES = [
  ['<style>h1 { color: blue }</style><h1 class="a">Title</h1>', undefined],
  ['<style>p { margin: 0 } .a > b { top: 1px }</style><p class="a">x<b>y</b></p>', undefined],
  ['<style>h1 { color: red }</style><h1>Title</h1>', { keepStyleTags: true }],
  ['<h1>Title</h1>', { extraCss: 'h1 { color: green }' }],
]

describe('css-inline', () => {
  test('has a table of references to JavaScript values, and code that changes tables', async () => {
    const { tables, features, problems } = inspect(await wasm())
    assert.deepEqual(
      tables.map(({ type }) => type),
      ['funcref', 'externref'],
    )
    assert.ok(features.includes('reference-types'))
    assert.deepEqual(problems, [])
  })

  test('is in the same state as the original after init', async () => {
    const functions = (/** @type {Uint8Array} */ module) => ({
      './index_bg.js': Object.fromEntries(
        inspect(module).imports.map(({ name }) => [name, () => 0]),
      ),
    })
    await compare(await wasm(), { options: { ...START, imports }, imports: functions })
  })

  test('does the same work under its own glue', async () => {
    const output = await initialize(await wasm(), { ...START, imports, verify: true })
    const [before, after] = await Promise.all(['original', 'output'].map(glue))
    await before.initWasm({ module_or_path: await wasm() })
    await after.initWasm({ module_or_path: output })
    for (const [html, options] of PAGES) {
      const expected = before.inline(html, options)
      assert.match(expected, /style="/)
      assert.equal(after.inline(html, options), expected)
    }
    for (const { inline } of [before, after]) {
      assert.throws(() => inline('<p>', { extraCss: 5 }), /invalid type.*expected a string/)
    }
    assert.equal(after.version(), before.version())
  })
})

const wasm = () => readFile(new URL('index_bg.wasm', PACKAGE))

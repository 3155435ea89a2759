// node examples/go/run.mjs: builds a Go module, pre-initializes it and verifies the output.

import assert from 'node:assert/strict'
import { WASI } from 'node:wasi'
import { show } from '../show.mjs'
import { build } from './build.mjs'

const GO = 0
const SNIPPET = 'if n < 10 { return "<b>" } // done'

const { answers } = await show({
  title: 'go: a highlighter that compiles patterns of nine languages',
  wasm: build(),
  options: { wasi: true },
  host,
  use: ({ exports }) => ({
    html: highlight(exports, GO, SNIPPET),
    sum: exports.sum_concurrently(1000),
    again: Array.from({ length: 200 }, () => highlight(exports, 3, SNIPPET.repeat(20))).at(-1),
  }),
  differs: "Go's runtime draws random numbers and looks at the clock",
})
assert.equal(
  answers.html,
  '<pre><span class="keyword">if</span> n &lt; <span class="number">10</span> { ' +
    '<span class="keyword">return</span> <span class="string">&#34;&lt;b&gt;&#34;</span> } ' +
    '<span class="comment">// done</span></pre>',
)
assert.equal(answers.sum, 499_500)

function host() {
  const wasi = new WASI({ version: 'preview1' })
  return {
    imports: /** @type {WebAssembly.Imports} */ (wasi.getImportObject()),
    /** @param {WebAssembly.Instance} instance */
    initialize(instance) {
      wasi.initialize(instance)
      const exports = /** @type {Record<string, Function>} */ (instance.exports)
      exports['wizer-initialize']()
    },
    // The output has no `_initialize` any more: Node's WASI only learns the memory.
    /** @param {WebAssembly.Instance} instance */
    attach(instance) {
      wasi.initialize(instance)
    },
  }
}

/**
 * @param {Record<string, any>} exports
 * @param {number} language
 * @param {string} text
 */
function highlight(exports, language, text) {
  const memory = () => Buffer.from(exports.memory.buffer)
  const at = exports.input(Buffer.byteLength(text))
  memory().write(text, at)
  const length = exports.highlight(language)
  const output = exports.output()
  return memory().toString('utf8', output, output + length)
}

// The plugin in real builds of webpack 5.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import webpack from 'webpack'
import preinit from 'wasm-preinit/webpack'
import { initialize } from '../index.js'
import { project } from './bundles.js'
import { testPacker } from './packers.js'
import { packed } from './packing.js'

const WEBPACK = {
  name: 'webpack',
  /** @param {import('webpack').Configuration} configuration */
  create: (configuration) => /** @type {import('webpack').Compiler} */ (webpack(configuration)),
  preinit,
  onDisk: /** @type {const} */ ({ type: 'filesystem', cacheDirectory: 'FOLDER' }),
}

testPacker(WEBPACK)

test('webpack: a loader that makes scripts of all modules still does, and of finished ones', async (t) => {
  const it = await project(t, {
    'measure.cjs': `module.exports = (wasm) => 'export default ' + wasm.length
      module.exports.raw = true`,
    'src/index.js': `import original from './counter.wasm'
      import finished from './counter.wasm?preinit&init'
      export default [original, finished]`,
  })
  const rules = [{ test: /\.wasm$/, loader: it.at('measure.cjs') }]
  const { length } = await initialize(it.counter)
  const lengths = await packed(WEBPACK, it, {}, { module: { rules } })
  assert.deepEqual(lengths, [it.counter.length, length])
})

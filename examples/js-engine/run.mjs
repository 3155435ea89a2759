// node examples/js-engine/run.mjs: pre-initializes a JavaScript engine with app.js evaluated in it, and
// verifies that the output answers a request as the original does after init.

import assert from 'node:assert/strict'
import { show } from '../show.mjs'
import { engine, host, options } from './js-engine.mjs'

const { answers } = await show({
  title: 'js-engine: StarlingMonkey with app.js',
  wasm: engine(),
  options,
  host,
  use: ({ instance, host }) => host.request(instance),
  differs: 'init draws random numbers',
})
assert.deepEqual(answers, { status: 200, body: '144' })

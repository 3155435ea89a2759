// Where in the source a guest stopped.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { InitializeError, initialize, inspect } from '../index.js'

for (const name of ['trap-dwarf4.wasm', 'trap-dwarf5.wasm']) {
  test(`a trap in ${name} tells functions, files and lines, in its frames and in its message`, async () => {
    const wasm = readFileSync(new URL(`../tests/fixtures/symbolize/${name}`, import.meta.url))
    const [initFunc = ''] = inspect(wasm).initFuncs
    await assert.rejects(initialize(wasm, { initFunc }), (error) => {
      assert.ok(error instanceof InitializeError)
      assert.equal(error.code, 'ERR_TRAP')
      const [innermost] = error.trap?.frames ?? []
      assert.match(innermost?.file ?? '', /\.(h|cpp)$/)
      assert.ok((innermost?.line ?? 0) > 0)
      assert.ok(error.message.includes(`${innermost?.file}:${innermost?.line}`), error.message)
      return true
    })
  })
}

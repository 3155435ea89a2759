// Z3 as Emscripten builds it with threads: 35 MB, a shared memory of 2 GiB that is imported, exceptions by
// way of JavaScript, a start function that fills the memory once. The package's own glue runs the
// original and the output, whose threads make instances of their own.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { initializeWithReport, inspect } from '../index.js'

const require = createRequire(import.meta.url)
const z3 = require.resolve('z3-solver')

/** What the guest told its glue during init, and the glue of each start has to hear. */
const TOLD = ['_emscripten_init_main_thread_js', '_emscripten_thread_mailbox_await']

/**
 * What Emscripten's glue does for constructors.
 * @param {string[]} names of the imports
 * @param {Array<[string, ...unknown[]]>} told
 * @returns {(guest: import('../index.js').Guest) => import('../index.js').Imports}
 */
const glue = (names, told) => (guest) => {
  const { exports } = guest
  /** @type {Record<string, Function>} */
  const env = { emscripten_check_blocking_allowed() {}, _emscripten_thread_set_strongref() {} }
  for (const name of TOLD) {
    env[name] = (/** @type {number} */ thread) => {
      told.push([name, thread])
      if (name === TOLD[0]) exports._emscripten_thread_init(thread, 1, 1, 1, 20 << 20, 0)
    }
  }
  // A call that an exception may come out of; none does here.
  for (const name of names.filter((name) => name.startsWith('invoke_'))) {
    env[name] = (/** @type {number} */ slot, /** @type {unknown[]} */ ...args) =>
      exports.__indirect_function_table.get(slot)(...args)
  }
  return { env }
}

/** Starts Z3, with the output where there is one, and solves two problems in threads. */
const PROGRAM = `
  const { readFileSync } = require('node:fs')
  const [, , z3, output, told] = process.argv
  const overrides = output && {
    instantiateWasm(imports, receive) {
      const module = new WebAssembly.Module(readFileSync(output))
      const { exports } = new WebAssembly.Instance(module, imports)
      const repeat = () => JSON.parse(told).forEach(([name, ...args]) => imports.env[name](...args))
      const replaced = { ...exports, __wasm_call_ctors: repeat }
      receive({ exports: replaced }, module)
      return replaced
    },
  }
  async function main() {
    const { Context } = await require(z3).init(overrides)
    const { Solver, Int } = new Context('main')
    const [x, y] = [Int.const('x'), Int.const('y')]
    const solver = new Solver()
    solver.add(x.add(2).le(y.sub(10)), x.ge(5))
    const answers = [await solver.check(), solver.model().get(x), solver.model().get(y)]
    solver.add(y.lt(x))
    answers.push(await solver.check())
    console.log(answers.map(String).join(' '))
    process.exit()
  }
  main()`

test('Z3 of Emscripten, with threads, goes on from the output under its own glue', async () => {
  const wasm = await readFile(z3.replace(/node\.js$/, 'z3-built.wasm'))
  const { imports, memories } = inspect(wasm)
  assert.ok(memories[0].shared && memories[0].imported)
  /** @type {Array<[string, ...unknown[]]>} */
  const told = []
  const { wasm: output, report } = await initializeWithReport(wasm, {
    initFunc: '__wasm_call_ctors',
    imports: glue(
      imports.map(({ name }) => name),
      told,
    ),
    wasi: true,
  })
  assert.ok(report.memories[0].nonZeroBytes > 100_000)
  assert.deepEqual(
    told.map(([name]) => name),
    TOLD,
  )
  const folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
  try {
    const [program, file] = [join(folder, 'program.cjs'), join(folder, 'z3.wasm')]
    await Promise.all([writeFile(program, PROGRAM), writeFile(file, output)])
    const run = async (/** @type {string[]} */ ...args) => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, z3, ...args])
      return stdout.trim()
    }
    assert.equal(await run(), 'sat 5 17 unsat')
    assert.equal(await run(file, JSON.stringify(told)), 'sat 5 17 unsat')
  } finally {
    await rm(folder, { recursive: true })
  }
})

// The table of docs/features.md, row by row: what each feature of WebAssembly is for init, and which
// compiler takes it. feature-modules.js has the modules; the table has the expected compilers.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { initialize, initializeWithReport } from '../index.js'
import { assemble, compare } from './compare.js'
import { failure } from './failure.js'
import { FEATURES } from './feature-modules.js'
import { agree, runTool, withFolder } from './interpreter.js'
import { SECTION, sections } from './sections.js'

/**
 * @typedef {import('./feature-modules.js').Use} Use
 * @typedef {'baseline' | 'optimizing' | 'refused'} Outcome
 */

for (const proposal of ['memory64', 'relaxed-simd', 'extended-const']) {
  setFlagsFromString(`--experimental-wasm-${proposal}`)
}
// Compilers must not answer with their own backtraces then.
process.env.RUST_BACKTRACE = '1'

/** What the baseline compiler takes differs by processor; the table is about this one. */
const IS_THAT_OF_THE_TABLE = process.arch === 'x64'

const table = readTable('docs/features.md')

/**
 * The features in the first column of a page's table, each in backticks, with the second column.
 * @param {string} path
 * @returns {Record<string, Outcome>}
 */
function readTable(path) {
  const lines = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8').split(/\r?\n/)
  const start = lines.findIndex((line) => /^\| features? \| compiler \|/.test(line))
  assert.notEqual(start, -1, `${path} has no table of features`)
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'))
  const rows = lines.slice(start + 2, end).map((line) => line.split('|').map((cell) => cell.trim()))
  return Object.fromEntries(
    rows.flatMap(([, features, outcome]) =>
      [...features.matchAll(/`([^`]+)`/g)].map(([, name]) => [
        name,
        /** @type {Outcome} */ (outcome),
      ]),
    ),
  )
}

describe('the tables of features', () => {
  test('have a test for each row, and a row for each test', () => {
    assert.deepEqual(Object.keys(table).sort(), Object.keys(FEATURES).sort())
  })

  test('say the same in the README', () => {
    assert.deepEqual(readTable('README.md'), table)
  })

  test('name what can be refused, and their modules need it', async () => {
    const wasm = await assemble(FEATURES.simd.wat)
    const { message } = await failure(initialize(wasm, { refuseFeatures: ['none'] }))
    const known = message.slice(message.indexOf('; there are'), message.indexOf(' (option'))
    const names = [...known.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
    assert.ok(names.length > 10)
    for (const name of names) {
      const running = initialize(await assemble(FEATURES[name].wat), { refuseFeatures: [name] })
      const error = await failure(running)
      assert.equal(error.code, 'ERR_UNSUPPORTED', name)
      assert.ok(error.message.includes(`the proposal \`${name}\``), error.message)
    }
  })
})

describe('a module that uses', { concurrency: true }, () => {
  for (const [name, use] of Object.entries(FEATURES)) {
    const outcome = table[name]
    const { refused } = use
    if (refused) test(`${name} is refused, with what to do`, () => isRefused(use, refused, outcome))
    else test(`${name} starts where init has left it`, () => works(use, outcome))
  }
})

/**
 * @param {Use} use
 * @param {NonNullable<Use['refused']>} refused
 * @param {Outcome} outcome
 */
async function isRefused({ wat, options }, refused, outcome) {
  assert.equal(outcome, 'refused')
  const wasm = await assemble(wat)
  for (const engine of /** @type {const} */ (['auto', 'optimizing'])) {
    await assert.rejects(initialize(wasm, { ...options, engine }), refused)
  }
}

/**
 * @param {Use} use
 * @param {Outcome} outcome
 */
async function works({ wat, options, calls, imports, assertions, before }, outcome) {
  const original = await assemble(wat)
  const { wasm, report } = await initializeWithReport(original, { ...options, verify: true })
  if (outcome !== 'baseline' || IS_THAT_OF_THE_TABLE) assert.equal(report.engine, outcome)

  if (calls) await compare(original, { options, imports, calls })
  else if (assertions) await agree(original, wasm, assertions, before)
  else assert.fail('nothing tells whether the output is right')

  const optimized = await initialize(original, { ...options, engine: 'optimizing' })
  assert.ok(optimized.equals(wasm), 'the compilers give different outputs')
  const baseline = initialize(original, { ...options, engine: 'baseline' })
  if (report.engine === 'baseline') {
    assert.ok((await baseline).equals(wasm))
  } else {
    const { code, message } = await failure(baseline)
    assert.equal(code, 'ERR_UNSUPPORTED')
    assert.match(message, /^the module is valid, but the baseline compiler \(`engine: 'auto'`.*$/)
  }
}

test('branch hints are the same bytes in the output', async () => {
  const original = await assemble(FEATURES['branch-hinting'].wat)
  const [before, after] = [original, await initialize(original)].map((wasm) =>
    sections(wasm).find(({ name }) => name === 'metadata.code.branch_hint'),
  )
  assert.ok(before)
  assert.deepEqual(after?.bytes, before.bytes)
})

test('an imported tag stays an import of the output', async () => {
  const original = await assemble(FEATURES['exceptions: imported tags'].wat)
  const imports = sections(await initialize(original)).find(({ id }) => id === SECTION.import)
  assert.deepEqual(
    imports?.bytes,
    sections(original).find(({ id }) => id === SECTION.import)?.bytes,
  )
})

test('legacy exceptions are taken once wasm-opt has translated them', async () => {
  const original = await assemble(FEATURES['exceptions: legacy'].wat)
  await withFolder(async (folder) => {
    const [from, to] = [join(folder, 'legacy.wasm'), join(folder, 'translated.wasm')]
    await writeFile(from, original)
    await runTool('wasm-opt', ['-all', '--translate-to-exnref', from, '-o', to])
    const { wasm, report } = await initializeWithReport(await readFile(to), { verify: true })
    assert.equal(report.engine, 'optimizing')
    await agree(original, wasm, '(assert_return (invoke "get") (i32.const 5))')
  })
})

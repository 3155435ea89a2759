// Programs that need the JavaScript which their toolchain made for them: it supplies the imports
// while init runs, with its views on the guest's memory, and goes on with the output. The packages
// as they come, with the original module, are the oracle.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { initialize, initializeSync, inspect } from '../index.js'
import { instantiate } from './compare.js'
import { dependency } from './modules.js'

/**
 * @typedef {import('../index.js').Guest} Guest
 * @typedef {Record<string, Record<string, any>>} Imports
 * @typedef {{ exports: Record<string, any> }} Instance
 * @typedef {(instance: Instance) => void} Receive takes an instance, and points all views at its memory
 */

/**
 * A package's CommonJS script, evaluated anew: both keep their one instance in module variables.
 * @param {URL} url
 * @returns {any}
 */
function evaluate(url) {
  const path = fileURLToPath(url)
  const source = `(function (module, exports, require, __dirname, __filename) {${readFileSync(url, 'utf8')}\n})`
  const module = { exports: {} }
  const wrapper = vm.runInThisContext(source, { filename: path })
  const folder = fileURLToPath(new URL('.', url))
  wrapper.call(module.exports, module, module.exports, createRequire(path), folder, path)
  return module.exports
}

/**
 * The first import that init calls makes the glue look at the guest's memory; then all is as ever.
 * @param {Imports} imports of the glue
 * @param {() => void} prepare is called once, inside the first call
 */
function preparing(imports, prepare) {
  let prepared = false
  const wrap = (/** @type {any} */ value) =>
    typeof value !== 'function'
      ? value
      : (/** @type {unknown[]} */ ...params) => {
          if (!prepared) {
            prepared = true
            prepare()
          }
          return value(...params)
        }
  const wrapAll = (/** @type {Record<string, any>} */ fields) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, wrap(value)]))
  return Object.fromEntries(
    Object.entries(imports).map(([name, fields]) => [name, wrapAll(fields)]),
  )
}

/**
 * The output as an instance that the glue takes for the original: its init export does nothing.
 * @param {Uint8Array} wasm
 * @param {Imports} imports
 * @param {string} initFunc
 * @returns {Instance}
 */
function finished(wasm, imports, initFunc) {
  const { exports } = instantiate(wasm, imports)
  assert.equal(exports[initFunc], undefined)
  return { exports: { ...exports, [initFunc]() {} } }
}

const ONIGURUMA = dependency('vscode-oniguruma/release/main.js')
const ONIGURUMA_WASM = readFileSync(dependency('vscode-oniguruma/release/onig.wasm'))
const ONIGURUMA_INIT = '__wasm_call_ctors'

/**
 * What the package's API makes of some patterns and texts.
 * @param {any} onig
 */
function scan(onig) {
  const results = []
  for (const patterns of [
    ['\\bconst\\b', '"[^"]*"', '(\\w+)\\s*=\\s*(\\d+)'],
    ['(?<year>\\d{4})-(?<month>\\d{2})', '\\p{Greek}+', '[äöü]'],
    ['(?i:SELECT|from)', "'(?:[^']|'')*'", '\\G.'],
    ['(a+)+b', '(?<=x)y', '\u{1f600}.'],
  ]) {
    const scanner = onig.createOnigScanner(patterns)
    for (const text of [
      'const answer = 42; let s = "text"',
      'Ἀθῆναι 2024-05 über x\u{1f600}y',
      "select 'it''s' FROM t",
      'aaaaaaaaab xy',
      '',
    ]) {
      const string = onig.createOnigString(text)
      for (let at = 0; at <= text.length; at++) {
        results.push(scanner.findNextMatchSync(string, at), scanner.findNextMatchSync(text, at))
      }
      string.dispose()
    }
    scanner.dispose()
  }
  let message
  try {
    onig.createOnigScanner(['(unclosed'])
  } catch (error) {
    message = /** @type {Error} */ (error).message
  }
  return { results, message }
}

/**
 * Starts the glue of oniguruma; the instance comes later.
 * @returns {{ onig: any, loaded: Promise<void>, imports: Imports, receive: Receive }}
 */
function startOniguruma() {
  const onig = evaluate(ONIGURUMA)
  /** @type {Imports} */
  let imports = {}
  /** @type {(source: { instance: Instance }) => void} */
  let receive = () => assert.fail('the glue waits for no instance')
  const loaded = onig.loadWASM({
    print() {},
    /** @param {Imports} supplied */
    instantiator(supplied) {
      imports = supplied
      // Where a promise would be, something that calls back at once.
      return {
        /** @param {typeof receive} callback */
        then(callback) {
          receive = callback
        },
      }
    },
  })
  return { onig, loaded, imports, receive: (instance) => receive({ instance }) }
}

/** @param {Guest} guest @returns {Instance} */
const asInstance = (guest) => ({
  exports: { ...guest.exports, memory: guest.memory, [ONIGURUMA_INIT]() {} },
})

/** The package as it comes. */
async function untouchedOniguruma() {
  const onig = evaluate(ONIGURUMA)
  await onig.loadWASM({ data: ONIGURUMA_WASM })
  return scan(onig)
}

for (const [way, run] of Object.entries({ initialize, initializeSync })) {
  test(`vscode-oniguruma goes on from the output under the glue that init ran with, by ${way}`, async () => {
    const { onig, loaded, imports, receive } = startOniguruma()
    /** @type {Imports} */
    const given = {}
    const output = await run(ONIGURUMA_WASM, {
      initFunc: ONIGURUMA_INIT,
      imports(guest) {
        Object.assign(
          given,
          preparing(imports, () => receive(asInstance(guest))),
        )
        return given
      },
    })
    receive(finished(output, imports, ONIGURUMA_INIT))
    await loaded
    const expected = await untouchedOniguruma()
    assert.ok(expected.results.some((match) => match?.captureIndices.length === 3))
    assert.match(expected.message ?? '', /parenthesis/)
    assert.deepEqual(scan(onig), expected)
  })
}

test('vscode-oniguruma goes on from the output under a new glue that is told what init told', async () => {
  const { imports, receive } = startOniguruma()
  /** @type {Array<{ name: string, params: unknown[] }>} */
  const told = []
  const output = initializeSync(ONIGURUMA_WASM, {
    initFunc: ONIGURUMA_INIT,
    imports(guest) {
      const { env, ...others } = preparing(imports, () => receive(asInstance(guest)))
      const recorded = Object.entries(env).map(([name, call]) => [
        name,
        (/** @type {unknown[]} */ ...params) => {
          told.push({ name, params })
          return call(...params)
        },
      ])
      return { ...others, env: Object.fromEntries(recorded) }
    },
  })
  assert.ok(told.length > 50)
  assert.ok(told.every(({ name }) => name.startsWith('_embind_register_')))

  const later = startOniguruma()
  const { exports } = finished(output, later.imports, ONIGURUMA_INIT)
  const replay = () => {
    for (const { name, params } of told) later.imports.env[name](...params)
  }
  later.receive({ exports: { ...exports, [ONIGURUMA_INIT]: replay } })
  await later.loaded
  assert.deepEqual(scan(later.onig), await untouchedOniguruma())
})

const SQL = dependency('sql.js/dist/sql-wasm.js')
const SQL_WASM = readFileSync(dependency('sql.js/dist/sql-wasm.wasm'))

/** Names are minified: the init function is the only one that takes and returns nothing. */
const [SQL_INIT] = inspect(SQL_WASM).initFuncs
const SQL_MEMORY = inspect(SQL_WASM).exports.find(({ kind }) => kind === 'memory')?.name ?? ''

/**
 * What SQLite answers, and the bytes of its database.
 * @param {any} SQL
 */
function query(SQL) {
  const database = new SQL.Database()
  database.run('CREATE TABLE city (name TEXT PRIMARY KEY, people INTEGER, area REAL, flag BLOB)')
  const insert = database.prepare('INSERT INTO city VALUES (?, ?, ?, ?)')
  for (let city = 0; city < 500; city++) {
    insert.run([`city ${city} \u{1f3d9}`, city * 1e6, city / 7, new Uint8Array([city, 2, 3])])
  }
  insert.free()
  database.create_function('twice', (/** @type {number} */ value) => value * 2)
  const answers = [
    'SELECT count(*), sum(people), avg(area), max(name) FROM city',
    'SELECT name, twice(people), hex(flag) FROM city WHERE people > 490000000 ORDER BY area DESC',
    `SELECT upper('äbc'), 7 / 2, 7 / 2.0, 1e308 * 10, NULL, x'00ff', sqlite_version()`,
    "SELECT datetime(1700000000, 'unixepoch'), strftime('%j', '2024-12-31')",
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      SELECT group_concat(i) FROM n`,
    `SELECT json_extract('{"a":[1,{"b":2}]}', '$.a[1].b')`,
  ].map((sql) => database.exec(sql))
  let message
  try {
    database.exec('SELECT * FROM nowhere')
  } catch (error) {
    message = /** @type {Error} */ (error).message
  }
  const bytes = Buffer.from(database.export())
  const reopened = new SQL.Database(bytes)
  const again = reopened.exec('SELECT count(*), min(name) FROM city')
  reopened.close()
  return { answers, message, bytes, again }
}

test('sql.js goes on from the output under the glue that init ran with', async () => {
  const initSqlJs = evaluate(SQL)
  /** @type {{ imports: Imports, receive: Receive } | undefined} */
  let waiting
  const loaded = initSqlJs({
    instantiateWasm(/** @type {Imports} */ imports, /** @type {Receive} */ receive) {
      waiting = { imports, receive }
    },
  })
  assert.ok(waiting)
  const { imports, receive } = waiting
  let calls = 0
  // Synchronously, as the glue goes on by itself as soon as it has an instance and its turn.
  const output = initializeSync(SQL_WASM, {
    initFunc: SQL_INIT,
    imports: (guest) =>
      preparing(imports, () => {
        calls++
        receive({ exports: { ...guest.exports, [SQL_MEMORY]: guest.memory } })
      }),
  })
  assert.equal(calls, 1, 'init asks the glue for nothing')
  receive(finished(output, imports, SQL_INIT))
  const expected = await evaluate(SQL)({ wasmBinary: SQL_WASM })
  const wanted = query(expected)
  assert.match(wanted.message ?? '', /no such table: nowhere/)
  assert.deepEqual(query(await loaded), wanted)
})

test('neither imports its memory, so that nothing of either is refused', () => {
  for (const wasm of [ONIGURUMA_WASM, SQL_WASM]) {
    const { imports, problems } = inspect(wasm)
    assert.ok(imports.every(({ kind }) => kind === 'function'))
    assert.deepEqual(problems, [])
  }
})

// Packages whose modules import their memory, and one its table and globals as well, each under its own
// glue: Emscripten's, which makes what is imported. The glue starts the original and the output, and both
// must be in the same state then and do the same work.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { newQuickJSWASMModuleFromVariant, newVariant } from 'quickjs-emscripten-core'
import release from '@jitl/quickjs-wasmfile-release-sync'
import { initialize, inspect } from '../index.js'
import { assertSameBytes } from './compare.js'

const require = createRequire(import.meta.url)

/**
 * A hook for Emscripten's glue, by which it starts a module; the exports of its init functions, which it
 * still calls, do nothing.
 * @param {Uint8Array} wasm
 * @param {string[]} initFuncs
 * @param {(imports: any) => void} seen is shown what the glue gives, before there is an instance
 */
const startedBy = (wasm, initFuncs, seen) => ({
  /**
   * @param {WebAssembly.Imports} imports
   * @param {(instance: { exports: object }, module: WebAssembly.Module) => void} receive
   */
  instantiateWasm(imports, receive) {
    const module = new WebAssembly.Module(/** @type {Uint8Array<ArrayBuffer>} */ (wasm))
    seen(imports)
    const { exports } = new WebAssembly.Instance(module, imports)
    const nothing = Object.fromEntries(initFuncs.map((name) => [name, () => {}]))
    const replaced = { ...exports, ...nothing }
    receive({ exports: replaced }, module)
    return replaced
  },
})

describe('QuickJS, whose memory is imported,', () => {
  const path = join(
    dirname(require.resolve('@jitl/quickjs-wasmfile-release-sync')),
    'emscripten-module.wasm',
  )

  /**
   * @param {Uint8Array} wasm
   * @param {string[]} initFuncs
   */
  async function start(wasm, initFuncs) {
    /** @type {any} */
    let imports
    const emscriptenModule = startedBy(wasm, initFuncs, (seen) => {
      imports = seen
      Object.assign(imports.a, noEnvironment(() => imports.a.a.buffer).a)
    })
    const base = /** @type {import('quickjs-emscripten-core').QuickJSSyncVariant} */ (
      /** @type {unknown} */ (release)
    )
    const variant = newVariant(base, { emscriptenModule: /** @type {any} */ (emscriptenModule) })
    const quickjs = await newQuickJSWASMModuleFromVariant(variant)
    return { quickjs, state: imports.a.a.buffer.slice(0) }
  }

  /**
   * An empty environment for constructors; that of the glue holds the path of the program, among others.
   * @param {() => ArrayBuffer} memory
   */
  const noEnvironment = (memory) => ({
    a: {
      /** @type {(count: number, size: number) => number} */
      g(count, size) {
        const view = new DataView(memory())
        view.setUint32(count, 0, true)
        view.setUint32(size, 0, true)
        return 0
      },
      f: () => 0,
    },
  })

  const PROGRAMS = [
    '[1, 2, 3].map((n) => n ** 2).join()',
    'JSON.stringify({ a: [1, { b: "ü" }], c: null })',
    '"one two".replace(/(\\w+) (\\w+)/u, "$2 $1")',
    'Math.sin(1) + Number("0x1f")',
    'new Date(0).toISOString()',
    '[..."héllo"].sort().reverse().join("")',
    '(() => { throw new TypeError("thrown") })()',
    'let deep = (n) => n === 0 ? 0 : 1 + deep(n - 1); deep(300)',
    'new Map([[1, 2n ** 70n]]).get(1).toString()',
    'undefinedName',
  ]

  test('goes on from the output under its own glue', async () => {
    const wasm = await readFile(path)
    const [initFunc] = inspect(wasm).initFuncs
    const output = await initialize(wasm, {
      initFunc,
      imports: (guest) => noEnvironment(() => guest.memory.buffer),
      verify: true,
    })
    const before = await start(wasm, [])
    const after = await start(output, [initFunc])
    assertSameBytes(after.state, before.state, 'the memory after start')
    for (const program of PROGRAMS) {
      const [expected, actual] = [before, after].map(({ quickjs }) => {
        const context = quickjs.newContext()
        const result = context.evalCode(program)
        const value = context.dump(result.error ?? result.value)
        result.dispose()
        context.dispose()
        return { failed: result.error !== undefined, value }
      })
      assert.deepEqual(actual, expected, program)
    }
  })
})

describe('tree-sitter, whose memory, table and globals are imported,', () => {
  const folder = dirname(require.resolve('web-tree-sitter'))
  const grammar = require.resolve('tree-sitter-json/tree-sitter-json.wasm')
  const TEXT = '{"a": [1, 2.5e3, true, null], "b": {"c": "text"}, } [ unclosed'

  /**
   * @param {string} name of a copy of the glue
   * @param {Uint8Array} wasm
   * @param {string[]} initFuncs
   */
  async function start(name, wasm, initFuncs) {
    const glue = await import(`${pathToFileURL(join(folder, 'tree-sitter.js'))}?${name}`)
    /** @type {any} */
    let imports
    let slots = 0
    await glue.Parser.init(
      startedBy(wasm, initFuncs, (seen) => {
        imports = seen
        slots = imports.env.__indirect_function_table.length
      }),
    )
    return { ...glue, imports, slots, state: imports.env.memory.buffer.slice(0) }
  }

  /**
   * What parsing, editing, parsing again and a query come to.
   * @param {any} glue
   */
  async function work({ Parser, Language, Query }) {
    const language = await Language.load(await readFile(grammar))
    const parser = new Parser()
    parser.setLanguage(language)
    const first = parser.parse(TEXT)
    const before = String(first.rootNode)
    const position = (/** @type {number} */ column) => ({ row: 0, column })
    first.edit({
      startIndex: 1,
      oldEndIndex: 4,
      newEndIndex: 6,
      startPosition: position(1),
      oldEndPosition: position(4),
      newEndPosition: position(6),
    })
    const second = parser.parse(TEXT.replace('"a"', '"new"'), first)
    const keys = new Query(language, '(pair key: (string) @key)').captures(second.rootNode)
    return {
      before,
      after: String(second.rootNode),
      hasError: second.rootNode.hasError,
      keys: keys.map((/** @type {any} */ { node }) => node.text),
    }
  }

  for (const initFunc of ['__wasm_apply_data_relocs', '__wasm_call_ctors']) {
    test(`goes on from the output of ${initFunc} under its own glue`, async () => {
      const wasm = await readFile(join(folder, 'tree-sitter.wasm'))
      const before = await start(`original-${initFunc}`, wasm, [])
      /** @type {Record<string, Record<string, any>>} */
      const imports = {
        env: {
          __indirect_function_table: new WebAssembly.Table({
            element: 'anyfunc',
            initial: before.slots,
          }),
        },
      }
      for (const { module, name, kind } of inspect(wasm).imports) {
        if (kind !== 'global') continue
        imports[module] ??= {}
        imports[module][name] = before.imports[module][name]
      }
      const output = await initialize(wasm, { initFunc, imports, verify: true })
      const after = await start(`output-${initFunc}`, output, [initFunc])
      assertSameBytes(after.state, before.state, 'the memory after start')
      const [expected, actual] = [await work(before), await work(after)]
      assert.match(expected.before, /\(document \(object \(pair key: \(string/)
      assert.deepEqual(expected.keys, ['"new"', '"b"', '"c"'])
      assert.deepEqual(actual, expected)
    })
  }
})

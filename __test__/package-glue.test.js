// Packages whose modules import their memory, and one its table and globals as well, each under its own
// glue: Emscripten's, which makes what is imported. The glue starts the original and the output, and both
// must be in the same state then and do the same work.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import quickjsGlue from '@jitl/quickjs-wasmfile-release-sync/emscripten-module'
import { newQuickJSWASMModuleFromVariant, newVariant } from 'quickjs-emscripten-core'
import release from '@jitl/quickjs-wasmfile-release-sync'
import { initialize, inspect } from '../index.js'
import { assertSameBytes, assertSameState, instantiate } from './compare.js'
import { withAllExported } from './sections.js'

const require = createRequire(import.meta.url)

/**
 * A hook for Emscripten's glue, by which it starts a module.
 * @param {Uint8Array} wasm
 * @param {Record<string, Function>} replacements of exports that the glue still calls
 * @param {(imports: any) => void} seen is shown what the glue gives, before there is an instance
 * @param {(instance: WebAssembly.Instance) => void} [made]
 */
const startedBy = (wasm, replacements, seen, made = () => {}) => ({
  /**
   * @param {WebAssembly.Imports} imports
   * @param {(instance: { exports: object }, module: WebAssembly.Module) => void} receive
   */
  instantiateWasm(imports, receive) {
    const module = new WebAssembly.Module(/** @type {Uint8Array<ArrayBuffer>} */ (wasm))
    seen(imports)
    const instance = new WebAssembly.Instance(module, imports)
    made(instance)
    const replaced = { ...instance.exports, ...replacements }
    receive({ exports: replaced }, module)
    return replaced
  },
})

/**
 * Exports of init functions that have run.
 * @param {string[]} initFuncs
 */
const idle = (...initFuncs) => Object.fromEntries(initFuncs.map((name) => [name, () => {}]))

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
    /** @type {any} */
    let instance
    const emscriptenModule = startedBy(
      wasm,
      idle(...initFuncs),
      (seen) => {
        imports = seen
        Object.assign(imports.a, noEnvironment(() => imports.a.a.buffer).a)
      },
      (made) => {
        instance = made
      },
    )
    const quickjs = await load({ emscriptenModule: /** @type {any} */ (emscriptenModule) })
    return { quickjs, instance, state: imports.a.a.buffer.slice(0) }
  }

  /** @param {import('quickjs-emscripten-core').CustomizeVariantOptions} options */
  function load(options) {
    const base = /** @type {import('quickjs-emscripten-core').QuickJSSyncVariant} */ (
      /** @type {unknown} */ (release)
    )
    return newQuickJSWASMModuleFromVariant(newVariant(base, options))
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

  /**
   * What the programs come to, each in a context of its own.
   * @param {import('quickjs-emscripten-core').QuickJSWASMModule} quickjs
   */
  const runAll = (quickjs) =>
    PROGRAMS.map((program) => {
      const context = quickjs.newContext()
      const result = context.evalCode(program)
      const value = context.dump(result.error ?? result.value)
      result.dispose()
      context.dispose()
      return { program, failed: result.error !== undefined, value }
    })

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
    assertSameState(before.instance, after.instance, undefined)
    const expected = runAll(before.quickjs)
    assert.deepEqual(expected[0].value, '1,4,9')
    assert.deepEqual(expected[6].value.message, 'thrown')
    assert.deepEqual(runAll(after.quickjs), expected)
  })

  test('goes on with a memory of its own that is exported, made before the glue', async () => {
    const wasm = await readFile(path)
    const [initFunc] = inspect(wasm).initFuncs
    const output = await initialize(withAllExported(wasm), {
      initFunc,
      imports: (guest) => noEnvironment(() => guest.memory.buffer),
      internalizeImports: ['memory'],
      verify: true,
    })
    assert.ok(inspect(output).imports.every(({ kind }) => kind === 'function'))
    /** @type {any} */
    let glue
    const late = inspect(output).imports.map(({ name }) => [
      name,
      (/** @type {unknown[]} */ ...params) => glue.a[name](...params),
    ])
    const { exports } = instantiate(output, { a: Object.fromEntries(late) })
    const memory = /** @type {WebAssembly.Memory} */ (exports[' memory 0'])
    const before = await start(wasm, [])
    assertSameBytes(memory.buffer, before.state, 'the memory before the glue')
    /** @type {any} */
    const emscriptenModule = {
      instantiateWasm(/** @type {any} */ imports, /** @type {Function} */ receive) {
        glue = imports
        const replaced = { ...exports, ...idle(initFunc) }
        receive({ exports: replaced })
        return replaced
      },
    }
    const quickjs = await load({ emscriptenModule, wasmMemory: memory })
    assert.deepEqual(runAll(quickjs), runAll(before.quickjs))
  })

  test('goes on with a larger memory than is declared, where the glue makes one', async () => {
    const wasm = await readFile(path)
    const [initFunc] = inspect(wasm).initFuncs
    const memory = new WebAssembly.Memory({ initial: 320, maximum: 32_768 })
    const output = await initialize(wasm, {
      initFunc,
      imports: (guest) => ({ a: { ...noEnvironment(() => guest.memory.buffer).a, a: memory } }),
      verify: true,
    })
    assert.equal(inspect(output).memories[0].minPages, 320)
    const hook = { ...startedBy(output, idle(initFunc), () => {}), printErr() {} }
    await assert.rejects(load({ emscriptenModule: /** @type {any} */ (hook) }), /memory/)
    const larger = { ...hook, INITIAL_MEMORY: 320 * 65_536 }
    const quickjs = await load({ emscriptenModule: /** @type {any} */ (larger) })
    assert.deepEqual(runAll(quickjs), runAll((await start(wasm, [])).quickjs))
  })

  /** Minified names of exports, as the glue has them. */
  const MALLOC = 'u'
  const NEW_RUNTIME = 'H'
  const NEW_CONTEXT = 'K'
  const EVAL = 'ma'
  const PRELUDE = 'let squares = Array.from({ length: 2000 }, (_, n) => n * n), count = 0'

  /**
   * Imports of which one makes a runtime and a context, while constructors run, and evaluates a script.
   * @param {() => { exports: any, buffer: ArrayBuffer }} guest
   * @param {(context: number) => void} made
   */
  const withContext = (guest, made) => ({
    ...noEnvironment(() => guest().buffer).a,
    p: () => 1_700_000_000_000,
    f() {
      const { exports } = guest()
      const string = (/** @type {string} */ text) => {
        const address = exports[MALLOC](text.length + 1)
        Buffer.from(guest().buffer).write(`${text}\0`, address, 'latin1')
        return address
      }
      const context = exports[NEW_CONTEXT](exports[NEW_RUNTIME](), 0)
      exports[EVAL](context, string(PRELUDE), PRELUDE.length, string('prelude.js'), 0, 0)
      made(context)
      return 0
    },
  })

  test('goes on with a context, and what a script has made there, from the time of the build', async () => {
    const wasm = await readFile(path)
    const [initFunc] = inspect(wasm).initFuncs
    let built = 0
    const output = await initialize(wasm, {
      initFunc,
      imports: ({ exports, memory }) => ({
        a: withContext(
          () => ({ exports, buffer: memory.buffer }),
          (context) => (built = context),
        ),
      }),
      verify: true,
    })
    /** @type {(bytes: Uint8Array, replacements: Record<string, Function>) => Promise<any>} */
    const started = async (bytes, replacements) => {
      /** @type {any} */
      let instance
      /** @type {any} */
      let given
      let context = built
      const hook = startedBy(
        bytes,
        replacements,
        ({ a }) => {
          given = a
          const guest = () => ({ exports: instance.exports, buffer: a.a.buffer })
          Object.assign(
            a,
            withContext(guest, (made) => (context = made)),
          )
        },
        (made) => {
          instance = made
        },
      )
      const module = /** @type {any} */ (await /** @type {any} */ (quickjsGlue)(hook))
      return { module, instance, context, state: given.a.buffer.slice(0) }
    }
    const before = await started(wasm, {})
    const after = await started(output, idle(initFunc))
    assert.ok(built > 0)
    assert.equal(before.context, built)
    assertSameBytes(after.state, before.state, 'the memory after start')
    assertSameState(before.instance, after.instance, undefined)
    const evaluate = (/** @type {any} */ { module, context }, /** @type {string} */ code) => {
      const string = (/** @type {string} */ text) => {
        const bytes = module.lengthBytesUTF8(text) + 1
        const address = module._malloc(bytes)
        module.stringToUTF8(text, address, bytes)
        return address
      }
      const value = module._QTS_Eval(context, string(code), code.length, string('later.js'), 0, 0)
      const error = module._QTS_ResolveException(context, value)
      return module.UTF8ToString(module._QTS_Dump(context, error || value))
    }
    for (const [code, expected] of [
      ['count += 1; squares[1999] + count', '3996002'],
      ['squares.push("end"); ++count + squares.length', '2003'],
      ['`${squares.slice(-2)},${Math.random()}`', /^"3996001,end,0\.\d+"$/],
      ['nowhere', /nowhere/],
    ]) {
      const answer = evaluate(before, String(code))
      assert.match(answer, expected instanceof RegExp ? expected : RegExp(`^${expected}$`))
      assert.equal(evaluate(after, String(code)), answer)
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
   * @param {Record<string, Function>} replacements
   * @param {(instance: WebAssembly.Instance) => void} [made]
   */
  async function start(name, wasm, replacements, made) {
    const glue = await import(`${pathToFileURL(join(folder, 'tree-sitter.js'))}?${name}`)
    /** @type {any} */
    let imports
    let slots = 0
    await glue.Parser.init(
      startedBy(
        wasm,
        replacements,
        (seen) => {
          imports = seen
          slots = imports.env.__indirect_function_table.length
        },
        made,
      ),
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

  /**
   * The globals and the table that the glue has made: values, and functions by their indices.
   * @param {{ imports: any }} glue
   */
  function shared({ imports: { env, 'GOT.mem': addresses } }) {
    const table = env.__indirect_function_table
    return {
      stackPointer: env.__stack_pointer.value,
      heapBase: addresses.__heap_base.value,
      functions: Array.from({ length: table.length }, (_, slot) => table.get(slot)?.name),
    }
  }

  /**
   * What the glue gives that is state, for init.
   * @param {Uint8Array} wasm
   * @param {{ imports: any, slots: number }} glue
   */
  function given(wasm, { imports, slots }) {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: slots })
    /** @type {Record<string, Record<string, any>>} */
    const all = { env: { __indirect_function_table: table } }
    for (const { module, name, kind } of inspect(wasm).imports) {
      if (kind === 'global') (all[module] ??= {})[name] = imports[module][name]
    }
    return all
  }

  const RELOCATE = '__wasm_apply_data_relocs'
  const CONSTRUCT = '__wasm_call_ctors'
  const NEW_PARSER = 'ts_parser_new_wasm'

  for (const initFuncs of [[RELOCATE], [CONSTRUCT], [RELOCATE, CONSTRUCT]]) {
    const name = initFuncs.join(' and ')
    test(`goes on from the output of ${name} under its own glue`, async () => {
      const wasm = await readFile(join(folder, 'tree-sitter.wasm'))
      const before = await start(`original ${name}`, wasm, {})
      const imports = given(wasm, before)
      /** @type {Uint8Array} */
      let output = wasm
      for (const initFunc of initFuncs) {
        output = await initialize(output, { initFunc, imports, verify: true })
      }
      const after = await start(`output ${name}`, output, idle(...initFuncs))
      assertSameBytes(after.state, before.state, 'the memory after start')
      assert.ok(shared(before).functions.filter(Boolean).length > 100)
      assert.deepEqual(shared(after), shared(before))
      const [expected, actual] = [await work(before), await work(after)]
      assert.match(expected.before, /\(document \(object \(pair key: \(string/)
      assert.deepEqual(expected.keys, ['"new"', '"b"', '"c"'])
      assert.deepEqual(actual, expected)
      assert.deepEqual(shared(after), shared(before))
    })
  }

  test('goes on from the output of a function that makes a parser', async () => {
    const wasm = await readFile(join(folder, 'tree-sitter.wasm'))
    /** @type {any} */
    let instance
    // The glue calls constructors last, so the first parser comes after them.
    const before = await start(
      'original with a parser',
      wasm,
      {
        [CONSTRUCT]() {
          instance.exports[CONSTRUCT]()
          instance.exports[NEW_PARSER]()
        },
      },
      (made) => {
        instance = made
      },
    )
    const imports = given(wasm, before)
    /** @type {Uint8Array} */
    let output = wasm
    for (const initFunc of [RELOCATE, CONSTRUCT, NEW_PARSER]) {
      const keepInitFunc = initFunc === NEW_PARSER
      output = await initialize(output, { initFunc, imports, keepInitFunc, verify: true })
    }
    const after = await start('output with a parser', output, idle(RELOCATE, CONSTRUCT))
    assertSameBytes(after.state, before.state, 'the memory after start')
    assert.deepEqual(shared(after), shared(before))
    assert.deepEqual(await work(after), await work(before))
  })
})

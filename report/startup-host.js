// A module and what the run gave it in, imports for one instance in V8 out: stand-ins for functions,
// new memories and tables, Node's WASI. A guest that would change files of the host is stopped
// first: its init has run already, and would run again with each sample.

import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { WASI } from 'node:wasi'

/**
 * @typedef {import('./startup.js').Task} Task
 * @typedef {import('./startup.js').Side} Side
 *
 * @typedef {object} Host
 * @property {WebAssembly.Module} module
 * @property {WebAssembly.Imports} imports
 * @property {(instance: WebAssembly.Instance) => void} initialize
 * @property {() => void} close
 */

const WASI_MODULES = /** @type {const} */ ({
  wasi_snapshot_preview1: 'preview1',
  wasi_unstable: 'unstable',
})

/** Descriptors below are standard input, output and error. */
const FIRST_FILE = 3

/** `path_open`'s flags that make or empty a file, and the place among its parameters. */
const OFLAGS_AT = 4
const OFLAGS_CREATE_OR_TRUNCATE = 1 | 8

const FILE_WRITERS = ['fd_write', 'fd_pwrite', 'fd_allocate', 'fd_filestat_set_size']
const FOLDER_WRITERS = [
  'path_create_directory',
  'path_filestat_set_times',
  'path_link',
  'path_remove_directory',
  'path_rename',
  'path_symlink',
  'path_unlink_file',
]

/** A guest that ended itself with status 0, which ends init well. */
class Exit extends Error {}

/** @param {Task} task */
export function compileModules({ before, after, preload }) {
  return {
    before: compiled('the input', before.wasm),
    after: compiled('the output', after.wasm),
    preload: preload.map(([name, wasm]) => ({ name, module: compiled(`\`${name}\``, wasm) })),
  }
}

/**
 * @param {string} what
 * @param {Uint8Array} wasm
 */
function compiled(what, wasm) {
  try {
    return new WebAssembly.Module(/** @type {Uint8Array<ArrayBuffer>} */ (wasm))
  } catch (error) {
    throw new Error(`V8 does not take ${what}: ${/** @type {Error} */ (error).message}`)
  }
}

/**
 * @param {Task} task
 * @param {WebAssembly.Module} module
 * @param {Side} side
 * @param {ReturnType<typeof compileModules>['preload']} preload
 * @returns {Host}
 */
export function hostFor({ wasi: setup, values, initFunc }, module, { memories, tables }, preload) {
  const wasi = setup && openWasi(setup, module)
  /** @type {Record<string, Record<string, any>>} */
  const imports = { ...wasi?.imports }
  for (const { name, module: preloaded } of preload) {
    imports[name] = new WebAssembly.Instance(preloaded, standIns(preloaded, { ...imports })).exports
  }
  const all = standIns(module, imports, values, [...memories], [...tables])
  return {
    module,
    imports: all,
    initialize(instance) {
      const { _initialize, [initFunc]: init } = /** @type {Record<string, any>} */ (
        instance.exports
      )
      wasi?.begin(memoryOf(module, instance, all))
      try {
        if (initFunc !== '_initialize') _initialize?.()
        init()
      } catch (error) {
        if (error instanceof WebAssembly.RuntimeError) {
          throw new Error(`in V8, init traps: ${error.message}`)
        }
        if (!(error instanceof Exit)) throw error
      }
    },
    close: () => wasi?.close(),
  }
}

/**
 * The imports and, where they lack something that the module wants, what can stand in for it.
 * @param {WebAssembly.Module} module
 * @param {Record<string, Record<string, any>>} given
 * @param {Task['values']} [values]
 * @param {Side['memories']} [memories] imported ones, in order
 * @param {Side['tables']} [tables]
 */
function standIns(module, given, values = {}, memories = [], tables = []) {
  /** @type {Record<string, Record<string, any>>} */
  const imports = {}
  for (const { module: namespace, name, kind } of WebAssembly.Module.imports(module)) {
    const items = (imports[namespace] ??= {})
    const [memory, table] = [
      kind === 'memory' ? memories.shift() : undefined,
      kind === 'table' ? tables.shift() : undefined,
    ]
    if (items[name] !== undefined) continue
    const known = given[namespace]?.[name] ?? values[namespace]?.[name]
    if (known !== undefined) items[name] = known
    else if (kind === 'function') items[name] = stopper(`${namespace}.${name}`)
    else if (memory) items[name] = newMemory(memory)
    else if (table) items[name] = newTable(table)
    else throw new Error(`the imported ${kind} \`${namespace}.${name}\` has no value here`)
  }
  return imports
}

/** @param {string} name */
function stopper(name) {
  return () => {
    throw new Error(`init calls \`${name}\`, which only the run had`)
  }
}

/** @param {Side['memories'][number]} memory */
function newMemory({ minPages, maxPages, memory64, shared, pageSize }) {
  if (memory64 || pageSize !== 65_536) {
    throw new Error('it imports a memory that is not of 32 bits and 64 KiB pages')
  }
  return new WebAssembly.Memory({ initial: minPages, maximum: maxPages, shared })
}

/** @param {Side['tables'][number]} table */
function newTable({ type, min, max }) {
  const element = type === 'externref' ? 'externref' : 'anyfunc'
  return new WebAssembly.Table({ element, initial: min, maximum: max })
}

/**
 * The memory that WASI reads and writes: the exported one, or an imported one.
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Instance} instance
 * @param {Record<string, Record<string, any>>} imports
 */
function memoryOf(module, instance, imports) {
  const { memory } = instance.exports
  if (memory instanceof WebAssembly.Memory) return memory
  const imported = WebAssembly.Module.imports(module).find(({ kind }) => kind === 'memory')
  return imported && imports[imported.module][imported.name]
}

/**
 * @param {NonNullable<Task['wasi']>} setup
 * @param {WebAssembly.Module} module
 */
function openWasi({ args, env, preopens, stdinPath }, module) {
  const imported = new Set(WebAssembly.Module.imports(module).map(({ module }) => module))
  const name = imported.has('wasi_unstable') ? 'wasi_unstable' : 'wasi_snapshot_preview1'
  const stdin = openSync(stdinPath ?? devNull, 'r')
  const output = openSync(devNull, 'w')
  const wasi = new WASI({
    version: WASI_MODULES[name],
    args,
    env,
    preopens,
    stdin,
    stdout: output,
    stderr: output,
  })
  return {
    imports: { [name]: guarded(/** @type {any} */ (wasi.wasiImport), stdinPath === undefined) },
    /** @param {WebAssembly.Memory | undefined} memory */
    begin(memory) {
      if (!memory) throw new Error("Node's WASI needs a memory that is exported as `memory`")
      // It learns the memory here; the stand-in keeps it from running anything.
      wasi.initialize({ exports: { memory, _initialize() {} } })
    },
    close() {
      closeSync(stdin)
      closeSync(output)
    },
  }
}

/**
 * WASI's functions with those that change files, read what can be read but once, or end the process
 * replaced.
 * @param {Record<string, Function>} functions
 * @param {boolean} stdinWasInherited
 */
function guarded(functions, stdinWasInherited) {
  const guards = { ...functions }
  /**
   * @param {string} name
   * @param {(args: number[]) => boolean} isRefused
   * @param {string} reason
   */
  const refuse = (name, isRefused, reason) => {
    const original = guards[name]
    guards[name] = (/** @type {number[]} */ ...args) => {
      if (isRefused(args)) throw new Error(reason)
      return original(...args)
    }
  }
  const writes = 'init writes files, which measuring would do again with each sample'
  for (const name of FILE_WRITERS) refuse(name, ([descriptor]) => descriptor >= FIRST_FILE, writes)
  for (const name of FOLDER_WRITERS) refuse(name, () => true, writes)
  const makesFile = (/** @type {number[]} */ args) =>
    (args[OFLAGS_AT] & OFLAGS_CREATE_OR_TRUNCATE) !== 0
  refuse('path_open', makesFile, writes)
  if (stdinWasInherited) {
    const reads = 'init reads this process’s standard input, which can be read only once'
    refuse('fd_read', ([descriptor]) => descriptor === 0, reads)
  }
  guards.proc_exit = (/** @type {number} */ status) => {
    if (status === 0) throw new Exit()
    throw new Error(`in V8, init ends with status ${status}`)
  }
  return guards
}

/**
 * Runs the module's init function now and resolves a module that starts where it left off.
 *
 * The bytes are copied before the call returns, so the buffer may be reused at once. Compiling and
 * running happen on threads of this package: neither the main thread nor libuv's pool waits for them.
 * The same module, options, files and package version give the same bytes.
 *
 * @param wasm a binary core module, or WAT text as UTF-8 bytes; told apart by their first bytes
 * @throws {TypeError} with code `ERR_INVALID_OPTION` for unknown options and wrong types
 * @throws {InitializeError} for everything else that can go wrong
 *
 * @example
 * import { readFile, writeFile } from 'node:fs/promises'
 * import { initialize } from 'wasm-preinit'
 *
 * const wasm = await initialize(await readFile('engine.wasm'), { initFunc: 'init' })
 * await writeFile('engine.fast.wasm', wasm)
 */
export function initialize(
  wasm: Uint8Array | ArrayBuffer | SharedArrayBuffer,
  options?: InitializeOptions,
): Promise<Buffer>

/** Like {@link initialize}, and tells what happened. */
export function initializeWithReport(
  wasm: Uint8Array | ArrayBuffer | SharedArrayBuffer,
  options?: InitializeOptions,
): Promise<{ wasm: Buffer; report: Report }>

/**
 * Like {@link initialize}, for require hooks and scripts that can't wait for a promise: the calling
 * thread waits until the module is done.
 */
export function initializeSync(
  wasm: Uint8Array | ArrayBuffer | SharedArrayBuffer,
  options?: InitializeOptions,
): Buffer

/**
 * Tells what a module offers, without running or compiling it.
 *
 * Reads section headers and small sections only, never code: a few milliseconds for 10 MB.
 *
 * @throws {InitializeError} with code `ERR_INVALID_WASM` where the bytes can't be read
 */
export function inspect(wasm: Uint8Array | ArrayBuffer | SharedArrayBuffer): ModuleInfo

/** The version of this package. */
export const version: string

/** How to run a module's init function, and what the output looks like. */
export interface InitializeOptions {
  /**
   * The export to call: a function without parameters and results.
   * @default the first the module exports of 'wizer-initialize' and 'wizer.initialize'
   */
  initFunc?: string
  /**
   * Whether the output still exports the init function. `_initialize`, which runs before it where
   * the module exports it, is always removed: calling it again would run init twice.
   * @default false
   */
  keepInitFunc?: boolean
  /**
   * Exports of the output to take from exports of the input: `{ newName: 'oldName' }`. All take
   * effect at once, so names may be swapped; an export that already has a new name is overwritten.
   * @default {}
   */
  renameFuncs?: Record<string, string>
  /**
   * Whether the guest may call WASI preview 1, and what it sees there. Without it, a WASI call
   * rejects with `ERR_IMPORT_CALLED`.
   * @default false
   */
  wasi?: boolean | WasiOptions
  /**
   * The compiler that init runs on; the output is the same. 'baseline' compiles fast, 'optimizing'
   * runs fast and knows all proposals, 'auto' is 'baseline' where it can compile the module.
   * @default 'auto'
   */
  engine?: 'auto' | 'baseline' | 'optimizing'
  /**
   * The most data segments the output may have, 0 to 100,000. Fewer segments instantiate faster and
   * carry more zeros.
   * @default 10_000
   */
  maxDataSegments?: number
}

/** What the guest sees through WASI preview 1. Names are those of node:wasi. */
export interface WasiOptions {
  /**
   * Command-line arguments, the program's name first.
   * @default []
   */
  args?: string[]
  /**
   * Environment variables; the guest sees no others.
   * @default {}
   */
  env?: Record<string, string>
  /**
   * What the guest reads from standard input: text, bytes, or this process's own with 'inherit'.
   * @default ''
   */
  stdin?: string | Uint8Array | 'inherit'
  /**
   * Where the guest's standard output goes. What is captured is in the report and in errors.
   * @default 'inherit'
   */
  stdout?: 'inherit' | 'ignore' | 'capture'
  /**
   * Where the guest's standard error goes.
   * @default 'inherit'
   */
  stderr?: 'inherit' | 'ignore' | 'capture'
  /**
   * Directories of the host that the guest may read and write: `{ guestPath: hostPath }`.
   * @default {}
   */
  preopens?: Record<string, string>
}

/** What happened in one run. */
export interface Report {
  /** The export that was called. */
  initFunc: string
  /** The compiler that was used. */
  engine: 'baseline' | 'optimizing'
  /** Milliseconds, by stage. */
  timings: {
    parse: number
    instrument: number
    compile: number
    instantiate: number
    run: number
    snapshot: number
    rewrite: number
    total: number
  }
  /** Bytes; sections of one name are added up. */
  sizes: {
    input: number
    output: number
    sections: Array<{ name: string; before: number; after: number }>
  }
  /** The module's own memories. `segmentBytes` are the bytes in their data segments. */
  memories: Array<{
    index: number
    pagesBefore: number
    pagesAfter: number
    nonZeroBytes: number
    segments: number
    segmentBytes: number
  }>
  globals: { total: number; changed: number }
  /** `before` and `after` count elements. */
  tables: Array<{ index: number; before: number; after: number; changed: boolean }>
  /** What the guest wrote, where `wasi.stdout` is 'capture'. */
  stdout?: Buffer
  /** What the guest wrote, where `wasi.stderr` is 'capture'. */
  stderr?: Buffer
}

/** What {@link inspect} finds. */
export interface ModuleInfo {
  kind: 'module' | 'component'
  /** Exports that could be the init function, the default first. */
  initFuncs: string[]
  /** `kind` is 'function', 'memory', 'table', 'global' or 'tag'; components have more kinds. */
  imports: Array<{ module: string; name: string; kind: string }>
  exports: Array<{ name: string; kind: string }>
  /** `pageSize` is in bytes. */
  memories: Array<{
    index: number
    imported: boolean
    minPages: number
    maxPages?: number
    pageSize: number
    memory64: boolean
    shared: boolean
  }>
  tables: Array<{ index: number; imported: boolean; type: string; min: number; max?: number }>
  /** Proposals that the module shows without its code, such as 'bulk-memory' and 'simd'. */
  features: string[]
  /** Every section in file order, headers included. */
  sections: Array<{ name: string; bytes: number }>
  /** Why `initialize` would refuse the module, with remedies; empty when it would not. */
  problems: Array<{ code: string; message: string }>
}

/** The stable names of failures; README lists each with its remedy. */
export type ErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_WASM'
  | 'ERR_INIT_FUNC_MISSING'
  | 'ERR_INIT_FUNC_TYPE'
  | 'ERR_UNSUPPORTED'
  | 'ERR_IMPORT_CALLED'
  | 'ERR_IMPORT_FAILED'
  | 'ERR_TRAP'
  | 'ERR_EXIT'
  | 'ERR_MEMORY_LIMIT'
  | 'ERR_STACK_LIMIT'
  | 'ERR_IO'
  | 'ERR_INTERNAL'

/** Where it failed: checking options, or a stage of {@link Report.timings}. */
export type Stage =
  'options' | 'parse' | 'instrument' | 'compile' | 'instantiate' | 'run' | 'snapshot' | 'rewrite'

/** Why the guest stopped, as in {@link InitializeError.trap}. */
export interface TrapInfo {
  kind:
    | 'unreachable'
    | 'memory-out-of-bounds'
    | 'table-out-of-bounds'
    | 'null-reference'
    | 'bad-signature'
    | 'integer-overflow'
    | 'integer-divide-by-zero'
    | 'bad-conversion-to-integer'
    | 'unaligned-atomic'
    | 'uncaught-exception'
    | 'other'
  /** The guest's stack, innermost first; `offset` is in bytes of the module that was passed in. */
  frames: Array<{ func: string; offset?: number }>
}

/**
 * A run that failed. An invalid option is a `TypeError` with the same fields, for which
 * `error instanceof InitializeError` holds as well.
 */
export class InitializeError extends Error {
  /** The stable name of the failure. */
  code: ErrorCode
  stage: Stage
  /** Where the module is invalid, in bytes. With `ERR_INVALID_WASM`. */
  offset?: number
  /** With `ERR_TRAP`. */
  trap?: TrapInfo
  /** The status of `proc_exit`. With `ERR_EXIT`. */
  exitCode?: number
  /** The limit that was hit, in bytes. With `ERR_STACK_LIMIT`. */
  limit?: number
  /** The path that can't be used. With `ERR_IO`. */
  path?: string
  /** The key of the option. With `ERR_INVALID_OPTION`. */
  option?: string
  /** The import that was called. With `ERR_IMPORT_CALLED`. */
  import?: { module: string; name: string }
  /** What the guest had written, where `wasi.stdout` is 'capture'. */
  stdout?: Buffer
  /** What the guest had written, where `wasi.stderr` is 'capture'. */
  stderr?: Buffer
}

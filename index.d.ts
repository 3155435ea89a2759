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
): Promise<Buffer<ArrayBuffer>>

/** Like {@link initialize}, and tells what happened. */
export function initializeWithReport(
  wasm: Uint8Array | ArrayBuffer | SharedArrayBuffer,
  options?: InitializeOptions,
): Promise<{ wasm: Buffer<ArrayBuffer>; report: Report }>

/**
 * Like {@link initialize}, for require hooks and scripts that can't wait for a promise: the calling
 * thread waits until the module is done.
 */
export function initializeSync(
  wasm: Uint8Array | ArrayBuffer | SharedArrayBuffer,
  options?: InitializeOptions,
): Buffer<ArrayBuffer>

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
   * What the guest imports during init: functions over numbers and bigints (for i64), and values of
   * imported globals; or a function that is given the guest and returns them. Values are converted
   * as the WebAssembly JavaScript API does; several results are an array. Imports run on the thread
   * that called, and can't be asynchronous. What is not imported is ignored.
   * @default {}
   */
  imports?: Imports | ((guest: Guest) => Imports)
  /**
   * What happens to function imports that nobody supplies: 'trap' lets them stay and rejects with
   * `ERR_IMPORT_CALLED` when init calls one, 'error' rejects with `ERR_IMPORT_MISSING` before
   * anything is compiled, listing all.
   * @default 'trap'
   */
  undefinedImports?: 'trap' | 'error'
  /**
   * Which imports become definitions of the output: all, or all of these kinds. Otherwise memories and
   * tables stay imports, at least as large as init has left them, and the output fills them; init sees
   * fresh ones, or what `imports` gives. An imported global that init changes can't stay an import
   * (`ERR_UNSUPPORTED`). A shared memory that stays one is filled by the first instance alone, where
   * the module's start function does so, as wasm-ld's; otherwise by each, with a process warning of
   * the code `WASM_PREINIT_SHARED_MEMORY`.
   * @default false
   */
  internalizeImports?: boolean | Array<'memory' | 'table' | 'global'>
  /**
   * Modules that satisfy imports during init, by the module name of the import. They stay imports
   * of the output, and what init changes inside them is not part of it. They are instantiated in
   * order; each may import from those before it.
   * @default {}
   */
  preload?: Record<string, Uint8Array>
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
   * Where compiled code is kept, so that the next build of the same module does not compile it again.
   * A string names the folder, which only the own user may be able to write (`ERR_IO` otherwise);
   * `false` keeps nothing and uses nothing. The output is the same in any case.
   *
   * `true` is the folder that the environment variable `WASM_PREINIT_CACHE_DIR` names, else
   * `node_modules/.cache/wasm-preinit` of the nearest project, else the user's own cache folder.
   * A folder holds up to 1 GiB, or as many bytes as `WASM_PREINIT_CACHE_MAX_BYTES` says; what was used
   * longest ago goes first. This process keeps up to 256 MiB of what it has used.
   *
   * Code is written after the answer was given, beside what follows; the end of the process waits for
   * that. A folder that can't be used costs a process warning with the code `WASM_PREINIT_CACHE`.
   * @default true
   */
  cache?: boolean | string
  /**
   * Milliseconds that the whole run may take, from the call on; then it rejects with `ERR_TIMEOUT`.
   * @default no limit
   */
  timeout?: number
  /**
   * Stops the run, even one in an endless loop, and rejects with `signal.reason`.
   * @default none
   */
  signal?: AbortSignal
  /**
   * Bytes that all memories and tables together may take; growing beyond rejects with
   * `ERR_MEMORY_LIMIT`.
   * @default no limit
   */
  maxMemory?: number
  /**
   * Bytes of stack for the guest, 4,096 to 1 GiB; using more rejects with `ERR_STACK_LIMIT`.
   * @default 8_388_608
   */
  maxStack?: number
  /**
   * The most data segments the output may have, 0 to 100,000. Fewer segments instantiate faster and
   * carry more zeros. A module whose code names its own segments by index can need more than the
   * default, and gets them.
   * @default 10_000
   */
  maxDataSegments?: number
  /**
   * Whether to clear what the program's own stack no longer uses, so that leftovers there don't get
   * into the output. For programs whose stack pointer is a global called `__stack_pointer`, in
   * exports or the name section, as LLVM's are.
   * @default false
   */
  zeroDeadStack?: boolean
  /**
   * Custom sections that the output shall not have: all of them, or by name; a name may end in `*`,
   * as `.debug_*`.
   * @default false
   */
  strip?: boolean | string[]
  /**
   * Proposals that the module must not use, by the names that {@link inspect} lists as `features`,
   * such as 'simd' or 'threads': a module that does rejects with `ERR_UNSUPPORTED`, which says where.
   * Telling takes a look at all code.
   * @default []
   */
  refuseFeatures?: string[]
  /**
   * Whether to instantiate the output and compare all state that it starts with to what init has left,
   * before resolving: a second look by other means than those that wrote it. A difference is a bug
   * here and rejects with `ERR_INTERNAL`.
   * @default false
   */
  verify?: boolean
  /**
   * Whether to hand the result to wasm-opt of the package `binaryen`, which the project has to have
   * installed: it removes what nothing can reach after init any more. `true` does just that; strings
   * are flags for wasm-opt, such as '-Oz'. Changes the code section, so debug information and source
   * maps of the input no longer fit. Not for `initializeSync`.
   * @default false
   */
  optimize?: boolean | string[]
  /**
   * Called on the thread that called as each stage begins, to show what goes on. What it throws ends
   * the run and is what the promise rejects with. Not for `initializeSync`.
   * @default none
   */
  onStage?: (stage: Stage) => void
}

/** By module and name. */
export type Imports = Record<
  string,
  Record<
    string,
    | Function
    | number
    | bigint
    | string
    | null
    | WebAssembly.Global
    | WebAssembly.Memory
    | WebAssembly.Table
  >
>

/** The guest, as imports see it; it can be used while one of them runs. */
export interface Guest {
  /**
   * Memory 0, as `WebAssembly.Memory` shows it: live, and detached when the memory grows and when
   * the run ends.
   */
  readonly memory: { readonly buffer: ArrayBuffer }
  /**
   * The guest's exports. Functions may be called from inside an import, to any depth. A memory has
   * its `buffer`, a global its `value`, a table its `length` and `get(slot)`, which gives `null` or a
   * function to call.
   */
  readonly exports: Record<string, any>
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
   * Where the guest's standard output goes. What is captured is in the report and in errors; when that
   * is 256 MiB, writing more fails for the guest.
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
  /**
   * A read-only tree that exists for this run only, `{ guestPath: contents }`. Its root is
   * preopened as '/' and, when no preopen has that name, as '.'. Programs with wasi-libc (C, C++,
   * Rust, Zig) take '/' and '.' for one place, where the tree hides a preopen '.': give that
   * another name, as '/src'.
   * @default {}
   */
  files?: Record<string, string | Uint8Array>
  /**
   * Where random bytes come from: 'deterministic' ones depend on the module alone.
   * @default 'deterministic'
   */
  random?: 'deterministic' | 'host'
  /**
   * What the guest's clocks show: 'deterministic' begins at the environment variable
   * SOURCE_DATE_EPOCH or 1970, a number is milliseconds since 1970 to begin at; both advance by
   * calls, so that waiting ends at once. 'host' is the time.
   * @default 'deterministic'
   */
  clock?: 'deterministic' | 'host' | number
}

/** What happened in one run. */
export interface Report {
  /** The export that was called. */
  initFunc: string
  /** The compiler that was used. */
  engine: 'baseline' | 'optimizing'
  /** Whether the module's compiled code was in the cache; 'off' with `cache: false`. */
  cache: 'hit' | 'miss' | 'off'
  /** Milliseconds, by stage. */
  timings: {
    parse: number
    instrument: number
    compile: number
    instantiate: number
    run: number
    snapshot: number
    rewrite: number
    /** With the options of these names. */
    verify?: number
    optimize?: number
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
  /**
   * Immutable globals that the module imports: what init has made is right for the values that it was
   * given, and those have to be imported again.
   */
  assumedGlobals: Array<{ module: string; name: string }>
  /** `before` and `after` count elements. */
  tables: Array<{ index: number; before: number; after: number; changed: boolean }>
  wasi: {
    /** How often the guest called each function. */
    calls: Record<string, number>
    /**
     * Host state that is now frozen into the output: 'args', 'stdin', 'env:NAME',
     * 'file:GUESTPATH', 'random', 'clock'.
     */
    baked: string[]
  }
  /** Absolute host paths of files that the guest has read, for watch lists. */
  filesRead: string[]
  /**
   * Absolute host paths that the guest has looked for or at without reading them: files that are
   * missing or were only opened, files and folders whose status it took.
   */
  pathsProbed: string[]
  /** Absolute host paths of folders that the guest has listed. */
  directoriesRead: string[]
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
  | 'ERR_IMPORT_MISSING'
  | 'ERR_IMPORT_CALLED'
  | 'ERR_IMPORT_FAILED'
  | 'ERR_TRAP'
  | 'ERR_EXIT'
  | 'ERR_TIMEOUT'
  | 'ERR_MEMORY_LIMIT'
  | 'ERR_STACK_LIMIT'
  | 'ERR_IO'
  | 'ERR_INTERNAL'

/** Where it failed: checking options, or a stage of {@link Report.timings}. */
export type Stage =
  | 'options'
  | 'parse'
  | 'instrument'
  | 'compile'
  | 'instantiate'
  | 'run'
  | 'snapshot'
  | 'rewrite'
  | 'verify'
  | 'optimize'

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
  frames: Array<{ func: string; offset?: number; file?: string; line?: number }>
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
  /**
   * The guest's stack, innermost first. With `ERR_TRAP`, `ERR_STACK_LIMIT` and `ERR_IMPORT_CALLED`.
   */
  frames?: TrapInfo['frames']
  /** The status of `proc_exit`. With `ERR_EXIT`. */
  exitCode?: number
  /**
   * The limit that was hit: bytes with `ERR_MEMORY_LIMIT` and `ERR_STACK_LIMIT`, milliseconds with
   * `ERR_TIMEOUT`.
   */
  limit?: number
  /** The path that can't be used. With `ERR_IO`. */
  path?: string
  /** The key of the option. With `ERR_INVALID_OPTION`. */
  option?: string
  /** The import that was called. With `ERR_IMPORT_CALLED` and `ERR_IMPORT_FAILED`. */
  import?: { module: string; name: string }
  /** All imports that are missing. With `ERR_IMPORT_MISSING`. */
  imports?: Array<{ module: string; name: string }>
  /** The very value that an import threw. With `ERR_IMPORT_FAILED`. */
  cause?: unknown
  /**
   * The host's files that the guest had asked for, as in {@link Report}: what to watch for another try.
   * Where the guest ran with WASI.
   */
  filesRead?: string[]
  pathsProbed?: string[]
  directoriesRead?: string[]
  /** What the guest had written, where `wasi.stdout` is 'capture'. */
  stdout?: Buffer
  /** What the guest had written, where `wasi.stderr` is 'capture'. */
  stderr?: Buffer
}

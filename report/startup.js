// Original and output in, how long each takes to be ready in V8 out: the original's instantiation
// and init against the output's instantiation alone. It is measured in a process of its own, because
// it runs the guest's code without the limits of a run. Never rejects but for an abort.

import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from '../index.js'
import { isBinary } from './sizes.js'

/**
 * V8 11.3 now and then crashes when it has optimized JavaScript that instantiates large modules
 * again and again, or that calls its fast API there. Code of the modules is not affected.
 */
const FLAGS = ['--no-opt', '--no-turbo-fast-api-calls', '--disable-warning=ExperimentalWarning']

/** What Node exits with when it does not know one of the flags. */
const EXIT_BAD_OPTION = 9

/** A guest that waits for something is not waited for longer than this. */
const LIMIT_MS = 120_000

const CHILD = fileURLToPath(new URL('startup-child.js', import.meta.url))

/**
 * @typedef {{ before: number, after: number, samples: number, unit: 'ms', engine: string }} Startup
 *   medians over as many samples of each; `engine` is V8 and its version
 *
 * @typedef {object} Side
 * @property {Uint8Array} wasm
 * @property {import('../index.js').ModuleInfo['memories']} memories
 * @property {import('../index.js').ModuleInfo['tables']} tables
 *
 * @typedef {object} WasiSetup
 * @property {string[]} args
 * @property {Record<string, string>} env
 * @property {Record<string, string>} preopens
 * @property {string} [stdinPath] absent where it was this process's own
 *
 * @typedef {object} Task what the child is sent
 * @property {Side} before
 * @property {Side} after
 * @property {string} initFunc
 * @property {Record<string, Record<string, number | bigint>>} values of imported globals
 * @property {Array<[string, Uint8Array]>} preload
 * @property {WasiSetup | undefined} wasi
 */

/**
 * Measures in alternation, each time with a new instance of a module that V8 has compiled before.
 * Imports are stand-ins that end the measurement when init calls them, and Node's own WASI where the
 * options have `wasi`.
 * @param {object} run
 * @param {Uint8Array} run.input
 * @param {Uint8Array} run.output
 * @param {string} [run.initFunc] as in the report; else that of the options, else the default
 * @param {import('../index.js').InitializeOptions} [run.options] what the output was made with
 * @returns {Promise<Startup | { reason: string }>} why it can't be measured, for people
 */
export async function measureStartup({ input, output, initFunc, options = {} }) {
  const { signal } = options
  signal?.throwIfAborted()
  if (!isBinary(input)) return { reason: 'the input is WAT text, which V8 does not run' }
  // Not asynchronously: the process may exit when there is a folder whose name nobody knows yet.
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-startup-'))
  const end = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', end)
  try {
    const [before, after] = [input, output].map((wasm) => ({ wasm, info: inspect(wasm) }))
    if (before.info.kind === 'component') return { reason: 'V8 does not run components' }
    return await measureInChild(
      {
        before: side(before),
        after: side(after),
        initFunc: initFunc ?? options.initFunc ?? before.info.initFuncs[0] ?? '',
        values: valuesOf(options.imports),
        preload: Object.entries(options.preload ?? {}),
        wasi: options.wasi
          ? await setUp(options.wasi === true ? {} : options.wasi, folder)
          : undefined,
      },
      signal,
    )
  } catch (error) {
    signal?.throwIfAborted()
    return { reason: /** @type {Error} */ (error).message }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    process.off('exit', end)
  }
}

/**
 * @param {Task} task
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Startup | { reason: string }>}
 */
async function measureInChild(task, signal) {
  const first = await askChild(task, FLAGS, signal)
  return first === EXIT_BAD_OPTION ? reasonOf(await askChild(task, [], signal)) : reasonOf(first)
}

/** @param {Startup | { reason: string } | number | string} answer */
function reasonOf(answer) {
  if (typeof answer === 'object') return answer
  return { reason: `the process that measures ended early: ${answer}` }
}

/**
 * The child's answer, or its exit status or signal where it gives none.
 * @param {Task} task
 * @param {string[]} flags
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Startup | { reason: string } | number | string>}
 */
function askChild(task, flags, signal) {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, {
      execArgv: flags,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // Inside Electron, the own command is no Node but for this.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    })
    /** @type {Startup | { reason: string } | undefined} */
    let answer
    const stop = () => void child.kill('SIGKILL')
    const timer = setTimeout(() => {
      answer = { reason: `it takes longer than ${LIMIT_MS / 1000} s` }
      stop()
    }, LIMIT_MS)
    signal?.addEventListener('abort', stop, { once: true })
    child.on('error', reject)
    child.on('message', (/** @type {any} */ message) => (answer = message))
    child.on('close', (status, killed) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(signal.reason)
      else resolve(answer ?? status ?? killed ?? 0)
    })
    // A child that ends before it has read everything says why by how it ends.
    child.send(task, () => {})
  })
}

/**
 * @param {{ wasm: Uint8Array, info: import('../index.js').ModuleInfo }} module
 * @returns {Side}
 */
function side({ wasm, info: { memories, tables } }) {
  return {
    wasm,
    memories: memories.filter(({ imported }) => imported),
    tables: tables.filter(({ imported }) => imported),
  }
}

/**
 * Imports that can be sent to another process: functions can't, and are stand-ins there.
 * @param {import('../index.js').InitializeOptions['imports']} imports
 * @returns {Task['values']}
 */
function valuesOf(imports) {
  if (typeof imports !== 'object') return {}
  return Object.fromEntries(
    Object.entries(imports).map(([module, items]) => [
      module,
      Object.fromEntries(
        Object.entries(items)
          .map(([name, item]) => [name, item instanceof WebAssembly.Global ? item.value : item])
          .filter(([, value]) => typeof value === 'number' || typeof value === 'bigint'),
      ),
    ]),
  )
}

/**
 * What WASI shows the guest, as files where Node's WASI can't do with bytes.
 * @param {import('../index.js').WasiOptions} wasi
 * @param {string} folder a temporary one
 * @returns {Promise<WasiSetup>}
 */
async function setUp({ args = [], env = {}, stdin = '', preopens = {}, files }, folder) {
  const stdinPath = join(folder, 'stdin')
  if (stdin !== 'inherit') await writeFile(stdinPath, stdin)
  const tree = join(folder, 'files')
  for (const [path, contents] of Object.entries(files ?? {})) {
    const place = join(tree, posix.join('/', path))
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, contents)
  }
  return {
    args,
    env,
    preopens: files ? { '.': tree, ...preopens, '/': tree } : preopens,
    stdinPath: stdin === 'inherit' ? undefined : stdinPath,
  }
}

// A finished module in, the same module without what nothing can reach any more out: mostly code that
// only init needed. Binaryen's wasm-opt does it, as the project has installed it, in a process of its
// own. Whatever happens, that process has ended and its files are gone when the promise settles.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as binding from '../binding.js'
import { InitializeError, InvalidOptionError } from './error.js'

/**
 * What `optimize: true` stands for. Removing what can't be reached is nearly all there is to gain by
 * init having run; rewriting the rest (`-O2`, `-Oz`) takes ten times as long on large modules.
 */
const DEFAULT_FLAGS = ['--remove-unused-module-elements']

/** Flags that would leave no module where it is looked for. */
const OUTPUT_FLAGS = ['-o', '--output', '-S', '--emit-text']
/** Flags that ask wasm-opt to keep debug information. */
const DEBUG_FLAGS = ['-g', '--debuginfo']

/**
 * Features whose instructions wasm-opt may meet without being able to say which one it lacks. It makes
 * none of them by itself, but for sign extension, which its own defaults allow as well. A module that
 * declares what it uses does not get them: wasm-opt would add them to the declaration.
 */
const FEATURES = ['sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'simd'].map(
  (name) => `--enable-${name}`,
)

/** A module that uses features it does not declare is refused with a listing of all code that does. */
const MOST_OUTPUT = 1024 * 1024
/** The first of those complaints are for people. */
const MOST_LINES = 3

/**
 * What to do about runs that are going on when the process exits.
 * @type {Set<() => void>}
 */
const endings = new Set()
let watchesExit = false

/** @type {Array<() => void>} */
const waiting = []
let free = availableParallelism()

/**
 * A finished run whose module is optimized, too, and whose report tells of that.
 * @param {{ wasm: Uint8Array, report: import('../binding.js').BindingReport | undefined }} finished
 * @param {string[]} flags none for the default ones
 * @param {{ signal: AbortSignal | undefined, limit: number | undefined, started: number }} options
 *   the run may take `limit` milliseconds from `started` on
 */
export async function optimized({ wasm, report }, flags, { signal, limit, started }) {
  const begun = performance.now()
  const output = await optimize(wasm, flags.length > 0 ? flags : undefined, {
    signal,
    limit,
    timeout: limit === undefined ? undefined : limit - (begun - started),
  })
  if (!report) return { wasm: output, report }
  const { timings, sizes } = report
  const after = binding.inspect(output).info?.sections ?? []
  const bytesOf = (/** @type {string} */ wanted) =>
    after.reduce((sum, { name, bytes }) => sum + (name === wanted ? bytes : 0), 0)
  const names = new Set([...sizes.sections, ...after].map(({ name }) => name))
  const before = new Map(sizes.sections.map((section) => [section.name, section.before]))
  const time = performance.now() - begun
  return {
    wasm: output,
    report: {
      ...report,
      timings: { ...timings, optimize: time, total: timings.total + time },
      sizes: {
        ...sizes,
        output: output.length,
        sections: [...names].map((name) => ({
          name,
          before: before.get(name) ?? 0,
          after: bytesOf(name),
        })),
      },
    },
  }
}

/**
 * @param {Uint8Array} wasm
 * @param {readonly string[]} [flags] for wasm-opt
 * @param {{ signal?: AbortSignal, timeout?: number, limit?: number }} [options] `timeout` is what is
 *   left of `limit`, in milliseconds
 * @returns {Promise<Buffer<ArrayBuffer>>}
 */
export async function optimize(wasm, flags = DEFAULT_FLAGS, { signal, timeout, limit } = {}) {
  signal?.throwIfAborted()
  const sections = new Set(binding.inspect(wasm).info?.sections.map(({ name }) => name))
  const all = [...debugFlags(sections, flags), ...checked(flags)]
  const features = sections.has('target_features') ? [] : FEATURES
  const tool = findWasmOpt()
  const stop = new AbortController()
  const abort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => stop.abort(timeoutError(limit ?? timeout)), Math.max(timeout, 0))
  try {
    await slot(stop.signal)
    try {
      const output = await inFolder((folder) => run(tool, all, features, wasm, folder, stop.signal))
      // Nothing to remove, and the module was encoded tighter than wasm-opt does it.
      const grown = flags === DEFAULT_FLAGS && output.length >= wasm.length
      return grown ? Buffer.from(wasm) : output
    } finally {
      release()
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * Names stay when the module has some. Debug information by code offsets would be wrong afterwards:
 * it stays only where the caller's own flags ask wasm-opt for that.
 * @param {Set<string>} sections
 * @param {readonly string[]} flags
 */
function debugFlags(sections, flags) {
  if (flags.some((flag) => DEBUG_FLAGS.includes(flag))) return []
  const named = sections.has('name') && flags === DEFAULT_FLAGS
  return ['--strip-dwarf', ...(named ? ['-g'] : [])]
}

/** @param {readonly string[]} flags */
function checked(flags) {
  for (const flag of flags) {
    if (!OUTPUT_FLAGS.includes(flag.split('=')[0])) continue
    throw new InvalidOptionError(
      'optimize',
      `the option \`optimize\` holds \`${flag}\`, which would keep wasm-opt from handing a module back: leave it out`,
    )
  }
  return flags
}

/** The script of the binaryen that is nearest: the project's own, else one beside this package. */
function findWasmOpt() {
  for (const base of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const require = createRequire(base)
    try {
      const path = require.resolve('binaryen/package.json')
      const script = require(path).bin?.['wasm-opt']
      if (script !== undefined) return join(dirname(path), script)
    } catch {
      // Not there: the next one, or the error below.
    }
  }
  throw new InvalidOptionError(
    'optimize',
    'the option `optimize` needs wasm-opt, which is not installed; install binaryen: npm install --save-dev binaryen',
  )
}

/** Waits until a core is free for one more. @param {AbortSignal} stop */
async function slot(stop) {
  if (free > 0) {
    free -= 1
    return
  }
  await new Promise((resolve, reject) => {
    const give = () => {
      stop.removeEventListener('abort', leave)
      resolve(undefined)
    }
    const leave = () => {
      waiting.splice(waiting.indexOf(give), 1)
      reject(stop.reason)
    }
    waiting.push(give)
    stop.addEventListener('abort', leave, { once: true })
  })
}

function release() {
  const next = waiting.shift()
  if (next) next()
  else free += 1
}

/**
 * @template T
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function inFolder(work) {
  // Not asynchronously: the process may exit when there is a folder whose name nobody knows yet.
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-optimize-'))
  // A file may come into being meanwhile.
  const end = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  atExit(end)
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    endings.delete(end)
  }
}

/** @param {() => void} end */
function atExit(end) {
  if (!watchesExit) process.once('exit', endAll)
  watchesExit = true
  endings.add(end)
}

/** The last first: processes before the folders that they write to. */
function endAll() {
  for (const end of [...endings].reverse()) {
    try {
      end()
    } catch {
      // The process exits; there is nobody left to tell.
    }
  }
}

/**
 * Modules tell wasm-opt what they use in a section that many have stripped, or never had. Enabling
 * everything instead would let new features into the output, so it is only what validation asks for.
 * @param {string} tool
 * @param {readonly string[]} flags
 * @param {readonly string[]} features flags that enable what the module is likely to use
 * @param {Uint8Array} wasm
 * @param {string} folder
 * @param {AbortSignal} stop
 * @returns {Promise<Buffer<ArrayBuffer>>}
 */
async function run(tool, flags, features, wasm, folder, stop) {
  const input = join(folder, 'input.wasm')
  const output = join(folder, 'output.wasm')
  await writeFile(input, wasm)
  const enabled = new Set(features)
  for (;;) {
    stop.throwIfAborted()
    const args = [tool, input, ...enabled, ...flags, '-o', output]
    const { status, text } = await finished(args, stop)
    if (status === 0) return read(output, flags)
    const known = enabled.size
    const asked = [...text.matchAll(/\[(--enable-[\w-]+)[^\]]*\]/g)].map(([, flag]) => flag)
    for (const more of [asked, FEATURES, ['--all-features']]) {
      if (enabled.size === known && /^Fatal:/m.test(text)) more.forEach((flag) => enabled.add(flag))
    }
    if (enabled.size === known) throw failure(text.replaceAll(input, 'the module'), status)
  }
}

/**
 * @param {readonly string[]} args
 * @param {AbortSignal} stop
 * @returns {Promise<{ status: number | null, text: string }>}
 */
function finished(args, stop) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      windowsHide: true,
      // In Electron, its own program is a Node only when it is told so.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    })
    const kill = () => void child.kill('SIGKILL')
    stop.addEventListener('abort', kill)
    atExit(kill)
    const done = () => {
      stop.removeEventListener('abort', kill)
      endings.delete(kill)
    }
    let text = ''
    let last = ''
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      if (text.length < MOST_OUTPUT) text += chunk
      else last = chunk
    })
    child.once('error', (error) => {
      done()
      reject(failure(error.message, null))
    })
    child.once('close', (status) => {
      done()
      if (stop.aborted) reject(stop.reason)
      else resolve({ status, text: text + last })
    })
  })
}

/**
 * @param {string} output
 * @param {readonly string[]} flags
 * @returns {Promise<Buffer<ArrayBuffer>>}
 */
async function read(output, flags) {
  try {
    return await readFile(output)
  } catch {
    throw new InvalidOptionError(
      'optimize',
      `wasm-opt has written no module with the flags \`${flags.join(' ')}\` of the option \`optimize\``,
    )
  }
}

/**
 * @param {string} text what wasm-opt has written
 * @param {number | null} status
 */
function failure(text, status) {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const said = lines.slice(0, MOST_LINES).join('; ') || `it has ended with status ${status}`
  if (/^(Unknown option|Unexpected )/m.test(text)) {
    return new InvalidOptionError('optimize', `wasm-opt can't be called like this: ${said}`)
  }
  return new InitializeError({
    code: 'ERR_UNSUPPORTED',
    stage: 'optimize',
    message: `wasm-opt can't optimize the module: ${said}; leave out \`optimize\`, or give it other flags or another version of binaryen`,
    importThrew: false,
  })
}

/** @param {number} limit */
function timeoutError(limit) {
  return new InitializeError({
    code: 'ERR_TIMEOUT',
    stage: 'optimize',
    message: `the run took more than ${limit} ms, which \`timeout\` allows, and was not done with optimizing: raise it, or leave out \`optimize\``,
    limit,
    importThrew: false,
  })
}

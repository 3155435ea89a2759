// The public face: options are checked, the addon runs, failures become errors.

import './lib/load.js'
import * as binding from './binding.js'
import { finishWritesAtExit } from './lib/cache.js'
import { InvalidOptionError, errorFrom } from './lib/error.js'
import { Host } from './lib/imports.js'
import { bindingOptions, bytesOf } from './lib/options.js'
import { cancelOnAbort } from './lib/signal.js'
import { Stages } from './lib/stages.js'
import { emitWarnings } from './lib/warnings.js'

export { InitializeError } from './lib/error.js'

export const version = binding.VERSION

const VERIFY = 'verify'
const OPTIMIZE = 'optimize'

/** @type {typeof import('./index.js').initialize} */
export async function initialize(wasm, options) {
  const { wasm: output } = await run(wasm, options, false)
  return output
}

/** @type {typeof import('./index.js').initializeWithReport} */
export async function initializeWithReport(wasm, options) {
  const { wasm: output, report } = await run(wasm, options, true)
  return { wasm: output, report: /** @type {import('./index.js').Report} */ (report) }
}

/** @type {typeof import('./index.js').initializeSync} */
export function initializeSync(wasm, options) {
  const call = prepare(wasm, options, false)
  const { canceller } = call
  for (const option of /** @type {const} */ (['onStage', 'optimize'])) {
    if (!call[option]) continue
    throw new InvalidOptionError(
      option,
      `the option \`${option}\` needs a thread that does not wait: use \`initialize\``,
    )
  }
  const done = cancelOnAbort(call.signal, canceller)
  try {
    return finish(
      call,
      binding.initializeSync(call.bytes, call.options, canceller, call.host?.session),
    ).wasm
  } finally {
    done()
    call.host?.session.close()
  }
}

/** @type {typeof import('./index.js').inspect} */
export function inspect(wasm) {
  const { info, failure } = binding.inspect(bytesOf(wasm))
  if (failure) throw errorFrom(failure)
  return /** @type {NonNullable<typeof info>} */ (info)
}

/**
 * @typedef {object} Call
 * @property {Uint8Array} bytes
 * @property {binding.BindingOptions} options
 * @property {AbortSignal | undefined} signal
 * @property {import('./index.js').InitializeOptions['onStage']} onStage
 * @property {string[] | undefined} optimize flags, none for the default ones
 * @property {Host | undefined} host
 * @property {binding.Canceller} canceller
 */

/**
 * @param {unknown} wasm
 * @param {import('./index.js').InitializeOptions | undefined} options
 * @param {boolean} report
 */
async function run(wasm, options, report) {
  const started = performance.now()
  const call = prepare(wasm, options, report)
  const { canceller, optimize } = call
  const stop = cancelOnAbort(call.signal, canceller)
  /** @type {import('./index.js').Stage[]} */
  const more = [...(call.options.verify ? [VERIFY] : []), ...(optimize ? [OPTIMIZE] : [])]
  const stages = call.onStage && new Stages(call.onStage, canceller, more)
  try {
    const running = binding.initialize(
      call.bytes,
      call.options,
      canceller,
      call.host?.session,
      stages?.enter,
    )
    const outcome = await running
    stages?.reach(outcome.failure?.stage ?? (call.options.verify ? VERIFY : 'rewrite'))
    const finished = finish(call, outcome)
    if (!optimize) return finished
    stages?.reach(OPTIMIZE)
    const { optimized } = await import('./lib/optimize.js')
    return await optimized(finished, optimize, {
      signal: call.signal,
      limit: call.options.timeout,
      started,
    })
  } finally {
    stages?.end()
    stop()
    call.host?.session.close()
  }
}

/**
 * @param {unknown} wasm
 * @param {import('./index.js').InitializeOptions | undefined} options
 * @param {boolean} report
 * @returns {Call}
 */
function prepare(wasm, options, report) {
  const bytes = bytesOf(wasm)
  const { binding: flat, signal, imports, onStage, optimize } = bindingOptions(options, report)
  signal?.throwIfAborted()
  if (flat.cache) finishWritesAtExit()
  const canceller = new binding.Canceller()
  const host =
    imports &&
    new Host([bytes, ...flat.preload.map((preload) => preload.bytes)], imports, canceller)
  return {
    bytes,
    options: { ...flat, ...(host && { imports: host.imports }) },
    signal,
    onStage,
    optimize,
    host,
    canceller,
  }
}

/**
 * @param {Call} call
 * @param {binding.Outcome} outcome
 * @returns {{ wasm: Buffer<ArrayBuffer>, report: binding.BindingReport | undefined }}
 */
function finish({ signal, host }, { wasm, report, warnings, failure }) {
  emitWarnings(warnings)
  if (failure?.code === 'ABORTED') throw signal?.reason
  if (failure) throw errorFrom(failure, host?.thrown)
  return { wasm: /** @type {Buffer<ArrayBuffer>} */ (wasm), report }
}

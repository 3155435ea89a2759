// Start-up in V8: the original's instantiation and init against the output's instantiation alone,
// in alternation, each in a fresh instance of a module that is compiled already.

const ROUNDS = 15
/** Slow modules have fewer rounds. */
const MAX_MS = 3000

/**
 * @typedef {object} Host
 * @property {WebAssembly.Imports} imports
 * @property {(instance: WebAssembly.Instance) => void} initialize what `wasm-preinit` ran
 * @property {(instance: WebAssembly.Instance) => void} [attach] what an instance needs that starts
 *   where init has left off
 * @property {() => void} [close]
 */

/**
 * Median milliseconds before and after.
 * @param {Uint8Array} original
 * @param {Uint8Array} output
 * @param {(module: WebAssembly.Module) => Host} host
 */
export async function startUp(original, output, host) {
  const before = await WebAssembly.compile(/** @type {BufferSource} */ (original))
  const after = await WebAssembly.compile(/** @type {BufferSource} */ (output))
  /** @type {Record<'before' | 'after', number[]>} */
  const times = { before: [], after: [] }
  const until = performance.now() + MAX_MS
  for (let round = 0; round < ROUNDS && (round < 3 || performance.now() < until); round++) {
    times.before.push(time(before, host, true))
    times.after.push(time(after, host, false))
  }
  return { before: median(times.before), after: median(times.after) }
}

/**
 * @param {WebAssembly.Module} module
 * @param {(module: WebAssembly.Module) => Host} host
 * @param {boolean} initializes
 */
function time(module, host, initializes) {
  const { imports, initialize, attach, close } = host(module)
  const started = performance.now()
  const instance = new WebAssembly.Instance(module, imports)
  if (initializes) initialize(instance)
  else attach?.(instance)
  const elapsed = performance.now() - started
  close?.()
  return elapsed
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

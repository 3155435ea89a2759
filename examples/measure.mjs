// Start-up in V8: the original's instantiation and init against the output's instantiation alone,
// in alternation, each in a fresh instance of a module that is compiled already.

const ROUNDS = 15

/**
 * @typedef {object} Host
 * @property {WebAssembly.Imports} imports
 * @property {(instance: WebAssembly.Instance) => void} initialize what `wasm-preinit` ran
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
  for (let round = 0; round < ROUNDS; round++) {
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
  const { imports, initialize, close } = host(module)
  const started = performance.now()
  const instance = new WebAssembly.Instance(module, imports)
  if (initializes) initialize(instance)
  const elapsed = performance.now() - started
  close?.()
  return elapsed
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

// Verifies outputs before anything is timed. Comes in: a module and the outputs of the tools. Goes
// out: for each tool in what its output differs from the original after init, in V8, and whether it
// may take part. All must behave as the original does. Random numbers and, for the wizers, clocks
// are in the state; a second output of ours, of a guest that has seen the same ones as in V8, must
// have the state of the original, byte by byte.

import { runScript } from './processes.mjs'

/**
 * Bytes of memory, in the part of the stack that is no longer used, where guests leave numbers that
 * Node's WASI and ours give differently: of file descriptors, of their rights, and of files. That
 * many there were at most, in all modules.
 */
const MOST_HOST_BYTES = 200

const CHILD = new URL('verify-child.mjs', import.meta.url)

/**
 * @typedef {import('./verify-child.mjs').Comparison} Comparison
 *
 * @typedef {object} Verdict
 * @property {boolean} good
 * @property {string} says
 */

/**
 * @param {import('./corpus.mjs').Module} module
 * @param {string} tool
 * @param {import('./contestants.mjs').Output} output
 * @returns {Promise<Verdict>}
 */
export async function verify(module, tool, output) {
  if ('refused' in output) return { good: false, says: `refused: ${output.refused}` }
  try {
    const behaviour = await compare(module, output.file)
    if (!behaviour.good || !output.exact) return behaviour
    const state = await compare(module, output.exact, hostBytes(module))
    return state.good ? state : { good: false, says: `with numbered random bytes, ${state.says}` }
  } catch (error) {
    return { good: false, says: `its output fails in V8: ${/** @type {Error} */ (error).message}` }
  }
}

/**
 * @param {import('./corpus.mjs').Module} module
 * @param {string} output
 * @param {number} [mostDiffering] bytes of memory
 */
async function compare(module, output, mostDiffering = Infinity) {
  const { result } = await runScript(CHILD, [module.name, module.file(), output])
  return verdict(result, mostDiffering)
}

/**
 * Only what calls WASI can hold numbers of its host.
 * @param {import('./corpus.mjs').Module} module
 */
const hostBytes = ({ wasi }) => (wasi?.preopens ? MOST_HOST_BYTES : 0)

/**
 * @param {Comparison} comparison
 * @param {number} mostDiffering
 * @returns {Verdict}
 */
function verdict({ bytes, differing, differingGlobals, missing, probe, saw }, mostDiffering) {
  const memory =
    differing === 0
      ? `all ${bytes.toLocaleString('en-US')} bytes of memory are the same`
      : `${differing.toLocaleString('en-US')} of ${bytes.toLocaleString('en-US')} bytes of memory differ`
  const wrong = [
    ...(differing > mostDiffering ? [memory] : []),
    ...(differingGlobals.length > 0 ? [`globals differ: ${differingGlobals.join(', ')}`] : []),
    ...(missing.length > 0 ? [`exports are missing: ${missing.join(', ')}`] : []),
    ...(probe ? [] : [`it behaves differently: ${JSON.stringify(saw)}`]),
  ]
  return wrong.length > 0
    ? { good: false, says: `wrong: ${wrong.join('; ')}` }
    : { good: true, says: `behaves as the original; ${memory}` }
}

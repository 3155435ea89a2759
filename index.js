// The public face: options are checked, the addon runs, failures become errors.

import * as binding from './binding.js'
import { errorFrom } from './lib/error.js'
import { bindingOptions, bytesOf } from './lib/options.js'

export { InitializeError } from './lib/error.js'

export const version = binding.VERSION

/** @type {typeof import('./index.js').initialize} */
export async function initialize(wasm, options) {
  const outcome = await binding.initialize(bytesOf(wasm), bindingOptions(options))
  return moduleOf(outcome)
}

/** @type {typeof import('./index.js').initializeWithReport} */
export async function initializeWithReport(wasm, options) {
  const outcome = await binding.initialize(bytesOf(wasm), bindingOptions(options, true))
  const output = moduleOf(outcome)
  const report = /** @type {NonNullable<typeof outcome.report>} */ (outcome.report)
  return { wasm: output, report }
}

/** @type {typeof import('./index.js').initializeSync} */
export function initializeSync(wasm, options) {
  return moduleOf(binding.initializeSync(bytesOf(wasm), bindingOptions(options)))
}

/** @type {typeof import('./index.js').inspect} */
export function inspect(wasm) {
  const { info, failure } = binding.inspect(bytesOf(wasm))
  if (failure) throw errorFrom(failure)
  return /** @type {NonNullable<typeof info>} */ (info)
}

/**
 * @param {binding.Outcome} outcome
 * @returns {Buffer}
 */
function moduleOf(outcome) {
  if (outcome.failure) throw errorFrom(outcome.failure)
  return /** @type {Buffer} */ (outcome.wasm)
}

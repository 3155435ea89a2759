// Holds an output against the original in V8. Comes in: the module's name, the original's file and
// the output's. Goes out, as JSON: how V8 running the original and its init function differs from
// V8 running the output, in the memory, in exported globals, and in what the probe sees.

import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { moduleOf } from './corpus.mjs'
import { memoryOf, start } from './host.mjs'
import { PROBES } from './probes.mjs'

/**
 * @typedef {object} Comparison
 * @property {number} bytes of memory
 * @property {number} differing bytes of it; all where the sizes differ
 * @property {number} globals that are exported and numbers
 * @property {string[]} differingGlobals
 * @property {string[]} missing exports
 * @property {boolean} probe whether it saw the same
 * @property {unknown} [saw] where it did not: what the original has shown, and the output
 */

const [name, originalFile, outputFile] = process.argv.slice(2)
const module = moduleOf(name)
const original = readFileSync(originalFile)
const output = readFileSync(outputFile)

const before = start(module, new WebAssembly.Module(original))
before.initialize()
const after = start(module, new WebAssembly.Module(output))

const { bytes, differing } = compareMemories()
const globals = Object.entries(after.instance.exports).filter(
  ([, value]) => value instanceof WebAssembly.Global && typeof value.value !== 'object',
)
const differingGlobals = globals
  .filter(([name, value]) => !Object.is(valueOf(before.instance.exports[name]), valueOf(value)))
  .map(([name]) => name)
// The init functions go, and so does what another export is renamed to.
const gone = [module.initFunc, '_initialize', ...Object.values(module.renames ?? {})]
const missing = Object.keys(before.instance.exports).filter(
  (name) => !gone.includes(name) && !(name in after.instance.exports),
)
const expected = await seen(before)
const is = await seen(after)
const probe = isDeepStrictEqual(is, expected)
/** @type {Comparison} */
const comparison = { bytes, differing, globals: globals.length, differingGlobals, missing, probe }
if (!probe) comparison.saw = { original: expected, output: is }
before.close()
after.close()
console.log(JSON.stringify(comparison))

function compareMemories() {
  const was = Buffer.from(memoryOf(before.instance).buffer)
  const is = Buffer.from(memoryOf(after.instance).buffer)
  if (was.length !== is.length) return { bytes: is.length, differing: is.length }
  let differing = 0
  if (!was.equals(is)) for (let at = 0; at < is.length; at++) if (was[at] !== is[at]) differing++
  return { bytes: is.length, differing }
}

/** @param {WebAssembly.ExportValue | undefined} global */
function valueOf(global) {
  return global instanceof WebAssembly.Global ? global.value : undefined
}

/** @param {import('./host.mjs').Host} host */
async function seen(host) {
  try {
    return { saw: await PROBES[name].run(host) }
  } catch (error) {
    return { threw: String(error) }
  }
}

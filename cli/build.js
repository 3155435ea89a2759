// One job in: its input is read and initialized and the module written. What is told about it comes
// afterwards, so that nothing waits for that.

import { dirname } from 'node:path'
import { initializeWithReport } from '../index.js'
import { makeFolder, read, write } from './files.js'
import { STREAM } from './inputs.js'
import { terminal, tell } from './messages.js'
import { Progress } from './progress.js'
import { runOptions } from './run-options.js'

/**
 * @typedef {import('./arguments.js').Call} Call
 * @typedef {import('./inputs.js').Job} Job
 *
 * @typedef {object} Built
 * @property {Job} job
 * @property {Uint8Array} input
 * @property {Uint8Array} output
 * @property {import('../index.js').InitializeOptions} options
 * @property {import('../index.js').Report} report
 * @property {number} milliseconds from reading to writing
 *
 * @typedef {object} Context
 * @property {boolean} alone whether there is no other job, which could want to read stdin too
 * @property {'inherit' | Uint8Array} stdin
 * @property {AbortSignal} signal
 * @property {(message: string) => void} warn
 */

/**
 * @param {Call} call
 * @param {Job} job
 * @param {Context} context
 * @returns {Promise<Built>}
 */
export async function build(call, job, { alone, stdin, signal, warn }) {
  const input = await read(job.input, signal)
  const started = performance.now()
  const options = await runOptions(call, job, input, { alone, stdin, warn })
  const { wasm: output, report } = await run(call, input, { ...options, signal }, alone)
  signal.throwIfAborted()
  if (call.outDir !== undefined) await makeFolder(dirname(job.output))
  await write(job.output, output)
  if (report.stdout && !call.json) tell(report.stdout)
  return { job, input, output, options, report, milliseconds: performance.now() - started }
}

/**
 * @param {Call} call
 * @param {Uint8Array} input
 * @param {import('../index.js').InitializeOptions} options
 * @param {boolean} alone
 */
async function run(call, input, options, alone) {
  if (!alone || !showsProgress(call)) return initializeWithReport(input, options)
  const progress = await Progress.start(call.allowWasi && call.inheritStdio)
  try {
    return await initializeWithReport(input, { ...options, onStage: progress.enter })
  } finally {
    progress.end()
  }
}

/** @param {Call} call */
function showsProgress({ quiet, json, watch }) {
  if (quiet || json || watch || process.env.CI || !terminal.stderr()) return false
  // The spinner asks stdout whether it may move the cursor, and counts lines by the width of stderr,
  // for which it would count without end where that is 0.
  return terminal.stdout() && process.stderr.columns > 0
}

/**
 * The name of a job for people and for reports.
 * @param {Job} job
 */
export function nameOf({ input, output }) {
  return output === STREAM ? input : output
}

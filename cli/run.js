// A call in, its jobs done, its exit status out. A job that fails does not keep others from being done,
// and a signal ends all of them without leaving anything behind.

import { fstatSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { build } from './build.js'
import { EXIT, Interruption, SIGNALS, status } from './failure.js'
import { read } from './files.js'
import { STREAM, jobs } from './inputs.js'
import { Messages, terminal } from './messages.js'
import { outcomeObject, tellPrograms } from './objects.js'
import { UsageError } from './parse.js'
import { extras, tellFailure, tellPeople } from './tell.js'

/**
 * @typedef {import('./arguments.js').Call} Call
 * @typedef {import('./inputs.js').Job} Job
 * @typedef {import('./tell.js').Outcome} Outcome
 *
 * @typedef {object} Session what all jobs of a call share
 * @property {AbortSignal} signal
 * @property {Messages} messages
 * @property {'inherit' | Uint8Array} stdin
 */

/**
 * @param {Call} call
 * @returns {Promise<number>}
 */
export async function run(call) {
  const planned = await jobs(call)
  refuseTerminals(planned)
  const { signal, done } = interruptible()
  const messages = new Messages(call)
  messages.takeProcessWarnings()
  if (call.idle.length > 0) {
    const flags = call.idle.map((name) => `\`--${name}\``).join(', ')
    messages.warn(`${flags}: without \`--allow-wasi\` the guest sees nothing of it`)
  }
  try {
    if (call.watch) refuseToWatch(planned, call)
    const context = { signal, messages, stdin: await guestStdin(call, planned, signal) }
    if (!call.watch) return await once(call, planned, context)
    const { watch } = await import('./watch.js')
    return await watch(call, planned, context)
  } catch (error) {
    if (!signal.aborted) throw error
    return status(signal.reason)
  } finally {
    done()
  }
}

/**
 * @param {Call} call
 * @param {Job[]} planned
 * @param {Session} session
 */
async function once(call, planned, session) {
  const { signal, messages } = session
  const alone = call.outDir === undefined
  const outcomes = await attemptAll(call, planned, session)
  /** @type {object[]} */
  const objects = []
  for (const outcome of outcomes) {
    const object = await tellOutcome(call, outcome, { signal, alone, brief: !alone })
    if (object) objects.push(object)
  }
  if (call.json) {
    const { warnings } = messages
    const object = alone ? { ...objects[0], warnings } : { outputs: objects, warnings }
    await tellPrograms(object, planned[0].output === STREAM)
  }
  return Math.max(...outcomes.map(({ error }) => (error === undefined ? EXIT.done : status(error))))
}

/**
 * Does jobs, as many at once as there are cores; outcomes are in the order of jobs.
 * @param {Call} call
 * @param {Job[]} planned
 * @param {Session} session
 * @returns {Promise<Outcome[]>}
 */
export async function attemptAll(call, planned, { signal, messages, stdin }) {
  const alone = call.outDir === undefined
  /** @type {Outcome[]} */
  const outcomes = []
  const queue = planned.entries()
  const work = async () => {
    for (const [index, job] of queue) {
      const warn = (/** @type {string} */ message) =>
        messages.warn(alone ? message : `${job.input}: ${message}`)
      try {
        outcomes[index] = { job, built: await build(call, job, { alone, stdin, signal, warn }) }
      } catch (error) {
        outcomes[index] = { job, error: signal.aborted ? signal.reason : error }
      }
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return outcomes
}

/**
 * Tells people, or makes the object for programs. What was asked for besides the module may fail too,
 * and then the outcome has an error as well.
 * @param {Call} call
 * @param {Outcome} outcome
 * @param {{ signal: AbortSignal, alone: boolean, brief: boolean }} context
 * @returns {Promise<object | undefined>}
 */
export async function tellOutcome(call, outcome, { signal, alone, brief }) {
  /** @type {Awaited<ReturnType<typeof extras>>} */
  let startup
  const { built } = outcome
  if (built) {
    try {
      startup = await extras(call, built, signal)
      if (!call.json) await tellPeople(call, built, startup, brief)
    } catch (error) {
      outcome.error = signal.aborted ? signal.reason : error
    }
  }
  if (call.json) return outcomeObject(outcome, startup)
  if (outcome.error !== undefined && !signal.aborted) await tellFailure(call, outcome, alone)
}

/**
 * The guest's stdin. Where it runs more than once, what is there has to be read before: a file, or for
 * a comparison all that a pipe has. A pipe that is watched stays: it may have no end.
 * @param {Call} call
 * @param {Job[]} planned
 * @param {AbortSignal} signal
 * @returns {Promise<'inherit' | Uint8Array>}
 */
async function guestStdin({ allowWasi, inheritStdio, compare, watch }, [{ input }], signal) {
  const again = allowWasi && inheritStdio && input !== STREAM && (compare || watch)
  if (!again || terminal.stdin() || (watch && !fstatSync(0).isFile())) return 'inherit'
  return read(STREAM, signal)
}

/**
 * A signal that SIGINT and SIGTERM abort; a second one of them ends the process as it does by default.
 */
function interruptible() {
  const controller = new AbortController()
  const names = /** @type {Array<keyof typeof SIGNALS>} */ (Object.keys(SIGNALS))
  const done = () => names.forEach((name) => process.off(name, interrupt))
  /** @param {NodeJS.Signals} name */
  const interrupt = (name) => {
    done()
    controller.abort(new Interruption(/** @type {keyof typeof SIGNALS} */ (name)))
  }
  names.forEach((name) => process.on(name, interrupt))
  return { signal: controller.signal, done }
}

/** @param {Job[]} planned */
function refuseTerminals([{ input, output }]) {
  if (input === STREAM && terminal.stdin()) {
    throw new UsageError('there is no input: name a file, or pipe one in')
  }
  if (output === STREAM && terminal.stdout()) {
    throw new UsageError('a module is not for terminals: name a file with -o, or pipe it on')
  }
}

/**
 * @param {Job[]} planned
 * @param {Call} call
 */
function refuseToWatch(planned, { preloads }) {
  for (const { input, output } of planned) {
    if (input === STREAM || output === STREAM) {
      throw new UsageError('`--watch` needs an input that is a file, and `-o` or `--out-dir`')
    }
    const read = [input, ...preloads.map(([, path]) => path)].map((path) => resolve(path))
    if (read.includes(resolve(output))) {
      throw new UsageError(`\`--watch\` would build \`${output}\` from itself without end`)
    }
  }
}

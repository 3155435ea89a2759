// Jobs in, done again whenever what they were made from changes, until a signal rejects it. One line a
// build, failed ones among them.

import { resolve } from 'node:path'
import { changed, keyOf, look } from './changes.js'
import { failureObject, failureText } from './failure.js'
import { jobs } from './inputs.js'
import { tell } from './messages.js'
import { tellPrograms } from './objects.js'
import { attemptAll, tellOutcome } from './run.js'
import { globSources, sourcesOf } from './sources.js'

/**
 * @typedef {import('./arguments.js').Call} Call
 * @typedef {import('./inputs.js').Job} Job
 * @typedef {import('./sources.js').Source} Source
 */

/**
 * @param {Call} call
 * @param {Job[]} planned
 * @param {import('./run.js').Session} session
 * @returns {Promise<never>}
 */
export async function watch(call, planned, session) {
  const { signal, messages } = session
  /** Sources of the last build, by input. @type {Map<string, Source[]>} */
  const sources = new Map()
  /** How sources were when they were read. @type {Map<string, string>} */
  const states = new Map()
  /** What has changed during the last build. @type {Set<string>} */
  let moved = new Set()
  const outputs = new Set(call.report === undefined ? [] : [resolve(call.report)])
  let due = planned
  for (;;) {
    for (const { output } of planned) outputs.add(resolve(output))
    const globs = globSources(call, planned)
    for (const [key, state] of await look(globs, outputs)) {
      if (!states.has(key)) states.set(key, state)
    }
    await rebuild(due)
    const all = [...globs, ...planned.flatMap(({ input }) => sources.get(input) ?? [])]
    const keys = await changed(all, states, outputs, signal)
    const known = new Set(planned.map(({ input }) => input))
    if (globs.some((source) => keys.has(keyOf(source)))) {
      for (const [key, state] of await look(globs, outputs)) states.set(key, state)
      planned = await plannedAgain(planned)
    }
    due = planned.filter(
      ({ input }) =>
        !known.has(input) || sources.get(input)?.some((source) => keys.has(keyOf(source))),
    )
  }

  /** @param {Job[]} stale */
  async function rebuild(stale) {
    const before = await look(stale.flatMap(knownSources), outputs)
    const outcomes = await attemptAll(call, stale, session)
    signal.throwIfAborted()
    for (const outcome of outcomes) {
      const { job } = outcome
      sources.set(job.input, sourcesOf(call, outcome, sources.get(job.input) ?? []))
    }
    const after = await look(stale.flatMap(knownSources), outputs)
    const moving = [...after].filter(([key, state]) => (before.get(key) ?? state) !== state)
    for (const [key, state] of after) {
      // What changes during a build makes that stale, but not twice in a row: then the guest writes it.
      const known = moved.has(key) ? state : (before.get(key) ?? state)
      states.set(key, known)
    }
    moved = new Set(moving.map(([key]) => key))
    for (const outcome of outcomes) {
      const alone = call.outDir === undefined
      const object = await tellOutcome(call, outcome, { signal, alone, brief: true })
      if (object) {
        const warnings = messages.warnings.splice(0)
        await tellPrograms({ ...object, warnings }, false)
      }
    }
  }

  /** @param {Job} job */
  function knownSources({ input }) {
    return sources.get(input) ?? [{ kind: /** @type {const} */ ('file'), path: resolve(input) }]
  }

  /** @param {Job[]} before */
  async function plannedAgain(before) {
    try {
      return await jobs(call)
    } catch (error) {
      if (call.json) await tellPrograms({ error: failureObject(error) }, false)
      else tell(failureText(error, { wizer: false, red: (text) => text }))
      return before
    }
  }
}

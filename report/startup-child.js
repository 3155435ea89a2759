// The process that startup.js starts: a task in by message, medians or a reason out by message.
// Each round has a new instance with imports of its own; what is timed is nothing but V8's work.

import { compileModules, hostFor } from './startup-host.js'

/** As many rounds as there is time for, within these bounds. */
const MIN_ROUNDS = 3
const MAX_ROUNDS = 15
const BUDGET_MS = 10_000

process.once('message', (/** @type {import('./startup.js').Task} */ task) => {
  const answer = attempt(() => measure(task))
  process.send?.(answer, () => process.disconnect())
})

/** @param {import('./startup.js').Task} task */
function measure(task) {
  const { before, after, preload } = compileModules(task)
  const round = () => ({
    before: time(() => hostFor(task, before, task.before, preload), true),
    after: time(() => hostFor(task, after, task.after, preload), false),
  })
  // Shows that both work, and has V8 compile what it compiles when it is first called.
  round()
  const began = performance.now()
  const rounds = []
  while (
    rounds.length < MIN_ROUNDS ||
    (rounds.length < MAX_ROUNDS && performance.now() - began < BUDGET_MS)
  ) {
    rounds.push(round())
  }
  return {
    before: median(rounds.map(({ before }) => before)),
    after: median(rounds.map(({ after }) => after)),
    samples: rounds.length,
    unit: 'ms',
    engine: `V8 ${process.versions.v8.split('-')[0]}`,
  }
}

/**
 * Milliseconds that one instance takes to be ready.
 * @param {() => import('./startup-host.js').Host} prepare
 * @param {boolean} initializes
 */
function time(prepare, initializes) {
  const { module, imports, initialize, close } = prepare()
  try {
    const started = performance.now()
    const instance = new WebAssembly.Instance(module, imports)
    if (initializes) initialize(instance)
    return performance.now() - started
  } finally {
    close()
  }
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

/**
 * @template T
 * @param {() => T} measuring
 * @returns {T | { reason: string }}
 */
function attempt(measuring) {
  try {
    return measuring()
  } catch (error) {
    return { reason: error instanceof Error ? error.message : `the guest threw ${String(error)}` }
  }
}

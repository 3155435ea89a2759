// Names of stages in from the run's thread, calls of the user's `onStage` out: in order, each once, and
// none after the run has ended.

/**
 * @typedef {import('../binding.js').Canceller} Canceller
 * @typedef {import('../index.js').Stage} Stage
 */

/** In their order. @type {Stage[]} */
const STAGES = [
  'parse',
  'instrument',
  'compile',
  'instantiate',
  'run',
  'snapshot',
  'rewrite',
  'verify',
]

export class Stages {
  #onStage
  #canceller
  /** How many have been told. */
  #told = 0
  /** @type {{ value: unknown } | undefined} */
  #thrown

  /**
   * @param {(stage: Stage) => void} onStage
   * @param {Canceller} canceller
   */
  constructor(onStage, canceller) {
    this.#onStage = onStage
    this.#canceller = canceller
  }

  /** Tells of this stage, and of those before it that have not been told yet. */
  enter = (/** @type {string} */ stage) => {
    const entered = STAGES.indexOf(/** @type {Stage} */ (stage)) + 1
    while (this.#told < entered && !this.#thrown) {
      try {
        this.#onStage(STAGES[this.#told++])
      } catch (value) {
        // Thrown where nobody could catch it, it would end the process.
        this.#thrown = { value }
        this.#canceller.cancel()
      }
    }
  }

  /**
   * Tells of what is still on its way from a run that has ended at `last`. Throws what the user's
   * function has thrown.
   * @param {string} last
   */
  finish(last) {
    this.enter(last)
    this.#told = STAGES.length
    if (this.#thrown) throw this.#thrown.value
  }
}

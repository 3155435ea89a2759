// Names of stages in from the run's thread, calls of the user's `onStage` out: in order, each once, and
// none after the run has ended.

/**
 * @typedef {import('../binding.js').Canceller} Canceller
 * @typedef {import('../index.js').Stage} Stage
 */

/** Of every run, in their order. @type {Stage[]} */
const STAGES = ['parse', 'instrument', 'compile', 'instantiate', 'run', 'snapshot', 'rewrite']

export class Stages {
  #onStage
  #canceller
  #stages
  /** How many have been told. */
  #told = 0
  /** @type {{ value: unknown } | undefined} */
  #thrown

  /**
   * @param {(stage: Stage) => void} onStage
   * @param {Canceller} canceller
   * @param {Stage[]} more stages that this run has beside those of every run
   */
  constructor(onStage, canceller, more) {
    this.#onStage = onStage
    this.#canceller = canceller
    this.#stages = [...STAGES, ...more]
  }

  /** Tells of this stage, and of those before it that have not been told yet. */
  enter = (/** @type {string} */ stage) => {
    const entered = this.#stages.indexOf(/** @type {Stage} */ (stage)) + 1
    while (this.#told < entered && !this.#thrown) {
      try {
        this.#onStage(this.#stages[this.#told++])
      } catch (value) {
        // Thrown where nobody could catch it, it would end the process.
        this.#thrown = { value }
        this.#canceller.cancel()
      }
    }
  }

  /**
   * As `enter`, where this can throw what the user's function has thrown.
   * @param {string} stage
   */
  reach(stage) {
    this.enter(stage)
    if (this.#thrown) throw this.#thrown.value
  }

  /** Tells of nothing that is still on its way. */
  end() {
    this.#told = this.#stages.length
  }
}

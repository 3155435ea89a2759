// The stages of a run in, a spinner on stderr that names the current one out. It is gone while the guest
// may print, and when the run has ended.

/** A run that is done before is not worth a spinner. */
const DELAY_MS = 100
const FRAME_MS = 80

/** What goes on, in words for people. */
const WORDS = /** @type {Record<import('../index.js').Stage, string>} */ ({
  options: 'reading options',
  parse: 'reading the module',
  instrument: 'preparing the module',
  compile: 'compiling',
  instantiate: 'instantiating',
  run: 'running the init function',
  snapshot: 'taking the snapshot',
  rewrite: 'writing the module',
  verify: 'verifying the module',
  optimize: 'optimizing',
})

export class Progress {
  #spinner
  #silentRun
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #shown = false

  /**
   * @param {boolean} guestPrints whether what the guest prints goes to the terminal
   */
  static async start(guestPrints) {
    const { createSpinner } = await import('nanospinner')
    return new Progress(createSpinner('', { stream: process.stderr, color: 'cyan' }), guestPrints)
  }

  /**
   * @param {import('nanospinner').Spinner} spinner
   * @param {boolean} guestPrints
   */
  constructor(spinner, guestPrints) {
    this.#spinner = spinner
    this.#silentRun = guestPrints
    this.#timer = setTimeout(this.#spin, DELAY_MS)
  }

  /** @type {(stage: import('../index.js').Stage) => void} */
  enter = (stage) => {
    this.#spinner.update(WORDS[stage])
    if (stage === 'run' && this.#silentRun) this.end()
    else this.#timer ??= setTimeout(this.#spin, DELAY_MS)
  }

  end() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#shown) this.#spinner.stop()
    this.#shown = false
  }

  // Its own loop would end the process on Ctrl-C, whatever else has to be done before.
  #spin = () => {
    this.#shown = true
    this.#spinner.spin()
    this.#timer = setTimeout(this.#spin, FRAME_MS)
  }
}

// Runs that an AbortSignal stops, with one listener a signal, however many runs there are: Node warns
// of more than ten.

/**
 * @typedef {import('../binding.js').Canceller} Canceller
 * @typedef {{ runs: Set<Canceller>, stop: () => void }} Listening
 */

/** @type {WeakMap<AbortSignal, Listening>} */
const listening = new WeakMap()

/**
 * Cancels a run when the signal is aborted; returns what ends that.
 * @param {AbortSignal | undefined} signal
 * @param {Canceller} canceller
 * @returns {() => void}
 */
export function cancelOnAbort(signal, canceller) {
  if (!signal) return () => {}
  const { runs, stop } = listening.get(signal) ?? listen(signal)
  runs.add(canceller)
  return () => {
    runs.delete(canceller)
    if (runs.size > 0 || listening.get(signal)?.runs !== runs) return
    listening.delete(signal)
    signal.removeEventListener('abort', stop)
  }
}

/**
 * @param {AbortSignal} signal
 * @returns {Listening}
 */
function listen(signal) {
  /** @type {Set<Canceller>} */
  const runs = new Set()
  const stop = () => {
    for (const canceller of runs) canceller.cancel()
  }
  signal.addEventListener('abort', stop)
  const started = { runs, stop }
  listening.set(signal, started)
  return started
}

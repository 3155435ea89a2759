// Warnings of runs in, each once to the process, which prints it or has listeners of its own.

/** @type {Set<string>} */
const warned = new Set()

/** @param {{ code: string, message: string }[]} warnings */
export function emitWarnings(warnings) {
  for (const { code, message } of warnings) {
    if (warned.has(message)) continue
    warned.add(message)
    process.emitWarning(message, { code })
  }
}

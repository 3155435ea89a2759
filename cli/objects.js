// What a job has come to in, what programs are told about it out: one object in one line.

import { failureObject } from './failure.js'
import { write } from './files.js'
import { STREAM } from './inputs.js'
import { tell } from './messages.js'

/**
 * The object of one job.
 * @param {import('./tell.js').Outcome} outcome
 * @param {Awaited<ReturnType<typeof import('./tell.js').extras>>} [startup]
 */
export async function outcomeObject({ job, built, error }, startup) {
  if (!built) return { ...job, error: failureObject(error) }
  const failed = error === undefined ? {} : { error: failureObject(error) }
  const { moduleSize } = await import('../report/sizes.js')
  const { bytes, gzip, brotli } = await moduleSize(built.output)
  const { stdout, stderr, ...report } = built.report
  return {
    ...job,
    ...failed,
    size: { input: built.input.length, output: bytes, gzip, brotli },
    ...(startup && { startup }),
    report: {
      ...report,
      ...(stdout && { stdout: stdout.toString() }),
      ...(stderr && { stderr: stderr.toString() }),
    },
  }
}

/**
 * Prints an object in one line: to stdout, or to stderr where the module is on stdout.
 * @param {object} object
 * @param {boolean} stdoutTaken
 */
export async function tellPrograms(object, stdoutTaken) {
  const line = `${JSON.stringify(object)}\n`
  if (stdoutTaken) tell(line)
  else await write(STREAM, line)
}

// What a job has come to in, what people are told about it out: lines and tables on stderr.

import { basename } from 'node:path'
import { nameOf } from './build.js'
import { failureText } from './failure.js'
import { write } from './files.js'
import { STREAM } from './inputs.js'
import { colorful, stderrColors, tell, terminal } from './messages.js'

/**
 * @typedef {import('./arguments.js').Call} Call
 * @typedef {import('./build.js').Built} Built
 * @typedef {import('./inputs.js').Job} Job
 * @typedef {{ job: Job, built?: Built, error?: unknown }} Outcome
 */

/**
 * Start-up before and after, and the page, where they were asked for.
 * @param {Call} call
 * @param {Built} built
 * @param {AbortSignal} signal
 */
export async function extras(call, { job, input, output, options, report }, signal) {
  const startup = call.compare
    ? await (
        await import('../report/startup.js')
      ).measureStartup({
        input,
        output,
        initFunc: report.initFunc,
        options: { ...options, signal },
      })
    : undefined
  if (call.report !== undefined) {
    const { renderReport } = await import('../report/html.js')
    const name = job.input === STREAM ? nameOf(job) : basename(job.input)
    await write(call.report, await renderReport({ name, input, output, report, startup }))
  }
  return startup
}

/**
 * @param {Call} call
 * @param {Built} built
 * @param {Awaited<ReturnType<typeof extras>>} startup
 * @param {boolean} brief one line and no table
 */
export async function tellPeople(call, built, startup, brief) {
  if (call.quiet) return
  const { job, output, report, milliseconds } = built
  const isTerminal = terminal.stderr()
  const withTable = !brief && (call.table ?? (isTerminal && !call.outDir))
  if (isTerminal || withTable || startup || call.watch) {
    const { bytes, duration } = await import('../report/numbers.js')
    const colors = await stderrColors()
    if (isTerminal || call.watch) {
      const name = job.output === STREAM ? 'the module' : job.output
      const sizes = colors.dim(`(${bytes(report.sizes.input)} → ${bytes(output.length)})`)
      tell(`${colors.green('built')} ${name} in ${duration(milliseconds)} ${sizes}\n`)
    }
    if (withTable) tell(await (await import('./sizes.js')).sizesText(built, colors))
    if (startup) tell(await startupLine(startup))
  }
}

/**
 * @param {NonNullable<Awaited<ReturnType<typeof extras>>>} startup
 */
async function startupLine(startup) {
  if ('reason' in startup) return `start-up in V8 can't be compared: ${startup.reason}\n`
  const { duration, times } = await import('../report/numbers.js')
  const { before, after, samples } = startup
  const faster = after > 0 && before >= after ? `, ${times(before / after)} faster` : ''
  return `start-up in V8: ${duration(before)} → ${duration(after)}${faster} (medians of ${samples} in alternation)\n`
}

/**
 * @param {Call} call
 * @param {Outcome} outcome
 * @param {boolean} alone
 */
export async function tellFailure(call, { job, built, error }, alone) {
  const { stdout } = /** @type {{ stdout?: Buffer }} */ (error)
  if (stdout) tell(stdout)
  const isTerminal = terminal.stderr()
  const red = colorful(isTerminal)
    ? (await stderrColors()).red
    : (/** @type {string} */ text) => text
  tell(
    failureText(error, {
      input: alone ? undefined : job.input,
      initFunc: built?.report.initFunc ?? call.initFunc ?? (await defaultInitFunc(job)),
      wizer: !isTerminal,
      red,
    }),
  )
}

/**
 * The init function of an input, where it was not named: read again, as only failures need it.
 * @param {Job} job
 */
async function defaultInitFunc({ input }) {
  if (input === STREAM) return 'wizer.initialize'
  try {
    const [{ inspect }, { readFile }] = await Promise.all([
      import('../index.js'),
      import('node:fs/promises'),
    ])
    return inspect(await readFile(input)).initFuncs[0]
  } catch {
    return undefined
  }
}

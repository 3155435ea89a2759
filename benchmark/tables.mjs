// Results in, Markdown out, with columns of one width: for the terminal and for README alike.

/**
 * @typedef {import('./rounds.mjs').Result} Result
 * @typedef {Record<string, any>} Results as bench.mjs writes them
 */

/** The contestant that ratios relate to: the first of these that has figures. */
const BASES = ['ours-warm', 'ours-off']

const MIB = 2 ** 20

/**
 * @param {string[]} header numbers stand right, but for the first column
 * @param {string[][]} rows
 */
export function table(header, rows) {
  const widths = header.map((_, at) => Math.max(...[header, ...rows].map((row) => row[at].length)))
  const line = (/** @type {string[]} */ cells) => {
    const padded = cells.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]),
    )
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, at) =>
    at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [line(header), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n')
}

/** @param {number} milliseconds */
export function time(milliseconds) {
  const digits = milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0
  return milliseconds.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en-US')

/** @param {number | undefined} bytes */
const mebibytes = (bytes) => (bytes === undefined ? '' : (bytes / MIB).toFixed(0))

/**
 * @param {string} name
 * @param {Result} result
 */
export function moduleTables(name, { title, input, verdicts, contestants, sizes, stages }) {
  const base = BASES.map((base) => contestants[base]?.time).find((time) => time !== undefined)
  const rows = Object.values(contestants).map(
    ({ title, time: ms, wall, peak, missing, samples }) =>
      ms === undefined || wall === undefined
        ? [title, missing?.split(':')[0] ?? '', '', '', '', '']
        : [
            title,
            time(ms),
            base === undefined ? '' : `${(ms / base).toFixed(ms / base < 10 ? 2 : 0)} ×`,
            time(wall),
            mebibytes(peak),
            `${samples.length}`,
          ],
  )
  const failures = Object.entries(contestants).flatMap(([contestant, { missing }]) =>
    missing?.startsWith('failed') ? [[contestant, missing]] : [],
  )
  return [
    `### ${name}: ${title}, ${whole(input)} bytes`,
    table(['', 'time, ms', 'ratio', 'process, ms', 'peak, MiB', 'runs'], rows),
    [...Object.entries(verdicts).map(([tool, { says }]) => [tool, says]), ...failures]
      .map(([tool, says]) => `- ${tool}: ${shorten(says)}`)
      .join('\n'),
    sizeTable(sizes),
    ...(Object.keys(stages).length > 0 ? [stageTable(stages)] : []),
  ].join('\n\n')
}

/**
 * The lines of a message that say something, as one.
 * @param {string} message
 */
function shorten(message) {
  const lines = message.split('\n').map((line) => line.trim())
  const text = lines.filter((line) => line !== '').join(' ')
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

/** @param {Result['sizes']} sizes */
function sizeTable(sizes) {
  const rows = Object.entries(sizes).map(([tool, { raw, gzip, brotli }]) => [
    tool === 'input' ? 'input' : `output of ${tool}`,
    ...[raw, gzip, brotli].map((bytes) => (bytes === undefined ? '' : whole(bytes))),
  ])
  return table(['bytes', 'raw', 'gzip', 'brotli'], rows)
}

/** @param {Result['stages']} stages */
function stageTable(stages) {
  const [first] = Object.values(stages)
  const names = /** @type {Array<keyof typeof first>} */ (Object.keys(first))
  const rows = Object.entries(stages).map(([contestant, timings]) => [
    contestant,
    ...names.map((name) => time(timings[name])),
  ])
  return table(['stages, ms', ...names], rows)
}

/** @param {Results} results */
export function otherTables({ throughput, hold, memory, scans, thresholds }) {
  const parts = []
  if (throughput) {
    const { modules, cache, together, inTurn, ratio } = throughput
    const rows = [[`${modules}`, cache, time(inTurn), time(together), `${ratio.toFixed(2)} ×`]]
    const header = ['modules', 'cache', 'one after the other, ms', 'together, ms', 'gain']
    parts.push('### Throughput', table(header, rows))
  }
  if (hold) {
    const rows = Object.entries(hold).map(
      ([name, { longest, worst, call, histogram, time: ms }]) => [
        name,
        ...[longest, worst, call, histogram, ms].map(time),
      ],
    )
    const header = ['', 'longest, ms', 'worst of all, ms', 'call, ms', 'histogram, ms', 'run, ms']
    parts.push('### Main thread', table(header, rows))
  }
  if (memory) {
    const { cache, idle, loaded, run, aboveIdle, aboveLoaded, mappedAboveIdle } = memory
    const bytes = memory.input + memory.output
    const ratio = (/** @type {number} */ value) => `${(value / bytes).toFixed(2)} ×`
    const rows = [
      ['Node with the addon', mebibytes(idle), ''],
      ['and with the input', mebibytes(loaded), ''],
      [`a run (cache: ${cache})`, mebibytes(run), ''],
      ['the run above Node with the addon', mebibytes(aboveIdle), ratio(aboveIdle)],
      ['the run above Node with addon and input', mebibytes(aboveLoaded), ratio(aboveLoaded)],
      ['of the former, pages of files', mebibytes(mappedAboveIdle), ratio(mappedAboveIdle)],
    ]
    parts.push('### Memory', table(['', 'peak, MiB', 'of input + output'], rows))
  }
  if (scans) {
    const rows = Object.values(scans).map((scan) => [
      scan.title,
      ...[scan.output, scan.growth, scan.extra].map(mebibytes),
      `${(scan.extra / scan.output).toFixed(2)} ×`,
      ...[scan.snapshot, scan.rewrite, scan.total].map(time),
    ])
    const header = [
      'memory',
      'output, MiB',
      'peak above idle, MiB',
      'less what is live, MiB',
      'of output',
      'snapshot, ms',
      'rewrite, ms',
      'total, ms',
    ]
    parts.push('### Scan', table(header, rows))
  }
  for (const [name, variants] of Object.entries(thresholds ?? {})) {
    parts.push(`### Thresholds: ${name}`, thresholdTable(variants))
  }
  return parts.join('\n\n')
}

/** @param {import('./thresholds.mjs').Variant[]} variants */
function thresholdTable(variants) {
  const least = Math.min(...variants.map(({ bytes }) => bytes))
  const rows = variants.map(({ name, segments, bytes, gzip, brotli, first, later }) => [
    name,
    whole(segments),
    whole(bytes),
    `+${((100 * (bytes - least)) / least).toFixed(2)} %`,
    whole(gzip),
    whole(brotli),
    time(first),
    time(later),
  ])
  const header = [
    'variant',
    'segments',
    'module, bytes',
    'over the least',
    'data, gzip',
    'data, brotli',
    'first start, ms',
    'later starts, ms',
  ]
  return table(header, rows)
}

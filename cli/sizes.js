// What was built in, the sizes of its module by section and as a whole out, as text for a terminal.

import { moduleSize, sectionSizes } from '../report/sizes.js'

/**
 * @typedef {{ name: string, before?: number, after?: number, gzip?: number, brotli?: number }} Row
 */

/**
 * @param {import('./build.js').Built} built
 * @param {import('picocolors/types.js').Colors} colors
 */
export async function sizesText({ output, report }, colors) {
  const [sections, whole] = await Promise.all([sectionSizes(output), moduleSize(output)])
  return table(rows(report.sizes.sections, sections), totalRow(report.sizes.input, whole), colors)
}

/**
 * @param {number} before
 * @param {import('../report/sizes.js').Size} whole
 * @returns {Row}
 */
function totalRow(before, { bytes, gzip, brotli }) {
  return { name: 'total', before, after: bytes, gzip, brotli }
}

/**
 * Sections of the output in its order, then those that it does not have any more.
 * @param {import('../index.js').Report['sizes']['sections']} changes
 * @param {Array<{ name: string, bytes: number, gzip: number, brotli: number }>} sections
 * @returns {Row[]}
 */
export function rows(changes, sections) {
  const before = new Map(changes.map((section) => [section.name, section.before]))
  const after = new Set(sections.map(({ name }) => name))
  return [
    ...sections.map(({ name, bytes, gzip, brotli }) => ({
      name,
      before: before.get(name),
      after: bytes,
      gzip,
      brotli,
    })),
    ...changes
      .filter(({ name, before }) => before > 0 && !after.has(name))
      .map(({ name, before }) => ({ name, before })),
  ]
}

/**
 * @param {Row[]} rows
 * @param {Row} total
 * @param {import('picocolors/types.js').Colors} colors
 */
export function table(rows, total, colors) {
  const all = [...rows, total]
  const names = Math.max(...all.map(({ name }) => name.length), 'section'.length)
  const columns = /** @type {const} */ (['before', 'after', 'gzip', 'brotli'])
  const widths = columns.map((column) =>
    Math.max(column.length, ...all.map((row) => kilobytes(row[column]).length)),
  )
  const line = (/** @type {Row} */ row) => {
    const cells = columns.map((column, index) => kilobytes(row[column]).padStart(widths[index]))
    const [before, after, gzip, brotli] = cells
    const changed = row.before !== row.after
    return [
      colors.cyan(row.name.padEnd(names)),
      colors.dim(before),
      changed ? colors.bold(after) : after,
      colors.dim(gzip),
      colors.dim(brotli),
    ].join('  ')
  }
  const head = columns.map((column, index) => column.padStart(widths[index]))
  const rule = '─'.repeat(names + widths.reduce((sum, width) => sum + width + 2, 0))
  return [
    colors.dim(['section'.padEnd(names), ...head].join('  ')),
    ...rows.map(line),
    colors.dim(rule),
    line(total),
    '',
  ].join('\n')
}

/**
 * Bytes in the manner of bundlers: thousands of them.
 * @param {number | undefined} bytes
 */
export function kilobytes(bytes) {
  if (bytes === undefined) return '-'
  const number = (bytes / 1000).toLocaleString('en-US', {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  })
  return `${number} kB`
}

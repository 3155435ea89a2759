// A module in, what it offers out: on stdout, for people or as one object. Nothing of it runs.

import { inspect } from '../index.js'
import { EXIT } from './failure.js'
import { read, write } from './files.js'
import { STREAM } from './inputs.js'
import { colorful, terminal } from './messages.js'
import { UsageError } from './parse.js'

/** @typedef {import('picocolors/types.js').Colors} Colors */

/**
 * @param {import('./arguments.js').Call} call
 * @returns {Promise<number>}
 */
export async function inspectInput({ inputs: [input = STREAM], json }) {
  if (input === STREAM && terminal.stdin()) {
    throw new UsageError('there is no input: name a file, or pipe one in')
  }
  const info = inspect(await read(input, new AbortController().signal))
  if (json) {
    await write(STREAM, `${JSON.stringify(info)}\n`)
  } else {
    const { default: picocolors } = await import('picocolors')
    await write(STREAM, describe(info, picocolors.createColors(colorful(terminal.stdout()))))
  }
  return EXIT.done
}

/**
 * @param {import('../index.js').ModuleInfo} info
 * @param {Colors} colors
 */
export function describe(info, colors) {
  const total = info.sections.reduce((sum, { bytes }) => sum + bytes, 0)
  const parts = [
    ['kind', [info.kind]],
    ['init functions', info.initFuncs],
    [
      'imports',
      info.imports.map(({ module, name, kind }) => `${module} ${name} ${colors.dim(kind)}`),
    ],
    ['exports', info.exports.map(({ name, kind }) => `${name} ${colors.dim(kind)}`)],
    ['memories', info.memories.map(memoryText)],
    ['tables', info.tables.map(tableText)],
    ['features', info.features.length > 0 ? [info.features.join(', ')] : []],
    ['sections', sectionLines(info.sections, total)],
    ['problems', info.problems.map(({ code, message }) => `${colors.red(`[${code}]`)} ${message}`)],
  ]
  return parts
    .map(([title, lines]) => {
      const name = colors.bold(/** @type {string} */ (title))
      if (lines.length === 0) return `${name}: none\n`
      if (lines.length === 1) return `${name}: ${lines[0]}\n`
      return `${name}:\n${/** @type {string[]} */ (lines).map((line) => `  ${line}\n`).join('')}`
    })
    .join('')
}

/** @param {import('../index.js').ModuleInfo['memories'][number]} memory */
function memoryText({ index, imported, minPages, maxPages, pageSize, memory64, shared }) {
  return [
    `${index}: ${minPages}${maxPages === undefined ? '' : ` to ${maxPages}`} pages of ${pageSize} bytes`,
    ...(imported ? ['imported'] : []),
    ...(memory64 ? ['64-bit'] : []),
    ...(shared ? ['shared'] : []),
  ].join(', ')
}

/** @param {import('../index.js').ModuleInfo['tables'][number]} table */
function tableText({ index, imported, type, min, max }) {
  const size = max === undefined ? `${min}` : `${min} to ${max}`
  return `${index}: ${size} elements of ${type}${imported ? ', imported' : ''}`
}

/**
 * @param {import('../index.js').ModuleInfo['sections']} sections
 * @param {number} total
 */
function sectionLines(sections, total) {
  const all = [...sections, { name: 'all', bytes: total }]
  const texts = all.map(({ bytes }) => bytes.toLocaleString('en-US'))
  const width = Math.max(...texts.map(({ length }) => length))
  const names = Math.max(...all.map(({ name }) => name.length))
  return all.map(
    ({ name }, index) => `${name.padEnd(names)}  ${texts[index].padStart(width)} bytes`,
  )
}

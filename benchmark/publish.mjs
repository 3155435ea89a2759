// Writes results where readers find them: results/latest.json, the chart beside it, and the figures
// in README.md, between comments. What a run has not measured stays as it was.

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chart } from './chart.mjs'
import { moduleTables, otherTables } from './tables.mjs'

/** @typedef {import('./tables.mjs').Results} Results */

const here = dirname(fileURLToPath(import.meta.url))
const LATEST = join(here, 'results', 'latest.json')
const CHART = join(here, 'results', 'time.svg')
const README = join(here, 'README.md')

/** @param {Results} results */
export function publish(results) {
  const all = { ...readLatest(), ...results }
  writeJson(LATEST, all)
  if (all.modules) {
    writeFileSync(CHART, chart(all.modules))
    const tables = Object.entries(all.modules).map(([name, result]) => moduleTables(name, result))
    const { thresholds: _, ...others } = all
    writeBetween('figures', [conditions(all), ...tables, otherTables(others)].join('\n\n'))
  }
  if (all.thresholds) writeBetween('thresholds', otherTables({ thresholds: all.thresholds }))
}

/**
 * @param {string} file
 * @param {Results} results
 */
export function writeJson(file, results) {
  const round = (/** @type {string} */ _, /** @type {unknown} */ value) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
  writeFileSync(file, `${JSON.stringify(results, round, 2)}\n`)
}

/** @returns {Results} */
function readLatest() {
  try {
    return JSON.parse(readFileSync(LATEST, 'utf8'))
  } catch {
    return {}
  }
}

/** @param {Results} results */
function conditions({ machine, samples }) {
  const { cpu, cores, system, node } = machine
  return `Medians of ${samples} runs in alternation, on ${cores} cores of ${cpu}, ${system}, Node ${node}.`
}

/**
 * @param {string} name
 * @param {string} text
 */
function writeBetween(name, text) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const readme = readFileSync(README, 'utf8')
  const [from, to] = [readme.indexOf(begin) + begin.length, readme.indexOf(end)]
  if (to < from || !readme.includes(begin)) throw new Error(`README.md has no place for ${name}`)
  writeFileSync(README, `${readme.slice(0, from)}\n${text}\n${readme.slice(to)}`)
}

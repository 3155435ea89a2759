// Results in, an SVG out: for each module a panel with a bar for each contestant, on a scale of its
// own. It has no background, and takes its colours from the page's scheme.

import { time } from './tables.mjs'

const WIDTH = 920
const COLUMNS = 2
const GUTTER = 40
const LABELS = 180
const VALUES = 70
const BAR = 14
const STEP = 20
const HEAD = 46
const PANEL_GAP = 26

const STYLE = `
  text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 13px; fill: #1f2328 }
  .ours { fill: #1a7f37 } .wizer { fill: #8c959f } .v8 { fill: #54aeff }
  .bold { font-weight: 600; fill: #1f2328 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title, .bold { fill: #f0f6fc }
    .ours { fill: #3fb950 } .wizer { fill: #6e7681 } .v8 { fill: #388bfd }
  }`

/**
 * @param {Record<string, import('./rounds.mjs').Result>} modules
 */
export function chart(modules) {
  const panelWidth = (WIDTH - GUTTER * (COLUMNS - 1)) / COLUMNS
  const panels = Object.entries(modules).map(([name, result]) => panel(name, result, panelWidth))
  let top = 0
  const placed = []
  for (let at = 0; at < panels.length; at += COLUMNS) {
    const row = panels.slice(at, at + COLUMNS)
    for (const [column, { svg }] of row.entries()) {
      placed.push(`<g transform="translate(${column * (panelWidth + GUTTER)} ${top})">${svg}</g>`)
    }
    top += Math.max(...row.map(({ height }) => height)) + PANEL_GAP
  }
  const height = top - PANEL_GAP + 4
  const title = 'Milliseconds to pre-initialize a module; shorter is better'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">
<style>${STYLE}
</style>
${placed.join('\n')}
</svg>
`
}

/**
 * @param {string} name
 * @param {import('./rounds.mjs').Result} result
 * @param {number} width
 */
function panel(name, { title, input, contestants }, width) {
  const entries = Object.entries(contestants)
  const longest = Math.max(...entries.map(([, { time }]) => time ?? 0))
  const room = width - LABELS - VALUES
  const bars = entries.map(([contestant, { title, time: ms, missing }], at) => {
    const y = HEAD + at * STEP
    const kind = contestant.split('-')[0]
    const bold = kind === 'ours' ? ' class="bold"' : ''
    const label = `<text${bold} x="${LABELS - 8}" y="${y + 11}" text-anchor="end">${escape(title)}</text>`
    if (ms === undefined) {
      const word = missing?.startsWith('refused') ? 'refused' : (missing?.split(':')[0] ?? '')
      return `${label}<text x="${LABELS}" y="${y + 11}" font-style="italic">${escape(word)}</text>`
    }
    const length = Math.max(1, (ms / longest) * room)
    return `${label}<rect class="${kind}" x="${LABELS}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/><text${bold} x="${(LABELS + length + 6).toFixed(1)}" y="${y + 11}">${time(ms)} ms</text>`
  })
  const size = input < 1e6 ? `${(input / 1e3).toFixed(0)} kB` : `${(input / 1e6).toFixed(1)} MB`
  const head = `<text class="title" x="0" y="16">${escape(name)}</text><text x="0" y="33">${escape(`${title}, ${size}`)}</text>`
  return { svg: head + bars.join(''), height: HEAD + entries.length * STEP }
}

/** @param {string} text */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

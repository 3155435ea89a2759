// The top of the page: what happened in one sentence, and the numbers that matter most.

import { html } from '../markup.js'
import { bytes, change, count, counted, duration, times } from '../numbers.js'

const ENGINES = { baseline: 'baseline compiler', optimizing: 'optimizing compiler' }
const CACHE = {
  hit: 'compiled code came from the cache',
  miss: 'compiled, and kept in the cache',
  off: 'compiled without the cache',
}

/** @param {import('../html.js').Facts} facts */
export function introduction({ run, sizes, maps }) {
  const { report, startup, date } = run
  const measured = startup && 'before' in startup ? startup : undefined
  const live = maps.reduce((total, { after }) => total + after.live, 0)
  const segments = report.memories.reduce((total, memory) => total + memory.segments, 0)
  return html`<div class="intro">
    <h1><bdi>${run.name}</bdi></h1>
    <p class="lead">
      <code>${report.initFunc}</code> ran when this module was built: it now starts where that left
      off${
        measured && measured.before > measured.after
          ? html`, <strong>${times(measured.before / measured.after)} faster</strong> in V8`
          : ''
      }.
    </p>
    ${date !== undefined && html`<p class="quiet">${dateText(date)}</p>`}
    <dl class="tiles">
      ${
        measured &&
        tile({
          term: 'Start-up',
          value: html`${duration(measured.after)}`,
          was: duration(measured.before),
          note: `median of ${measured.samples}, in V8`,
        })
      }
      ${tile({
        term: 'Size',
        value: html`<span title="${count(report.sizes.output)} bytes"
          >${bytes(report.sizes.output)}</span
        >`,
        was: bytes(report.sizes.input),
        note: `${change(report.sizes.input, report.sizes.output)}; ${bytes(sizes.output.brotli)} as brotli`,
      })}
      ${tile({
        term: 'Build time',
        value: html`${duration(report.timings.total)}`,
        note: `${ENGINES[report.engine]}; ${CACHE[report.cache]}`,
      })}
      ${tile({
        term: 'Live memory',
        value: html`<span title="${count(live)} bytes">${bytes(live)}</span>`,
        note: `in ${counted(segments, 'data segment')}`,
      })}
    </dl>
  </div>`
}

/** @param {{ term: string, value: import('../markup.js').Markup, was?: string, note: string }} tile */
function tile({ term, value, was, note }) {
  return html`<div class="tile">
    <dt>${term}</dt>
    <dd class="value">
      ${was !== undefined && html`<span class="was">${was} <span aria-label="to">→</span></span>`}
      ${value}
    </dd>
    <dd class="note">${note}</dd>
  </div>`
}

/** @param {Date | string} date */
function dateText(date) {
  const time = new Date(date)
  if (Number.isNaN(time.getTime())) return html`${date}`
  const iso = time.toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}

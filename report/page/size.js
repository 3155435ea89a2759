// Sections before and after: two bars on one scale, as they are or compressed, and all figures in a
// table. The bars switch without script.

import { html } from '../markup.js'
import { bytes, change, count, percentage } from '../numbers.js'
import { BROTLI_QUALITY, GZIP_LEVEL } from '../sizes.js'

const MEASURES = /** @type {const} */ ([
  ['bytes', 'Raw'],
  ['gzip', 'gzip'],
  ['brotli', 'brotli'],
])

/** As many sections have a colour of their own; the others share one. */
const COLOURS = 5

const NONE = { bytes: 0, gzip: 0, brotli: 0 }

/** @param {import('../html.js').Facts} facts */
export function sizeSection({ run: { report }, sizes, sectionSizes }) {
  const rows = report.sizes.sections
    .map(({ name, before, after }) => ({
      name,
      before: { ...(sectionSizes.input.get(name) ?? NONE), bytes: before },
      after: { ...(sectionSizes.output.get(name) ?? NONE), bytes: after },
    }))
    .sort((a, b) => largest(b) - largest(a))
  const total = {
    before: { ...sizes.input, bytes: report.sizes.input },
    after: { ...sizes.output, bytes: report.sizes.output },
  }
  return {
    id: 'size',
    title: 'Size',
    body: html`<div class="measures">
        <fieldset class="choice">
          <legend class="hidden">Size to show</legend>
          ${MEASURES.map(
            ([measure, label], at) =>
              html`<label
                ><input type="radio" name="measure" value="${measure}" ${at === 0 && 'checked'} />
                <span>${label}</span></label
              >`,
          )}
        </fieldset>
        ${MEASURES.map(([measure]) => bars(rows, total, measure))}
        <ul class="legend" aria-label="Sections by colour">
          ${rows
            .slice(0, COLOURS)
            .map(
              ({ name }, at) =>
                html`<li><i class="key part-${at}" aria-hidden="true"></i><bdi>${name}</bdi></li>`,
            )}
          ${
            rows.length > COLOURS &&
            html`<li><i class="key part-${COLOURS}" aria-hidden="true"></i>others</li>`
          }
        </ul>
      </div>
      ${table(rows, total)}
      <p class="quiet">
        gzip at level ${GZIP_LEVEL}, brotli at quality ${BROTLI_QUALITY}: servers that compress
        ahead of time, with 11, send less still. Sections are compressed one by one, the total in
        one piece.
      </p>`,
  }
}

/** @typedef {{ name: string, before: import('../sizes.js').Size, after: import('../sizes.js').Size }} Row */

/** @param {Row} row */
const largest = ({ before, after }) => Math.max(before.bytes, after.bytes)

/**
 * @param {Row[]} rows
 * @param {Omit<Row, 'name'>} total
 * @param {'bytes' | 'gzip' | 'brotli'} measure
 */
function bars(rows, total, measure) {
  const sums = sides.map((side) => rows.reduce((sum, row) => sum + row[side][measure], 0))
  const scale = Math.max(...sums)
  return html`<div class="measure" data-measure="${measure}" aria-hidden="true">
    ${sides.map(
      (side, at) =>
        html`<div class="stack-row">
          <span class="stack-label">${side === 'before' ? 'Before' : 'After'}</span>
          <span class="stack" style="--size: ${percentage(sums[at], scale)}">
            ${parts(rows, side, measure).map(
              ({ name, value, colour }) =>
                html`<span
                  class="part-${colour}"
                  style="width: ${percentage(value, sums[at])}"
                  title="${name}: ${bytes(value)}"
                ></span>`,
            )}
          </span>
          <span class="amount">${bytes(total[side][measure])}</span>
        </div>`,
    )}
  </div>`
}

const sides = /** @type {const} */ (['before', 'after'])

/**
 * @param {Row[]} rows
 * @param {'before' | 'after'} side
 * @param {'bytes' | 'gzip' | 'brotli'} measure
 */
function parts(rows, side, measure) {
  const value = (/** @type {Row} */ row) => row[side][measure]
  const others = rows.slice(COLOURS).reduce((sum, row) => sum + value(row), 0)
  return [
    ...rows.slice(0, COLOURS).map((row, colour) => ({ name: row.name, value: value(row), colour })),
    { name: 'others', value: others, colour: COLOURS },
  ].filter(({ value }) => value > 0)
}

/**
 * @param {Row[]} rows
 * @param {Omit<Row, 'name'>} total
 */
function table(rows, total) {
  return html`<div class="scroll" role="region" aria-label="Sizes by section" tabindex="0">
    <table class="sizes">
      <thead>
        <tr>
          <th scope="col" rowspan="2">Section</th>
          <th scope="colgroup" colspan="3" class="number">Raw</th>
          <th scope="colgroup" colspan="2" class="number">gzip</th>
          <th scope="colgroup" colspan="2" class="number">brotli</th>
        </tr>
        <tr>
          <th scope="col" class="number">before</th>
          <th scope="col" class="number">after</th>
          <th scope="col" class="number">change</th>
          <th scope="col" class="number">before</th>
          <th scope="col" class="number">after</th>
          <th scope="col" class="number">before</th>
          <th scope="col" class="number">after</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => tableRow(html`<bdi>${row.name}</bdi>`, row))}
      </tbody>
      <tfoot>
        ${tableRow(html`Total`, total)}
      </tfoot>
    </table>
  </div>`
}

/**
 * @param {import('../markup.js').Markup} label
 * @param {Omit<Row, 'name'>} row
 */
function tableRow(label, { before, after }) {
  return html`<tr>
    <th scope="row">${label}</th>
    ${cell(before.bytes)}${cell(after.bytes)}
    <td class="number quiet">${change(before.bytes, after.bytes)}</td>
    ${cell(before.gzip)}${cell(after.gzip)}${cell(before.brotli)}${cell(after.brotli)}
  </tr>`
}

/** @param {number} value */
function cell(value) {
  if (value === 0) return html`<td class="number quiet">–</td>`
  return html`<td class="number" data-bytes="${value}" title="${count(value)} bytes">
    ${bytes(value)}
  </td>`
}

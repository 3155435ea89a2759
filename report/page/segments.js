// The largest data segments of the output: where they are, and what they begin with.

import { html } from '../markup.js'
import { address, bytes, count } from '../numbers.js'

const LIST_LENGTH = 20
const PEEK_BYTES = 256
const ROW_BYTES = 16

/** Looked at for text, and shown of it. */
const PREVIEW_BYTES = 1_024
const PREVIEW_LENGTH = 100

/** @param {import('../html.js').Facts} facts */
export function segmentsSection({ outputSegments, outputInfo }) {
  if (outputSegments.length === 0) return undefined
  const shown = outputSegments
    .toSorted((a, b) => b.bytes.length - a.bytes.length || a.index - b.index)
    .slice(0, LIST_LENGTH)
  const severalMemories = outputInfo.memories.length > 1
  const columns = severalMemories ? 5 : 4
  return {
    id: 'segments',
    title: 'Largest segments',
    body: html`<p class="quiet">
        ${
          outputSegments.length > LIST_LENGTH
            ? `The ${LIST_LENGTH} largest of ${count(outputSegments.length)} data segments.`
            : 'All data segments.'
        }
        Open one to see its first ${PEEK_BYTES} bytes.
      </p>
      <div class="scroll" role="region" aria-label="Largest segments" tabindex="0">
        <table class="segments" data-sortable>
          <thead>
            <tr>
              ${heading('Segment', 'ascending')}
              ${severalMemories && heading('Memory', 'ascending')}
              ${heading('Address', 'ascending')} ${heading('Size', 'descending', true)}
              ${heading('Not zero', 'descending')}
            </tr>
          </thead>
          ${shown.map((segment) => row(segment, severalMemories, columns))}
        </table>
      </div>`,
  }
}

/**
 * @param {string} label
 * @param {'ascending' | 'descending'} first the direction to sort by at first
 * @param {boolean} [sorted]
 */
function heading(label, first, sorted = false) {
  return html`<th
    scope="col"
    class="number"
    data-first="${first}"
    ${sorted && html`aria-sort="${first}"`}
  >
    ${label}
  </th>`
}

/**
 * @param {import('../segments.js').Segment} segment
 * @param {boolean} severalMemories
 * @param {number} columns
 */
function row({ index, passive, memory, start, bytes: contents }, severalMemories, columns) {
  const live = contents.reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0)
  const share = contents.length > 0 ? Math.round((live / contents.length) * 100) : 0
  return html`<tbody>
    <tr>
      <th scope="row" class="number" data-value="${index}">${index}</th>
      ${severalMemories && html`<td class="number" data-value="${memory}">${memory}</td>`}
      <td class="number" data-value="${start ?? -1}">
        ${start === undefined ? (passive ? 'passive' : 'given by host') : html`<code>${address(start)}</code>`}
      </td>
      <td class="number" data-value="${contents.length}" title="${count(contents.length)} bytes">
        ${bytes(contents.length)}
      </td>
      <td class="number" data-value="${live}" title="${count(live)} bytes">${share} %</td>
    </tr>
    <tr class="peek">
      <td colspan="${columns}">
        <details>
          <summary>
            <span class="hidden">Bytes of segment ${index}:</span>
            <code class="preview">${preview(contents)}</code>
          </summary>
          <pre tabindex="0" aria-label="Bytes of segment ${index}">
${dump(contents, start ?? 0)}</pre>
        </details>
      </td>
    </tr>
  </tbody>`
}

/**
 * The text at the beginning, with what is none as one dot.
 * @param {Uint8Array} contents
 */
function preview(contents) {
  const text = [...contents.subarray(0, PREVIEW_BYTES)].map(character).join('')
  return text.replace(/·+/g, '·').slice(0, PREVIEW_LENGTH)
}

/**
 * @param {Uint8Array} contents
 * @param {number} start
 */
function dump(contents, start) {
  const shown = contents.subarray(0, PEEK_BYTES)
  const rows = []
  for (let at = 0; at < shown.length; at += ROW_BYTES) {
    const line = [...shown.subarray(at, at + ROW_BYTES)]
    const hex = line.map((byte) => byte.toString(16).padStart(2, '0'))
    const halves = `${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`
    const place = html`<span class="quiet">${address(start + at)}</span>`
    const text = html`<span class="text">${line.map(character)}</span>`
    rows.push(html`${place}${`  ${halves.padEnd(ROW_BYTES * 3)}  `}${text}${'\n'}`)
  }
  return rows
}

/** @param {number} byte */
const character = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')

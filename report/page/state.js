// The rest of the state that init leaves, and what it printed.

import { html } from '../markup.js'
import { bytes, count } from '../numbers.js'

/** More than this of an output is cut off, so that the page stays one. */
const MAX_OUTPUT_BYTES = 65_536

/** Sequences that colour terminals. */
const STYLING = /\x1b\[[0-9;:]*m/g

/** @param {import('../html.js').Facts} facts */
export function stateSection({ run: { report }, outputInfo }) {
  const { globals, tables } = report
  return {
    id: 'state',
    title: 'State and output',
    body: html`<div class="columns">
        <div>
          <h3>Globals</h3>
          <p>${count(globals.changed)} of ${count(globals.total)} changed by init.</p>
        </div>
        <div>
          <h3>Tables</h3>
          ${tables.length === 0 ? html`<p class="quiet">None.</p>` : tableOfTables(tables)}
        </div>
        ${
          outputInfo.features.length > 0 &&
          html`<div>
            <h3>Proposals in use</h3>
            <p class="names">${outputInfo.features.map((name) => html`<code>${name}</code> `)}</p>
          </div>`
        }
      </div>
      ${printed('Standard output', report.stdout)} ${printed('Standard error', report.stderr)}`,
  }
}

/** @param {import('../../index.js').Report['tables']} tables */
function tableOfTables(tables) {
  return html`<div class="scroll" role="region" aria-label="Tables" tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col">Table</th>
          <th scope="col" class="number">Elements before</th>
          <th scope="col" class="number">after</th>
          <th scope="col">Changed</th>
        </tr>
      </thead>
      <tbody>
        ${tables.map(
          ({ index, before, after, changed }) =>
            html`<tr>
              <th scope="row">${index}</th>
              <td class="number">${count(before)}</td>
              <td class="number">${count(after)}</td>
              <td>${changed ? 'yes' : 'no'}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/**
 * @param {string} title
 * @param {Buffer | undefined} output absent where it was not captured
 */
function printed(title, output) {
  if (!output || output.length === 0) return undefined
  const cut = output.length > MAX_OUTPUT_BYTES
  const text = Buffer.from(output).subarray(0, MAX_OUTPUT_BYTES).toString().replace(STYLING, '')
  return html`<h3>${title} <span class="quiet">${bytes(output.length)}</span></h3>
    <pre class="printed" tabindex="0" role="region" aria-label="${title}">${text}</pre>
    ${cut && html`<p class="quiet">The rest is cut off.</p>`}`
}

// Start-up before and after as two bars, and how that was measured or why it could not be.

import { html } from '../markup.js'
import { duration, percentage, times } from '../numbers.js'

/** @param {import('../html.js').Facts} facts */
export function startupSection({ run: { startup, report } }) {
  if (!startup) return undefined
  return { id: 'startup', title: 'Start-up', body: body(startup, report.initFunc) }
}

/**
 * @param {import('../html.js').StartupResult} startup
 * @param {string} initFunc
 */
function body(startup, initFunc) {
  if (!('before' in startup)) return html`<p>Not measured: ${startup.reason}.</p>`
  const { before, after, samples, engine } = startup
  const most = Math.max(before, after)
  const bars = [
    { label: 'Before', does: `instantiate, then run ${initFunc}`, value: before, kind: 'before' },
    { label: 'After', does: 'instantiate', value: after, kind: 'after' },
  ]
  return html`<table class="bars">
      <caption class="hidden">
        Start-up before and after, in milliseconds
      </caption>
      <tbody>
        ${bars.map(
          ({ label, does, value, kind }) =>
            html`<tr>
              <th scope="row">${label}<span class="quiet">${does}</span></th>
              <td>
                <span class="track" aria-hidden="true"
                  ><span class="fill ${kind}" style="width: ${percentage(value, most)}"></span
                ></span>
                <span class="amount">${duration(value)}</span>
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
    <p class="quiet">
      ${comparison(before, after)} Medians of ${samples} starts of each in ${engine}, taken in turn,
      with a new instance each time and the code compiled before: what is saved is the work of init,
      not that of the compiler.
    </p>`
}

/**
 * @param {number} before
 * @param {number} after
 */
function comparison(before, after) {
  if (after < before) return html`<strong>${times(before / after)} faster.</strong>`
  return html`<strong>Not faster:</strong> filling memory takes as long as init does.`
}

// The stages of the run as one bar with a list below: where the build's time went.

import { html } from '../markup.js'
import { duration, percentage } from '../numbers.js'

/** In the order in which they happen; what each does, for people. */
const STAGES = /** @type {const} */ ([
  ['parse', 'read and check the module'],
  ['instrument', 'make its state visible'],
  ['compile', 'to native code, or load it from the cache'],
  ['instantiate', 'as any host does'],
  ['run', 'the init function'],
  ['snapshot', 'find what it has changed'],
  ['rewrite', 'write the new module'],
])

/** Narrower parts of the bar have no label of their own. */
const LABEL_SHARE = 0.09

/** @param {import('../html.js').Facts} facts */
export function buildSection({ run: { report } }) {
  const { timings } = report
  const known = STAGES.map(([name, does]) => ({
    name: /** @type {string} */ (name),
    does,
    ms: timings[name],
  }))
  const rest = timings.total - known.reduce((sum, { ms }) => sum + ms, 0)
  const parts = [...known, { name: 'other', does: 'threads, copies', ms: Math.max(0, rest) }]
  const scale = parts.reduce((sum, { ms }) => sum + ms, 0)
  return {
    id: 'build',
    title: 'Build',
    body: html`<div class="stack timeline" aria-hidden="true">
        ${parts.map(
          ({ name, ms }, at) =>
            html`<span
              class="stage-${at}"
              style="width: ${percentage(ms, scale)}"
              title="${name}: ${duration(ms)}"
              >${ms / scale >= LABEL_SHARE && name}</span
            >`,
        )}
      </div>
      <div class="scroll" role="region" aria-label="Stages" tabindex="0">
        <table class="stages">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col" class="number">Time</th>
              <th scope="col" class="number">Share</th>
              <th scope="col">What it does</th>
            </tr>
          </thead>
          <tbody>
            ${parts.map(
              ({ name, does, ms }, at) =>
                html`<tr>
                  <th scope="row"><i class="key stage-${at}" aria-hidden="true"></i>${name}</th>
                  <td class="number">${duration(ms)}</td>
                  <td class="number">${scale > 0 ? Math.round((ms / scale) * 100) : 0} %</td>
                  <td class="quiet does">${does}</td>
                </tr>`,
            )}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">Total</th>
              <td class="number">${duration(timings.total)}</td>
              <td></td>
              <td class="quiet does">
                ${report.engine} compiler, cache
                ${{ hit: 'hit', miss: 'miss', off: 'off' }[report.cache]}
              </td>
            </tr>
          </tfoot>
        </table>
      </div>`,
  }
}

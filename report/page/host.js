// What init has taken from the host: state that is now frozen into the output, in plain words with
// what to do about it, WASI calls, and files read.

import { html } from '../markup.js'
import { count, counted } from '../numbers.js'

/**
 * Kinds of baked state, most serious first.
 * @type {Array<{ kind: string, title: string, weight: 'serious' | 'notable' | 'known', text: string, remedy: string }>}
 */
const BAKED = [
  {
    kind: 'random',
    title: 'Random bytes',
    weight: 'serious',
    text: 'Every instance starts with the same ones: seeds of hash tables, generators and identifiers made during init are no secret, and do not differ between users.',
    remedy: 'Seed what must be unpredictable after start-up, at its first use.',
  },
  {
    kind: 'clock',
    title: 'The time',
    weight: 'notable',
    text: 'What init noted as the time stays as it was, wherever and whenever the module starts.',
    remedy:
      'Read clocks when the program runs. For a reproducible build, SOURCE_DATE_EPOCH or the option clock say which time init sees.',
  },
  {
    kind: 'env',
    title: 'Environment variables',
    weight: 'notable',
    text: 'Init has read them; what it made of them is the same for everybody who gets the module. Secrets among them are in its memory.',
    remedy: 'Give init only what may be public, and read the rest when the program runs.',
  },
  {
    kind: 'args',
    title: 'Command-line arguments',
    weight: 'known',
    text: 'Init has read them; other arguments at start-up do not change what it made of them.',
    remedy: 'Read arguments that may differ when the program runs.',
  },
  {
    kind: 'stdin',
    title: 'Standard input',
    weight: 'known',
    text: 'Init has read it; what it made of it is part of the module.',
    remedy: 'Build again when that input changes.',
  },
  {
    kind: 'file',
    title: 'Files',
    weight: 'known',
    text: 'Init has read them; later changes of them are not seen.',
    remedy: 'Build again when one of them changes; the bundler plugins watch them.',
  },
]

const LABELS = { serious: 'Check this', notable: 'Take note', known: 'For your information' }

/** @param {import('../html.js').Facts} facts */
export function hostSection({ run: { report } }) {
  const { calls, baked } = report.wasi
  const cards = bakedCards(baked)
  const functions = Object.entries(calls).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return {
    id: 'host',
    title: 'Host state',
    body: html`${
        cards.length > 0
          ? html`<h3>Frozen into the module</h3>
              <ul class="notes">
                ${cards.map(card)}
              </ul>`
          : html`<p>Init has taken nothing from the host that is now frozen into the module.</p>`
      }
      <div class="columns">
        <div>
          <h3>WASI calls</h3>
          ${
            functions.length === 0
              ? html`<p class="quiet">None.</p>`
              : html`<div class="scroll" role="region" aria-label="WASI calls" tabindex="0">
                  <table>
                    <thead>
                      <tr>
                        <th scope="col">Function</th>
                        <th scope="col" class="number">Calls</th>
                      </tr>
                    </thead>
                    <tbody>
                      ${functions.map(
                        ([name, times]) =>
                          html`<tr>
                            <th scope="row"><code>${name}</code></th>
                            <td class="number">${count(times)}</td>
                          </tr>`,
                      )}
                    </tbody>
                  </table>
                </div>`
          }
        </div>
        <div>
          ${paths('Files read', report.filesRead)} ${paths('Looked for or at', report.pathsProbed)}
          ${paths('Folders listed', report.directoriesRead)}
        </div>
      </div>`,
  }
}

/** @param {string[]} baked */
function bakedCards(baked) {
  const kindOf = (/** @type {string} */ item) => item.split(':', 1)[0]
  const unknown = baked.filter((item) => !BAKED.some(({ kind }) => kind === kindOf(item)))
  return [
    ...BAKED.map((entry) => {
      const items = baked.filter((item) => kindOf(item) === entry.kind)
      return { ...entry, there: items.length > 0, names: items.flatMap(nameIn) }
    }).filter(({ there }) => there),
    ...unknown.map((item) => ({
      title: item,
      weight: /** @type {const} */ ('notable'),
      text: 'Init has read it from the host.',
      remedy: 'Read it when the program runs.',
      names: [],
    })),
  ]
}

/** @param {string} item such as `env:HOME` */
function nameIn(item) {
  const at = item.indexOf(':')
  return at < 0 ? [] : [item.slice(at + 1)]
}

/** @param {ReturnType<typeof bakedCards>[number]} card */
function card({ title, weight, text, remedy, names }) {
  return html`<li class="${weight}">
    <h4><span class="weight">${LABELS[weight]}</span> ${title}</h4>
    ${
      names.length > 0 &&
      html`<p class="names">${names.map((name) => html`<code><bdi>${name}</bdi></code> `)}</p>`
    }
    <p>${text}</p>
    <p><strong>What to do:</strong> ${remedy}</p>
  </li>`
}

/**
 * @param {string} title
 * @param {string[]} list
 */
function paths(title, list) {
  if (list.length === 0) {
    return title === 'Files read'
      ? html`<h3>${title}</h3>
          <p class="quiet">None.</p>`
      : undefined
  }
  return html`<h3>${title} <span class="quiet">${counted(list.length, 'path')}</span></h3>
    <ul class="paths">
      ${list.map(
        (path) =>
          html`<li>
            <code><bdi>${path}</bdi></code>
          </li>`,
      )}
    </ul>`
}

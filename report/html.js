// One run in, one page about it out: a single HTML file that needs no network and no other file.
// The same run gives the same page. What comes from the module is text there and nothing else.

import { readFile } from 'node:fs/promises'
import { inspect } from '../index.js'
import { Markup, html, jsonScript } from './markup.js'
import { memoryMaps } from './memory-map.js'
import { buildSection } from './page/build.js'
import { hostSection } from './page/host.js'
import { introduction } from './page/introduction.js'
import { memorySection } from './page/memory.js'
import { segmentsSection } from './page/segments.js'
import { sizeSection } from './page/size.js'
import { startupSection } from './page/startup.js'
import { stateSection } from './page/state.js'
import { readScript } from './script.js'
import { readSegments } from './segments.js'
import { isBinary, moduleSize, sectionSizes } from './sizes.js'

/** Nothing is loaded; what is inline is all there is. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

const STYLES = ['page.css', 'figures.css', 'bars.css', 'map.css']

/**
 * @typedef {Awaited<ReturnType<typeof import('./startup.js').measureStartup>>} StartupResult
 * @typedef {import('./sizes.js').Size} Size
 *
 * @typedef {object} Run what a page is about
 * @property {string} name of the module, for people
 * @property {Uint8Array} input
 * @property {Uint8Array} output
 * @property {import('../index.js').Report} report
 * @property {StartupResult} [startup] what `measureStartup` gave
 * @property {Date | string} [date] of the run; without it, the page has none
 *
 * @typedef {object} Facts what the sections of a page show
 * @property {Run} run
 * @property {{ input: Size, output: Size }} sizes
 * @property {{ input: Map<string, Size>, output: Map<string, Size> }} sectionSizes
 * @property {import('./memory-map.js').MemoryMap[]} maps
 * @property {import('./segments.js').Segment[] | undefined} inputSegments absent for text
 * @property {import('./segments.js').Segment[]} outputSegments
 * @property {import('../index.js').ModuleInfo} inputInfo
 * @property {import('../index.js').ModuleInfo} outputInfo
 */

/**
 * @param {Run} run
 * @returns {Promise<string>}
 */
export async function renderReport(run) {
  const [facts, style, script] = await Promise.all([gather(run), readStyle(), readScript()])
  const sections = [
    startupSection(facts),
    memorySection(facts),
    sizeSection(facts),
    buildSection(facts),
    hostSection(facts),
    segmentsSection(facts),
    stateSection(facts),
  ].filter((section) => section !== undefined)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${run.name} · wasm-preinit</title>
        <link rel="icon" href="data:," />
        <style>
          ${style}
        </style>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the report</a>
        <header class="bar">
          <p class="bar-name"><bdi>${run.name}</bdi></p>
          <nav aria-label="Sections">
            <ul>
              ${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
            </ul>
          </nav>
          <button type="button" class="theme" data-theme-toggle hidden>Dark</button>
        </header>
        <main id="main" tabindex="-1">
          ${introduction(facts)}
          ${sections.map(
            ({ id, title, body }) =>
              html`<section class="card" id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${title}</h2>
                ${body}
              </section>`,
          )}
        </main>
        <footer>
          <p>
            Made by wasm-preinit. 1 kB is 1,000 bytes, 1 KiB is 1,024. This page holds parts of the
            module’s memory: keep it as you keep the module.
          </p>
        </footer>
        ${jsonScript('maps', facts.maps)}
        <script>
          ${script}
        </script>
      </body>
    </html> `
  return page.text
}

/**
 * @param {Run} run
 * @returns {Promise<Facts>}
 */
async function gather(run) {
  const { input, output } = run
  const [inputSize, outputSize, [inputSections, outputSections]] = await Promise.all([
    moduleSize(input),
    moduleSize(output),
    sizesOfBoth(input, output),
  ])
  const [inputInfo, outputInfo] = [inspect(input), inspect(output)]
  const inputSegments = isBinary(input) ? readSegments(input) : undefined
  const outputSegments = readSegments(output)
  return {
    run,
    sizes: { input: inputSize, output: outputSize },
    sectionSizes: { input: byName(inputSections), output: byName(outputSections) },
    maps: memoryMaps({ inputInfo, outputInfo, inputSegments, outputSegments }),
    inputSegments,
    outputSegments,
    inputInfo,
    outputInfo,
  }
}

/**
 * @param {Uint8Array} input
 * @param {Uint8Array} output
 */
async function sizesOfBoth(input, output) {
  const sizes = await sectionSizes(input)
  return [sizes, await sectionSizes(output, { wasm: input, sizes })]
}

/** @param {Array<{ name: string } & Size>} sections */
const byName = (sections) => new Map(sections.map((section) => [section.name, section]))

async function readStyle() {
  const files = STYLES.map((name) => readFile(new URL(`client/${name}`, import.meta.url), 'utf8'))
  return new Markup((await Promise.all(files)).join('\n'))
}

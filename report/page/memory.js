// Memories before and after: one strip each that needs no script, a map to look around in, and the
// figures in a table.

import { html } from '../markup.js'
import { BLOCK_BYTES } from '../memory-map.js'
import { address, bytes, count, counted } from '../numbers.js'

/** At most; none is for less than a block. */
const STRIP_BINS = 200
const STRIP_HEIGHT = 32

/** @typedef {import('../memory-map.js').MemoryMap} MemoryMap */

/** @param {import('../html.js').Facts} facts */
export function memorySection(facts) {
  if (facts.maps.length === 0) return undefined
  return {
    id: 'memory',
    title: facts.maps.length === 1 ? 'Memory' : 'Memories',
    body: html`${facts.maps.map((map) => figure(map, facts.maps.length > 1))} ${figures(facts)}
    ${unplaced(facts)}`,
  }
}

/**
 * @param {MemoryMap} map
 * @param {boolean} named
 */
function figure(map, named) {
  const { index, imported, before, after } = map
  const size = Math.max(before?.bytes ?? 0, after.bytes)
  const title = `Memory ${index}${imported ? ', imported' : ''}`
  const sides = [...(before ? [side('Before', before, size)] : []), side('After', after, size)]
  return html`<div class="map" data-map="${index}" role="group" aria-label="${title}">
    ${named && html`<h3>${title}</h3>`}
    <div class="map-tools">
      <ul class="legend" aria-label="Colours of the map">
        <li><i class="key kept" aria-hidden="true"></i>as it was</li>
        ${before && html`<li><i class="key mixed" aria-hidden="true"></i>both</li>`}
        ${before && html`<li><i class="key written" aria-hidden="true"></i>written by init</li>`}
        <li><i class="key zero" aria-hidden="true"></i>zeros in a segment</li>
        <li><i class="key empty" aria-hidden="true"></i>gap, all zeros</li>
      </ul>
      <div class="buttons" role="group" aria-label="View of the map" data-buttons hidden>
        <span class="map-level quiet" data-level></span>
        <button type="button" data-do="out" aria-label="Zoom out">−</button>
        <button type="button" data-do="in" aria-label="Zoom in">+</button>
        <button type="button" data-do="reset">Reset</button>
      </div>
    </div>
    <div class="map-sides">${sides}</div>
    <p class="map-readout" data-readout role="status" hidden></p>
    <p class="quiet map-keys" data-keys id="map-keys-${index}" hidden>
      The stronger a cell’s colour, the more of it is live. Drag to move; zoom with
      <kbd>Ctrl</kbd> and the wheel, or the wheel alone once the map has the focus. Keys: arrows,
      <kbd>+</kbd>, <kbd>−</kbd>, <kbd>0</kbd> for all of it, <kbd>N</kbd> and <kbd>P</kbd> for the
      next and previous segment.
    </p>
  </div>`
}

/**
 * @param {'Before' | 'After'} label
 * @param {import('../memory-map.js').Side} memory
 * @param {number} size of the larger of both
 */
function side(label, memory, size) {
  const facts = `${bytes(memory.live)} live in ${counted(memory.spans.length / 2, 'segment')}`
  return html`<figure class="map-side" data-side="${label.toLowerCase()}">
    <figcaption>
      <strong>${label}</strong>
      <span class="quiet">${bytes(memory.bytes)}, ${facts}</span>
    </figcaption>
    ${strip(label, memory, size)}
    <div class="map-view" data-view hidden><canvas></canvas></div>
  </figure>`
}

/**
 * Shares of live bytes by address, over as much as the larger of both memories.
 * @param {string} label
 * @param {import('../memory-map.js').Side} memory
 * @param {number} size
 */
function strip(label, memory, size) {
  const width = Math.max(1, Math.min(STRIP_BINS, Math.ceil(size / BLOCK_BYTES)))
  const bins = Array.from({ length: width }, () => ({ live: 0, written: 0 }))
  const binBytes = Math.max(size / width, BLOCK_BYTES)
  let block = 0
  memory.blocks.forEach((difference, at) => {
    block += difference
    const bin = bins[Math.min(width - 1, Math.floor((block * BLOCK_BYTES) / binBytes))]
    bin.live += memory.blockLive[at]
    bin.written += memory.blockWritten[at]
  })
  // What little there is must still be seen.
  const height = (/** @type {number} */ live) =>
    live === 0 ? 0 : Math.max(1.5, Math.sqrt(Math.min(1, live / binBytes)) * STRIP_HEIGHT)
  const shapes = bins.map(({ live, written }) => ({
    all: height(live),
    written: live === 0 ? 0 : height(live) * (written / live),
  }))
  const end = Number((memory.bytes / binBytes).toFixed(2))
  return html`<svg
    class="strip"
    viewBox="0 0 ${width} ${STRIP_HEIGHT}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}: live bytes by address, from 0 to ${address(size)}"
  >
    <rect class="empty" width="${end}" height="${STRIP_HEIGHT}" />
    <path class="kept" d="${area(shapes.map(({ all }) => all))}" />
    <path class="written" d="${area(shapes.map(({ written }) => written))}" />
  </svg>`
}

/**
 * A path with one step for each height.
 * @param {number[]} heights
 */
function area(heights) {
  return heights
    .map((height, at) => {
      if (height === 0) return ''
      const top = Number((STRIP_HEIGHT - height).toFixed(2))
      return `M${at} ${STRIP_HEIGHT}V${top}h1V${STRIP_HEIGHT}z`
    })
    .join('')
}

/** @param {import('../html.js').Facts} facts */
function figures({ run: { report }, maps, inputInfo, outputInfo }) {
  return html`<div class="scroll" role="region" aria-label="Figures of memories" tabindex="0">
    <table>
      <thead>
        <tr>
          <th scope="col">Memory</th>
          <th scope="col" class="number">Pages before</th>
          <th scope="col" class="number">after</th>
          <th scope="col" class="number">Not zero before</th>
          <th scope="col" class="number">after</th>
          <th scope="col" class="number">Written by init</th>
          <th scope="col" class="number">Segments</th>
          <th scope="col" class="number">Bytes in segments</th>
        </tr>
      </thead>
      <tbody>
        ${maps.map((map) => {
          const { index, imported, before, after } = map
          const known = report.memories.find((memory) => memory.index === index)
          const pages = (/** @type {import('../../index.js').ModuleInfo} */ { memories }) =>
            memories.find((memory) => memory.index === index)?.minPages ?? 0
          const segmentBytes = after.spans.reduce((sum, span, at) => sum + (at % 2 ? span : 0), 0)
          return html`<tr>
            <th scope="row">${index}${imported && ' (imported)'}</th>
            <td class="number">${count(known?.pagesBefore ?? pages(inputInfo))}</td>
            <td class="number">${count(known?.pagesAfter ?? pages(outputInfo))}</td>
            ${size(before?.live)} ${size(known?.nonZeroBytes ?? after.live)}
            ${size(before && after.written)}
            <td class="number">${count(known?.segments ?? after.spans.length / 2)}</td>
            ${size(known?.segmentBytes ?? segmentBytes)}
          </tr>`
        })}
      </tbody>
    </table>
  </div>`
}

/** @param {number | undefined} value */
function size(value) {
  if (value === undefined) return html`<td class="number quiet">not known</td>`
  return html`<td class="number" title="${count(value)} bytes">${bytes(value)}</td>`
}

/**
 * What the maps do not show.
 * @param {import('../html.js').Facts} facts
 */
function unplaced({ inputSegments, outputSegments }) {
  if (!inputSegments) {
    return html`<p class="quiet">The input is text: what its memory begins with is not shown.</p>`
  }
  const lines = [
    ['The input', inputSegments],
    ['The output', outputSegments],
  ].flatMap(([which, segments]) => {
    const list = /** @type {import('../segments.js').Segment[]} */ (segments)
    const passive = list.filter((segment) => segment.passive && segment.bytes.length > 0)
    const relative = list.filter((segment) => !segment.passive && segment.start === undefined)
    return [
      passive.length > 0 &&
        `${which} has ${counted(passive.length, 'passive segment')} that its code places.`,
      relative.length > 0 &&
        `${which} has ${counted(relative.length, 'segment')} at addresses that the host gives.`,
    ].filter((line) => line !== false)
  })
  return (
    lines.length > 0 &&
    html`<p class="quiet">Not in the maps: ${lines.map((line) => `${line} `)}</p>`
  )
}

// A memory and a window in, cells on a canvas out: shade by how much is alive, hue by how much of
// that init has written.

import { DIVISION } from './map-window.js'

/** Shades from little to all, and hues from nothing to everything written. */
const SHADES = 6
const HUES = 5
/** How far the lightest shade is from the background. */
const LEAST = 0.3

/** The least width and height of a cell that is not empty. */
const LEAST_PIXELS = 2

/** @typedef {[number, number, number]} Colour */

/** The page's colours as they are now. */
export class Palette {
  /** @param {Element} root of the map, whose legend has the colours */
  constructor(root) {
    const [kept, written, zero, empty] = ['kept', 'written', 'zero', 'empty'].map((name) => {
      const key = root.querySelector(`.key.${name}`)
      return key ? channels(getComputedStyle(key).backgroundColor) : undefined
    })
    this.zero = rgb(zero ?? [128, 128, 128])
    this.empty = rgb(empty ?? [200, 200, 200])
    this.cursor = getComputedStyle(root).color
    const full = kept ?? [0, 0, 255]
    this.cells = Array.from({ length: HUES }, (_, hue) => {
      const colour = mix(full, written ?? full, hue / (HUES - 1))
      return Array.from({ length: SHADES }, (_, shade) => {
        const strength = LEAST + ((1 - LEAST) * shade) / (SHADES - 1)
        return rgb(mix(empty ?? [255, 255, 255], colour, strength))
      })
    })
  }

  /**
   * @param {import('./map-memory.js').Memory} memory
   * @param {number} start
   * @param {number} bytes
   */
  of(memory, start, bytes) {
    const { share, changed } = memory.cell(start, bytes)
    if (share === 0) return memory.segments(start, bytes).count > 0 ? this.zero : this.empty
    // Little is what most cells have: the root tells small shares apart.
    return this.cells[Math.round(changed * (HUES - 1))][Math.round(Math.sqrt(share) * (SHADES - 1))]
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('./map-memory.js').Memory} memory
 * @param {import('./map-window.js').MapWindow} window
 * @param {Palette} palette
 * @param {number | undefined} cursor
 */
export function draw(canvas, memory, window, palette, cursor) {
  const { width, height, x, y, scale, columns, cellBytes, depth } = window
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
  context.clearRect(0, 0, width, height)
  const lastRow = Math.min(window.rows, Math.ceil(y + height / scale))
  const lastColumn = Math.min(columns, Math.ceil(x + width / scale))
  for (let row = Math.floor(y); row < lastRow; row++) {
    for (let column = Math.floor(x); column < lastColumn; column++) {
      const square = { left: (column - x) * scale, top: (row - y) * scale, size: scale }
      cell((row * columns + column) * cellBytes, cellBytes, square, depth, 0, 0)
    }
  }
  if (cursor !== undefined) outline(context, window.rectangle(cursor), palette.cursor)

  /**
   * @param {number} start
   * @param {number} bytes
   * @param {{ left: number, top: number, size: number }} square
   * @param {number} deeper
   * @param {number} right room to leave there, as it is the last of the cell that it is part of
   * @param {number} bottom
   */
  function cell(start, bytes, { left, top, size }, deeper, right, bottom) {
    if (start >= memory.bytes || left > width || top > height) return
    if (left + size < 0 || top + size < 0) return
    if (deeper === 0) {
      const gap = size > 4 ? 1 : 0
      const colour = palette.of(memory, start, bytes)
      // Cells that are hardly to be seen must not be blurred, and those that hold something not lost.
      const least = colour === palette.empty ? 0 : LEAST_PIXELS
      const [x0, y0] = [snap(left), snap(top)]
      const [x1, y1] = [snap(left + size) - gap - right, snap(top + size) - gap - bottom]
      context.fillStyle = colour
      context.fillRect(x0, y0, Math.max(least, x1 - x0), Math.max(least, y1 - y0))
      return
    }
    const part = size / DIVISION
    for (let at = 0; at < DIVISION ** 2; at++) {
      const [column, row] = [at % DIVISION, Math.floor(at / DIVISION)]
      const partBytes = bytes / DIVISION ** 2
      cell(
        start + at * partBytes,
        partBytes,
        { left: left + column * part, top: top + row * part, size: part },
        deeper - 1,
        column === DIVISION - 1 ? right + 1 : 0,
        row === DIVISION - 1 ? bottom + 1 : 0,
      )
    }
  }
}

/**
 * The next pixel of the device.
 * @param {number} position
 */
const snap = (position) => Math.round(position * devicePixelRatio) / devicePixelRatio

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ left: number, top: number, size: number }} square
 * @param {string} colour
 */
function outline(context, { left, top, size }, colour) {
  context.strokeStyle = colour
  context.lineWidth = 2
  context.strokeRect(left - 0.5, top - 0.5, Math.max(4, size), Math.max(4, size))
}

/**
 * @param {string} colour as styles compute it: `rgb(1, 2, 3)`, or `color(srgb 0.1 0.2 0.3)`
 * @returns {Colour}
 */
function channels(colour) {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number)
  const unit = colour.startsWith('color(') ? 255 : 1
  return [red * unit, green * unit, blue * unit]
}

/**
 * @param {Colour} from
 * @param {Colour} to
 * @param {number} share
 * @returns {Colour}
 */
function mix(from, to, share) {
  return /** @type {Colour} */ (from.map((value, at) => value + (to[at] - value) * share))
}

/** @param {Colour} colour */
const rgb = (colour) => `rgb(${colour.map(Math.round).join(' ')})`

// Maps of memories that can be looked around in, by pointer and by keys. Both sides of a memory
// always show the same addresses. What there is to see comes from the element `maps`; memory-map.js
// says what is in there.

import { Palette, draw } from './map-drawing.js'
import { Memory, describe, hex, lowerBound, upperBound } from './map-memory.js'
import { MapWindow } from './map-window.js'

const ZOOM_STEP = 2

/** Pixels that a pointer may move and still not drag. */
const STILL = 3

/** Shares of the wheel's pixels, of which some devices give many at once. */
const WHEEL_SPEED = 0.004
const MAX_WHEEL_PIXELS = 200
const LINE_PIXELS = 20

/** @type {Record<string, [number, number]>} */
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/**
 * @typedef {import('../memory-map.js').Side} Side
 * @typedef {import('./map-window.js').Pixel} Pixel
 * @typedef {{ name: string, view: HTMLElement, canvas: HTMLCanvasElement, tip: HTMLElement, memory: Memory }} Pane
 */

/** Both sides of one memory. */
class MemoryMapView {
  /** @type {Pane[]} */
  panes = []
  /** @type {number | undefined} an address */
  cursor
  /** @type {Map<number, Pixel>} those that are pressed */
  pointers = new Map()
  drags = false
  isScheduled = false

  /**
   * @param {HTMLElement} root
   * @param {import('../memory-map.js').MemoryMap} map
   */
  constructor(root, map) {
    this.root = root
    this.readout = find(root, '[data-readout]')
    this.level = find(root, '[data-level]')
    this.window = new MapWindow(Math.max(map.before?.bytes ?? 0, map.after.bytes))
    if (map.before) this.panes.push(this.openPane('before', map.before, map.index))
    this.panes.push(this.openPane('after', map.after, map.index))
    for (const selector of ['[data-readout]', '[data-buttons]', '[data-keys]']) {
      find(root, selector).hidden = false
    }
    const actions = /** @type {Record<string, () => void>} */ ({
      in: () => this.zoom(ZOOM_STEP),
      out: () => this.zoom(1 / ZOOM_STEP),
      reset: () => this.reset(),
    })
    for (const button of root.querySelectorAll('[data-do]')) {
      button.addEventListener('click', actions[button.getAttribute('data-do') ?? ''])
    }
    new ResizeObserver(() => this.resize()).observe(this.panes[0].view)
    document.addEventListener('schemechange', () => this.changed())
    this.resize()
  }

  /**
   * @param {'before' | 'after'} name
   * @param {Side} side
   * @param {number} index
   * @returns {Pane}
   */
  openPane(name, side, index) {
    const view = find(this.root, `[data-side="${name}"] [data-view]`)
    const canvas = /** @type {HTMLCanvasElement} */ (view.querySelector('canvas'))
    const tip = document.createElement('div')
    tip.className = 'map-tip'
    tip.setAttribute('role', 'tooltip')
    tip.id = `map-tip-${name}-${index}`
    tip.hidden = true
    view.append(tip)
    view.hidden = false
    view.tabIndex = 0
    view.setAttribute('role', 'application')
    view.setAttribute('aria-roledescription', 'map')
    view.setAttribute('aria-label', `Memory ${index} ${name} init`)
    view.setAttribute('aria-describedby', `map-keys-${index} ${tip.id}`)
    const pane = { name, view, canvas, tip, memory: new Memory(side) }
    view.addEventListener('keydown', (event) => this.key(pane, event))
    // A pointer that gives the focus says by itself where it is.
    view.addEventListener('focus', () => {
      if (view.matches(':focus-visible')) this.show(pane, this.cursor ?? 0)
    })
    view.addEventListener('blur', () => this.forget())
    view.addEventListener('wheel', (event) => this.wheel(pane, event), { passive: false })
    view.addEventListener('pointerdown', (event) => this.press(pane, event))
    view.addEventListener('pointermove', (event) => this.move(pane, event))
    view.addEventListener('pointerup', (event) => this.release(pane, event))
    view.addEventListener('pointercancel', (event) => this.release(pane, event))
    view.addEventListener('pointerleave', () => this.forget())
    return pane
  }

  resize() {
    this.window.resize(this.panes[0].view.clientWidth)
    const { width, height } = this.window
    for (const { view, canvas } of this.panes) {
      view.style.height = `${height}px`
      canvas.width = Math.round(width * devicePixelRatio)
      canvas.height = Math.round(height * devicePixelRatio)
    }
    this.changed()
  }

  /** Draws once, however much has changed until then. */
  changed() {
    const { bytes, showsAll } = this.window
    this.level.textContent = `${sizeText(bytes)} a cell`
    this.root.dataset.cellBytes = String(bytes)
    for (const { view } of this.panes) view.style.touchAction = showsAll ? 'pan-y' : 'none'
    if (this.isScheduled) return
    this.isScheduled = true
    requestAnimationFrame(() => {
      this.isScheduled = false
      const palette = new Palette(this.root)
      for (const { canvas, memory } of this.panes) {
        draw(canvas, memory, this.window, palette, this.cursor)
      }
    })
  }

  /**
   * @param {number} factor
   * @param {Pixel} [at] the cursor, else the middle
   */
  zoom(factor, at = this.middle()) {
    this.window.zoom(factor, at)
    this.changed()
  }

  reset() {
    this.window.look(this.window.fit, 0, 0)
    this.changed()
  }

  /** @returns {Pixel} */
  middle() {
    const { width, height } = this.window
    if (this.cursor !== undefined) {
      const { left, top, size } = this.window.rectangle(this.cursor)
      const at = { x: left + size / 2, y: top + size / 2 }
      if (at.x >= 0 && at.y >= 0 && at.x <= width && at.y <= height) return at
    }
    return { x: width / 2, y: height / 2 }
  }

  /**
   * Sets the cursor and shows what is there, beside the cell and below the map.
   * @param {Pane} pane
   * @param {number} address
   */
  point(pane, address) {
    this.cursor = address
    const { bytes, width, height } = this.window
    const start = Math.floor(address / bytes) * bytes
    const range = `${hex(start)} – ${hex(start + bytes - 1)}`
    for (const { tip } of this.panes) tip.hidden = tip !== pane.tip
    const lines = describe(pane.memory, start, bytes, address)
    pane.tip.replaceChildren(element('code', range), ...lines.map((line) => element('div', line)))
    const { left, top, size } = this.window.rectangle(address)
    const { offsetWidth, offsetHeight } = pane.tip
    const below = top + size + 8
    const y = below + offsetHeight > height ? top - offsetHeight - 8 : below
    const x = left + size / 2 - offsetWidth / 2
    pane.tip.style.left = `${Math.max(0, Math.min(x, width - offsetWidth))}px`
    pane.tip.style.top = `${Math.max(0, Math.min(y, height - offsetHeight))}px`
    const sides = this.panes.map(({ name, memory }) => {
      return `${name}: ${describe(memory, start, bytes, address).join(', ')}`
    })
    this.readout.textContent = [range, ...sides].join(' · ')
    this.changed()
  }

  /** Takes the cursor away, unless keys are what moves it. */
  forget() {
    if (this.panes.some(({ view }) => view.matches(':focus-visible'))) return
    this.cursor = undefined
    for (const { tip } of this.panes) tip.hidden = true
    this.changed()
  }

  /**
   * Points at an address and moves there where it is not in sight.
   * @param {Pane} pane
   * @param {number | undefined} address
   */
  show(pane, address) {
    if (address === undefined) return
    this.window.reveal(address)
    this.point(pane, address)
  }

  /**
   * @param {Pane} pane
   * @param {KeyboardEvent} event
   */
  key(pane, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const cursor = (this.cursor ??= 0)
    const { starts, bytes } = pane.memory
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (key in ARROWS) this.step(pane, ARROWS[key])
    else if (key === 'Home') this.show(pane, 0)
    else if (key === 'End') this.show(pane, Math.max(0, bytes - 1))
    else if (key === 'n') this.show(pane, starts[upperBound(starts, cursor)])
    else if (key === 'p') this.show(pane, starts[lowerBound(starts, cursor) - 1])
    else if (key === 'Escape') pane.tip.hidden = true
    else if (key === '+' || key === '=' || key === '-' || key === '0') {
      if (key === '0') this.reset()
      else this.zoom(key === '-' ? 1 / ZOOM_STEP : ZOOM_STEP)
      this.show(pane, cursor)
    } else return
    event.preventDefault()
  }

  /**
   * @param {Pane} pane
   * @param {[number, number]} direction
   */
  step(pane, [x, y]) {
    const { left, top, size } = this.window.rectangle(this.cursor ?? 0)
    const to = { x: left + (0.5 + x) * size, y: top + (0.5 + y) * size }
    this.show(pane, this.window.addressAt(to))
  }

  /**
   * The page scrolls under a wheel unless it is the map that is meant.
   * @param {Pane} pane
   * @param {WheelEvent} event
   */
  wheel(pane, event) {
    const isMeant = event.ctrlKey || event.metaKey
    if (!isMeant && document.activeElement !== pane.view) return
    if (!isMeant && event.deltaY > 0 && this.window.showsAll) return
    event.preventDefault()
    const isLines = event.deltaMode === WheelEvent.DOM_DELTA_LINE
    const pixels = event.deltaY * (isLines ? LINE_PIXELS : 1)
    const bounded = Math.max(-MAX_WHEEL_PIXELS, Math.min(MAX_WHEEL_PIXELS, pixels))
    this.zoom(Math.exp(-bounded * WHEEL_SPEED), pixelOf(pane, event))
    this.hover(pane, event)
  }

  /**
   * @param {Pane} pane
   * @param {PointerEvent} event
   */
  press(pane, event) {
    if (event.button !== 0) return
    this.pointers.set(event.pointerId, pixelOf(pane, event))
    this.drags = this.pointers.size > 1
    pane.view.setPointerCapture(event.pointerId)
    if (event.pointerType !== 'mouse') this.hover(pane, event)
  }

  /**
   * One pressed pointer drags, two pinch, one that is not pressed points.
   * @param {Pane} pane
   * @param {PointerEvent} event
   */
  move(pane, event) {
    const last = this.pointers.get(event.pointerId)
    if (!last) return this.hover(pane, event)
    const now = pixelOf(pane, event)
    if (!this.drags && Math.hypot(now.x - last.x, now.y - last.y) < STILL) return
    this.drags = true
    this.pointers.set(event.pointerId, now)
    pane.view.classList.add('dragged')
    for (const { tip } of this.panes) tip.hidden = true
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1]
    if (other) this.window.zoom(distance(now, other) / distance(last, other), between(now, other))
    else this.window.pan(last.x - now.x, last.y - now.y)
    this.changed()
  }

  /**
   * @param {Pane} pane
   * @param {PointerEvent} event
   */
  release(pane, event) {
    this.pointers.delete(event.pointerId)
    this.drags = this.pointers.size > 0
    pane.view.classList.remove('dragged')
  }

  /**
   * @param {Pane} pane
   * @param {MouseEvent} event
   */
  hover(pane, event) {
    const address = this.window.addressAt(pixelOf(pane, event))
    if (address === undefined) this.forget()
    else this.point(pane, address)
  }
}

/**
 * @param {Pane} pane
 * @param {MouseEvent} event
 * @returns {Pixel}
 */
function pixelOf({ view }, { clientX, clientY }) {
  const { left, top } = view.getBoundingClientRect()
  return { x: clientX - left, y: clientY - top }
}

/**
 * @param {Pixel} a
 * @param {Pixel} b
 */
const distance = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y))

/**
 * @param {Pixel} a
 * @param {Pixel} b
 */
const between = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })

/** @param {number} bytes a power of two */
function sizeText(bytes) {
  if (bytes < 1_024) return `${bytes} bytes`
  return bytes < 1_048_576 ? `${bytes / 1_024} KiB` : `${bytes / 1_048_576} MiB`
}

/**
 * @param {string} name
 * @param {string} text
 */
function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

/**
 * @param {Element} root
 * @param {string} selector
 */
function find(root, selector) {
  const found = root.querySelector(selector)
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${selector}`)
  return found
}

/** @type {import('../memory-map.js').MemoryMap[]} */
const maps = JSON.parse(document.getElementById('maps')?.textContent ?? '[]')
for (const map of maps) {
  const root = document.querySelector(`[data-map="${map.index}"]`)
  if (root instanceof HTMLElement) new MemoryMapView(root, map)
}

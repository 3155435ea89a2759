// Which part of a memory is seen, and where: addresses to pixels and back. Cells stand in rows; each
// is 4 × 4 smaller ones as soon as those have room, down to 16 bytes.

/** Cells are divided into as many in each direction. */
export const DIVISION = 4
const PARTS = DIVISION ** 2

const PAGE_BYTES = 65_536
const FINEST_BYTES = 16

/** Larger memories begin with larger cells, so that there are never more than this. */
const MAX_CELLS = 65_536

/** Pixels that a cell must have, and the most that the finest one gets. */
const MIN_CELL = 6
const MAX_FINEST_CELL = 28

const MIN_HEIGHT = 120
const MAX_HEIGHT = 400

/** Columns to rows. */
const SHAPE = 2.2

/** @typedef {{ x: number, y: number }} Pixel */

export class MapWindow {
  /** @param {number} bytes that there are to see */
  constructor(bytes) {
    this.size = Math.max(1, bytes)
    /** Bytes of a largest cell. */
    this.cellBytes = PAGE_BYTES
    this.maxDepth = Math.log2(PAGE_BYTES / FINEST_BYTES) / Math.log2(PARTS)
    while (this.size / this.cellBytes > MAX_CELLS) {
      this.cellBytes *= PARTS
      this.maxDepth++
    }
    const cells = Math.ceil(this.size / this.cellBytes)
    const shaped = Math.round(Math.log2(Math.sqrt(cells * SHAPE)))
    this.columns = 2 ** Math.min(Math.ceil(Math.log2(cells)), Math.max(0, shaped))
    this.rows = Math.ceil(cells / this.columns)
    /** Pixels. */
    this.width = this.height = 1
    /** Pixels of a largest cell; the least is `fit`. */
    this.scale = this.fit = 1
    /** What is at the top left, in largest cells. */
    this.x = this.y = 0
  }

  /** How often cells are divided. */
  get depth() {
    const depth = Math.floor(Math.log(this.scale / MIN_CELL) / Math.log(DIVISION))
    return Math.min(this.maxDepth, Math.max(0, depth))
  }

  /** Bytes of a cell as it is drawn now. */
  get bytes() {
    return this.cellBytes / PARTS ** this.depth
  }

  get showsAll() {
    return this.scale <= this.fit
  }

  /** @param {number} width in pixels; the height follows */
  resize(width) {
    const { showsAll } = this
    this.width = Math.max(1, width)
    const natural = (this.width / this.columns) * this.rows
    this.height = Math.round(Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, natural)))
    this.fit = Math.min(this.width / this.columns, this.height / this.rows)
    this.look(showsAll ? this.fit : this.scale, this.x, this.y)
  }

  /**
   * @param {number} scale
   * @param {number} x
   * @param {number} y
   */
  look(scale, x, y) {
    this.scale = this.#allowed(scale)
    this.x = within(x, this.columns, this.width / this.scale)
    this.y = within(y, this.rows, this.height / this.scale)
  }

  /**
   * @param {number} dx in pixels
   * @param {number} dy
   */
  pan(dx, dy) {
    this.look(this.scale, this.x + dx / this.scale, this.y + dy / this.scale)
  }

  /**
   * @param {number} factor
   * @param {Pixel} at stays where it is
   */
  zoom(factor, at) {
    const scale = this.#allowed(this.scale * factor)
    const x = this.x + at.x / this.scale - at.x / scale
    const y = this.y + at.y / this.scale - at.y / scale
    this.look(scale, x, y)
  }

  /**
   * Moves so that the cell of an address is in sight.
   * @param {number} address
   */
  reveal(address) {
    const { left, top, size } = this.rectangle(address)
    const x = left < 0 ? left : Math.max(0, left + size - this.width)
    const y = top < 0 ? top : Math.max(0, top + size - this.height)
    if (x !== 0 || y !== 0) this.pan(x, y)
  }

  /**
   * Where the cell of an address is drawn.
   * @param {number} address
   */
  rectangle(address) {
    const cell = Math.floor(address / this.cellBytes)
    let [x, y, size] = [cell % this.columns, Math.floor(cell / this.columns), 1]
    for (let depth = 1; depth <= this.depth; depth++) {
      const part = Math.floor(address / (this.cellBytes / PARTS ** depth)) % PARTS
      size /= DIVISION
      x += (part % DIVISION) * size
      y += Math.floor(part / DIVISION) * size
    }
    const { scale } = this
    return { left: (x - this.x) * scale, top: (y - this.y) * scale, size: size * scale }
  }

  /**
   * The first address of the cell at a pixel.
   * @param {Pixel} pixel
   * @returns {number | undefined} undefined outside of the memory
   */
  addressAt(pixel) {
    let [x, y] = [this.x + pixel.x / this.scale, this.y + pixel.y / this.scale]
    if (x < 0 || y < 0 || x >= this.columns || y >= this.rows) return undefined
    let address = (Math.floor(y) * this.columns + Math.floor(x)) * this.cellBytes
    for (let depth = 1; depth <= this.depth; depth++) {
      ;[x, y] = [(x % 1) * DIVISION, (y % 1) * DIVISION]
      const part = Math.floor(y) * DIVISION + Math.floor(x)
      address += part * (this.cellBytes / PARTS ** depth)
    }
    return address < this.size ? address : undefined
  }

  /** @param {number} scale */
  #allowed(scale) {
    const most = MAX_FINEST_CELL * DIVISION ** this.maxDepth
    return Math.min(Math.max(most, this.fit), Math.max(this.fit, scale))
  }
}

/**
 * Where all is in sight, it is at the top left.
 * @param {number} at
 * @param {number} cells that there are
 * @param {number} room in cells
 */
function within(at, cells, room) {
  return Math.max(0, Math.min(cells - room, at))
}

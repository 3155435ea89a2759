// What the page knows of one memory: how much is alive in any range, and which segments are there.

const BLOCK_BYTES = 4_096
const LINE_BYTES = 256
const MAX_SHARE = 15

/** @typedef {import('../memory-map.js').Side} Side */

/** One memory's contents, as far as the page knows them. */
export class Memory {
  /** @param {Side} side */
  constructor(side) {
    this.bytes = side.bytes
    this.blocks = runningSums(side.blocks)
    this.live = [0, ...runningSums(side.blockLive)]
    this.written = [0, ...runningSums(side.blockWritten)]
    this.lines = Uint8Array.from(atob(side.lines), (character) => character.charCodeAt(0))
    this.indices = side.indices
    /** @type {number[]} */
    this.starts = []
    /** @type {number[]} */
    this.ends = []
    let end = 0
    for (let at = 0; at < side.spans.length; at += 2) {
      const start = end + side.spans[at]
      end = start + side.spans[at + 1]
      this.starts.push(start)
      this.ends.push(end)
    }
  }

  /**
   * Live and written shares of a cell, 0 to 1; `live` counts bytes where that is known exactly.
   * @param {number} start
   * @param {number} bytes
   * @returns {{ share: number, changed: number, live?: number, written?: number }}
   */
  cell(start, bytes) {
    if (bytes >= BLOCK_BYTES) {
      const from = lowerBound(this.blocks, start / BLOCK_BYTES)
      const to = lowerBound(this.blocks, (start + bytes) / BLOCK_BYTES)
      const live = this.live[to] - this.live[from]
      const written = this.written[to] - this.written[from]
      return { share: live / bytes, changed: live > 0 ? written / live : 0, live, written }
    }
    const block = Math.floor(start / BLOCK_BYTES)
    const at = lowerBound(this.blocks, block)
    if (this.blocks[at] !== block) return { share: 0, changed: 0 }
    const within = Math.floor((start % BLOCK_BYTES) / LINE_BYTES)
    const line = this.lines[at * (BLOCK_BYTES / LINE_BYTES) + within]
    // Without lines, a block is as one.
    if (line === undefined) return this.cell(block * BLOCK_BYTES, BLOCK_BYTES)
    const [live, written] = [line >> 4, line & MAX_SHARE]
    const covered = bytes >= LINE_BYTES || this.segments(start, bytes).count > 0
    return { share: covered ? live / MAX_SHARE : 0, changed: live > 0 ? written / live : 0 }
  }

  /**
   * The segments that touch a range.
   * @param {number} start
   * @param {number} bytes
   */
  segments(start, bytes) {
    const first = upperBound(this.ends, start)
    return { first, count: Math.max(0, lowerBound(this.starts, start + bytes) - first) }
  }
}

/**
 * Lines of text about a range.
 * @param {Memory} memory
 * @param {number} start
 * @param {number} bytes
 * @param {number} address within it, whose segment counts most
 */
export function describe(memory, start, bytes, address) {
  if (start >= memory.bytes) return ['not part of the memory']
  const { first, count } = memory.segments(start, bytes)
  const at = memory.segments(address, 1)
  const single = at.count > 0 && address !== start ? at.first : count === 1 ? first : undefined
  return [
    liveText(memory.cell(start, bytes), bytes),
    single === undefined
      ? count === 0
        ? 'no segment'
        : `${count.toLocaleString('en-US')} segments`
      : segmentText(memory, single),
  ]
}

/**
 * @param {ReturnType<Memory['cell']>} cell
 * @param {number} bytes
 */
function liveText({ share, changed, live, written }, bytes) {
  if (share === 0) return 'all zeros'
  if (live === undefined) {
    const part = changed > 0 ? `, about ${Math.round(changed * 100)} % of that written by init` : ''
    return `up to ${Math.round(share * 100)} % live${part}`
  }
  const [alive, all] = [live, bytes].map((value) => value.toLocaleString('en-US'))
  const part = written ? `, ${written.toLocaleString('en-US')} written by init` : ''
  return `${alive} of ${all} bytes live${part}`
}

/**
 * @param {Memory} memory
 * @param {number} at its place in order of address
 */
function segmentText({ starts, ends, indices }, at) {
  const size = (ends[at] - starts[at]).toLocaleString('en-US')
  return `segment ${indices[at] ?? at}: ${size} bytes from ${hex(starts[at])}`
}

/** @param {number} address */
export const hex = (address) => `0x${address.toString(16).padStart(6, '0')}`

/** @param {number[]} numbers */
function runningSums(numbers) {
  let sum = 0
  return numbers.map((number) => (sum += number))
}

/**
 * The place of the first number that is not less.
 * @param {number[]} sorted
 * @param {number} value
 */
export function lowerBound(sorted, value) {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The place of the first number that is more.
 * @param {number[]} sorted
 * @param {number} value
 */
export function upperBound(sorted, value) {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] <= value) low = middle + 1
    else high = middle
  }
  return low
}

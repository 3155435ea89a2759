// Data segments and sizes of a module before and after in, one map for each memory out: how many
// bytes are alive (not zero) where, which of them init wrote, and where segments begin and end.
// Memories are taken as they are right after instantiation. Cost and size depend on what is alive,
// not on how large a memory is.

/** What a map's finest counts are for; each level above has 16 times as many bytes in a cell. */
export const LINE_BYTES = 256
export const BLOCK_BYTES = 4_096
const LINES = BLOCK_BYTES / LINE_BYTES

/** With more blocks than these, lines would make the page larger than they are worth. */
const MAX_BLOCKS_WITH_LINES = 16_384

/** Shares of a line are kept in half a byte. */
const MAX_SHARE = 15

/**
 * @typedef {import('./segments.js').Segment} Segment
 * @typedef {Segment & { start: number }} PlacedSegment
 *
 * @typedef {object} Side one memory, before or after
 * @property {number} bytes its size
 * @property {number} live bytes that are not zero
 * @property {number} written live bytes that were another value before init; 0 for `before`
 * @property {number[]} blocks numbers of blocks with live bytes, each less the one before
 * @property {number[]} blockLive live bytes of each
 * @property {number[]} blockWritten
 * @property {string} lines base64: for each line of these blocks, shares that are live (high) and
 *   written (low), 0 to 15; empty where that is too much
 * @property {number[]} spans gap and length in turn, for each segment in order of address
 * @property {number[]} indices of the segments in the module, in the same order; empty where they
 *   count up from 0
 *
 * @typedef {object} MemoryMap
 * @property {number} index
 * @property {boolean} imported
 * @property {Side | undefined} before absent where the input can't be read, as text can't
 * @property {Side} after
 */

/**
 * @param {object} modules
 * @param {import('../index.js').ModuleInfo} modules.inputInfo
 * @param {import('../index.js').ModuleInfo} modules.outputInfo
 * @param {Segment[] | undefined} modules.inputSegments
 * @param {Segment[]} modules.outputSegments
 * @returns {MemoryMap[]}
 */
export function memoryMaps({ inputInfo, outputInfo, inputSegments, outputSegments }) {
  return outputInfo.memories.map((memory) => {
    const { index, imported } = memory
    const was = inputInfo.memories.find((other) => other.index === index)
    const [old, now] = [placed(inputSegments ?? [], index), placed(outputSegments, index)]
    const [oldBlocks, newBlocks] = [fillBlocks(old), fillBlocks(now)]
    const before = inputSegments && was && side(sizeOf(was), old, oldBlocks, undefined)
    return {
      index,
      imported,
      before,
      after: side(sizeOf(memory), now, newBlocks, before && oldBlocks),
    }
  })
}

/**
 * Segments that fill a memory when the module is instantiated, in order of address.
 * @param {Segment[]} segments
 * @param {number} memory
 */
export function placed(segments, memory) {
  return segments
    .filter(
      /** @returns {segment is PlacedSegment} */ (segment) => {
        return segment.memory === memory && segment.start !== undefined && segment.bytes.length > 0
      },
    )
    .sort((a, b) => a.start - b.start || a.index - b.index)
}

/** @param {import('../index.js').ModuleInfo['memories'][number]} memory */
const sizeOf = ({ minPages, pageSize }) => minPages * pageSize

/**
 * What a memory holds, without blocks that no segment touches.
 * @param {PlacedSegment[]} segments
 * @returns {Map<number, Uint8Array>} by number of block, in order of address
 */
function fillBlocks(segments) {
  /** @type {Map<number, Uint8Array>} */
  const blocks = new Map()
  // Where segments overlap, the later one in the module counts.
  for (const { start, bytes } of segments.toSorted((a, b) => a.index - b.index)) {
    for (let at = 0; at < bytes.length;) {
      const block = Math.floor((start + at) / BLOCK_BYTES)
      const within = (start + at) % BLOCK_BYTES
      const length = Math.min(BLOCK_BYTES - within, bytes.length - at)
      let contents = blocks.get(block)
      if (!contents) blocks.set(block, (contents = new Uint8Array(BLOCK_BYTES)))
      contents.set(bytes.subarray(at, at + length), within)
      at += length
    }
  }
  return new Map([...blocks].sort(([a], [b]) => a - b))
}

/**
 * @param {number} bytes
 * @param {PlacedSegment[]} segments
 * @param {Map<number, Uint8Array>} blocks
 * @param {Map<number, Uint8Array> | undefined} original
 * @returns {Side}
 */
function side(bytes, segments, blocks, original) {
  const alive = [...blocks]
    .map(([block, contents]) => ({ block, lines: countLines(contents, original, block) }))
    .filter(({ lines }) => lines.some(({ live }) => live > 0))
  const blockLive = alive.map(({ lines }) => sum(lines.map(({ live }) => live)))
  const blockWritten = alive.map(({ lines }) => sum(lines.map(({ written }) => written)))
  const shares = alive.length > MAX_BLOCKS_WITH_LINES ? [] : alive.flatMap(({ lines }) => lines)
  return {
    bytes,
    live: sum(blockLive),
    written: sum(blockWritten),
    blocks: differences(alive.map(({ block }) => block)),
    blockLive,
    blockWritten,
    lines: Buffer.from(
      shares.map(({ live, written }) => share(live) * (MAX_SHARE + 1) + share(written)),
    ).toString('base64'),
    spans: spansOf(segments),
    indices: segments.every(({ index }, at) => index === at)
      ? []
      : segments.map(({ index }) => index),
  }
}

const NOTHING = new Uint8Array(BLOCK_BYTES)

/**
 * @param {Uint8Array} contents of a block
 * @param {Map<number, Uint8Array> | undefined} original
 * @param {number} block
 */
function countLines(contents, original, block) {
  const was = original ? (original.get(block) ?? NOTHING) : contents
  return Array.from({ length: LINES }, (_, line) => {
    let live = 0
    let written = 0
    for (let at = line * LINE_BYTES; at < (line + 1) * LINE_BYTES; at++) {
      if (contents[at] === 0) continue
      live++
      if (contents[at] !== was[at]) written++
    }
    return { live, written }
  })
}

/**
 * Any byte at all is visible as one.
 * @param {number} bytes of a line
 */
const share = (bytes) => Math.ceil((bytes / LINE_BYTES) * MAX_SHARE)

/** @param {PlacedSegment[]} segments */
function spansOf(segments) {
  let end = 0
  return segments.flatMap(({ start, bytes }) => {
    const gap = start - end
    end = start + bytes.length
    return [gap, bytes.length]
  })
}

/** @param {number[]} numbers */
const differences = (numbers) => numbers.map((number, at) => number - (numbers[at - 1] ?? 0))

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

// The data section of a module: its segments out, or other segments in. Comes in: a binary module
// with one memory of 32-bit addresses. Goes out: the same module with the same memory contents, cut
// into segments differently. All other sections stay byte for byte, but for the number in DataCount.

const DATA = 11
const DATA_COUNT = 12

/**
 * @typedef {{ start: number, end: number }} Range
 * @typedef {{ bytes: Uint8Array, offset?: number }} Segment passive without an offset
 * @typedef {{ id: number, start: number, contents: number, end: number }} Section
 */

/**
 * An unsigned LEB128 number, and where it ends.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @returns {[value: number, end: number]}
 */
export function readNumber(bytes, at) {
  let value = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++]
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return [value, at]
  }
}

/** @param {number} value */
export function encodeNumber(value) {
  const bytes = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return Buffer.from([...bytes, value])
}

/**
 * The operand of `i32.const`, which is signed.
 * @param {number} value
 */
function encodeSigned(value) {
  const bytes = []
  for (let left = value | 0; ; left >>= 7) {
    const byte = left & 0x7f
    const last = (left >> 7 === 0 && !(byte & 0x40)) || (left >> 7 === -1 && byte & 0x40)
    bytes.push(last ? byte : byte | 0x80)
    if (last) return Buffer.from(bytes)
  }
}

/**
 * @param {number} id
 * @param {Uint8Array} contents
 */
export function encodeSection(id, contents) {
  return Buffer.concat([Buffer.from([id]), encodeNumber(contents.length), contents])
}

/**
 * @param {Uint8Array} wasm
 * @returns {Section[]}
 */
export function sections(wasm) {
  const found = []
  for (let at = 8; at < wasm.length;) {
    const [size, contents] = readNumber(wasm, at + 1)
    found.push({ id: wasm[at], start: at, contents, end: contents + size })
    at = contents + size
  }
  return found
}

/**
 * @param {Uint8Array} wasm
 * @returns {Segment[]}
 */
export function dataSegments(wasm) {
  const section = sections(wasm).find(({ id }) => id === DATA)
  if (!section) return []
  let [count, at] = readNumber(wasm, section.contents)
  /** @type {Segment[]} */
  const segments = []
  for (; count > 0; count--) {
    let flags, offset, length
    ;[flags, at] = readNumber(wasm, at)
    if (flags > 1) throw new Error('a data segment of another memory than the first')
    if (flags === 0) {
      const start = at + 1
      while (wasm[++at] & 0x80);
      if (wasm[start - 1] !== 0x41 || wasm[at + 1] !== 0x0b) throw new Error('not a plain offset')
      offset = signedNumber(wasm.subarray(start, at + 1))
      at += 2
    }
    ;[length, at] = readNumber(wasm, at)
    segments.push({ bytes: wasm.subarray(at, at + length), offset })
    at += length
  }
  return segments
}

/** @param {Uint8Array} bytes a whole signed LEB128 number, read as an unsigned address */
function signedNumber(bytes) {
  const value = bytes.reduce((sum, byte, at) => sum | ((byte & 0x7f) << (7 * at)), 0)
  const bits = 7 * bytes.length
  const negative = bits < 32 && bytes[bytes.length - 1] & 0x40
  return (negative ? value | (-1 << bits) : value) >>> 0
}

/**
 * What the active segments make of memory; and, where instructions may name segments, those that
 * have to keep their index: `undefined` where another may stand instead.
 * @param {Uint8Array} wasm
 */
export function dataOf(wasm) {
  const segments = dataSegments(wasm)
  const isNamed = sections(wasm).some(({ id }) => id === DATA_COUNT)
  const isKept = (/** @type {Segment} */ { offset, bytes }) =>
    offset === undefined && bytes.length > 0
  const last = segments.findLastIndex(({ bytes }, at) => bytes.length === 0 || isKept(segments[at]))
  const slots = isNamed ? segments.slice(0, last + 1).map((s) => (isKept(s) ? s : undefined)) : []
  const active = segments.filter((segment) => !isKept(segment))
  const end = active.reduce(
    (most, { offset, bytes }) => Math.max(most, (offset ?? 0) + bytes.length),
    0,
  )
  const image = new Uint8Array(end)
  for (const { offset, bytes } of active) image.set(bytes, offset)
  return { slots, image }
}

/**
 * The runs of bytes that are not zero.
 * @param {Uint8Array} image
 */
export function liveRanges(image) {
  /** @type {Range[]} */
  const ranges = []
  for (let at = 0; at < image.length; at++) {
    if (image[at] === 0) continue
    const start = at
    while (image[at] !== 0 && at < image.length) at++
    ranges.push({ start, end: at })
  }
  return ranges
}

/**
 * Joins across gaps of at most `threshold` zeros, then across the shortest that are left until
 * there are no more than `cap` ranges.
 * @param {Range[]} ranges
 * @param {{ threshold: number, cap: number }} limits
 */
export function join(ranges, { threshold, cap }) {
  const joined = joinWhere(ranges, (gap) => gap <= threshold)
  if (joined.length <= cap) return joined
  const gaps = joined.slice(1).map(({ start }, at) => ({ at, gap: start - joined[at].end }))
  gaps.sort((a, b) => a.gap - b.gap || a.at - b.at)
  const chosen = new Set(gaps.slice(0, joined.length - cap).map(({ at }) => at))
  return joinWhere(joined, (_, at) => chosen.has(at))
}

/**
 * @param {Range[]} ranges
 * @param {(gap: number, at: number) => boolean} joins
 */
function joinWhere(ranges, joins) {
  /** @type {Range[]} */
  const joined = []
  for (const [at, { start, end }] of ranges.entries()) {
    const last = joined.at(-1)
    if (last && joins(start - last.end, at - 1)) last.end = end
    else joined.push({ start, end })
  }
  return joined
}

/**
 * The module with these ranges of the image as its active segments.
 * @param {Uint8Array} wasm
 * @param {ReturnType<typeof dataOf>} data
 * @param {Range[]} ranges
 */
export function withSegments(wasm, { slots, image }, ranges) {
  const active = ranges.map(({ start, end }) => ({
    bytes: image.subarray(start, end),
    offset: start,
  }))
  const left = active.values()
  /** @type {Segment[]} */
  const segments = slots.map((slot) => slot ?? left.next().value ?? { bytes: new Uint8Array() })
  segments.push(...left)
  const count = encodeNumber(segments.length)
  /** @type {Uint8Array[]} */
  const parts = [count]
  for (const { bytes, offset } of segments) {
    parts.push(
      offset === undefined
        ? Buffer.from([1])
        : Buffer.concat([Buffer.from([0, 0x41]), encodeSigned(offset), Buffer.from([0x0b])]),
      encodeNumber(bytes.length),
      bytes,
    )
  }
  const data = encodeSection(DATA, Buffer.concat(parts))
  const rewritten = sections(wasm).map(({ id, start, end }) =>
    id === DATA ? data : id === DATA_COUNT ? encodeSection(id, count) : wasm.subarray(start, end),
  )
  return Buffer.concat([wasm.subarray(0, 8), ...rewritten])
}

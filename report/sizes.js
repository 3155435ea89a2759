// A module in, what its sections and the whole of it weigh out: as they are, and as a server would
// send them. Compression runs on libuv's threads, never on the main one.

import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { inspect } from '../index.js'

/** The level that `gzip` below has: the best there is; 10 MB take 0.3 s. */
export const GZIP_LEVEL = constants.Z_BEST_COMPRESSION

/**
 * 10 MB take 0.7 s at this quality on one core. The best, 11, makes them an eighth smaller and takes
 * twenty times as long.
 */
export const BROTLI_QUALITY = 7

/** Bytes of the magic number and the version, which belong to no section. */
const PREAMBLE_BYTES = 8

const gzipped = promisify(gzip)
const brotlied = promisify(brotliCompress)

/** @typedef {{ bytes: number, gzip: number, brotli: number }} Size */

/**
 * Sizes by section, headers included, in the order of their first appearance. Sections of one name
 * are added up and compressed as one. Each is compressed by itself, so the sums differ a little from
 * {@link moduleSize}. Empty for WAT text, which has no sections yet.
 * @param {Uint8Array} wasm
 * @param {{ wasm: Uint8Array, sizes: Array<{ name: string } & Size> }} [other] a module whose sizes
 *   are known: sections that are the same there are not compressed again
 * @returns {Promise<Array<{ name: string } & Size>>}
 * @throws {import('../index.js').InitializeError} with code `ERR_INVALID_WASM`
 */
export async function sectionSizes(wasm, other) {
  const known = new Map(other && sectionBytes(other.wasm).map((part) => [part.name, part.bytes]))
  return Promise.all(
    sectionBytes(wasm).map(async ({ name, bytes }) => {
      const size = known.get(name)?.equals(bytes)
        ? other?.sizes.find((size) => size.name === name)
        : undefined
      return size ?? { name, ...(await moduleSize(bytes)) }
    }),
  )
}

/**
 * The size of a whole module, compressed in one piece.
 * @param {Uint8Array} wasm
 * @returns {Promise<Size>}
 */
export async function moduleSize(wasm) {
  const [{ length: gzip }, { length: brotli }] = await Promise.all([
    gzipped(wasm, { level: GZIP_LEVEL }),
    brotlied(wasm, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length,
      },
    }),
  ])
  return { bytes: wasm.length, gzip, brotli }
}

/**
 * Whether these are the bytes of a binary, as opposed to text.
 * @param {Uint8Array} wasm
 */
export function isBinary(wasm) {
  return wasm[0] === 0 && wasm[1] === 0x61 && wasm[2] === 0x73 && wasm[3] === 0x6d
}

/**
 * @param {Uint8Array} wasm
 * @returns {Array<{ name: string, bytes: Buffer }>}
 */
function sectionBytes(wasm) {
  if (!isBinary(wasm)) return []
  /** @type {Map<string, Buffer[]>} */
  const parts = new Map()
  let position = PREAMBLE_BYTES
  for (const { name, bytes } of inspect(wasm).sections) {
    const part = Buffer.from(wasm.buffer, wasm.byteOffset + position, bytes)
    parts.set(name, [...(parts.get(name) ?? []), part])
    position += bytes
  }
  return [...parts].map(([name, list]) => ({
    name,
    bytes: list.length === 1 ? list[0] : Buffer.concat(list),
  }))
}

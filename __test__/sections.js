// A reader of binary modules that knows no more than section headers, imports, exports and function
// types: enough to tell what a rewritten module has in common with its original, and independent of
// the readers under test.

/** Section ids of the core specification, section 5.5.2. */
export const SECTION = /** @type {const} */ ({
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
})

const KINDS = /** @type {const} */ (['function', 'table', 'memory', 'global', 'tag'])

/**
 * @typedef {object} Section
 * @property {number} id
 * @property {string} name of a custom section, else empty
 * @property {number} start where its header begins
 * @property {number} contents where its contents begin
 * @property {number} end
 * @property {Uint8Array} bytes header and contents
 *
 * @typedef {{ name: string, kind: typeof KINDS[number], index: number }} Export
 * @typedef {{ params: number, results: number }} FuncType
 */

/** Reads integers and names from a position on. */
class Reader {
  /**
   * @param {Uint8Array} bytes
   * @param {number} position
   */
  constructor(bytes, position) {
    this.bytes = bytes
    this.position = position
  }

  byte() {
    if (this.position >= this.bytes.length) throw new RangeError('the module ends early')
    return this.bytes[this.position++]
  }

  /** An unsigned LEB128 number. */
  number() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  name() {
    const length = this.number()
    this.position += length
    return Buffer.from(this.bytes.subarray(this.position - length, this.position)).toString()
  }

  limits() {
    const flags = this.byte()
    this.number()
    if (flags & 1) this.number()
    if (flags & 8) this.number()
  }
}

/**
 * All sections in file order.
 * @param {Uint8Array} wasm
 * @returns {Section[]}
 */
export function sections(wasm) {
  const found = []
  const reader = new Reader(wasm, 8)
  while (reader.position < wasm.length) {
    const start = reader.position
    const id = reader.byte()
    const size = reader.number()
    const contents = reader.position
    const end = contents + size
    const name = id === SECTION.custom ? reader.name() : ''
    reader.position = end
    found.push({ id, name, start, contents, end, bytes: wasm.subarray(start, end) })
  }
  return found
}

/**
 * @param {Uint8Array} wasm
 * @param {number} id
 */
export function section(wasm, id) {
  return sections(wasm).find((section) => section.id === id)
}

/**
 * @param {Uint8Array} wasm
 * @param {number} id
 * @returns {Reader & { count: number } | undefined} positioned at the first item
 */
function items(wasm, id) {
  const found = section(wasm, id)
  if (!found) return undefined
  const reader = new Reader(wasm, found.contents)
  const count = reader.number()
  return Object.assign(reader, { count })
}

/**
 * The number of items in a section that is a vector; 0 where there is no such section.
 * @param {Uint8Array} wasm
 * @param {number} id
 */
export function itemCount(wasm, id) {
  return items(wasm, id)?.count ?? 0
}

/**
 * @param {Uint8Array} wasm
 * @returns {Export[]}
 */
export function exportsOf(wasm) {
  const reader = items(wasm, SECTION.export)
  return Array.from({ length: reader?.count ?? 0 }, () => {
    const { name, kind, index } = {
      name: /** @type {Reader} */ (reader).name(),
      kind: KINDS[/** @type {Reader} */ (reader).byte()],
      index: /** @type {Reader} */ (reader).number(),
    }
    return { name, kind, index }
  })
}

/**
 * How many of each kind are imported, and the type indices of imported functions.
 * @param {Uint8Array} wasm
 */
export function importsOf(wasm) {
  const reader = items(wasm, SECTION.import)
  const counts = { function: 0, table: 0, memory: 0, global: 0, tag: 0 }
  /** @type {number[]} */
  const types = []
  for (let left = reader?.count ?? 0; reader && left > 0; left--) {
    reader.name()
    reader.name()
    const kind = KINDS[reader.byte()]
    counts[kind]++
    if (kind === 'function') types.push(reader.number())
    else if (kind === 'tag') {
      reader.byte()
      reader.number()
    } else {
      if (kind === 'table') reader.byte()
      if (kind === 'global') reader.position += 2
      else reader.limits()
    }
  }
  return { counts, types }
}

/**
 * Parameters and results of a function; undefined where types are used that this can't read.
 * @param {Uint8Array} wasm
 * @param {number} index
 * @returns {FuncType | undefined}
 */
export function funcType(wasm, index) {
  const { types } = importsOf(wasm)
  const declared = items(wasm, SECTION.function)
  for (let left = declared?.count ?? 0; declared && left > 0; left--) types.push(declared.number())
  const reader = items(wasm, SECTION.type)
  for (let type = 0; reader && type < reader.count; type++) {
    if (reader.byte() !== 0x60) return undefined
    const params = reader.number()
    reader.position += params
    const results = reader.number()
    reader.position += results
    if (type === types[index]) return { params, results }
  }
  return undefined
}

/**
 * @param {number} value
 * @param {number} [width] bytes to take at least, as linkers do that fill sizes in later
 */
export function leb(value, width = 1) {
  const bytes = []
  do {
    bytes.push(value % 0x80)
    value = Math.floor(value / 0x80)
  } while (value > 0 || bytes.length < width)
  return Buffer.from(bytes.map((byte, at) => (at < bytes.length - 1 ? byte | 0x80 : byte)))
}

/**
 * @param {number} id
 * @param {Uint8Array} contents
 * @param {number} [width] of the size
 */
export function encodeSection(id, contents, width) {
  return Buffer.concat([Buffer.from([id]), leb(contents.length, width), contents])
}

/**
 * @param {string} name
 * @param {Uint8Array} contents
 */
export function customSection(name, contents) {
  const encoded = Buffer.from(name)
  return encodeSection(SECTION.custom, Buffer.concat([leb(encoded.length), encoded, contents]))
}

/**
 * The module with more bytes in front of a section, or at its end when it has no such section.
 * @param {Uint8Array} wasm
 * @param {number} id
 * @param {Uint8Array} bytes
 */
export function insertBefore(wasm, id, bytes) {
  const at = section(wasm, id)?.start ?? wasm.length
  return Buffer.concat([wasm.subarray(0, at), bytes, wasm.subarray(at)])
}

/**
 * The module with all its memories, globals and tables exported, private ones too, under names
 * that begin with a space.
 * @param {Uint8Array} wasm
 */
export function withAllExported(wasm) {
  const imported = importsOf(wasm).counts
  const added = /** @type {const} */ (['table', 'memory', 'global']).flatMap((kind) => {
    const count = imported[kind] + itemCount(wasm, SECTION[kind])
    return Array.from({ length: count }, (_, index) => {
      const name = Buffer.from(` ${kind} ${index}`)
      return Buffer.concat([leb(name.length), name, Buffer.from([KINDS.indexOf(kind)]), leb(index)])
    })
  })
  const reader = items(wasm, SECTION.export)
  const found = section(wasm, SECTION.export)
  const own = reader && found ? wasm.subarray(reader.position, found.end) : new Uint8Array()
  const count = leb((reader?.count ?? 0) + added.length)
  const rewritten = encodeSection(SECTION.export, Buffer.concat([count, own, ...added]))
  if (!found) {
    const next = sections(wasm).find(({ id }) => id > SECTION.export)
    const at = next?.start ?? wasm.length
    return Buffer.concat([wasm.subarray(0, at), rewritten, wasm.subarray(at)])
  }
  return Buffer.concat([wasm.subarray(0, found.start), rewritten, wasm.subarray(found.end)])
}

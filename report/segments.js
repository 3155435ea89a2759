// A binary module in, its data segments out: which memory, where, and their bytes in place. Reads
// the data section and the globals that offsets depend on; `inspect` has found the module readable.

import { inspect } from '../index.js'

const SECTION = /** @type {const} */ ({ custom: 0, global: 6, data: 11 })
const PREAMBLE_BYTES = 8

/** Opcodes of constant expressions: core specification 3.3.10 and 5.4.9. */
const OPCODE = /** @type {const} */ ({
  end: 0x0b,
  globalGet: 0x23,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  refNull: 0xd0,
  refFunc: 0xd2,
})

/** Those that take two numbers, with the width of the result. */
const ARITHMETIC = new Map(
  /** @type {const} */ ([
    [0x6a, { bits: 32, compute: add }],
    [0x6b, { bits: 32, compute: subtract }],
    [0x6c, { bits: 32, compute: multiply }],
    [0x7c, { bits: 64, compute: add }],
    [0x7d, { bits: 64, compute: subtract }],
    [0x7e, { bits: 64, compute: multiply }],
  ]),
)

/** Value types that a heap type follows. */
const REFERENCE_TYPES = [0x63, 0x64]

/**
 * @typedef {object} Segment
 * @property {number} index
 * @property {boolean} passive its bytes are where the program's code puts them
 * @property {number} memory
 * @property {number | undefined} start address; unknown for passive segments, and where the offset
 *   is a global that the host gives
 * @property {Uint8Array} bytes
 */

/**
 * @param {Uint8Array} wasm
 * @returns {Segment[]}
 */
export function readSegments(wasm) {
  const { data, global } = findSections(wasm)
  if (!data) return []
  const imported = inspect(wasm).imports.filter(({ kind }) => kind === 'global').length
  const globals = readGlobals(global, imported)
  const segments = []
  for (let index = 0, total = data.number(); index < total; index++) {
    const flags = data.number()
    const passive = (flags & 1) !== 0
    const memory = (flags & 2) !== 0 ? data.number() : 0
    const offset = passive ? undefined : constant(data, globals)
    const start = offset === undefined ? undefined : Number(offset)
    segments.push({ index, passive, memory, start, bytes: data.bytes() })
  }
  return segments
}

/** Reads a section's contents from their first byte on. */
class Reader {
  /**
   * @param {Uint8Array} contents
   * @param {number} [position]
   */
  constructor(contents, position = 0) {
    this.contents = contents
    this.position = position
  }

  byte() {
    if (this.position >= this.contents.length) throw new RangeError('the section ends early')
    return this.contents[this.position++]
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

  /** A signed LEB128 number. */
  signed() {
    let value = 0n
    for (let bits = 7n; ; bits += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << (bits - 7n)
      if (byte < 0x80) return BigInt.asIntN(Number(bits), value)
    }
  }

  /** A vector of bytes. */
  bytes() {
    const length = this.number()
    this.position += length
    return this.contents.subarray(this.position - length, this.position)
  }
}

/** @param {Uint8Array} wasm */
function findSections(wasm) {
  /** @type {{ data?: Reader, global?: Reader }} */
  const found = {}
  const reader = new Reader(wasm, PREAMBLE_BYTES)
  while (reader.position < wasm.length) {
    const id = reader.byte()
    const contents = new Reader(reader.bytes())
    if (id === SECTION.data) found.data = contents
    if (id === SECTION.global) found.global = contents
  }
  return found
}

/**
 * The integers that globals begin with, by index. Those that the host gives are unknown, and so is
 * what follows an initializer that this can't read.
 * @param {Reader | undefined} reader
 * @param {number} imported
 */
function readGlobals(reader, imported) {
  /** @type {Array<bigint | undefined>} */
  const globals = Array.from({ length: imported })
  try {
    for (let left = reader?.number() ?? 0; reader && left > 0; left--) {
      if (REFERENCE_TYPES.includes(reader.byte())) reader.signed()
      reader.byte() // mutability
      globals.push(constant(reader, globals))
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return globals
}

/**
 * Reads a constant expression to its end: the integer it gives, as an unsigned one, if it gives one
 * that is known.
 * @param {Reader} reader
 * @param {Array<bigint | undefined>} globals
 * @returns {bigint | undefined}
 */
function constant(reader, globals) {
  /** @type {Array<bigint | undefined>} */
  const stack = []
  for (;;) {
    const opcode = reader.byte()
    const arithmetic = ARITHMETIC.get(/** @type {any} */ (opcode))
    if (opcode === OPCODE.end) return stack.pop()
    if (opcode === OPCODE.i32Const) stack.push(BigInt.asUintN(32, reader.signed()))
    else if (opcode === OPCODE.i64Const) stack.push(BigInt.asUintN(64, reader.signed()))
    else if (opcode === OPCODE.globalGet) stack.push(globals[reader.number()])
    else if (arithmetic) {
      const [right, left] = [stack.pop(), stack.pop()]
      const known = left !== undefined && right !== undefined
      stack.push(
        known ? BigInt.asUintN(arithmetic.bits, arithmetic.compute(left, right)) : undefined,
      )
    } else {
      skipOperand(reader, opcode)
      stack.push(undefined)
    }
  }
}

/**
 * @param {Reader} reader
 * @param {number} opcode of an instruction that gives no integer
 */
function skipOperand(reader, opcode) {
  if (opcode === OPCODE.f32Const) reader.position += 4
  else if (opcode === OPCODE.f64Const) reader.position += 8
  else if (opcode === OPCODE.refNull) reader.signed()
  else if (opcode === OPCODE.refFunc) reader.number()
  else throw new RangeError(`the instruction ${opcode} is not known in constant expressions`)
}

/**
 * @param {bigint} left
 * @param {bigint} right
 */
function add(left, right) {
  return left + right
}

/**
 * @param {bigint} left
 * @param {bigint} right
 */
function subtract(left, right) {
  return left - right
}

/**
 * @param {bigint} left
 * @param {bigint} right
 */
function multiply(left, right) {
  return left * right
}

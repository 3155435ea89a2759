// The text of a flag's value in, what it means out; a `UsageError` that names the flag where it means
// nothing.

import { UsageError } from './parse.js'

/** Milliseconds. */
const TIME_UNITS = /** @type {Record<string, number>} */ ({
  '': 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
})

/** Bytes; a letter alone counts in powers of 1024, as for other programs' memory limits. */
const SIZE_UNITS = /** @type {Record<string, number>} */ ({
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
})

/**
 * @param {string} flag
 * @param {string} value
 */
export function boolean(flag, value) {
  if (value === 'true' || value === 'false') return value === 'true'
  throw new UsageError(`\`--${flag}\` takes true or false, not \`${value}\``)
}

/**
 * @param {string} flag
 * @param {string} value
 * @returns {number} milliseconds
 */
export function time(flag, value) {
  return quantity(flag, value, TIME_UNITS, 'a time such as 500, 500ms, 5s or 2min')
}

/**
 * @param {string} flag
 * @param {string} value
 * @returns {number} bytes
 */
export function size(flag, value) {
  return quantity(flag, value, SIZE_UNITS, 'a size such as 1048576, 512KiB, 256MiB or 2GB')
}

/**
 * @param {string} flag
 * @param {string} value
 */
export function count(flag, value) {
  return quantity(flag, value, { '': 1 }, 'a whole number')
}

/**
 * @template {string} T
 * @param {string} flag
 * @param {string} value
 * @param {readonly T[]} choices
 * @returns {T}
 */
export function choice(flag, value, choices) {
  const chosen = choices.find((known) => known === value)
  if (chosen !== undefined) return chosen
  throw new UsageError(`\`--${flag}\` takes ${choices.join(', ')}, not \`${value}\``)
}

/**
 * What stands before and after the first `separator`.
 * @param {string} flag
 * @param {string} value
 * @param {string} separator
 * @param {string} form how the whole looks
 * @returns {[string, string]}
 */
export function pair(flag, value, separator, form) {
  const at = value.indexOf(separator)
  if (at <= 0 || at + separator.length === value.length) {
    throw new UsageError(`\`--${flag}\` takes ${form}, not \`${value}\``)
  }
  return [value.slice(0, at), value.slice(at + separator.length)]
}

/**
 * @param {string} flag
 * @param {string} value
 * @param {Record<string, number>} units
 * @param {string} expected
 */
function quantity(flag, value, units, expected) {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim()) ?? []
  const total = Number(number) * (units[unit.toLowerCase()] ?? NaN)
  if (number !== '' && Number.isSafeInteger(total)) return total
  throw new UsageError(`\`--${flag}\` takes ${expected}, not \`${value}\``)
}

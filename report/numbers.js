// Numbers in, what people read out. Sizes are decimal (1 kB is 1,000 bytes), addresses hexadecimal;
// the locale is fixed, so that the same report is the same page everywhere.

const THOUSANDS = new Intl.NumberFormat('en-US')
const DIGITS = new Intl.NumberFormat('en-US', {
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
})
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** @param {number} value */
export const count = (value) => THOUSANDS.format(value)

/**
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export const counted = (value, one, many = `${one}s`) =>
  `${count(value)} ${value === 1 ? one : many}`

/** @param {number} value */
export function bytes(value) {
  let unit = 0
  let scaled = value
  while (Math.abs(scaled) >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${unit === 0 ? count(value) : DIGITS.format(scaled)} ${UNITS[unit]}`
}

/** @param {number} value in milliseconds */
export function duration(value) {
  if (value >= 999.5) return `${DIGITS.format(value / 1000)} s`
  if (value >= 0.995) return `${DIGITS.format(value)} ms`
  if (value >= 0.005) return `${value.toFixed(2)} ms`
  return value > 0 ? '< 0.01 ms' : '0 ms'
}

/** @param {number} value */
export const address = (value) => `0x${value.toString(16).padStart(6, '0')}`

/**
 * How the second compares with the first, as in `+12 %`.
 * @param {number} before
 * @param {number} after
 */
export function change(before, after) {
  if (before === after) return 'unchanged'
  if (before === 0) return 'new'
  if (after === 0) return 'gone'
  const percent = ((after - before) / before) * 100
  if (percent >= 1000) return `${times(after / before)} as large`
  const sign = percent > 0 ? '+' : '−'
  const size = Math.abs(percent)
  return `${sign}${size < 0.1 ? '< 0.1' : size >= 99.95 ? count(Math.round(size)) : size.toFixed(1)} %`
}

/**
 * As in `3.7×`.
 * @param {number} value
 */
export const times = (value) => `${value >= 9.95 ? count(Math.round(value)) : value.toFixed(1)}×`

/**
 * A CSS length for one of several values that share a scale.
 * @param {number} value
 * @param {number} of
 */
export const percentage = (value, of) =>
  of > 0 ? `${Number(((value / of) * 100).toFixed(3))}%` : '0%'

// What a snapshot is named after: the module's bytes, the options that the outcome depends on and the
// package's version in, a hash out; none where the outcome depends on more than that.

import { types } from 'node:util'
import { resolve } from 'node:path'
import { version } from '../index.js'
import { hashOf } from './fingerprint.js'

/** @typedef {import('../index.js').InitializeOptions} InitializeOptions */

/** Options that say how a run goes, not what comes out. */
const WITHOUT_EFFECT = new Set(['engine', 'cache', 'timeout', 'signal', 'onStage'])

/**
 * @param {Uint8Array} wasm
 * @param {InitializeOptions} options
 * @returns {string | undefined} none where running again may give something else
 */
export function keyOf(wasm, options) {
  const key = optionsKeyOf(options)
  return key === undefined ? undefined : hashOf(`${hashOf(wasm)}\n${key}`)
}

/**
 * What keys have of the options and of this package.
 * @param {InitializeOptions} options
 * @returns {string | undefined} none where running again may give something else
 */
export function optionsKeyOf({ wasi, ...options }) {
  const seen = wasiSeen(wasi)
  if (seen === undefined) return undefined
  const relevant = Object.entries(options).filter(
    ([name, value]) => value !== undefined && !WITHOUT_EFFECT.has(name),
  )
  const text = textOf([version, Object.fromEntries(relevant.sort(byName)), seen])
  return text === undefined ? undefined : hashOf(text)
}

/**
 * What the guest sees through WASI, with what the surroundings add to it.
 * @param {InitializeOptions['wasi']} wasi
 */
function wasiSeen(wasi = false) {
  if (wasi === false) return [false]
  const { preopens = {}, clock = 'deterministic', ...options } = wasi === true ? {} : wasi
  if (options.random === 'host' || clock === 'host' || options.stdin === 'inherit') return undefined
  const { SOURCE_DATE_EPOCH = '' } = process.env
  return [
    Object.fromEntries(Object.entries(options).sort(byName)),
    Object.entries(preopens).map(([guest, host]) => [guest, resolve(host)]),
    clock === 'deterministic' ? `epoch ${SOURCE_DATE_EPOCH}` : clock,
  ]
}

/**
 * A text that only equal values have. The order of a record's keys counts: the guest sees that of
 * its environment, and preloaded modules are instantiated in theirs.
 * @param {unknown} value
 * @returns {string | undefined} none for what may be equal and yet act differently, as functions
 */
function textOf(value) {
  if (value === undefined) return 'undefined'
  if (types.isUint8Array(value)) return `bytes ${hashOf(value)}`
  if (typeof value === 'bigint') return `${value}n`
  // Not through JSON, where NaN, -0 and the infinities become others.
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return listed('[', value.map(textOf), ']')
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return undefined
  const items = Object.entries(value).map(([name, item]) => {
    const text = textOf(item)
    return text === undefined ? undefined : `${JSON.stringify(name)}:${text}`
  })
  return listed('{', items, '}')
}

/**
 * @param {string} open
 * @param {Array<string | undefined>} items
 * @param {string} close
 */
function listed(open, items, close) {
  return items.includes(undefined) ? undefined : `${open}${items.join(',')}${close}`
}

/** @type {(a: [string, unknown], b: [string, unknown]) => number} */
const byName = ([a], [b]) => (a < b ? -1 : 1)

// The options of a plugin in, what they say about a path out: whether it takes part, and with which
// options for `initialize`. Unknown keys and wrong types end here.

import { isAbsolute, relative } from 'node:path'
import picomatch from 'picomatch'
import { InvalidOptionError } from '../lib/error.js'
import { bindingOptions } from '../lib/options.js'
import { isWasmFile, withSlashes } from './ids.js'

/**
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 * @typedef {import('./options.js').Options} Options
 * @typedef {(path: string, fromRoot: string) => boolean} Matcher
 */

export class Selection {
  /** @param {Options} options */
  constructor(options = {}) {
    if (typeof options !== 'object' || options === null) throw wrong('options', 'an object')
    const { include, exclude, report = false, options: perModule, ...shared } = options
    bindingOptions(shared)
    /** @type {Matcher[]} */
    this.include = matchersOf('include', include)
    /** @type {Matcher[]} */
    this.exclude = matchersOf('exclude', exclude)
    if (typeof report !== 'boolean' && (typeof report !== 'string' || report === '')) {
      throw wrong('report', 'a boolean or a path')
    }
    if (perModule !== undefined && typeof perModule !== 'function') {
      throw wrong('options', 'a function that takes a path and returns options')
    }
    this.report = report
    this.shared = shared
    this.perModule = perModule
  }

  /**
   * Whether a module takes part although its import does not say so.
   * @param {string} path
   * @param {string} root what relative patterns start from
   */
  includes(path, root) {
    if (!isWasmFile(path)) return false
    const full = withSlashes(path)
    const fromRoot = withSlashes(relative(root, path))
    /** @param {Matcher} matches */
    const matches = (matches) => matches(full, fromRoot)
    return this.include.some(matches) && !this.exclude.some(matches)
  }

  /**
   * @param {string} path
   * @returns {InitializeOptions}
   */
  optionsOf(path) {
    return { ...this.shared, ...this.perModule?.(path) }
  }
}

/**
 * @param {string} key
 * @param {Options['include']} patterns
 * @returns {Matcher[]}
 */
function matchersOf(key, patterns = []) {
  return [patterns].flat().map((pattern) => {
    if (pattern instanceof RegExp) {
      return (full) => {
        pattern.lastIndex = 0
        return pattern.test(full)
      }
    }
    if (typeof pattern !== 'string') throw wrong(key, 'a glob, a RegExp or an array of them')
    // Elsewhere, a backslash takes the meaning from the next character.
    const path = process.platform === 'win32' ? withSlashes(pattern) : pattern
    const glob = path.replace(/^\.\//, '')
    const matches = picomatch(glob, { dot: true })
    const isFull = isAbsolute(pattern) || glob.startsWith('**')
    return (full, fromRoot) => matches(isFull ? full : fromRoot)
  })
}

/**
 * @param {string} key
 * @param {string} expected
 */
function wrong(key, expected) {
  return new InvalidOptionError(key, `the option \`${key}\` must be ${expected}`)
}

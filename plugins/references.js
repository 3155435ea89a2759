// JavaScript in, the same with each `new URL('./x.wasm?preinit', import.meta.url)` bound to an import out:
//
//   new URL('./x.wasm?preinit', import.meta.url)
//   new URL(__wasm_preinit_0, import.meta.url)   and, at the end, where no line moves,
//   import __wasm_preinit_0 from './x.wasm?preinit'
//
// From there on it is a module like others: watched, reloaded, and named where it fails.

import MagicString from 'magic-string'

/**
 * @typedef {{ type: string, start: number, end: number } & Record<string, any>} Node
 *
 * @typedef {object} Situation
 * @property {(code: string) => unknown} parse as the bundler does; a program that is no JavaScript
 *   may throw
 * @property {(url: string) => string | undefined} importOf the import that evaluates to the finished
 *   module's URL, where the URL is that of a module which takes part
 */

const BINDING = '__wasm_preinit_'

/**
 * @param {string} code
 * @param {Situation} situation
 * @returns {{ code: string, map: import('magic-string').SourceMap } | undefined} none where nothing
 *   is to be done
 */
export function bindReferences(code, { parse, importOf }) {
  if (!mayRefer(code)) return undefined
  const program = parsed(code, parse)
  if (program === undefined) return undefined
  const text = new MagicString(code)
  /** @type {string[]} */
  const imports = []
  for (const argument of references(program)) {
    const source = importOf(textOf(argument))
    if (source === undefined) continue
    const known = imports.indexOf(source)
    const index = known < 0 ? imports.push(source) - 1 : known
    text.update(argument.start, argument.end, `${BINDING}${index}`)
  }
  if (imports.length === 0) return undefined
  for (const [index, source] of imports.entries()) {
    text.append(`\n;import ${BINDING}${index} from ${JSON.stringify(source)};`)
  }
  return { code: text.toString(), map: text.generateMap({ hires: 'boundary' }) }
}

/**
 * A look that spares most modules a parse.
 * @param {string} code
 */
function mayRefer(code) {
  return (
    /\bnew\s+URL\b/.test(code) &&
    code.includes('import.meta.url') &&
    /preinit|\.wa(sm|t)\b/.test(code)
  )
}

/**
 * @param {string} code
 * @param {Situation['parse']} parse
 */
function parsed(code, parse) {
  try {
    return /** @type {Node} */ (parse(code))
  } catch {
    // Not JavaScript yet, or broken: which the bundler says better.
    return undefined
  }
}

/**
 * The first arguments of `new URL(text, import.meta.url)`.
 * @param {Node} node
 * @returns {Generator<Node>}
 */
function* references(node) {
  if (isReference(node)) yield node.arguments[0]
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') yield* references(child)
    }
  }
}

/** @param {Node} node */
function isReference({ type, callee, arguments: list }) {
  if (type !== 'NewExpression' || callee.type !== 'Identifier' || callee.name !== 'URL')
    return false
  const [url, base] = list
  return list.length === 2 && isText(url) && isMetaUrl(base)
}

/** @param {Node} node */
function isText({ type, value, expressions }) {
  return type === 'Literal'
    ? typeof value === 'string'
    : type === 'TemplateLiteral' && expressions.length === 0
}

/** @param {Node} node */
function isMetaUrl({ type, computed, object, property }) {
  return (
    type === 'MemberExpression' &&
    !computed &&
    object.type === 'MetaProperty' &&
    property.name === 'url'
  )
}

/** @param {Node} node */
function textOf({ value, quasis }) {
  return typeof value === 'string' ? value : quasis[0].value.cooked
}

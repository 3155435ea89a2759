// A Markdown page in, its fenced blocks, links and anchors out. A comment above a block says what
// __test__/docs.test.js does with it; all blocks of a page share one folder, from top to bottom:
//
//   <!-- file: NAME -->       the block is a file there
//   <!-- run -->              the block runs there (js, ts, sh); `run: exit 1` is to fail so, and
//                             `run: needs zig` is left out where there is no such toolchain
//   <!-- output -->           what the last run has printed, where `…` stands for anything
//   <!-- not run: REASON -->  the block is only parsed, as one without a comment is
//
// A comment with more lines has them put before the block that runs; `file` with more lines is a file
// that no reader sees.

import { readFileSync } from 'node:fs'

/**
 * @typedef {object} Block
 * @property {string} language
 * @property {string} text
 * @property {number} line of its fence, from 1
 * @property {Directive | undefined} directive
 *
 * @typedef {object} Directive
 * @property {'file' | 'run' | 'output' | 'not run'} kind
 * @property {string} argument
 * @property {string} hidden
 *
 * @typedef {object} Page
 * @property {string} path
 * @property {Block[]} blocks
 * @property {Array<{ target: string, line: number }>} links
 * @property {Set<string>} anchors
 */

const DIRECTIVE = /^<!-- (file|run|output|not run)(?:: ([^\n]*?))?(?:\n([^]*?))?\s*-->$/
const LINK = /!?\[(?:[^\][]|\[[^\]]*\])*\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"/g

/**
 * @param {string} path
 * @returns {Page}
 */
export function readPage(path) {
  const lines = readFileSync(path, 'utf8').split(/\r?\n/)
  /** @type {Page} */
  const page = { path, blocks: [], links: [], anchors: new Set() }
  /** @type {Directive | undefined} */
  let directive
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]
    const fence = /^(\s*)(`{3,})(\S*)/.exec(line)
    if (fence) {
      const [, indent, ticks, language] = fence
      const end = lines.findIndex((other, index) => index > at && other.trim() === ticks)
      const text = lines.slice(at + 1, end).map((other) => other.slice(indent.length))
      page.blocks.push({ language, text: `${text.join('\n')}\n`, line: at + 1, directive })
      directive = undefined
      at = end
    } else if (line.startsWith('<!--')) {
      const end = lines.findIndex((other, index) => index >= at && other.endsWith('-->'))
      directive = directiveOf(lines.slice(at, end + 1).join('\n'))
      if (directive?.kind === 'file' && end > at) {
        page.blocks.push({ language: '', text: `${directive.hidden}\n`, line: at + 1, directive })
        directive = undefined
      }
      at = end
    } else {
      if (line.trim() !== '') directive = undefined
      const heading = /^#+ (.*)$/.exec(line)
      if (heading) page.anchors.add(anchorOf(heading[1], page.anchors))
      const prose = line.replace(/(`+)[^`]*\1/g, '``')
      for (const [, target, attribute] of prose.matchAll(LINK)) {
        page.links.push({ target: target ?? attribute, line: at + 1 })
      }
    }
  }
  return page
}

/**
 * @param {string} comment
 * @returns {Directive | undefined}
 */
function directiveOf(comment) {
  const found = DIRECTIVE.exec(comment)
  if (!found) return undefined
  const [, kind, argument = '', hidden = ''] = found
  return { kind: /** @type {Directive['kind']} */ (kind), argument, hidden }
}

/**
 * The anchor that GitHub gives a heading.
 * @param {string} heading
 * @param {Set<string>} taken
 */
function anchorOf(heading, taken) {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  const anchor = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
  let number = 0
  while (taken.has(number ? `${anchor}-${number}` : anchor)) number++
  return number ? `${anchor}-${number}` : anchor
}

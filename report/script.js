// The page's modules in, one script out: their imports of one another and the word `export` go away,
// what stays is theirs. Names are unique among them, which V8 would complain about otherwise.

import { readFile } from 'node:fs/promises'
import { Markup } from './markup.js'

/** Each after those that it imports from. */
const MODULES = [
  'theme.js',
  'sort.js',
  'map-window.js',
  'map-memory.js',
  'map-drawing.js',
  'map.js',
]

const IMPORT = /^import \{[^}]*\} from '\.\/[\w-]+\.js'$/gm
const EXPORT = /^export (?=(?:class|const|function) )/gm
const COMMENT = /^ *\/\*\*(?:[^*]|\*(?!\/))*\*\/\n|^ *\/\/.*\n/gm

/** @returns {Promise<Markup>} */
export async function readScript() {
  const files = MODULES.map((name) => readFile(new URL(`client/${name}`, import.meta.url), 'utf8'))
  const text = (await Promise.all(files))
    .map((source) => source.replaceAll('\r\n', '\n'))
    .map((source) => source.replace(IMPORT, '').replace(EXPORT, '').replace(COMMENT, ''))
    .join('')
    .replace(/\n{2,}/g, '\n')
  return new Markup(`'use strict'\n;(() => {${text}})()`)
}

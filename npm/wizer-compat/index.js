// What `import wizer from '@bytecodealliance/wizer'` gives where this package stands in for it: the
// path of the command.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const manifest = createRequire(import.meta.url).resolve('wasm-preinit/package.json')
const file = pathToFileURL(join(dirname(manifest), 'bin', 'wizer-path.js'))

/** @type {string} */
const path = (await import(file.href)).default

export default path

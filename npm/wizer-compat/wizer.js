#!/usr/bin/env node
// The command `wizer` of scripts and of npx: the command line of wasm-preinit, in this process.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(import.meta.url)
const manifest = require.resolve('wasm-preinit/package.json')
const command = join(dirname(manifest), require(manifest).bin['wasm-preinit'])

await import(pathToFileURL(command).href)

// node build.mjs: writes the page to dist. With `--serve`, does so whenever a source changes, and serves
// it. What webpack-cli and webpack-dev-server do, without installing them.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import webpack from 'webpack'
import config from './webpack.config.js'

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
}

if (process.argv.includes('--serve')) {
  const compiler = webpack({ ...config, mode: 'development' })
  compiler?.watch({}, report)
  const port = Number(process.env.PORT ?? 8080)
  createServer(answer).listen(port, 'localhost', () => console.log(`http://localhost:${port}/`))
} else {
  const compiler = webpack({ ...config, mode: 'production' })
  compiler?.run((error, stats) => {
    report(error, stats)
    compiler.close(() => {})
  })
}

/**
 * @param {Error | null} error
 * @param {import('webpack').Stats} [stats]
 */
function report(error, stats) {
  if (error || !stats) throw error
  console.log(stats.toString({ preset: 'summary', assets: true, colors: process.stdout.isTTY }))
  process.exitCode = stats.hasErrors() ? 1 : 0
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer({ url = '/' }, response) {
  // A URL's path has no `..` left.
  const { pathname } = new URL(url, 'http://localhost')
  const file = join(config.output.path, pathname === '/' ? 'index.html' : pathname)
  try {
    const bytes = await readFile(file)
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
    response.end(bytes)
  } catch {
    response.writeHead(404).end()
  }
}

// Imports that carry `?preinit` give the finished module: its init function has run at build time.

import { fileURLToPath } from 'node:url'
import preinit from 'wasm-preinit/webpack'

export default {
  context: fileURLToPath(new URL('.', import.meta.url)),
  entry: './src/app.js',
  output: {
    path: fileURLToPath(new URL('dist', import.meta.url)),
    filename: 'app.js',
    module: true,
    clean: true,
  },
  module: {
    rules: [
      { test: /\.(html|css)$/, type: 'asset/resource', generator: { filename: '[name][ext]' } },
    ],
  },
  experiments: { outputModule: true },
  plugins: [preinit()],
}

// Imports that end in `?preinit` give the finished module: its init function has run at build time.

import { defineConfig } from 'vite'
import preinit from 'wasm-preinit/vite'

export default defineConfig({
  plugins: [preinit({ initFunc: 'init' })],
})

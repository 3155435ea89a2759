// The plugin in real builds of Rspack.

import { rspack } from '@rspack/core'
import preinit from 'wasm-preinit/rspack'
import { testPacker } from './packers.js'

testPacker(
  /** @type {import('./packing.js').Packer} */ (
    /** @type {unknown} */ ({
      name: 'rspack',
      create: rspack,
      preinit,
      onDisk: { type: 'persistent', storage: { type: 'filesystem', directory: 'FOLDER' } },
    })
  ),
)

// Compiles highlighter.go with Go: bytes out. Go's modules take megabytes, so none is committed.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GO_ENVIRONMENT, go } from '../../scripts/toolchains.mjs'

/** @returns {Buffer} */
export function build() {
  const folder = mkdtempSync(join(tmpdir(), 'go-'))
  try {
    const wasm = join(folder, 'highlighter.wasm')
    const flags = ['-buildmode=c-shared', '-trimpath', '-ldflags=-s -w -buildid=', '-o', wasm]
    execFileSync(go(), ['build', ...flags, '.'], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...process.env, ...GO_ENVIRONMENT },
      stdio: 'inherit',
    })
    return readFileSync(wasm)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

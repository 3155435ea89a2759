// Everything that must hold on the main branch, cheapest first. Stops at the first failure.
//
//   node scripts/test.mjs            all of it
//   node scripts/test.mjs NAME…      only the steps of these names

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = (/** @type {string} */ name) => join('node_modules', '.bin', name)
const testFiles = readdirSync(join(root, '__test__')).filter((name) => name.endsWith('.test.js'))

/** @type {Record<string, string[][]>} */
const STEPS = {
  format: [
    ['cargo', 'fmt', '--all', '--check'],
    [bin('prettier'), '--log-level', 'warn', '--check', '.'],
  ],
  build: [['node', 'scripts/build.mjs', '--check']],
  licences: [['node', 'scripts/notices.mjs']],
  types: [[bin('tsc'), '-p', '.']],
  clippy: [
    ['cargo', 'clippy', '--release', '--workspace', '--all-targets', '--', '-D', 'warnings'],
  ],
  rust: [['cargo', 'test', '--release', '--workspace']],
  // Few files at once: each has its own process, and each of those wants all cores.
  node: [
    ['node', '--test', '--test-concurrency=1', ...testFiles.map((name) => join('__test__', name))],
  ],
}

const wanted = process.argv.slice(2)
for (const [name, commands] of Object.entries(STEPS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  for (const [command, ...args] of commands) {
    const started = performance.now()
    const { status } = spawnSync(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${name} (${seconds} s)`)
    if (status !== 0) process.exit(1)
  }
}

// The command line as a process: its arguments in, what it printed and how it ended out.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

export const COMMAND = fileURLToPath(new URL('../bin/wasm-preinit.js', import.meta.url))

/** A folder that is gone after the tests of the file. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-cli-'))
  after(() => rmSync(folder, { recursive: true, maxRetries: 5 }))
  return folder
}

/**
 * @param {string} folder
 * @param {string[]} args
 * @param {{ input?: string | Buffer, env?: Record<string, string> }} [options]
 */
export function run(folder, args, { input = '', env = {} } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    cwd: folder,
    input,
    env: environment(env),
  })
  return { status, stdout, stderr: stderr.toString() }
}

/**
 * A process that goes on; `line` resolves the next line that it prints to stderr or stdout.
 * @param {string} folder
 * @param {string[]} args
 * @param {{ stream?: 'stdout' | 'stderr', env?: Record<string, string> }} [options]
 */
export function start(folder, args, { stream = 'stderr', env = {} } = {}) {
  const child = spawn(process.execPath, [COMMAND, ...args], { cwd: folder, env: environment(env) })
  // A test that fails before it has ended the process would leave it.
  after(() => void child.kill('SIGKILL'))
  const ended = once(child, 'close')
  let text = ''
  /** @type {() => void} */
  let wake = () => {}
  child[stream].on('data', (chunk) => {
    text += chunk
    wake()
  })
  const line = async () => {
    while (!text.includes('\n')) {
      if (child.exitCode !== null) throw new Error(`it has ended: ${text}`)
      await Promise.race([new Promise((resolve) => (wake = () => resolve(undefined))), ended])
    }
    const end = text.indexOf('\n')
    const first = text.slice(0, end)
    text = text.slice(end + 1)
    return first
  }
  return { child, line, ended }
}

/** @param {Record<string, string>} env */
function environment(env) {
  const { FORCE_COLOR, NO_COLOR, NODE_TEST_CONTEXT, ...own } = process.env
  return { ...own, ...env }
}

// Runs a command in a process of its own. Goes out: how it ended, what it printed, how long it took
// from spawning to its end, and the most memory it has held, where Linux tells.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** How often the peak of a foreign process is looked at; it only ever rises. */
const LOOK_MS = 4

/**
 * @typedef {object} Ended
 * @property {number | null} status
 * @property {string | null} signal
 * @property {string} stdout
 * @property {string} stderr
 * @property {number} wall ms
 * @property {number | undefined} peak bytes of memory, at most one look before the end
 */

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, input?: string }} [options]
 * @returns {Promise<Ended>}
 */
export async function run(command, args, { env, cwd, input = '' } = {}) {
  const started = performance.now()
  const child = spawn(command, args, { env, cwd, stdio: 'pipe' })
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdin.end(input)
  /** @type {number | undefined} */
  let peak
  const looks = setInterval(() => (peak = peakOf(child.pid) ?? peak), LOOK_MS)
  try {
    const exit = once(child, 'exit').then((end) => ({ end, wall: performance.now() - started }))
    const [stdout, stderr, { end, wall }] = await Promise.all([
      buffer(child.stdout),
      buffer(child.stderr),
      exit,
    ])
    const [status, signal] = end
    return { status, signal, stdout: `${stdout}`, stderr: `${stderr}`, wall, peak }
  } finally {
    clearInterval(looks)
  }
}

/**
 * Runs a script of this folder in a new Node, and parses the JSON on the last line that it prints.
 * @param {URL} script
 * @param {string[]} args
 * @param {{ flags?: string[], env?: NodeJS.ProcessEnv }} [options]
 */
export async function runScript(script, args, { flags = [], env = process.env } = {}) {
  const command = [
    '--disable-warning=ExperimentalWarning',
    ...flags,
    fileURLToPath(script),
    ...args,
  ]
  const ended = await run(process.execPath, command, { env })
  const last = ended.stdout.trimEnd().split('\n').at(-1)
  if (ended.status === 0 && last) return { ...ended, result: JSON.parse(last) }
  const what = ended.signal ?? `status ${ended.status}`
  throw new Error(`${script.pathname} ended with ${what}: ${ended.stderr.trim()}`)
}

/**
 * The most memory that a process has held, in bytes; undefined where the system does not tell.
 * @param {number | 'self' | undefined} process
 */
// Not `resourceUsage().maxRSS`: that of a child begins with what its parent held.
export const peakOf = (process) => statusOf(process, 'VmHWM')

/** How much memory of this process is pages of files now, in bytes. */
export const mappedFiles = () => statusOf('self', 'RssFile')

/**
 * @param {number | 'self' | undefined} process
 * @param {string} field
 */
function statusOf(process, field) {
  try {
    const status = readFileSync(`/proc/${process}/status`, 'latin1')
    const kilobytes = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

// Runs a script in a Node of its own, where it may crash, exit or hang without harm.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Hung children are ended after this time, so that the suite goes on; nothing is asserted on it. */
const WATCHDOG_MS = 120_000

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Runs an ES module, given as text, which can import the package by its name.
 * @param {string} script
 * @param {{ env?: Record<string, string>, flags?: string[], input?: string }} [options]
 */
export async function runScript(script, { env = {}, flags = [], input = '' } = {}) {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '--eval', script], {
    cwd: root,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    timeout: WATCHDOG_MS,
    killSignal: 'SIGKILL',
  })
  child.stdin.end(input)
  const [stdout, stderr, [status, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { status, signal, stdout, stderr }
}

/**
 * What a script prints that must end by itself, and well.
 * @param {string} script
 * @param {Parameters<typeof runScript>[1]} [options]
 */
export async function printedBy(script, options) {
  const { status, signal, stdout, stderr } = await runScript(script, options)
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
  return stdout
}

// Binaryen's interpreter: the oracle for proposals that Node's V8 does not know. Assertions in the form
// of the specification's test scripts go in; what does not hold is an error.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { initialize } from '../index.js'
import { assemble } from './compare.js'

const tools = join(dirname(createRequire(import.meta.url).resolve('binaryen')), 'bin')

/**
 * Makes the same assertions of the original after init and of the output.
 * @param {string} wat
 * @param {string} assertions
 * @param {import('../index.js').InitializeOptions} [options]
 */
export async function interpret(wat, assertions, options) {
  const original = await assemble(wat)
  const output = await initialize(original, options)
  await agree(original, output, assertions)
  return output
}

/**
 * @param {Uint8Array} original
 * @param {Uint8Array} output
 * @param {string} assertions
 * @param {string} [before] modules that both import from
 */
export async function agree(original, output, assertions, before = '') {
  await runSpecScript(
    `${before} ${binary(original)} (invoke "wizer.initialize") ${assertions}\n` +
      `${binary(output)} ${assertions}`,
  )
}

/** @param {Uint8Array} wasm */
const binary = (wasm) =>
  `(module binary "${Buffer.from(wasm).toString('hex').replace(/../g, '\\$&')}")\n`

/** @param {string} script */
async function runSpecScript(script) {
  await withFolder(async (folder) => {
    const file = join(folder, 'test.wast')
    await writeFile(file, script)
    await runTool('wasm-shell', [file])
  })
}

/**
 * Runs a program of Binaryen's.
 * @param {string} name
 * @param {string[]} args
 */
export async function runTool(name, args) {
  await promisify(execFile)(process.execPath, [join(tools, name), ...args])
}

/**
 * A folder for as long as something runs.
 * @template T
 * @param {(folder: string) => Promise<T>} run
 */
export async function withFolder(run) {
  const folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
  try {
    return await run(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

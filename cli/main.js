// The arguments of a call in, the exit status out. What a call does not need is not loaded for it.

import { createRequire } from 'node:module'
import { understand } from './arguments.js'
import { EXIT, failureObject, failureText, status } from './failure.js'
import { UnknownFlagError } from './parse.js'
import { colorful, stderrColors, tell, terminal } from './messages.js'
import { tellPrograms } from './objects.js'

/**
 * @param {string[]} args
 * @returns {Promise<number>}
 */
export async function main(args) {
  try {
    const call = understand(args)
    if (call.help) return await printHelp()
    if (call.version) return printVersion()
    if (call.inspecting) return await (await import('./inspect.js')).inspectInput(call)
    return await (await import('./run.js')).run(call)
  } catch (error) {
    return await refuse(args, error)
  }
}

async function printHelp() {
  const { help } = await import('./help.js')
  process.stdout.write(help(process.stdout.columns))
  return EXIT.done
}

function printVersion() {
  const { version } = createRequire(import.meta.url)('../package.json')
  process.stdout.write(`wasm-preinit ${version}\n`)
  return EXIT.done
}

/**
 * A call that nothing has come of yet.
 * @param {string[]} args
 * @param {unknown} error
 */
async function refuse(args, error) {
  if (error instanceof UnknownFlagError) {
    const { suggestion } = await import('./help.js')
    error.message += suggestion(error.flag)
  }
  if (args.includes('--json') || args.includes('--json=true')) {
    await tellPrograms({ error: failureObject(error) }, false)
  } else {
    const red = colorful(terminal.stderr())
      ? (await stderrColors()).red
      : (/** @type {string} */ text) => text
    tell(failureText(error, { wizer: false, red }))
  }
  return status(error)
}

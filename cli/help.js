// The table of flags in, text about them out: the help, and what a misspelt flag was probably meant to
// be. Loaded only where one of them is printed.

import { Command, Option } from 'commander'
import { FLAGS, PROPOSALS } from './flags.js'

const ABOUT = `Runs the init function of a WebAssembly module and writes a module that starts
where it left off. INPUT is a module or WAT text; without it, or with -, it is
read from stdin.

\`wasm-preinit inspect INPUT\` prints what a module offers, without running it;
with --json, as an object. A file of that name is \`./inspect\`.`

/** Names in lines of a length that terminals have. */
const KNOWN_PROPOSALS = [PROPOSALS.slice(0, 6), PROPOSALS.slice(6, 12), PROPOSALS.slice(12)]
  .map((names) => `  ${names.join(', ')}`)
  .join(',\n')

const NOTES = `
A switch also takes =true or =false. Flags that name one of several things, as --dir,
may be repeated. PROPOSAL is one of
${KNOWN_PROPOSALS}.

Exit status: 0 done, 1 the module or its init function failed, 2 usage; 130 and 143
when SIGINT or SIGTERM ended it. Nothing is left at the output where a run fails.
`

/** Columns of the help where the terminal does not say. */
const COLUMNS = 90

/** @param {number} [columns] */
export function help(columns = COLUMNS) {
  const command = program()
  command.configureOutput({ getOutHelpWidth: () => columns })
  return command.helpInformation() + NOTES
}

/**
 * What may have been meant by a flag that does not exist, as a remark in parentheses.
 * @param {string} flag
 */
export function suggestion(flag) {
  try {
    program()
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .parse([flag], { from: 'user' })
  } catch (error) {
    const [, meant] = /\(Did you mean (.*)\?\)/i.exec(/** @type {Error} */ (error).message) ?? []
    if (meant) return `; did you mean \`${meant}\`?`
  }
  return ''
}

function program() {
  const command = new Command('wasm-preinit')
    .usage(
      '[options] [INPUT]\n       wasm-preinit [options] --out-dir DIR INPUT...\n       wasm-preinit inspect [--json] [INPUT]',
    )
    .description(ABOUT)
    .helpOption(false)
  for (const flag of FLAGS) {
    const proposal = flag.name.startsWith('wasm-')
    if (proposal) {
      // One line for all of them stands in their place.
      if (flag.name === `wasm-${PROPOSALS[0]}`) {
        command.addOption(
          new Option(
            '--wasm-PROPOSAL=false',
            'refuse a module that uses it, as in --wasm-simd=false',
          ).helpGroup(flag.group),
        )
      }
    } else {
      command.addOption(new Option(term(flag), flag.description).helpGroup(flag.group))
    }
  }
  return command
}

/** @param {import('./flags.js').Flag} flag */
function term({ name, short, takes, value }) {
  const long = short ? `-${short}, --${name}` : `--${name}`
  if (takes === 'switch') return long
  return takes === 'optional' ? `${long} [=${value}]` : `${long} <${value}>`
}

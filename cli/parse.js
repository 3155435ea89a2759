// The arguments of a call in, flags with their values and what is no flag out. Takes every form that
// command-line programs of this field take: `--flag value`, `--flag=value`, `-fvalue`, `-f=value`, and a
// flag with its value in one argument, as `"-r _start=wizer.resume"`. Nothing is interpreted here.

import { FLAGS } from './flags.js'

/** A call that can't be understood. */
export class UsageError extends Error {
  code = 'ERR_USAGE'
  name = 'UsageError'
}

/** A flag that does not exist. */
export class UnknownFlagError extends UsageError {
  /** @param {string} flag */
  constructor(flag) {
    super(`there is no flag \`${flag}\``)
    this.flag = flag
  }
}

const LONG = new Map(FLAGS.flatMap((flag) => names(flag).map((name) => [name, flag])))
const SHORT = new Map(FLAGS.filter(({ short }) => short).map((flag) => [flag.short, flag]))

/**
 * @param {string[]} args
 * @returns {{ given: Map<string, string[]>, positionals: string[] }} values by a flag's name, in order;
 *   a switch has 'true' where it stands alone, an optional value is '' there
 */
export function parse(args) {
  /** @type {Map<string, string[]>} */
  const given = new Map()
  /** @type {string[]} */
  const positionals = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]
    if (arg === '--') {
      positionals.push(...args.slice(index + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg)
      continue
    }
    const { flag, inline } = split(arg)
    const next = args[index + 1]
    const value = inline ?? (takesNext(flag, next) ? args[++index] : alone(flag))
    given.set(flag.name, [...(given.get(flag.name) ?? []), value])
  }
  return { given, positionals }
}

/**
 * @param {string} arg
 * @returns {{ flag: import('./flags.js').Flag, inline: string | undefined }}
 */
function split(arg) {
  const long = /^--([^=\s]+)(?:=|\s+|$)/.exec(arg)
  const flag = long ? LONG.get(long[1]) : SHORT.get(arg[1])
  const start = long ? long[0].length : (/^-.(?:=|\s+)?/su.exec(arg)?.[0].length ?? arg.length)
  if (!flag) throw new UnknownFlagError(long ? `--${long[1]}` : arg)
  const hasValue = long ? /[=\s]$/.test(long[0]) : arg.length > 2
  if (!long && hasValue && flag.takes === 'switch' && arg[2] !== '=')
    throw new UnknownFlagError(arg)
  return { flag, inline: hasValue ? arg.slice(start) : undefined }
}

/**
 * Whether the next argument is the flag's value.
 * @param {import('./flags.js').Flag} flag
 * @param {string | undefined} next
 */
function takesNext(flag, next) {
  if (next === undefined) return false
  if (flag.takes === 'switch') return flag.spaced === true && (next === 'true' || next === 'false')
  if (flag.takes === 'optional') return false
  return flag.dashes === true || !next.startsWith('-') || next === '-'
}

/**
 * The value of a flag that stands alone.
 * @param {import('./flags.js').Flag} flag
 */
function alone({ name, takes, value }) {
  if (takes === 'switch') return 'true'
  if (takes === 'optional') return ''
  throw new UsageError(
    `\`--${name}\` needs a value: \`--${name} ${value}\`, or \`--${name}=${value}\` where it begins with a dash`,
  )
}

/** @param {import('./flags.js').Flag} flag */
function names({ name, alias }) {
  return alias ? [name, alias] : [name]
}

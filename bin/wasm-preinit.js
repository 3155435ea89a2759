#!/usr/bin/env node
// The command line: flags become options of the public API, the output goes to a file or a pipe,
// everything for people goes to stderr.

import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { initializeWithReport, inspect, version } from '../index.js'

const USAGE = `Usage: wasm-preinit [options] [INPUT]

Runs the init function of a WebAssembly module and writes a module that starts
where it left off. INPUT is a module or WAT text; without it, or with -, it is
read from stdin.

Options:
  -o, --output FILE           where to write the module (default: stdout)
  -f, --init-func NAME        the export to call (default: wizer-initialize, else
                              wizer.initialize)
  -r, --rename-func DST=SRC   export SRC under the name DST; may be repeated
      --keep-init-func[=BOOL] keep the init function's export
      --allow-wasi[=BOOL]     let the init function call WASI preview 1
      --inherit-stdio[=BOOL]  give it this process's stdin, stdout and stderr
                              (default: true)
      --inherit-env[=BOOL]    give it this process's environment
      --dir DIR               give it a directory under its own name; may be repeated
      --mapdir GUEST::HOST    give it the directory HOST under the name GUEST; may
                              be repeated
  -V, --version               print the version
  -h, --help                  print this help

Exit status: 0 done, 1 the module or its init function failed, 2 usage.
`

const EXIT_FAILED = 1
const EXIT_USAGE = 2

/** Flags that are true when they stand alone, and take `=true` or `=false`. */
const SWITCHES = ['keep-init-func', 'allow-wasi', 'inherit-stdio', 'inherit-env']

/** A call that can't be understood. */
class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = fail(/** @type {Error} */ (error))
}

/** @param {string[]} args */
async function main(args) {
  const { flags, input } = parse(args)
  if (flags.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (flags.version) {
    process.stdout.write(`wasm-preinit ${version}\n`)
    return 0
  }
  const fromStdin = input === undefined || input === '-'
  if (fromStdin && process.stdin.isTTY)
    throw new UsageError('there is no input: name a file, or pipe one in')
  const wasm = readFileSync(fromStdin ? 0 : input)
  const toStdout = flags.output === undefined || flags.output === '-'
  if (toStdout && process.stdout.isTTY) {
    throw new UsageError('a module is not for terminals: name a file with -o, or pipe it on')
  }
  const { wasm: output, report } = await initializeWithReport(wasm, {
    ...(flags.initFunc !== undefined && { initFunc: flags.initFunc }),
    keepInitFunc: flags.keepInitFunc,
    renameFuncs: knownRenames(wasm, flags.renames),
    wasi: flags.wasi && {
      args: [],
      env: flags.inheritEnv ? definedEnvironment() : {},
      stdin: flags.inheritStdio && !fromStdin ? 'inherit' : '',
      // What the guest prints must not get into a module that goes to stdout: it goes to stderr.
      stdout: !flags.inheritStdio ? 'ignore' : toStdout ? 'capture' : 'inherit',
      stderr: flags.inheritStdio ? 'inherit' : 'ignore',
      preopens: flags.preopens,
    },
  })
  if (report.stdout) process.stderr.write(report.stdout)
  if (toStdout) process.stdout.write(output)
  else await replace(/** @type {string} */ (flags.output), output)
  return 0
}

/** @param {string[]} args */
function parse(args) {
  const { values, positionals } = understood(() =>
    parseArgs({
      args: args.map(withValue),
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o' },
        'init-func': { type: 'string', short: 'f' },
        'rename-func': { type: 'string', short: 'r', multiple: true },
        'func-rename': { type: 'string', multiple: true },
        'keep-init-func': { type: 'string' },
        'allow-wasi': { type: 'string' },
        'inherit-stdio': { type: 'string' },
        'inherit-env': { type: 'string' },
        dir: { type: 'string', multiple: true },
        mapdir: { type: 'string', multiple: true },
        version: { type: 'boolean', short: 'V' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  )
  if (positionals.length > 1) {
    throw new UsageError(`there is one input too many: \`${positionals[1]}\``)
  }
  const switched = (/** @type {string} */ name, /** @type {boolean} */ byDefault) =>
    boolean(name, /** @type {Record<string, string | undefined>} */ (values)[name], byDefault)
  return {
    input: positionals[0],
    flags: {
      output: values.output,
      initFunc: values['init-func'],
      keepInitFunc: switched('keep-init-func', false),
      renames: [...(values['rename-func'] ?? []), ...(values['func-rename'] ?? [])].map(renaming),
      wasi: switched('allow-wasi', false),
      inheritStdio: switched('inherit-stdio', true),
      inheritEnv: switched('inherit-env', false),
      preopens: Object.fromEntries([
        ...(values.dir ?? []).map((dir) => [dir, dir]),
        ...(values.mapdir ?? []).map(mapping),
      ]),
      version: values.version ?? false,
      help: values.help ?? false,
    },
  }
}

/**
 * A switch that stands alone means true: parseArgs knows only flags that always or never take a
 * value.
 * @param {string} arg
 */
function withValue(arg) {
  return SWITCHES.some((name) => arg === `--${name}`) ? `${arg}=true` : arg
}

/**
 * @template T
 * @param {() => T} parsing
 * @returns {T}
 */
function understood(parsing) {
  try {
    return parsing()
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message)
  }
}

/**
 * @param {string} name
 * @param {string | undefined} value
 * @param {boolean} byDefault
 */
function boolean(name, value, byDefault) {
  if (value === undefined) return byDefault
  if (value === 'true' || value === 'false') return value === 'true'
  throw new UsageError(`--${name} takes true or false, not \`${value}\``)
}

/**
 * @param {string} value
 * @returns {[string, string]} destination and source
 */
function renaming(value) {
  const trimmed = value.trim()
  const at = trimmed.indexOf('=')
  if (at < 0) throw new UsageError(`--rename-func takes DST=SRC, not \`${value}\``)
  return [trimmed.slice(0, at), trimmed.slice(at + 1)]
}

/**
 * @param {string} value
 * @returns {[string, string]} guest and host path
 */
function mapping(value) {
  const at = value.indexOf('::')
  if (at < 0) throw new UsageError(`--mapdir takes GUEST::HOST, not \`${value}\``)
  return [value.slice(0, at), value.slice(at + 2)]
}

/**
 * Renames of exports that are there; callers rely on others being ignored.
 * @param {Uint8Array} wasm
 * @param {Array<[string, string]>} renames
 */
function knownRenames(wasm, renames) {
  if (renames.length === 0) return {}
  const exported = new Set(inspect(wasm).exports.map(({ name }) => name))
  const known = renames.filter(([destination, source]) => {
    if (exported.has(source)) return true
    warn(`the module exports no \`${source}\` that could become \`${destination}\`; ignored`)
    return false
  })
  return Object.fromEntries(known)
}

function definedEnvironment() {
  const entries = Object.entries(process.env).filter(([, value]) => value !== undefined)
  return /** @type {Record<string, string>} */ (Object.fromEntries(entries))
}

/**
 * Writes beside the destination and moves it there, so that nothing half-written is ever seen.
 * @param {string} path
 * @param {Uint8Array} bytes
 */
async function replace(path, bytes) {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  try {
    await writeFile(temporary, bytes)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** @param {string} message */
function warn(message) {
  writeSync(2, `warning: ${message}\n`)
}

/**
 * @param {Error} error
 * @returns {number} the exit status
 */
function fail(error) {
  if (error instanceof UsageError) {
    writeSync(2, `error: ${error.message}\n\nTry \`wasm-preinit --help\`.\n`)
    return EXIT_USAGE
  }
  if ('stdout' in error) writeSync(2, /** @type {Buffer} */ (error.stdout))
  const code = 'code' in error ? ` [${error.code}]` : ''
  writeSync(2, `error${code}: ${error.message}\n`)
  return EXIT_FAILED
}

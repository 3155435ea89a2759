// The arguments of a call in, what they ask for out: every flag has its type and its default, and
// flags that contradict each other end here as a `UsageError`.

import { PROPOSALS } from './flags.js'
import { parse, UsageError } from './parse.js'
import { boolean, choice, count, pair, size, time } from './values.js'

/** @typedef {ReturnType<typeof understand>} Call */

const ENGINES = /** @type {const} */ (['auto', 'baseline', 'optimizing'])
const UNDEFINED_IMPORTS = /** @type {const} */ (['trap', 'error'])

/** Flags that say nothing where the guest has no WASI. */
const WASI_FLAGS = ['arg', 'env', 'host-random', 'host-clock']

/** @param {string[]} args */
export function understand(args) {
  const inspecting = args[0] === 'inspect'
  const { given, positionals } = parse(inspecting ? args.slice(1) : args)

  const last = (/** @type {string} */ name) => given.get(name)?.at(-1)
  const all = (/** @type {string} */ name) => given.get(name) ?? []
  const switched = (/** @type {string} */ name) => {
    const value = last(name)
    return value === undefined ? undefined : boolean(name, value)
  }
  /**
   * @template T
   * @param {string} name
   * @param {(name: string, value: string) => T} convert
   */
  const optional = (name, convert) => {
    const value = last(name)
    return value === undefined ? undefined : convert(name, value)
  }

  const call = {
    inspecting,
    inputs: positionals,
    output: optional('output', path),
    outDir: optional('out-dir', path),
    watch: switched('watch') ?? false,

    initFunc: last('init-func'),
    renames: renames(all('rename-func')),
    keepInitFunc: switched('keep-init-func') ?? false,
    allowWasi: switched('allow-wasi') ?? false,
    inheritStdio: switched('inherit-stdio') ?? true,
    inheritEnv: switched('inherit-env') ?? false,
    preopens: [
      ...all('dir').map((dir) => /** @type {[string, string]} */ ([dir, path('dir', dir)])),
      ...all('mapdir').map((value) => pair('mapdir', value, '::', 'GUEST::HOST')),
    ],
    preloads: all('preload').map((value) => pair('preload', value, '=', 'NAME=FILE')),
    refuseFeatures: PROPOSALS.filter((proposal) => switched(`wasm-${proposal}`) === false),

    args: all('arg'),
    env: all('env'),
    hostRandom: switched('host-random') ?? false,
    hostClock: switched('host-clock') ?? false,

    timeout: optional('timeout', time),
    maxMemory: optional('max-memory', size),
    maxStack: optional('max-stack', size),
    undefinedImports: optional('undefined-imports', (name, value) =>
      choice(name, value, UNDEFINED_IMPORTS),
    ),
    engine: optional('engine', (name, value) => choice(name, value, ENGINES)),
    cache: switched('no-cache') ? false : optional('cache-dir', path),

    optimize: given.has('optimize') ? all('optimize').flatMap(words) : undefined,
    strip: strip(given.get('strip')),
    internalizeImports: given.get('internalize-imports')?.flatMap(kinds),
    verify: switched('verify') ?? false,
    zeroDeadStack: switched('zero-dead-stack') ?? false,
    maxDataSegments: optional('max-data-segments', count),

    table: switched('table'),
    compare: switched('compare') ?? false,
    report: optional('report', path),
    json: switched('json') ?? false,
    quiet: switched('quiet') ?? false,
    version: switched('version') ?? false,
    help: switched('help') ?? false,

    /** Flags that were given and have no effect. */
    idle: switched('allow-wasi') ? [] : WASI_FLAGS.filter((name) => given.has(name)),
  }
  switched('relaxed-simd-deterministic')

  if (call.output !== undefined && call.outDir !== undefined) conflict('output', 'out-dir')
  if (given.has('cache-dir') && call.cache === false) conflict('cache-dir', 'no-cache')
  if (call.outDir !== undefined && call.report !== undefined) conflict('report', 'out-dir')
  if (call.json && call.table) conflict('json', 'table')
  if (call.inspecting) {
    const [other] = [...given.keys()].filter((name) => !['json', 'help', 'version'].includes(name))
    if (other) throw new UsageError(`\`inspect\` has no flag \`--${other}\``)
    if (call.inputs.length > 1) {
      throw new UsageError(`there is one input too many: \`${call.inputs[1]}\``)
    }
  }
  return call
}

/**
 * @param {string} flag
 * @param {string} value
 */
function path(flag, value) {
  if (value === '') throw new UsageError(`\`--${flag}\` names nothing: the path is empty`)
  return value
}

/**
 * @param {string[]} values
 * @returns {Array<[string, string]>} destinations and sources
 */
function renames(values) {
  const pairs = values.map((value) => pair('rename-func', value.trim(), '=', 'DST=SRC'))
  for (const side of [0, 1]) {
    const names = pairs.map((renamed) => renamed[side])
    const twice = names.find((name, index) => names.indexOf(name) < index)
    if (twice !== undefined) {
      throw new UsageError(
        `\`--rename-func\` has \`${twice}\` twice ${side ? 'after' : 'before'} =`,
      )
    }
  }
  return pairs
}

/**
 * @param {string[] | undefined} values
 * @returns {boolean | string[] | undefined}
 */
function strip(values) {
  if (values === undefined) return undefined
  const last = values.at(-1)
  if (last === '' || last === 'true') return true
  if (last === 'false') return false
  return values.flatMap((value) => value.split(',')).filter((name) => name !== '')
}

/**
 * What blanks or commas separate.
 * @param {string} value
 */
function words(value) {
  return value.split(/[\s,]+/).filter((word) => word !== '')
}

/**
 * @param {string} one
 * @param {string} other
 * @returns {never}
 */
function conflict(one, other) {
  throw new UsageError(`\`--${one}\` and \`--${other}\` contradict each other: use one of them`)
}

const IMPORT_KINDS = /** @type {const} */ (['memory', 'table', 'global'])

/**
 * Kinds of imports, all where none is named.
 * @param {string} value
 */
function kinds(value) {
  if (value === '') return IMPORT_KINDS
  return value.split(',').map((kind) => choice('internalize-imports', kind.trim(), IMPORT_KINDS))
}

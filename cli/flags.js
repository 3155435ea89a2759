// Every flag of the command line, once: the parser, the help and the suggestions for misspelt ones read
// this table. `wizer` marks what the command-line program of that name has too, with the same meaning.

/**
 * What follows a flag: a 'switch' stands alone or has `=true` or `=false`, 'optional' stands alone or
 * has `=VALUE`, 'value' and 'list' have a value, in the same argument or the next.
 * @typedef {'switch' | 'optional' | 'value' | 'list'} Takes
 *
 * @typedef {object} Flag
 * @property {string} name
 * @property {string} [short]
 * @property {string} [alias]
 * @property {Takes} takes
 * @property {string} [value] how the help names the value
 * @property {boolean} [spaced] a switch that the argument `true` or `false` may follow
 * @property {boolean} [dashes] whether the next argument is the value even where it looks like a flag
 * @property {string} group
 * @property {string} description
 */

const OUTPUT = 'Input and output:'
const WIZER = 'As in wizer:'
const GUEST = 'What the guest sees, with --allow-wasi:'
const RUN = 'The run:'
const MODULE = 'The module that comes out:'
const PEOPLE = 'Messages:'

/**
 * Proposals whose use `--wasm-NAME=false` refuses, the first six of them in wizer too.
 */
export const PROPOSALS = [
  'bulk-memory',
  'multi-memory',
  'multi-value',
  'reference-types',
  'relaxed-simd',
  'simd',
  'custom-page-sizes',
  'exceptions',
  'extended-const',
  'gc',
  'memory64',
  'mutable-globals',
  'saturating-float-to-int',
  'sign-extensions',
  'tail-call',
  'threads',
  'typed-function-references',
]

/** @type {Flag[]} */
export const FLAGS = [
  {
    name: 'output',
    short: 'o',
    takes: 'value',
    value: 'FILE',
    group: OUTPUT,
    description: 'where to write the module (default: stdout)',
  },
  {
    name: 'out-dir',
    takes: 'value',
    value: 'DIR',
    group: OUTPUT,
    description: 'where to write the modules of several inputs, which may be quoted globs',
  },
  {
    name: 'watch',
    takes: 'switch',
    group: OUTPUT,
    description: 'build again when the input, preloads or files that the guest has read change',
  },
  {
    name: 'init-func',
    short: 'f',
    takes: 'value',
    value: 'NAME',
    group: WIZER,
    description: 'the export to call (default: wizer-initialize, else wizer.initialize)',
  },
  {
    name: 'rename-func',
    short: 'r',
    alias: 'func-rename',
    takes: 'list',
    value: 'DST=SRC',
    group: WIZER,
    description: 'export SRC under the name DST',
  },
  {
    name: 'keep-init-func',
    takes: 'switch',
    spaced: true,
    group: WIZER,
    description: "keep the init function's export",
  },
  {
    name: 'allow-wasi',
    takes: 'switch',
    group: WIZER,
    description: 'let the init function call WASI preview 1',
  },
  {
    name: 'inherit-stdio',
    takes: 'switch',
    spaced: true,
    group: WIZER,
    description: "give it this process's stdin, stdout and stderr (default: true)",
  },
  {
    name: 'inherit-env',
    takes: 'switch',
    spaced: true,
    group: WIZER,
    description: "give it this process's environment",
  },
  {
    name: 'dir',
    takes: 'list',
    value: 'DIR',
    group: WIZER,
    description: 'give it a folder under its own name',
  },
  {
    name: 'mapdir',
    takes: 'list',
    value: 'GUEST::HOST',
    group: WIZER,
    description: 'give it the folder HOST under the name GUEST',
  },
  {
    name: 'preload',
    takes: 'list',
    value: 'NAME=FILE',
    group: WIZER,
    description: 'a module that satisfies imports from NAME; they stay imports',
  },
  ...PROPOSALS.map((proposal) => ({
    name: `wasm-${proposal}`,
    takes: /** @type {const} */ ('switch'),
    spaced: true,
    group: WIZER,
    description: '',
  })),
  {
    name: 'relaxed-simd-deterministic',
    takes: 'switch',
    group: WIZER,
    description: 'accepted: relaxed SIMD is always deterministic here',
  },
  {
    name: 'arg',
    takes: 'list',
    value: 'ARG',
    dashes: true,
    group: GUEST,
    description: "an argument; the input's file name comes before all of them",
  },
  {
    name: 'env',
    takes: 'list',
    value: 'NAME[=VALUE]',
    group: GUEST,
    description: "an environment variable; without a value, this process's",
  },
  {
    name: 'host-random',
    takes: 'switch',
    group: GUEST,
    description: "the host's random bytes, not deterministic ones",
  },
  {
    name: 'host-clock',
    takes: 'switch',
    group: GUEST,
    description: 'the time, not SOURCE_DATE_EPOCH or 1970',
  },
  {
    name: 'timeout',
    takes: 'value',
    value: 'TIME',
    group: RUN,
    description: 'how long the run may take: milliseconds, or with a unit as in 5s',
  },
  {
    name: 'max-memory',
    takes: 'value',
    value: 'SIZE',
    group: RUN,
    description: 'what all memories and tables may take: bytes, or with a unit as in 256MiB',
  },
  {
    name: 'max-stack',
    takes: 'value',
    value: 'SIZE',
    group: RUN,
    description: 'stack of the guest (default: 8MiB)',
  },
  {
    name: 'undefined-imports',
    takes: 'value',
    value: 'trap|error',
    group: RUN,
    description: 'whether imports that nobody supplies fail when called or at once (default: trap)',
  },
  {
    name: 'engine',
    takes: 'value',
    value: 'auto|baseline|optimizing',
    group: RUN,
    description: 'the compiler that init runs on (default: auto)',
  },
  {
    name: 'cache-dir',
    takes: 'value',
    value: 'DIR',
    group: RUN,
    description: 'where compiled code is kept (default: node_modules/.cache/wasm-preinit)',
  },
  { name: 'no-cache', takes: 'switch', group: RUN, description: 'keep no compiled code, use none' },
  {
    name: 'optimize',
    takes: 'optional',
    value: 'FLAGS',
    group: MODULE,
    description:
      "run the project's wasm-opt on it, with these flags (default: drop what is unused)",
  },
  {
    name: 'strip',
    takes: 'optional',
    value: 'NAMES',
    group: MODULE,
    description: 'drop custom sections: all, or those named, as in --strip=producers,.debug_*',
  },
  {
    name: 'verify',
    takes: 'switch',
    group: MODULE,
    description: 'instantiate it and compare its state with the snapshot before it is written',
  },
  {
    name: 'internalize-imports',
    takes: 'optional',
    value: 'KINDS',
    group: MODULE,
    description:
      'turn imports into definitions: memories, tables and globals, or those named, as in --internalize-imports=memory,table',
  },
  {
    name: 'zero-dead-stack',
    takes: 'switch',
    group: MODULE,
    description: "clear what the program's own stack no longer uses",
  },
  {
    name: 'max-data-segments',
    takes: 'value',
    value: 'COUNT',
    group: MODULE,
    description: 'the most data segments it may have (default: 10000)',
  },
  {
    name: 'table',
    takes: 'switch',
    group: PEOPLE,
    description: 'print sizes by section to stderr (default: where that is a terminal)',
  },
  {
    name: 'compare',
    takes: 'switch',
    group: PEOPLE,
    description:
      'measure start-up in V8 before and after, and print it to stderr; reads stdin first',
  },
  {
    name: 'report',
    takes: 'value',
    value: 'FILE.html',
    group: PEOPLE,
    description: 'write a page about what happened',
  },
  {
    name: 'json',
    takes: 'switch',
    group: PEOPLE,
    description:
      'print one JSON object and nothing else: to stdout, or to stderr when the module goes to stdout',
  },
  {
    name: 'quiet',
    takes: 'switch',
    group: PEOPLE,
    description: 'print errors only',
  },
  {
    name: 'version',
    short: 'V',
    takes: 'switch',
    group: PEOPLE,
    description: 'print the version',
  },
  { name: 'help', short: 'h', takes: 'switch', group: PEOPLE, description: 'print this help' },
]

// What a call asks for in, options of the public API out. The command line's own rule about standard
// streams is here: what the guest prints never gets into what this process prints to stdout.

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { inspect } from '../index.js'
import { STREAM } from './inputs.js'
import { unreadable } from './failure.js'

/**
 * @typedef {import('./arguments.js').Call} Call
 * @typedef {import('./inputs.js').Job} Job
 * @typedef {import('../index.js').InitializeOptions} InitializeOptions
 */

/**
 * @param {Call} call
 * @param {Job} job
 * @param {Uint8Array} wasm
 * @param {Pick<import('./build.js').Context, 'alone' | 'stdin' | 'warn'>} context
 * @returns {Promise<InitializeOptions>}
 */
export async function runOptions(call, job, wasm, { alone, stdin, warn }) {
  return {
    initFunc: call.initFunc,
    keepInitFunc: call.keepInitFunc,
    renameFuncs: knownRenames(wasm, call.renames, warn),
    undefinedImports: call.undefinedImports,
    preload: await preloads(call.preloads),
    wasi: call.allowWasi && wasi(call, job, alone ? stdin : ''),
    engine: call.engine,
    cache: call.cache,
    timeout: call.timeout,
    maxMemory: call.maxMemory,
    maxStack: call.maxStack,
    maxDataSegments: call.maxDataSegments,
    zeroDeadStack: call.zeroDeadStack,
    strip: call.strip,
    refuseFeatures: call.refuseFeatures,
    internalizeImports: call.internalizeImports,
    verify: call.verify,
    optimize: call.optimize?.length === 0 ? true : call.optimize,
  }
}

/**
 * @param {Call} call
 * @param {Job} job
 * @param {'inherit' | Uint8Array | ''} stdin what there is for the guest to read
 * @returns {import('../index.js').WasiOptions}
 */
function wasi(call, { input, output }, stdin) {
  const program = input === STREAM ? 'module.wasm' : basename(input)
  const stdoutTaken = output === STREAM
  return {
    args: call.args.length > 0 ? [program, ...call.args] : [],
    env: { ...(call.inheritEnv && definedEnvironment()), ...variables(call.env) },
    stdin: call.inheritStdio && input !== STREAM ? stdin : '',
    stdout: !call.inheritStdio ? 'ignore' : call.json || stdoutTaken ? 'capture' : 'inherit',
    stderr: !call.inheritStdio ? 'ignore' : call.json ? 'capture' : 'inherit',
    preopens: Object.fromEntries(call.preopens),
    random: call.hostRandom ? 'host' : 'deterministic',
    clock: call.hostClock ? 'host' : 'deterministic',
  }
}

/**
 * Renames of exports that are there; callers rely on others being ignored.
 * @param {Uint8Array} wasm
 * @param {Array<[string, string]>} renames
 * @param {(message: string) => void} warn
 */
function knownRenames(wasm, renames, warn) {
  if (renames.length === 0) return {}
  const exported = new Set(inspect(wasm).exports.map(({ name }) => name))
  const known = renames.filter(([destination, source]) => {
    if (exported.has(source)) return true
    warn(`the module exports no \`${source}\` that could become \`${destination}\`; ignored`)
    return false
  })
  return Object.fromEntries(known)
}

/** @param {Array<[string, string]>} pairs names and files */
async function preloads(pairs) {
  const read = pairs.map(async ([name, path]) => {
    const bytes = await readFile(path).catch(unreadable(path))
    return /** @type {const} */ ([name, bytes])
  })
  return Object.fromEntries(await Promise.all(read))
}

/**
 * Variables with their values; one without is this process's, where that has it.
 * @param {string[]} given
 */
function variables(given) {
  const pairs = given.map((variable) => {
    const at = variable.indexOf('=')
    if (at >= 0) return [variable.slice(0, at), variable.slice(at + 1)]
    return [variable, process.env[variable]]
  })
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined))
}

function definedEnvironment() {
  const entries = Object.entries(process.env).filter(([, value]) => value !== undefined)
  return /** @type {Record<string, string>} */ (Object.fromEntries(entries))
}

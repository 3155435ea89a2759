// include/wasm-preinit.h, compiled with Zig's clang: constructors, `main`, destructors and the host's
// environment must be right before and after. Skipped, with the reason, where there is no compiler.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WASI } from 'node:wasi'
import { initialize, initializeWithReport } from '../index.js'
import { ToolchainMissing, zig } from '../scripts/toolchains.mjs'
import { compare, functions, instantiate } from './compare.js'
import { exportsOf } from './sections.js'

const SOURCES = fileURLToPath(new URL('fixtures/c-header/', import.meta.url))
const INCLUDE = fileURLToPath(new URL('../include', import.meta.url))
const WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wextra-semi', '-Werror']
const C = ['cc', '-std=c99', ...WARNINGS]
const CPP = ['c++', '-std=c++17', '-fno-exceptions', ...WARNINGS]
/** For sources that declare no functions but static ones, and what the header does. */
const DECLARED = ['-Wmissing-prototypes', '-Wmissing-variable-declarations']
const WASI_TARGET = ['-target', 'wasm32-wasi']
const REACTOR = [...WASI_TARGET, '-mexec-model=reactor']
const BARE = ['-target', 'wasm32-freestanding', '-ffreestanding', '-nostdlib', '-Wl,--no-entry']
const RESUME = { renameFuncs: { _start: 'wizer.resume' } }

const missing = reasonWithoutCompiler()

describe('the C header', { skip: missing }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
  after(() => rmSync(folder, { recursive: true }))

  /**
   * @param {string[]} flags
   * @param {...string} sources
   * @returns {Buffer}
   */
  function compile(flags, ...sources) {
    const output = join(folder, `${basename(sources[0])}.wasm`)
    const files = sources.map((source) => join(SOURCES, source))
    execFileSync(zig(), [...flags, '-I', INCLUDE, '-o', output, ...files], { stdio: 'pipe' })
    return readFileSync(output)
  }

  /** @type {Map<string, Buffer>} */
  const programs = new Map()
  /** @param {string} optimization */
  function program(optimization) {
    const known = programs.get(optimization)
    const wasm =
      known ?? compile([...CPP, ...DECLARED, ...WASI_TARGET, optimization], 'program.cpp')
    programs.set(optimization, wasm)
    return wasm
  }

  /**
   * What a program prints in V8, and its status.
   * @param {Uint8Array} wasm
   * @param {string[]} args
   */
  function run(wasm, args) {
    const root = join(folder, 'root')
    mkdirSync(root, { recursive: true })
    writeFileSync(join(root, 'run.txt'), '')
    const path = join(folder, 'out')
    const stdout = openSync(path, 'w')
    const env = { HOME: '/of/run' }
    const preopens = { '.': root }
    const wasi = new WASI({ version: 'preview1', args, env, preopens, stdout, returnOnExit: true })
    try {
      const instance = instantiate(wasm, /** @type {any} */ (wasi.getImportObject()))
      const status = wasi.start(instance)
      return { status, lines: readFileSync(path, 'utf8').trimEnd().split('\n') }
    } finally {
      closeSync(stdout)
    }
  }

  for (const optimization of ['-O0', '-O2']) {
    test(`lets a library have constructors, with ${optimization}`, async () => {
      const { output } = await compare(
        compile([...C, ...REACTOR, ...optimize(optimization)], 'library.c'),
        {
          calls: [
            { call: 'constructions', gives: 1 },
            { call: 'square', with: [9], gives: 81 },
            { call: 'initialized', gives: 1 },
          ],
        },
      )
      const names = exportsOf(output).map(({ name }) => name)
      assert.deepEqual(names.toSorted(), ['constructions', 'initialized', 'memory', 'square'])
    })

    test(`runs main where init has left off, with ${optimization}`, async () => {
      const original = program(optimization)
      const wasi = { env: { HOME: '/of/build' }, files: { 'build.txt': '' } }
      const { wasm, report } = await initializeWithReport(original, {
        ...RESUME,
        wasi: { ...wasi, stdout: /** @type {const} */ ('capture') },
      })
      assert.deepEqual(report.stdout?.toString().split('\n'), [
        'construct first',
        'construct second',
        'construct local',
        'load, home is /of/build, a file',
      ])
      const resumed = run(wasm, ['program', 'hello', 'fail'])
      assert.deepEqual(resumed, {
        status: 3,
        lines: [
          'construct last',
          'main, hello, home is /of/run, first 1, loaded 7',
          'a file',
          'destroy last, 5 words',
          'bye',
          'destroy local, 5 words',
          'destroy second, 5 words',
          'destroy first, 5 words',
        ],
      })
      // The same program without a snapshot says the same from `main` on.
      const whole = run(original, ['program', 'hello', 'fail'])
      assert.equal(whole.status, 3)
      assert.deepEqual(whole.lines.slice(-resumed.lines.length), resumed.lines)
      assert.equal(run(wasm, ['program']).status, 0)
    })

    test(`traps, and says why, where constructors run twice, with ${optimization}`, async () => {
      const wasm = await initialize(program(optimization), { wasi: { stdout: 'ignore' } })
      assert.throws(
        () => run(wasm, ['program']),
        (/** @type {Error} */ error) =>
          error instanceof WebAssembly.RuntimeError &&
          /wasm_preinit_constructors_ran_twice/.test(error.stack ?? ''),
      )
    })
  }

  test('needs no libc', async () => {
    await compare(compile([...C, ...BARE, '-O2'], 'library.c'), {
      calls: [
        { call: 'constructions', gives: 1 },
        { call: 'square', with: [9], gives: 81 },
      ],
    })
  })

  test('may be included by several files, of which one uses it', async () => {
    await compare(compile([...C, ...REACTOR, '-O2'], 'library.c', 'other.c'), {
      calls: [{ call: 'seen_elsewhere', gives: 1 }],
    })
  })

  test('is found in a static library that the linker is told to look into', async () => {
    const object = join(folder, 'library.o')
    const archive = join(folder, 'library.a')
    const source = join(SOURCES, 'library.c')
    execFileSync(zig(), [...C, ...WASI_TARGET, '-O2', '-I', INCLUDE, '-c', '-o', object, source])
    execFileSync(zig(), ['ar', 'rcs', archive, object])
    const told = ['-O2', '-Wl,--export=wasm_preinit_initialize', archive]
    await compare(compile([...C, ...REACTOR, ...told], 'other.c'), {
      calls: [{ call: 'seen_elsewhere', gives: 1 }],
    })
  })

  test('is used by C++ as by C', async () => {
    const sources = [...CPP, '-xc++', ...REACTOR, '-O2']
    await compare(compile(sources, 'library.c'), {
      calls: [{ call: 'square', with: [5], gives: 25 }],
    })
  })

  test('leaves nothing where the target is not WebAssembly', () => {
    compile(
      [...C, '-target', 'x86_64-linux-musl', '-c', '-Wno-unused', '-Wno-unknown-attributes'],
      'library.c',
    )
  })

  for (const keeps of [false, true]) {
    test(`${keeps ? 'keeps' : 'lets go of'} the environment of build time`, async () => {
      const flags = keeps ? ['-DWASM_PREINIT_KEEP_ENVIRONMENT'] : []
      const wasm = compile([...C, ...REACTOR, '-O2', ...flags], 'environment.c')
      const output = await initialize(wasm, { wasi: { env: { HOME: '/of/build' } } })
      const wasi = new WASI({ version: 'preview1', env: { HOME: '/run' } })
      const instance = instantiate(output, /** @type {any} */ (wasi.getImportObject()))
      wasi.initialize(instance)
      const { home_length, look_again } = functions(instance)
      assert.equal(home_length(), '/of/build'.length)
      look_again()
      assert.equal(home_length(), keeps ? '/of/build'.length : '/run'.length)
    })
  }
})

/**
 * Without the checks that Zig adds to builds that are not optimized, which call WASI themselves.
 * @param {string} optimization
 */
function optimize(optimization) {
  return [optimization, '-fno-sanitize=undefined']
}

/** Why there is no compiler; `false` where there is one. */
function reasonWithoutCompiler() {
  try {
    zig()
    return false
  } catch (error) {
    if (error instanceof ToolchainMissing) return error.message
    throw error
  }
}

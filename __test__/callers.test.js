// Packages that start a `wizer`, unmodified and end to end: with our command, what they make does
// what it does with theirs, and what they say of failures is the same.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { transpile } from '@bytecodealliance/jco'
import { initialize } from '../index.js'
import { assemble, functions, instantiate, memoryOf } from './compare.js'
import { readFastly } from './modules.js'
import { layOut } from './project.js'
import { exportsOf } from './sections.js'

const FIXTURES = fileURLToPath(new URL('fixtures/callers', import.meta.url))
const onWindows = process.platform === 'win32'

describe('packages that start wizer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-callers-'))
  /** Where packages find the `wizer` that they ask for. */
  const theirs = join(folder, 'theirs')
  /** Where they find this package in its place. */
  const ours = join(folder, 'ours')
  const command = join(theirs, 'node_modules/wasm-preinit/bin', onWindows ? 'wizer.cmd' : 'wizer')

  before(() => {
    for (const project of [theirs, ours]) {
      mkdirSync(project)
      layOut(project, { overrides: project === ours })
      cpSync(FIXTURES, project, { recursive: true })
      writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
    }
  })
  after(() => rmSync(folder, { recursive: true }))

  /**
   * @param {string} project
   * @param {string[]} args of Node
   * @param {Record<string, string>} [env]
   */
  function run(project, args, env = {}) {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    })
    return { status, stdout, stderr }
  }

  describe('componentize-js', () => {
    /**
     * The results of the same calls on a component.
     * @param {string} path
     */
    async function callsOf(path) {
      const name = 'app'
      const { files } = await transpile(readFileSync(path), { name })
      const into = `${path}-js`
      for (const [file, bytes] of Object.entries(files)) {
        mkdirSync(dirname(join(into, file)), { recursive: true })
        writeFileSync(join(into, file), bytes)
      }
      const { square, greet } = await import(pathToFileURL(join(into, `${name}.js`)).href)
      return [square(12), square(999), greet('Ada'), greet('init'), greet('Ada')]
    }

    test('makes the component that it makes with its own wizer', async () => {
      const args = ['componentize.js', 'component.js']
      const made = [
        { project: theirs, output: 'own.wasm', wizer: [] },
        { project: theirs, output: 'option.wasm', wizer: onWindows ? [] : [command] },
      ]
      for (const { project, output, wizer } of made) {
        const { status, stdout, stderr } = run(project, [...args, output, ...wizer])
        assert.deepEqual(
          { status, stdout, stderr },
          { status: 0, stdout: 'the source runs\n', stderr: '' },
        )
        assert.deepEqual(await callsOf(join(project, output)), [
          144,
          998_001,
          'hello Ada: init,1 Ada,1',
          'hello init: init,2 Ada,1',
          'hello Ada: init,2 Ada,2',
        ])
      }
    })

    test(
      'says of a source that throws what it says with its own wizer',
      { skip: onWindows },
      () => {
        const said = [theirs, ours].map((project) => {
          writeFileSync(join(project, 'throws.js'), "throw new Error('no table today')")
          const { status, stderr } = run(project, ['componentize.js', 'throws.js', 'no.wasm'])
          assert.equal(status, 1)
          assert.equal(stderr.includes(join('wasm-preinit', 'bin', 'wizer')), project === ours)
          return stderr.replace(/\(wizer \(.*?\)\)/, '(wizer)').trim()
        })
        assert.match(said[0], /source\.js:1:7 Error: no table today/)
        assert.equal(said[1], said[0])
      },
    )
  })

  describe('js-compute', () => {
    const RUNTIME = 'node_modules/@fastly/js-compute/dist/cli/js-compute-runtime-cli.js'

    /** Calls of the host that it makes a service for, none of which init needs. */
    const start = (/** @type {Uint8Array} */ wasm) => {
      const module = new WebAssembly.Module(Buffer.from(wasm))
      /** @type {Record<string, Record<string, () => number>>} */
      const imports = {}
      for (const { module: from, name } of WebAssembly.Module.imports(module)) {
        ;(imports[from] ??= {})[name] = () => 0
      }
      return new WebAssembly.Instance(module, imports)
    }

    test('makes the service that it makes with its own wizer', { skip: onWindows }, () => {
      const [own, output] = [theirs, ours].map((project) => {
        const { status, stdout, stderr } = run(project, [RUNTIME, 'service.js', 'service.wasm'])
        assert.deepEqual(
          { status, stdout, stderr },
          { status: 0, stdout: 'the service starts\n', stderr: '' },
        )
        return readFileSync(join(project, 'service.wasm'))
      })
      assert.deepEqual(exportsOf(output), exportsOf(own))
      assert.deepEqual(
        exportsOf(output)
          .map(({ name }) => name)
          .toSorted(),
        ['_start', 'cabi_realloc', 'memory'],
      )
    })

    test('makes what `initialize` makes of the same engine', { skip: onWindows }, async () => {
      // Runs in place of Node, and so sees what the command was given.
      const recorder = join(ours, 'recorder.mjs')
      writeFileSync(
        recorder,
        `#!${process.execPath}
        import { spawnSync } from 'node:child_process'
        import { readFileSync, writeFileSync } from 'node:fs'
        const [args, { env }, input] = [process.argv.slice(2), process, readFileSync(0, 'utf8')]
        const [path] = input.split(' ')
        const source = readFileSync(path, 'utf8')
        writeFileSync('record.json', JSON.stringify({ args, env, input, path, source }))
        const stdio = ['pipe', 'inherit', 'inherit']
        process.exit(spawnSync(process.execPath, args, { input, stdio }).status)`,
        { mode: 0o755 },
      )
      const args = [RUNTIME, '--env', `WASM_PREINIT_NODE=${recorder}`, 'service.js', 'service.wasm']
      assert.equal(run(ours, args).status, 0)
      const output = start(readFileSync(join(ours, 'service.wasm')))

      const record = JSON.parse(readFileSync(join(ours, 'record.json'), 'utf8'))
      const bundled = dirname(record.path)
      assert.ok(record.args.includes(`--dir=${bundled}`))
      mkdirSync(bundled)
      try {
        writeFileSync(record.path, record.source)
        const initialized = await initialize(readFastly(), {
          wasi: {
            stdin: record.input,
            env: record.env,
            stdout: 'ignore',
            preopens: { '.': ours, [bundled]: bundled },
          },
          renameFuncs: { _start: 'wizer.resume' },
        })
        assert.ok(memoryOf(output).equals(memoryOf(start(initialized))))
      } finally {
        rmSync(bundled, { recursive: true })
      }
    })

    test('shows what an app throws, and fails', { skip: onWindows }, () => {
      writeFileSync(join(ours, 'throws.js'), "throw new Error('no service today')")
      const { status, stderr } = run(ours, [RUNTIME, 'throws.js', 'no.wasm'])
      assert.equal(status, 1)
      assert.match(stderr, /Error: no service today/)
      assert.match(stderr, /Wizer initialization failure/)
      assert.equal(existsSync(join(ours, 'no.wasm')), false)
    })
  })

  describe('scripts', { skip: onWindows }, () => {
    const TRAP = '(module (func $boom (export "wizer.initialize") unreachable))'
    const EXIT = `(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "wizer.initialize") (call $exit (i32.const 3))))`
    const COUNTER = `(module
      (global $count (mut i32) (i32.const 0))
      (func (export "wizer.initialize") (global.set $count (i32.const 42)))
      (func (export "count") (result i32) (global.get $count)))`

    before(async () => {
      const modules = { 'counter.wasm': COUNTER, 'trap.wasm': TRAP, 'exit.wasm': EXIT }
      for (const [name, wat] of Object.entries(modules)) {
        writeFileSync(join(ours, name), await assemble(wat))
      }
    })

    /** @param {string} line as in the scripts of a package.json */
    function script(line) {
      const manifest = { private: true, type: 'module', scripts: { build: line } }
      writeFileSync(join(ours, 'package.json'), JSON.stringify(manifest))
      const { status, stderr } = spawnSync('npm', ['run', '--silent', 'build'], {
        cwd: ours,
        encoding: 'utf8',
        env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      })
      return { status, stderr }
    }

    /** @param {string} name */
    function counted(name) {
      return functions(instantiate(readFileSync(join(ours, name)))).count()
    }

    test('import the path of the command', () => {
      const printing = "import wizer from '@bytecodealliance/wizer'; console.log(wizer)"
      const { stdout } = run(ours, ['--input-type=module', '--eval', printing])
      const path = join(realpathSync(ours), 'node_modules/wasm-preinit/bin/wizer')
      assert.equal(stdout, `${path}\n`)
    })

    test('find the command by its name', () => {
      assert.deepEqual(script('wizer counter.wasm -o file.wasm --allow-wasi'), {
        status: 0,
        stderr: '',
      })
      assert.equal(counted('file.wasm'), 42)
    })

    test('pipe modules through it', () => {
      assert.deepEqual(script('cat counter.wasm | wizer --allow-wasi | cat > piped.wasm'), {
        status: 0,
        stderr: '',
      })
      assert.equal(counted('piped.wasm'), 42)
    })

    test('see that a module failed, in words that they look for', () => {
      const trap = script('wizer trap.wasm -o no.wasm')
      assert.equal(trap.status, 1)
      assert.match(trap.stderr, /^Error: the `wizer\.initialize` function trapped\n\nCaused by:\n/m)
      const exit = script('wizer --allow-wasi exit.wasm -o no.wasm')
      assert.equal(exit.status, 1)
      assert.match(exit.stderr, /^Error: the `wizer\.initialize` function trapped\n\nCaused by:\n/m)
      assert.match(exit.stderr, /Exited with i32 exit status 3\n/)
      assert.equal(existsSync(join(ours, 'no.wasm')), false)
    })
  })

  describe('the command that stands in for wizer', { skip: onWindows }, () => {
    /** A package whose command line tells how it was called. */
    const told = join(folder, 'told')
    const launcher = join(told, 'node_modules/wasm-preinit/bin/wizer')
    /** A Node.js that is nowhere anyone looks. */
    const node = join(folder, 'elsewhere', 'node')
    /** No program is there. */
    const PATH = join(folder, 'empty')

    before(() => {
      mkdirSync(dirname(launcher), { recursive: true })
      mkdirSync(dirname(node))
      mkdirSync(PATH)
      copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE)
      for (const file of ['wizer', 'wizer-path.js']) {
        copyFileSync(join(dirname(command), file), join(dirname(launcher), file))
      }
      const tell = `
        const { execPath, argv, env } = process
        console.log(JSON.stringify({ execPath, args: argv.slice(2), env, stdin: require('node:fs').readFileSync(0, 'utf8') }))`
      writeFileSync(join(dirname(launcher), 'wasm-preinit.js'), tell)
    })

    /**
     * Starts it from the other Node.js.
     * @param {string} path
     * @param {{ args?: string[], env?: Record<string, string>, shell?: boolean, cwd?: string }} [options]
     */
    function start(path, { args = [], ...options } = {}) {
      const spawning = `
        const { status, stdout, stderr } = require('node:child_process')
          .spawnSync(...${JSON.stringify([path, args, { input: 'given', ...options }])})
        if (status !== 0) throw new Error(stderr)
        console.log(String(stdout))`
      const { stdout, stderr, status } = spawnSync(node, ['--eval', spawning], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      return JSON.parse(stdout)
    }

    test('hands on arguments, stdin and environment as they are', () => {
      /** @type {Record<string, string>[]} */
      const environments = [
        { A: '1', here: 'a', name: 'b', node: 'c', note: 'd', pid: 'e', self: 'f', value: 'g' },
        { PATH, B: 'two words\nSHLVLS=1' },
        { PWD: '/somewhere else', OLDPWD: '/gone', SHLVL: '7', _: '/bin/true' },
      ]
      for (const env of environments) {
        const args = ['-r _start=wizer.resume', 'a"b', '$HOME', "it's", '*', '']
        const { execPath, ...given } = start(launcher, { args, env })
        assert.deepEqual(given, { args, env, stdin: 'given' })
      }
    })

    test('runs in the Node.js that called', { skip: process.platform !== 'linux' }, () => {
      assert.equal(start(launcher, { env: { PATH } }).execPath, node)
      const shell = start(`"${launcher}"`, { args: ['|', '/bin/cat'], env: { PATH }, shell: true })
      assert.equal(shell.execPath, node)
    })

    test('runs in the Node.js that asked for its path', async () => {
      const asking = "import('./wizer-path.js').then((module) => console.log(module.default))"
      const cwd = dirname(launcher)
      const { stdout } = spawnSync(node, ['--eval', asking], { cwd, encoding: 'utf8' })
      assert.equal(stdout.trim(), launcher)
      const { status, stdout: output } = spawnSync(launcher, {
        env: { PATH },
        encoding: 'utf8',
        input: '',
      })
      assert.equal(status, 0)
      assert.equal(JSON.parse(output).execPath, node)
      rmSync(join(told, 'node_modules', '.cache'), { recursive: true })
    })

    test('runs in the Node.js that the environment names', () => {
      const other = join(folder, 'other')
      symlinkSync(process.execPath, other)
      for (const name of ['npm_node_execpath', 'WASM_PREINIT_NODE']) {
        const env = { PATH, [name]: other }
        assert.equal(start(launcher, { env }).execPath, realpathSync(process.execPath))
      }
    })

    test('finds its package through links', () => {
      const [deep, link] = [join(folder, 'deep', 'er'), join(folder, 'wizer')]
      mkdirSync(deep, { recursive: true })
      symlinkSync('../../wizer', join(deep, 'wizer'))
      symlinkSync(launcher, link)
      for (const path of [link, join(deep, 'wizer')]) start(path)
      start('./wizer', { cwd: deep })
      start('wizer', { env: { PATH: `${deep}:${process.env.PATH}` } })
    })

    test('can be run though its mode was lost', () => {
      chmodSync(launcher, 0o644)
      const cwd = dirname(launcher)
      spawnSync(node, ['--eval', "import('./wizer-path.js')"], { cwd })
      start(launcher)
    })
  })
})

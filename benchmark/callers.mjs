// Measures builds of packages that start a `wizer`, with theirs and with this package in its place:
// the first on a machine and one after an edit, whole and the command alone. What is made is compared
// first, then builds alternate. A table goes to stderr, JSON to stdout.
//
//   node benchmark/callers.mjs [ROUNDS]

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { transpile } from '@bytecodealliance/jco'
import { version } from '../index.js'
import { layOut } from '../__test__/project.js'
import { median } from './statistics.mjs'

/** The app of js-compute's and the component of componentize-js's. */
const SOURCES = fileURLToPath(new URL('../__test__/fixtures/callers', import.meta.url))

/** Given a home, so that what wizer keeps there can be set apart; it affects nothing else. */
const COMPONENTIZE = `
  import { readFileSync, writeFileSync } from 'node:fs'
  import { componentize } from '@bytecodealliance/componentize-js'
  const [source, world] = ['component.js', 'world.wit'].map((path) => readFileSync(path, 'utf8'))
  const { component } = await componentize(source, world, { env: { HOME: process.argv[2] } })
  writeFileSync('out.wasm', component)`

/** Loaded before a build: notes how long the command took that it started. */
const STOPWATCH = `
  const childProcess = require('node:child_process')
  const { spawnSync } = childProcess
  childProcess.spawnSync = (...args) => {
    const started = performance.now()
    const result = spawnSync(...args)
    require('node:fs').writeFileSync('step', String(performance.now() - started))
    return result
  }
  require('node:module').syncBuiltinESMExports()`

const BUILDS = {
  'componentize-js': {
    package: '@bytecodealliance/componentize-js',
    args: (/** @type {string} */ home) => ['build.mjs', home],
    behaviour: callComponent,
  },
  'js-compute': {
    package: '@fastly/js-compute',
    args: (/** @type {string} */ home) => [
      'node_modules/@fastly/js-compute/dist/cli/js-compute-runtime-cli.js',
      '--env',
      `HOME=${home}`,
      'service.js',
      'out.wasm',
    ],
    behaviour: async (/** @type {Buffer<ArrayBuffer>} */ wasm) => {
      const module = await WebAssembly.compile(wasm)
      return [WebAssembly.Module.exports(module), WebAssembly.Module.imports(module)]
    },
  },
}

const rounds = Number(process.argv[2] ?? 5)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('ROUNDS is a whole number')

const folder = mkdtempSync(join(tmpdir(), 'wasm-preinit-callers-'))
const home = join(folder, 'home')
const projects = { theirs: join(folder, 'theirs'), ours: join(folder, 'ours') }
try {
  for (const project of Object.values(projects)) {
    mkdirSync(project)
    layOut(project, { overrides: project === projects.ours })
    cpSync(SOURCES, project, { recursive: true })
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
    writeFileSync(join(project, 'build.mjs'), COMPONENTIZE)
    writeFileSync(join(project, 'stopwatch.cjs'), STOPWATCH)
  }
  const results = []
  for (const [name, build] of Object.entries(BUILDS)) results.push(await measure(name, build))
  print(results)
} finally {
  rmSync(folder, { recursive: true })
}

/**
 * @param {string} name
 * @param {(typeof BUILDS)[keyof typeof BUILDS]} build
 */
async function measure(name, build) {
  const timed = (/** @type {string} */ project) => {
    const args = ['--require', './stopwatch.cjs', ...build.args(home)]
    const started = performance.now()
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: project })
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`)
    const whole = performance.now() - started
    return { whole, step: Number(readFileSync(join(project, 'step'), 'utf8')) }
  }
  const made = []
  for (const project of Object.values(projects)) {
    timed(project)
    made.push(await build.behaviour(readFileSync(join(project, 'out.wasm')), project))
  }
  if (!isDeepStrictEqual(made[0], made[1])) throw new Error(`${name}: the outputs differ`)

  /** @type {Record<string, Array<ReturnType<typeof timed>>>} */
  const samples = { theirsFirst: [], theirsLater: [], oursFirst: [], oursLater: [] }
  for (let round = 0; round < rounds; round++) {
    const order = /** @type {Array<keyof typeof projects>} */ (['theirs', 'ours'])
    for (const who of round % 2 ? order.toReversed() : order) {
      rmSync(home, { recursive: true, force: true })
      mkdirSync(home)
      const cache = join(projects[who], 'node_modules', '.cache', 'wasm-preinit')
      rmSync(cache, { recursive: true, force: true })
      samples[`${who}First`].push(timed(projects[who]))
      samples[`${who}Later`].push(timed(projects[who]))
    }
  }
  const rows = ['First', 'Later'].flatMap((build) =>
    /** @type {const} */ (['whole', 'step']).map((part) => {
      const [theirs, ours] = ['theirs', 'ours'].map((who) =>
        samples[`${who}${build}`].map((times) => Math.round(times[part])),
      )
      return { build, part, theirs, ours, timesFaster: median(theirs) / median(ours) }
    }),
  )
  return { name, version: manifestOf(build.package).version, rows }
}

/** @param {string} name */
function manifestOf(name) {
  const path = join(projects.ours, 'node_modules', name, 'package.json')
  return JSON.parse(readFileSync(path, 'utf8'))
}

/**
 * @param {Buffer} component
 * @param {string} project
 */
async function callComponent(component, project) {
  const { files } = await transpile(component, { name: 'app' })
  for (const [file, bytes] of Object.entries(files)) {
    const path = join(project, 'component', file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
  const module = await import(pathToFileURL(join(project, 'component', 'app.js')).href)
  return [module.square(999), module.greet('Ada'), module.greet('Ada')]
}

/** @param {Array<Awaited<ReturnType<typeof measure>>>} results */
function print(results) {
  const seconds = (/** @type {number[]} */ times) => {
    const [middle, ...ends] = [median(times), Math.min(...times), Math.max(...times)].map((time) =>
      (time / 1000).toFixed(2),
    )
    return `${middle} (${ends.join('-')})`
  }
  for (const { name, version, rows } of results) {
    console.error(`\n${name} ${version}, seconds: median (range) of ${rounds}`)
    for (const { build, part, theirs, ours, timesFaster } of rows) {
      const what = `${build} build, ${part === 'step' ? 'the command in it' : 'whole'}`
      const times = `wizer ${seconds(theirs)}, wasm-preinit ${seconds(ours)}`
      console.error(`  ${what}: ${times}: ${timesFaster.toFixed(2)} times faster`)
    }
  }
  const machine = {
    cores: availableParallelism(),
    processor: cpus()[0]?.model,
    node: process.version,
    load: loadavg()[0],
  }
  console.log(JSON.stringify({ version, machine, rounds, results }, undefined, 2))
}

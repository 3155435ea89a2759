// Builds of webpack and Rspack, which take the same configuration: once, or watching until a test ends.

import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { Builds, run } from './bundles.js'

/**
 * @typedef {import('webpack').Configuration} Configuration
 * @typedef {import('webpack').Stats} Stats
 * @typedef {import('webpack').Compiler} Compiler
 * @typedef {import('wasm-preinit/webpack').Options} Options
 * @typedef {Awaited<ReturnType<typeof import('./bundles.js').project>>} Project
 *
 * @typedef {object} Packer
 * @property {string} name
 * @property {(configuration: Configuration) => Compiler} create
 * @property {typeof import('wasm-preinit/webpack').default} preinit
 * @property {Configuration['cache']} onDisk
 */

/**
 * A configuration for a bundle that Node runs: `dist/main.mjs`.
 * @param {Project} project
 * @param {Packer} packer
 * @param {Options} [options]
 * @param {Configuration} [more]
 * @returns {Configuration}
 */
export function configured(project, { preinit }, options, { output, experiments, ...more } = {}) {
  return {
    context: project.folder,
    entry: './src/index.js',
    mode: 'production',
    target: 'node20',
    devtool: false,
    optimization: { minimize: false },
    experiments: { outputModule: true, ...experiments },
    output: {
      path: project.at('dist'),
      filename: '[name].mjs',
      module: true,
      library: { type: 'module' },
      ...output,
    },
    plugins: [preinit({ cache: project.cache, ...options })],
    ...more,
  }
}

/**
 * @param {Packer} packer
 * @param {Configuration} configuration
 * @returns {Promise<Stats>}
 */
export async function pack({ create }, configuration) {
  const compiler = create(configuration)
  try {
    return await new Promise((resolve, reject) =>
      compiler.run((error, stats) => (stats ? resolve(stats) : reject(error))),
    )
  } finally {
    await new Promise((resolve) => compiler.close(resolve))
  }
}

/**
 * A build that must go well; gives what the bundle exports.
 * @param {Packer} packer
 * @param {Project} project
 * @param {Options} [options]
 * @param {Configuration} [more]
 */
export async function packed(packer, project, options, more) {
  await rm(project.at('dist'), { recursive: true, force: true })
  const stats = await pack(packer, configured(project, packer, options, more))
  assert.equal(stats.hasErrors(), false, stats.toString({ all: false, errors: true }))
  return run(project.at('dist/main.mjs'))
}

/**
 * Watches until the test ends.
 * @param {import('node:test').TestContext} t
 * @param {Packer} packer
 * @param {Configuration} configuration
 */
export function watched(t, { create }, configuration) {
  /** @type {Builds<Stats>} */
  const builds = new Builds()
  const compiler = create(configuration)
  const watching = compiler.watch({ aggregateTimeout: 20 }, (error, stats) => {
    assert.ifError(error)
    if (stats) builds.add(stats)
  })
  t.after(() => new Promise((resolve) => watching?.close(() => compiler.close(resolve))))
  return builds
}

/**
 * The bundler's own cache, in a project's folder.
 * @param {Packer} packer
 * @param {Project} project
 */
export function onDiskIn({ onDisk }, { at }) {
  return /** @type {Configuration['cache']} */ (
    JSON.parse(JSON.stringify(onDisk).replaceAll('FOLDER', at('bundler-cache')))
  )
}

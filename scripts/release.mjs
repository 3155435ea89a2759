// What the release workflow does to the packages, one step a call:
//
//   node scripts/release.mjs check [TAG]        everything is of one version, which is the tag's
//   node scripts/release.mjs stage ADDONS       addons, licences and repository go into the packages,
//                                               their names into the root's optional dependencies
//   node scripts/release.mjs publish [FLAG…]    what is not published yet, platform packages first

import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What scripts/notices.mjs has written. */
const NOTICES = 'THIRD-PARTY-NOTICES'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const npmFolder = join(root, 'npm')
const folders = readdirSync(npmFolder).map((name) => join(npmFolder, name))

/** A package with an addon is for some operating systems only. */
const platforms = folders.filter((folder) => manifest(folder).os !== undefined)
/** Others depend on the root package and follow it. */
const dependents = folders.filter((folder) => manifest(folder).os === undefined)

const [step, ...rest] = process.argv.slice(2)
if (step === 'check') check(rest[0])
else if (step === 'stage' && rest.length === 1) stage(rest[0])
else if (step === 'publish') publish(rest)
else stop('there are `check [TAG]`, `stage ADDONS` and `publish [FLAG…]`')

/** @param {string | undefined} tag */
function check(tag) {
  const { version } = manifest(root)
  const fail = (/** @type {string} */ what) =>
    stop(`package.json is of version ${version}, but ${what}`)
  for (const folder of folders) {
    const found = manifest(folder)
    if (found.version !== version) fail(`${found.name} is of version ${found.version}`)
    const needed = found.dependencies?.[manifest(root).name] ?? version
    if (needed !== version) fail(`${found.name} depends on version ${needed}`)
  }
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8')
  const crates = /^\[workspace\.package\]\n(?:[^[].*\n|\n)*?version = "(.*)"$/m.exec(cargo)?.[1]
  if (crates !== version) fail(`Cargo.toml is of version ${crates}`)
  if (tag !== undefined && tag !== `v${version}`) fail(`the tag is ${tag}`)
  const changes = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  if (tag !== undefined && !changes.includes(`\n## [${version}]`)) {
    fail('CHANGELOG.md has no section for it')
  }
  console.log(`all of version ${version}`)
}

/** @param {string} addons the folder with one addon for each platform, in folders of any names */
function stage(addons) {
  const require = createRequire(import.meta.url)
  const napi = dirname(require.resolve('@napi-rs/cli/package.json'))
  const cli = join(napi, require('@napi-rs/cli/package.json').bin.napi)
  const run = (/** @type {string[]} */ ...args) =>
    execFileSync(process.execPath, [cli, ...args, '--npm-dir', npmFolder], {
      cwd: root,
      stdio: 'inherit',
    })
  run('artifacts', '--output-dir', addons)
  for (const folder of platforms) {
    copyFileSync(join(root, NOTICES), join(folder, NOTICES))
  }
  for (const folder of platforms) {
    if (!existsSync(join(folder, manifest(folder).main))) {
      stop(`${addons} holds no ${manifest(folder).main}`)
    }
  }
  run('pre-publish', '--tag-style', 'npm', '--skip-optional-publish', '--no-gh-release')
  for (const folder of [root, ...folders]) {
    if (folder !== root) copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    change(folder, repository(folder))
  }
}

/**
 * Npm accepts a provenance statement only from the repository that the package names.
 * @param {string} folder
 */
function repository(folder) {
  const declared = manifest(root).repository
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
  if (declared === undefined && GITHUB_REPOSITORY === undefined) return {}
  const { url, type } = declared ?? {
    type: 'git',
    url: `git+${GITHUB_SERVER_URL ?? 'https://github.com'}/${GITHUB_REPOSITORY}.git`,
  }
  if (folder === root) return { repository: { type, url } }
  return { repository: { type, url, directory: `npm/${folder.slice(npmFolder.length + 1)}` } }
}

/** @param {string[]} flags for `npm publish` */
function publish(flags) {
  for (const folder of [...platforms, root, ...dependents]) {
    const { name, version } = manifest(folder)
    if (isPublished(`${name}@${version}`)) {
      console.log(`${name}@${version} is published already`)
      continue
    }
    npm(['publish', '--access', 'public', ...flags], folder, 'inherit')
  }
}

/**
 * So that a release that has stopped halfway can go on.
 * @param {string} id
 */
function isPublished(id) {
  try {
    return String(npm(['view', id, 'version'], root, 'pipe')).trim() !== ''
  } catch (error) {
    const { stderr } = /** @type {{ stderr?: Buffer }} */ (error)
    if (/\bE404\b/.test(String(stderr))) return false
    throw error
  }
}

/**
 * @param {string[]} args
 * @param {string} cwd
 * @param {'inherit' | 'pipe'} output
 */
function npm(args, cwd, output) {
  return execFileSync('npm', args, {
    cwd,
    shell: process.platform === 'win32',
    stdio: ['ignore', output, output],
  })
}

/**
 * @param {string} folder
 * @returns {any}
 */
function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/**
 * @param {string} folder
 * @param {object} changes
 */
function change(folder, changes) {
  const text = JSON.stringify({ ...manifest(folder), ...changes }, undefined, 2)
  writeFileSync(join(folder, 'package.json'), `${text}\n`)
}

/** @param {string} message */
function stop(message) {
  console.error(message)
  process.exit(1)
}

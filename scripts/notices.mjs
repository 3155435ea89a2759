// The crates that are linked into the addon in, their licences out: a text that goes into every package
// with an addon, and an error where a licence does not allow that.
//
//   node scripts/notices.mjs [FILE]    writes the text there; without a file, only checks

import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What may be part of software under Apache-2.0 WITH LLVM-exception. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BSL-1.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unicode-3.0',
  'Unlicense',
  'Zlib',
])

/**
 * @typedef {object} Crate
 * @property {string} id
 * @property {string} name
 * @property {string} version
 * @property {string | null} license
 * @property {string | null} repository
 * @property {string | null} source
 * @property {string} manifest_path
 */

const crates = linkedCrates()
const refused = crates.filter(({ license }) => !isAllowed(license ?? ''))
if (refused.length > 0) {
  for (const { name, version, license } of refused) {
    console.error(`${name} ${version} is licensed as \`${license}\`, which is not known to fit`)
  }
  process.exit(1)
}
const file = process.argv[2]
if (file) writeFileSync(file, notices(crates))
console.log(`${crates.length} crates, all of whose licences fit`)

/**
 * What the addon depends on at run time, for any platform: no build and no development dependencies.
 * @returns {Crate[]}
 */
function linkedCrates() {
  const output = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { packages, resolve } = JSON.parse(output)
  /** @type {Map<string, Crate>} */
  const all = new Map(packages.map((/** @type {Crate} */ crate) => [crate.id, crate]))
  /** @type {Map<string, Array<{ pkg: string, dep_kinds: Array<{ kind: string | null }> }>>} */
  const dependencies = new Map(resolve.nodes.map((/** @type {any} */ node) => [node.id, node.deps]))
  const addon = [...all.values()].find(({ name }) => name === 'wasm-preinit-napi')
  if (!addon) throw new Error('the workspace has no package `wasm-preinit-napi`')
  const found = new Set([addon.id])
  for (const id of found) {
    for (const { pkg, dep_kinds } of dependencies.get(id) ?? []) {
      if (dep_kinds.some(({ kind }) => kind === null)) found.add(pkg)
    }
  }
  const linked = [...found].flatMap((id) => all.get(id) ?? [])
  return linked
    .filter(({ source }) => source !== null)
    .sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version))
}

/** @type {(a: string, b: string) => number} */
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Whether one of the alternatives of a licence expression is allowed in all its parts.
 * @param {string} expression in the form of SPDX, or with slashes as older crates have it
 */
function isAllowed(expression) {
  const parts = expression.replaceAll('/', ' OR ').replace(/[()]/g, ' ')
  const alternatives = parts.split(' AND ').map((part) => part.split(' OR '))
  return alternatives.every((names) => names.some((name) => ALLOWED.has(name.trim())))
}

/** @param {Crate[]} crates */
function notices(crates) {
  /** Crates by the text of their licences, which many share. @type {Map<string, Crate[]>} */
  const byText = new Map()
  for (const crate of crates) {
    const text = licenceTexts(crate)
    byText.set(text, [...(byText.get(text) ?? []), crate])
  }
  const line = '-'.repeat(80)
  const sections = [...byText].map(([text, sharing]) => {
    const names = sharing.map(
      ({ name, version, license, repository }) =>
        `${name} ${version} (${license})${repository ? ` ${repository}` : ''}`,
    )
    return `${line}\n${names.join('\n')}\n\n${text}`
  })
  return `The addon of wasm-preinit contains code of these projects.\n\n${sections.join('\n')}`
}

/** @param {Crate} crate */
function licenceTexts({ manifest_path, license }) {
  const folder = dirname(manifest_path)
  const names = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name))
  const texts = names.sort().flatMap((name) => {
    try {
      return readFileSync(join(folder, name), 'utf8').trim()
    } catch {
      // A folder of licences.
      return []
    }
  })
  return texts.length > 0 ? `${texts.join('\n\n')}\n` : `Licensed under ${license}.\n`
}

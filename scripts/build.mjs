// Builds the addon and its generated loader and types.
//
//   node scripts/build.mjs           writes all three beside package.json
//   node scripts/build.mjs --dist    the addon as it is published: smaller, and long to build
//   node scripts/build.mjs --check   fails when the committed loader or types are not what is generated

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, 'target', 'addon')
const GENERATED = ['binding.js', 'binding.d.ts']

const require = createRequire(import.meta.url)
const napi = require.resolve('@napi-rs/cli/package.json')
const cli = join(dirname(napi), JSON.parse(readFileSync(napi, 'utf8')).bin.napi)

mkdirSync(built, { recursive: true })
execFileSync(
  process.execPath,
  [
    cli,
    'build',
    '--profile',
    process.argv.includes('--dist') ? 'dist' : 'release',
    '--platform',
    '--esm',
    '--manifest-path',
    'napi/Cargo.toml',
    '--output-dir',
    built,
    '--js',
    'binding.js',
    '--dts',
    'binding.d.ts',
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)

for (const file of readdirSync(built)) {
  // Moved into place: a process that has the old file loaded keeps it.
  if (!file.endsWith('.node')) continue
  copyFileSync(join(built, file), join(built, `${file}.tmp`))
  renameSync(join(built, `${file}.tmp`), join(root, file))
}

const drifted = GENERATED.filter((file) => {
  const generated = readFileSync(join(built, file))
  return !generated.equals(read(join(root, file)))
})
if (process.argv.includes('--check') && drifted.length > 0) {
  console.error(
    `${drifted.join(' and ')} is not what the build generates: run \`npm run build\` and commit it`,
  )
  process.exit(1)
}
for (const file of drifted) copyFileSync(join(built, file), join(root, file))

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}

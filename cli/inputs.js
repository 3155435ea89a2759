// Inputs as they were named in, jobs out: which file to read and where its module goes. No two jobs
// have one output, and with a folder for outputs no job overwrites its input.

import { existsSync } from 'node:fs'
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { UsageError } from './parse.js'

/** Standard input or output, as an input or output of a job. */
export const STREAM = '-'

/** @typedef {{ input: string, output: string }} Job */

const GLOB = /[*?[\]{}!()]/

/**
 * @param {import('./arguments.js').Call} call
 * @returns {Promise<Job[]>}
 */
export async function jobs({ inputs, output = STREAM, outDir }) {
  if (outDir === undefined) {
    const files = (await Promise.all(inputs.map((name) => expand(name)))).flat()
    if (files.length > 1) {
      throw new UsageError(
        `there is one input too many: \`${files[1].file}\`; --out-dir DIR takes several`,
      )
    }
    return [{ input: files[0]?.file ?? STREAM, output }]
  }
  if (inputs.length === 0 || inputs.includes(STREAM)) {
    throw new UsageError('`--out-dir` takes inputs that have a name: name files or globs')
  }
  const folder = outDir
  const files = (await Promise.all(inputs.map((name) => expand(name, folder)))).flat()
  return distinct(
    files.map(({ file, name }) => ({
      input: file,
      output: join(folder, name.replace(/\.wat$/i, '.wasm')),
    })),
  )
}

/**
 * The folder that a glob looks into, with everything below.
 * @param {string} glob
 */
export function globRoot(glob) {
  const segments = glob.split('/')
  const wild = segments.findIndex((segment) => GLOB.test(segment))
  return segments.slice(0, wild).join('/') || (glob.startsWith('/') ? '/' : '.')
}

/**
 * Whether a name is a glob: a file that is called so comes first.
 * @param {string} name
 */
export function isGlob(name) {
  return GLOB.test(name) && !existsSync(name)
}

/**
 * The files that a name stands for, and what each is called below the folder for outputs.
 * @param {string} name
 * @param {string} [outDir] where no input is, but outputs of earlier calls may be
 * @returns {Promise<Array<{ file: string, name: string }>>}
 */
async function expand(name, outDir) {
  if (name === STREAM || !isGlob(name)) return [{ file: name, name: basename(name) }]
  const { glob } = await import('tinyglobby')
  const pattern = sep === '\\' ? name.replaceAll('\\', '/') : name
  const found = await glob(pattern, { expandDirectories: false, absolute: isAbsolute(name) })
  const files = found.filter((file) => outDir === undefined || !isBelow(file, outDir)).sort()
  if (files.length === 0) throw new UsageError(`no file matches \`${name}\``)
  const root = globRoot(pattern)
  return files.map((file) => ({ file, name: relative(root, file) }))
}

/**
 * @param {string} file
 * @param {string} folder
 */
function isBelow(file, folder) {
  return resolve(file).startsWith(resolve(folder) + sep)
}

/** @param {Job[]} planned */
function distinct(planned) {
  /** @type {Map<string, string>} */
  const inputs = new Map()
  return planned.filter(({ input, output }) => {
    const destination = resolve(output)
    const other = inputs.get(destination)
    if (other !== undefined && resolve(other) !== resolve(input)) {
      throw new UsageError(`\`${other}\` and \`${input}\` would both be written to \`${output}\``)
    }
    if (destination === resolve(input)) {
      throw new UsageError(`\`${input}\` would be overwritten: name another folder with --out-dir`)
    }
    inputs.set(destination, input)
    return other === undefined
  })
}

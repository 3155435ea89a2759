// What a bundler calls a module in, its path and queries out. Pure: an id is text, and no file is
// looked at.
//
// `./x.wasm?preinit&init#top` has the path `./x.wasm`, the queries `preinit` and `init`, and the
// fragment `#top`. A path may hold `#`, as folders do, but for what follows the file's extension.

const NAME = 'preinit'

/** What the package can read, where no query says that a file is meant. */
const WASM_FILE = /\.(wasm|wat)$/i

/** Vite's ids of files outside its root: `/@fs/home/x.wasm`, `/@fs/C:/x.wasm`. */
const VITE_FS = /^\/@fs(\/[A-Za-z]:)?\//

/**
 * @typedef {object} Id
 * @property {string} path the file, as it was written
 * @property {string[]} queries `name` or `name=value`, as they were written
 * @property {string} fragment with its `#`, or nothing
 */

/**
 * @param {string} id
 * @returns {Id}
 */
export function parseId(id) {
  const question = id.indexOf('?')
  if (question < 0) {
    const [, path = id, fragment = ''] = /^(.*\.(?:wasm|wat))(#.*)$/is.exec(id) ?? []
    return { path, queries: [], fragment }
  }
  const hash = id.indexOf('#', question)
  const query = hash < 0 ? id.slice(question + 1) : id.slice(question + 1, hash)
  return {
    path: id.slice(0, question),
    queries: query.split('&').filter((item) => item !== ''),
    fragment: hash < 0 ? '' : id.slice(hash),
  }
}

/**
 * @param {Id} id
 * @returns {string}
 */
export function formatId({ path, queries, fragment }) {
  return `${path}${queries.length > 0 ? `?${queries.join('&')}` : ''}${fragment}`
}

/**
 * Whether an id asks for a finished module by its query.
 * @param {Id} id
 */
export function asksForPreinit({ queries }) {
  return queries.some(isPreinit)
}

/**
 * Whether an id asks for nothing but a finished module, of which it then wants the URL. Queries with
 * which bundlers only tell versions apart, as `t=1` and `v=1`, ask for nothing.
 * @param {Id} id
 */
export function isBare(id) {
  const asked = id.queries.filter((query) => !isPreinit(query))
  return asksForPreinit(id) && asked.every((query) => /^(t|v|import|hash)(=|$)/.test(query))
}

/**
 * The same id as it would be without this package.
 * @param {Id} id
 * @returns {Id}
 */
export function withoutPreinit({ path, queries, fragment }) {
  return { path, queries: queries.filter((query) => !isPreinit(query)), fragment }
}

/**
 * The host's path of an id: Vite marks those outside of its root.
 * @param {string} path
 */
export function filePath(path) {
  return path.replace(VITE_FS, (_, drive) => (drive ? `${drive.slice(1)}/` : '/'))
}

/**
 * A path as globs and bundlers see it, with `/` between its parts.
 * @param {string} path
 */
export function withSlashes(path) {
  return path.replaceAll('\\', '/')
}

/**
 * Whether a path can be that of a module where only its name tells.
 * @param {string} path
 */
export function isWasmFile(path) {
  return WASM_FILE.test(path)
}

/** `preinit` and `preinit=`, as URL parsers write it. @param {string} query */
function isPreinit(query) {
  return query === NAME || query.startsWith(`${NAME}=`)
}

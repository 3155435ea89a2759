// The folder of compiled code: where it is, and which ones are not used.

import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { initializeSync } from '../index.js'
import { runScript } from './child.js'
import {
  OTHER_USER,
  freshly,
  inFreshProcess,
  kept,
  needsModes,
  needsRoot,
  outcomeOf,
  results,
  share,
  succeeded,
  temporary,
  unique,
  uses,
} from './fixtures/cache.js'

const INDEX = new URL('../index.js', import.meta.url).href

const DEFAULT = join('node_modules', '.cache', 'wasm-preinit')

const onlyOnLinux = process.platform !== 'linux' && 'the user has other folders here'

/**
 * A project and the home of a user, in a folder that no project is around.
 * @param {import('node:test').TestContext} t
 */
function project(t) {
  const folder = temporary(t)
  const root = join(folder, 'project')
  const home = join(folder, 'home')
  const outside = join(folder, 'outside')
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  mkdirSync(join(root, 'source', 'deep'), { recursive: true })
  mkdirSync(home)
  mkdirSync(outside)
  writeFileSync(join(root, 'package.json'), '{}')
  return { folder, root, home, outside, env: { HOME: home, XDG_CACHE_HOME: undefined } }
}

/** @param {string} folder */
const everything = (folder) => readdirSync(folder, { recursive: true }).map(String).toSorted()

/** @param {string} path */
const modeOf = (path) => statSync(path).mode & 0o777

describe('the default place', () => {
  test('is in the project, for this user alone', async (t) => {
    const { root, home, env } = project(t)
    const wasm = unique()
    assert.equal((await freshly(wasm, undefined, { cwd: root, env })).cache, 'miss')
    const folder = join(root, DEFAULT)
    assert.equal(kept(folder).length, 1)
    if (!needsModes) {
      assert.equal(modeOf(folder), 0o700)
      assert.equal(modeOf(join(folder, kept(folder)[0])), 0o600)
    }
    assert.equal((await freshly(wasm, { cache: true }, { cwd: root, env })).cache, 'hit')
    assert.deepEqual(everything(home), [])
  })

  test('is in the nearest project around the current directory', async (t) => {
    const { root, env } = project(t)
    const wasm = unique()
    const { cache } = await freshly(wasm, {}, { cwd: join(root, 'source', 'deep'), env })
    assert.equal(cache, 'miss')
    assert.equal(kept(join(root, DEFAULT)).length, 1)
    assert.deepEqual(everything(join(root, 'source')), ['deep'])
    assert.equal((await freshly(wasm, {}, { cwd: root, env })).cache, 'hit')
  })

  test("is in the user's folder outside of projects", { skip: onlyOnLinux }, async (t) => {
    const { home, outside, env } = project(t)
    const folder = join(home, '.cache', 'wasm-preinit')
    const wasm = unique()
    assert.equal((await freshly(wasm, {}, { cwd: outside, env })).cache, 'miss')
    assert.equal(kept(folder).length, 1)
    assert.equal(modeOf(folder), 0o700)
    assert.equal((await freshly(wasm, {}, { cwd: outside, env })).cache, 'hit')
    assert.deepEqual(everything(outside), [])
  })

  test("is in the user's folder for caches, if there is one", { skip: onlyOnLinux }, async (t) => {
    const { folder, home, outside, env } = project(t)
    const XDG_CACHE_HOME = join(folder, 'caches')
    const place = { cwd: outside, env: { ...env, XDG_CACHE_HOME } }
    await freshly(unique(), {}, place)
    assert.equal(kept(join(XDG_CACHE_HOME, 'wasm-preinit')).length, 1)
    assert.equal(modeOf(join(XDG_CACHE_HOME, 'wasm-preinit')), 0o700)
    assert.deepEqual(everything(home), [])
  })

  test('need not be there: a directory that was removed', { skip: onlyOnLinux }, async (t) => {
    const { outside, env } = project(t)
    const { status, stdout, stderr } = await runScript(
      `import { rmdirSync } from 'node:fs'
      process.chdir(${JSON.stringify(outside)})
      rmdirSync(${JSON.stringify(outside)})
      const { initialize } = await import(${JSON.stringify(INDEX)})
      console.log(Buffer.isBuffer(await initialize(Buffer.from(\`${unique()}\`))))`,
      { env: { HOME: env.HOME } },
    )
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'true\n' }, stderr)
  })

  test('need not be there: a user who has no home', { skip: needsRoot }, async (t) => {
    const { folder, outside } = project(t)
    share(folder)
    const place = { cwd: outside, user: OTHER_USER, env: { HOME: undefined } }
    const { outcomes } = await inFreshProcess([{ wasm: unique() }], place)
    succeeded(outcomes[0])
  })
})

describe('the folder that is used', () => {
  test('is the one that `cache` names, made with those around it', async (t) => {
    const { root, home, env } = project(t)
    const cache = join(root, 'a', 'b', 'c')
    const wasm = unique()
    await freshly(wasm, { cache }, { cwd: root, env })
    assert.equal(kept(cache).length, 1)
    if (!needsModes) assert.equal(modeOf(cache), 0o700)
    assert.deepEqual(everything(join(root, 'node_modules')), [])
    assert.deepEqual(everything(home), [])
  })

  test('is looked for from the current directory', async (t) => {
    const { root, env } = project(t)
    const wasm = unique()
    await freshly(wasm, { cache: 'kept/here' }, { cwd: join(root, 'source'), env })
    assert.equal(kept(join(root, 'source', 'kept', 'here')).length, 1)
    const other = await freshly(wasm, { cache: '../source/kept/here' }, { cwd: root, env })
    assert.equal(other.cache, 'miss')
    const same = await freshly(wasm, { cache: './source/kept/here' }, { cwd: root, env })
    assert.equal(same.cache, 'hit')
  })

  test('is the one that WASM_PREINIT_CACHE_DIR names', async (t) => {
    const { root, env } = project(t)
    const wasm = unique()
    for (const [options, expected] of /** @type {const} */ ([
      [undefined, 'miss'],
      [{ cache: true }, 'hit'],
    ])) {
      const place = { cwd: root, env: { ...env, WASM_PREINIT_CACHE_DIR: 'from-env' } }
      assert.equal((await freshly(wasm, options, place)).cache, expected)
      assert.equal(kept(join(root, 'from-env')).length, 1)
    }
    assert.ok(!existsSync(join(root, DEFAULT)))
  })

  test('is that of the option rather than that of the environment', async (t) => {
    const { root, env } = project(t)
    const place = { cwd: root, env: { ...env, WASM_PREINIT_CACHE_DIR: join(root, 'from-env') } }
    await freshly(unique(), { cache: 'from-option' }, place)
    assert.equal(kept(join(root, 'from-option')).length, 1)
    assert.ok(!existsSync(join(root, 'from-env')))
  })

  test('is the default one where the environment names none', async (t) => {
    const { root, env } = project(t)
    await freshly(unique(), {}, { cwd: root, env: { ...env, WASM_PREINIT_CACHE_DIR: '' } })
    assert.equal(kept(join(root, DEFAULT)).length, 1)
  })

  test('may be behind a link', { skip: needsModes }, async (t) => {
    const folder = temporary(t)
    mkdirSync(join(folder, 'folder'), { mode: 0o700 })
    symlinkSync('folder', join(folder, 'link'))
    await freshly(unique(), { cache: join(folder, 'link') })
    assert.equal(kept(join(folder, 'folder')).length, 1)
  })

  test('is none with `cache: false`: nothing is written anywhere', async (t) => {
    const { folder, root, env } = project(t)
    const before = everything(folder)
    const place = {
      cwd: root,
      env: {
        ...env,
        XDG_CACHE_HOME: join(folder, 'caches'),
        WASM_PREINIT_CACHE_DIR: join(folder, 'from-env'),
      },
    }
    const wasm = unique()
    const job = { wasm, options: { cache: false } }
    const { outcomes, warnings } = await inFreshProcess([job, job], place)
    assert.deepEqual(uses(outcomes), ['off', 'off'])
    assert.deepEqual(warnings, [])
    assert.deepEqual(everything(folder), before)
  })
})

describe('a folder that can not be written costs a warning, once', () => {
  /**
   * Runs that must succeed as without a cache, and warn once.
   * @param {import('./fixtures/cache.js').Options} options
   * @param {import('./fixtures/cache.js').Place} [place]
   * @returns {Promise<string>} the warning
   */
  async function warningOf(options, place) {
    const modules = [unique(), unique()]
    const jobs = [...modules, ...modules].map((wasm) => ({ wasm, options }))
    const { outcomes, warnings } = await inFreshProcess(jobs, place)
    for (const [index, { cache, result }] of outcomes.entries()) {
      assert.equal(cache, index < 2 ? 'miss' : 'hit')
      assert.deepEqual(result, (await outcomeOf(jobs[index].wasm, { cache: false })).result)
    }
    assert.equal(warnings.length, 1, warnings.join('\n'))
    return warnings[0]
  }

  test('where a file is in the way', async (t) => {
    const folder = temporary(t)
    writeFileSync(join(folder, 'file'), '')
    const cache = join(folder, 'file', 'cache')
    assert.ok((await warningOf({ cache })).includes(cache))
    assert.deepEqual(everything(folder), ['file'])
  })

  test('where a file is in the way of the default place', { skip: onlyOnLinux }, async (t) => {
    const { folder, home, outside, env } = project(t)
    writeFileSync(join(home, '.cache'), '')
    const before = everything(folder)
    const warning = await warningOf({}, { cwd: outside, env })
    assert.ok(warning.includes(join(home, '.cache', 'wasm-preinit')))
    assert.deepEqual(everything(folder), before)
  })

  test('where a file is the default place', async (t) => {
    const { root, env } = project(t)
    mkdirSync(join(root, 'node_modules', '.cache'))
    writeFileSync(join(root, DEFAULT), 'a file')
    const warning = await warningOf({}, { cwd: root, env })
    assert.ok(warning.includes(DEFAULT))
  })

  test('where it takes no files', { skip: onlyOnLinux }, async () => {
    assert.match(await warningOf({ cache: '/proc' }), / \/proc /)
  })

  test('where it can not be made', { skip: onlyOnLinux }, async () => {
    assert.match(await warningOf({ cache: '/proc/wasm-preinit' }), / \/proc\/wasm-preinit /)
  })

  test("where it is another user's, who lets this one read", { skip: needsRoot }, async (t) => {
    const folder = share(temporary(t))
    const cache = share(join(folder, mkdirSync(join(folder, 'cache')) ?? 'cache'))
    const wasm = unique()
    const cold = await freshly(wasm, { cache })
    for (const name of kept(cache)) chmodSync(join(cache, name), 0o644)
    const place = { user: OTHER_USER, cwd: folder, env: { HOME: folder } }
    // What root has written can be trusted, and reading it is no cause to warn.
    const warm = await freshly(wasm, { cache }, place)
    assert.equal(warm.cache, 'hit')
    assert.deepEqual(warm.result, cold.result)
    assert.ok((await warningOf({ cache }, place)).includes(cache))
    assert.equal(kept(cache).length, 1)
  })
})

test('`cache` that names a file is ERR_IO', async (t) => {
  const path = join(temporary(t), 'file')
  writeFileSync(path, 'a file')
  const { error } = (await outcomeOf(unique(), { cache: path })).result
  assert.equal(error?.code, 'ERR_IO')
  assert.equal(error.path, path)
  assert.ok(error.message.includes(path))
})

describe('a folder that other users can write', { skip: needsModes }, () => {
  /** How a folder becomes one. @type {Record<string, (folder: string) => void>} */
  const unsafe = {
    'as all can': (folder) => chmodSync(folder, 0o777),
    'as their group can': (folder) => chmodSync(folder, 0o770),
    'as only all others can': (folder) => chmodSync(folder, 0o702),
    'as temporary folders are': (folder) => chmodSync(folder, 0o1777),
    ...(!needsRoot && {
      'as it is theirs': (/** @type {string} */ folder) =>
        chownSync(folder, OTHER_USER, OTHER_USER),
    }),
  }
  for (const [how, make] of Object.entries(unsafe)) {
    test(`is refused when it is named, ${how}`, async (t) => {
      const cache = temporary(t)
      const wasm = unique()
      await freshly(wasm, { cache })
      const before = everything(cache)
      make(cache)
      const named = { wasm, options: { cache } }
      const { outcomes } = await inFreshProcess([named, named])
      const byEnv = await inFreshProcess([{ wasm }], { env: { WASM_PREINIT_CACHE_DIR: cache } })
      for (const { error } of results([...outcomes, ...byEnv.outcomes])) {
        assert.equal(error?.code, 'ERR_IO')
        assert.equal(error.path, cache)
        assert.match(error.message, /only you can write .*`chmod 700`/)
      }
      assert.throws(() => initializeSync(wasm, { cache }), { code: 'ERR_IO', path: cache })
      assert.deepEqual(everything(cache), before)
      succeeded(await outcomeOf(wasm, { cache: false }))
    })

    test(`is not used by default, with a warning, ${how}`, async (t) => {
      const { root, env } = project(t)
      const folder = join(root, DEFAULT)
      const wasm = unique()
      await freshly(wasm, {}, { cwd: root, env })
      const before = everything(folder)
      make(folder)
      const jobs = [wasm, unique(), wasm].map((module) => ({ wasm: module }))
      const { outcomes, warnings } = await inFreshProcess(jobs, { cwd: root, env })
      assert.deepEqual(uses(outcomes), ['miss', 'miss', 'hit'])
      for (const outcome of outcomes) succeeded(outcome)
      assert.equal(warnings.length, 1)
      assert.ok(warnings[0].includes(folder))
      assert.match(warnings[0], /only you can write .*`chmod 700`/)
      assert.deepEqual(everything(folder), before)
    })
  }

  test('is refused in a process that has the code in memory', async (t) => {
    const cache = temporary(t)
    const wasm = unique()
    succeeded(await outcomeOf(wasm, { cache }))
    chmodSync(cache, 0o777)
    assert.equal((await outcomeOf(wasm, { cache })).result.error?.code, 'ERR_IO')
  })

  test('is refused, as the folder for temporary files', { skip: onlyOnLinux }, async () => {
    const { error } = (await outcomeOf(unique(), { cache: tmpdir() })).result
    assert.deepEqual([error?.code, error?.path], ['ERR_IO', tmpdir()])
  })

  for (const mode of [0o700, 0o750, 0o755]) {
    test(`is not one that they can only read: ${mode.toString(8)}`, async (t) => {
      const cache = temporary(t)
      chmodSync(cache, mode)
      await freshly(unique(), { cache })
      assert.equal(kept(cache).length, 1)
      assert.equal(modeOf(cache), mode)
    })
  }
})

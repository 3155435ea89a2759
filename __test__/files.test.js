// Folders that the guest sees: a read-only tree that exists for one run, and preopened folders of
// the host, which never lead outside.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { initialize, initializeSync } from '../index.js'
import { runScript } from './child.js'
import {
  CREATE,
  DIRECTORY,
  EXCLUSIVE,
  FREE,
  LIST,
  READ,
  TRUNCATE,
  WRITE,
  logOf,
  open,
  perform,
  readGuest,
  stepsModule,
} from './fixtures/guests.js'

/**
 * @typedef {import('../index.js').WasiOptions} WasiOptions
 * @typedef {import('./fixtures/guests.js').Step} Step
 * @typedef {import('./fixtures/guests.js').Load} Load
 */

const BINARY = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const MEGABYTE = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 7) ^ (at >> 8))
const TEXT = 'first\nsecond\nlast'
const FILES = /** @type {Record<string, string | Uint8Array>} */ ({
  '/data/text.txt': TEXT,
  '/data/empty': '',
  'data/binary': BINARY,
  './data/large': MEGABYTE,
  'data/inner/deep/down.txt': 'deep down',
  'data/ünïcode 😀.txt': 'é',
})

/** Where the descriptor of an opened file is, sizes, and a list with one buffer. */
const OPENED = 8192
const SIZE = 8256
const IOVEC = 8320
/** A buffer of 1,000 bytes at FREE, one of 4 and one of 8. */
const BUFFERS = buffers([
  [FREE, 1000],
  [FREE, 4],
  [FREE + 4, 8],
])

/** @param {Array<[at: number, length: number]>} list */
function buffers(list) {
  const bytes = list
    .flat()
    .flatMap((number) => [0, 8, 16, 24].map((shift) => (number >> shift) & 255))
  const text = bytes.map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
  return `(data (i32.const ${IOVEC}) "${text}")`
}

/** @type {Load} */
const FILE = { load: OPENED }

/**
 * Makes calls in a guest that has the buffers.
 * @param {Step[]} steps
 * @param {WasiOptions} [wasi]
 */
const steps = (steps, wasi = { files: FILES }) => perform(steps, wasi, { more: BUFFERS })

/**
 * What a guest reads at a path, or the error.
 * @param {number} folder
 * @param {string} path
 * @param {WasiOptions} [wasi]
 */
async function read(folder, path, wasi) {
  const { errors, memory } = await steps(
    [open(folder, path, OPENED), ['fd_read', FILE, IOVEC, 1, SIZE]],
    wasi,
  )
  if (errors[0] !== 'success') return errors[0]
  assert.equal(errors[1], 'success')
  return memory.subarray(FREE, FREE + memory.readUInt32LE(SIZE))
}

/** Guest paths of preopens from a descriptor on. */
const prestats = async (/** @type {WasiOptions} */ wasi, count = 6) => {
  const { errors, memory } = await perform(
    Array.from({ length: count }, (_, index) => index).flatMap(
      (index) =>
        /** @type {Step[]} */ ([
          ['fd_prestat_get', 3 + index, FREE + 512 * index],
          [
            'fd_prestat_dir_name',
            3 + index,
            FREE + 512 * index + 8,
            { load: FREE + 512 * index + 4 },
          ],
        ]),
    ),
    wasi,
  )
  const names = []
  for (let index = 0; errors[2 * index] === 'success'; index++) {
    assert.equal(errors[2 * index + 1], 'success')
    assert.equal(memory.readUInt32LE(FREE + 512 * index), 0, 'a preopen is no folder')
    const at = FREE + 512 * index + 8
    names.push(memory.toString('utf8', at, at + memory.readUInt32LE(at - 4)))
  }
  assert.equal(errors[2 * names.length], 'badf')
  return names
}

describe('files of one run', () => {
  test('are below two preopened folders, / and .', async () => {
    assert.deepEqual(await prestats({ files: FILES }), ['/', '.'])
    for (const folder of [3, 4]) {
      for (const [path, contents] of Object.entries(FILES)) {
        if (contents === MEGABYTE) continue
        const plain = path.replace(/^(\.?\/)/, '')
        assert.deepEqual(await read(folder, plain), Buffer.from(contents), path)
      }
    }
  })

  test('are not there unless they are given', async () => {
    assert.deepEqual(await prestats({}), [])
    assert.deepEqual(await prestats({ files: {} }), [])
  })

  test('are found by paths with dots and doubled slashes', async () => {
    for (const path of [
      './data/text.txt',
      'data/./text.txt',
      'data//text.txt',
      'data/inner/../text.txt',
      'data/inner/deep/../../text.txt',
      'data/../data/text.txt',
    ]) {
      assert.deepEqual(await read(3, path), Buffer.from(TEXT), path)
    }
  })

  test('are found from folders that the guest has opened', async () => {
    const { errors, memory } = await steps([
      open(3, 'data/inner', OPENED, { flags: DIRECTORY, rights: LIST }),
      open(FILE, 'deep/down.txt', OPENED + 4),
      ['fd_read', { load: OPENED + 4 }, IOVEC, 1, SIZE],
      open(FILE, 'deep/../deep/down.txt', OPENED + 8),
      open(FILE, '../text.txt', OPENED + 12),
      open(FILE, 'deep/../../text.txt', OPENED + 12),
    ])
    assert.deepEqual(errors.slice(0, 4), ['success', 'success', 'success', 'success'])
    assert.equal(memory.toString('utf8', FREE, FREE + memory.readUInt32LE(SIZE)), 'deep down')
    for (const error of errors.slice(4)) assert.ok(['notcapable', 'perm'].includes(error), error)
  })

  test('do not lead outside', async () => {
    for (const path of [
      '..',
      '../etc/passwd',
      'data/../..',
      '/data/text.txt',
      '/etc/passwd',
      '/',
    ]) {
      const error = await read(3, path)
      assert.ok(error === 'notcapable' || error === 'perm', `${path}: ${error}`)
    }
  })

  test('that are missing are ENOENT, and what is no folder is ENOTDIR', async () => {
    for (const path of [
      'missing',
      'data/missing',
      'missing/missing',
      'data/TEXT.txt',
      'data/text',
    ]) {
      assert.equal(await read(3, path), 'noent', path)
    }
    for (const path of ['data/text.txt/x', 'data/text.txt/', 'data/text.txt/..']) {
      assert.equal(await read(3, path), 'notdir', path)
    }
    const { errors } = await steps([open(3, 'data/text.txt', OPENED, { flags: DIRECTORY })])
    assert.deepEqual(errors, ['notdir'])
  })

  test('are not found by an empty path', async () => {
    const { errors } = await steps([open(3, '', OPENED), ['path_filestat_get', 3, 1, '', FREE]])
    assert.deepEqual(errors, ['noent', 'noent'])
  })

  test('are read from where the last read ended, into several buffers', async () => {
    const { errors, memory } = await steps([
      open(3, 'data/text.txt', OPENED),
      ['fd_read', FILE, IOVEC + 8, 2, SIZE],
      ['fd_tell', FILE, SIZE + 8],
      ['fd_read', FILE, IOVEC + 8, 1, SIZE + 16],
      ['fd_tell', FILE, SIZE + 24],
      ['fd_read', FILE, IOVEC + 8, 2, SIZE + 32],
      ['fd_read', FILE, IOVEC + 8, 2, SIZE + 40],
      ['fd_read', FILE, IOVEC, 0, SIZE + 48],
    ])
    assert.deepEqual(new Set(errors), new Set(['success']))
    assert.deepEqual(
      [0, 8, 16, 24, 32, 40, 48].map((at) => memory.readUInt32LE(SIZE + at)),
      [12, 12, 4, 16, 1, 0, 0],
    )
  })

  test('are read at any place without moving the place to read from', async () => {
    const { errors, memory } = await steps([
      open(3, 'data/text.txt', OPENED),
      ['fd_pread', FILE, IOVEC, 1, 13n, SIZE],
      ['fd_tell', FILE, SIZE + 8],
      ['fd_pread', FILE, IOVEC, 1, 17n, SIZE + 16],
      ['fd_pread', FILE, IOVEC, 1, 2n ** 62n, SIZE + 24],
    ])
    assert.deepEqual(new Set(errors), new Set(['success']))
    assert.equal(memory.toString('utf8', FREE, FREE + 4), 'last')
    assert.deepEqual(
      [0, 8, 16, 24].map((at) => memory.readUInt32LE(SIZE + at)),
      [4, 0, 0, 0],
    )
  })

  test('can be sought from start, place and end, beyond the end too', async () => {
    const { errors, memory } = await steps([
      open(3, 'data/text.txt', OPENED),
      ['fd_seek', FILE, 6n, 0, SIZE],
      ['fd_seek', FILE, 7n, 1, SIZE + 8],
      ['fd_seek', FILE, -4n, 2, SIZE + 16],
      ['fd_read', FILE, IOVEC, 1, SIZE + 24],
      ['fd_seek', FILE, 1000n, 2, SIZE + 32],
      ['fd_read', FILE, IOVEC, 1, SIZE + 40],
      ['fd_seek', FILE, -1017n, 1, SIZE + 48],
      ['fd_seek', FILE, -1n, 0, SIZE + 56],
      ['fd_seek', FILE, -18n, 2, SIZE + 56],
      ['fd_seek', FILE, 2n ** 63n - 1n, 1, SIZE + 56],
      ['fd_tell', FILE, SIZE + 64],
    ])
    assert.deepEqual(errors.slice(0, 8), Array(8).fill('success'))
    assert.deepEqual(errors.slice(8, 10), ['inval', 'inval'])
    const places = [0, 8, 16, 32, 48].map((at) => memory.readBigUInt64LE(SIZE + at))
    assert.deepEqual(places, [6n, 13n, 13n, 1017n, 0n])
    assert.deepEqual(
      [24, 40].map((at) => memory.readUInt32LE(SIZE + at)),
      [4, 0],
    )
  })

  test('hold a megabyte, byte by byte', async () => {
    const rust = readGuest('rust')
    const wasi = { files: { 'data/large': MEGABYTE, 'data/text.txt': TEXT } }
    const output = await initialize(rust, { initFunc: 'walk', wasi })
    const sum = MEGABYTE.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0)
    assert.equal(logOf(output)[0], `/data/large 1000000 0 ${sum}`)
  })

  test('say what they are', async () => {
    const { errors, memory } = await perform(
      [
        ['path_filestat_get', 3, 1, 'data/large', FREE],
        ['path_filestat_get', 3, 1, 'data', FREE + 64],
        open(3, 'data/empty', OPENED),
        ['fd_filestat_get', FILE, FREE + 128],
        ['fd_filestat_get', 3, FREE + 192],
        ['fd_fdstat_get', FILE, FREE + 256],
        ['fd_fdstat_get', 3, FREE + 320],
        ['path_filestat_get', 3, 1, 'missing', FREE],
      ],
      { files: FILES, clock: 1_700_000_000_000 },
    )
    assert.deepEqual(errors, [...Array(7).fill('success'), 'noent'])
    const stat = (/** @type {number} */ at) => ({
      type: memory.readUInt8(FREE + at + 16),
      links: memory.readBigUInt64LE(FREE + at + 24),
      size: memory.readBigUInt64LE(FREE + at + 32),
      modified: memory.readBigUInt64LE(FREE + at + 48),
    })
    const modified = 1_700_000_000_000_000_000n
    assert.deepEqual(stat(0), { type: 4, links: 1n, size: 1_000_000n, modified })
    assert.deepEqual([stat(64).type, stat(192).type], [3, 3])
    assert.deepEqual(stat(128), { type: 4, links: 1n, size: 0n, modified })
    const inodes = [0, 64, 128, 192].map((at) => memory.readBigUInt64LE(FREE + at + 8))
    assert.equal(new Set(inodes).size, 4)
    assert.deepEqual(
      [256, 320].map((at) => memory.readUInt8(FREE + at)),
      [4, 3],
    )
  })

  test('are listed in the order of their names', async () => {
    const [first, ...others] = [FILES, Object.fromEntries(Object.entries(FILES).toReversed())].map(
      (files) => initialize(readGuest('rust'), { initFunc: 'walk', wasi: { files } }),
    )
    const lines = logOf(await first).map((line) => line.split(' ')[0])
    assert.deepEqual(lines, [
      '/data/binary',
      '/data/empty',
      '/data/inner/',
      '/data/inner/deep/',
      '/data/inner/deep/down.txt',
      '/data/large',
      '/data/text.txt',
      '/data/ünïcode',
    ])
    for (const other of others) assert.deepEqual(logOf(await other), logOf(await first))
  })

  test('can be a thousand in one folder', async () => {
    const names = Array.from({ length: 1000 }, (_, number) => `data/file ${number}`)
    const files = Object.fromEntries(names.map((name) => [name, name]))
    const log = logOf(await initialize(readGuest('c'), { initFunc: 'count_data', wasi: { files } }))
    assert.deepEqual(log, ['1000 1', '1000 1'])
  })

  test('can be open many times at once', async () => {
    const opened = Array.from({ length: 300 }, (_, index) => FREE + 4 * index)
    const { errors, memory } = await steps([
      ...opened.map((at) => open(3, 'data/text.txt', at)),
      ...opened.map((at) => /** @type {Step} */ (['fd_close', { load: at }])),
      ...opened.map((at) => /** @type {Step} */ (['fd_close', { load: at }])),
    ])
    assert.deepEqual(errors, [...Array(600).fill('success'), ...Array(300).fill('badf')])
    assert.equal(new Set(opened.map((at) => memory.readUInt32LE(at))).size, 300)
  })

  test('are EBADF for every call once they are closed', async () => {
    const { errors } = await steps([
      open(3, 'data/text.txt', OPENED),
      ['fd_close', FILE],
      ['fd_close', FILE],
      ['fd_read', FILE, IOVEC, 1, SIZE],
      ['fd_seek', FILE, 0n, 0, SIZE],
      ['fd_filestat_get', FILE, FREE],
      ['fd_fdstat_get', FILE, FREE],
      ['fd_prestat_get', FILE, FREE],
      ['fd_close', 3],
      open(3, 'data/text.txt', OPENED),
      ['fd_prestat_get', 3, FREE],
      open(4, 'data/text.txt', OPENED),
    ])
    assert.deepEqual(errors, [
      'success',
      'success',
      ...Array(6).fill('badf'),
      'success',
      'badf',
      'badf',
      'success',
    ])
  })

  test('get another number with fd_renumber', async () => {
    const { errors, memory } = await steps([
      open(3, 'data/text.txt', OPENED),
      open(3, 'data/binary', OPENED + 4),
      ['fd_renumber', FILE, { load: OPENED + 4 }],
      ['fd_read', { load: OPENED + 4 }, IOVEC, 1, SIZE],
      ['fd_close', FILE],
    ])
    assert.deepEqual(errors, ['success', 'success', 'success', 'success', 'badf'])
    assert.equal(memory.toString('utf8', FREE, FREE + memory.readUInt32LE(SIZE)), TEXT)
  })

  test('leave streams alone when one of them is renumbered to a folder', async () => {
    const { errors } = await steps([
      ['fd_fdstat_get', 1, FREE],
      ['fd_renumber', 0, 3],
      ['fd_fdstat_get', 1, FREE + 32],
      ['fd_write', 1, IOVEC, 0, SIZE],
    ])
    assert.equal(errors[0], 'success')
    assert.deepEqual(errors.slice(2), ['success', 'success'])
    const { errors: after } = await steps([
      ['fd_renumber', 0, 3],
      ['fd_prestat_get', 3, FREE],
    ])
    // Either there is no such renumbering, or the stream is there now.
    assert.deepEqual(after, after[0] === 'success' ? ['success', 'badf'] : [after[0], 'success'])
  })

  test('have names that a path of the C library can hold', async () => {
    const { errors, memory } = await steps([
      ['fd_prestat_dir_name', 4, FREE, 0],
      ['fd_prestat_dir_name', 4, FREE + 100, 1],
      ['fd_prestat_dir_name', 4, FREE + 200, 100],
    ])
    assert.equal(errors[0], 'error 37', 'a buffer that is too short is ENAMETOOLONG')
    assert.deepEqual(errors.slice(1), ['success', 'success'])
    assert.equal(memory.toString('latin1', FREE + 100, FREE + 102), '.\0')
  })
})

describe('files of one run can’t be changed:', () => {
  /** @type {Record<string, Step[]>} */
  const changes = {
    'creating a file': [open(3, 'data/new', OPENED, { flags: CREATE })],
    'creating one in the root': [open(4, 'new', OPENED, { flags: CREATE | TRUNCATE })],
    'creating one exclusively': [open(3, 'data/new', OPENED, { flags: CREATE | EXCLUSIVE })],
    'creating one to write': [open(3, 'new', OPENED, { flags: CREATE, rights: READ | WRITE })],
    'opening one to write': [open(3, 'data/text.txt', OPENED, { rights: WRITE })],
    'opening one to read and write': [open(3, 'data/text.txt', OPENED, { rights: READ | WRITE })],
    'truncating one': [open(3, 'data/text.txt', OPENED, { flags: TRUNCATE })],
    'setting its size': [open(3, 'data/text.txt', OPENED), ['fd_filestat_set_size', FILE, 0n]],
    'allocating for it': [open(3, 'data/text.txt', OPENED), ['fd_allocate', FILE, 0n, 100n]],
    'setting its times': [
      open(3, 'data/text.txt', OPENED),
      ['fd_filestat_set_times', FILE, 1n, 1n, 5],
    ],
    'setting the times of a path': [['path_filestat_set_times', 3, 1, 'data/text.txt', 1n, 1n, 5]],
    renaming: [['path_rename', 3, 'data/text.txt', 3, 'data/other.txt']],
    'renaming to the other root': [['path_rename', 3, 'data/text.txt', 4, 'other.txt']],
    'renaming a folder': [['path_rename', 3, 'data/inner', 3, 'data/outer']],
    unlinking: [['path_unlink_file', 3, 'data/text.txt']],
    'removing a folder': [['path_remove_directory', 3, 'data/inner/deep']],
    'making a folder': [['path_create_directory', 3, 'data/folder']],
    'making a symbolic link': [['path_symlink', 'text.txt', 3, 'data/link']],
    'making a link': [['path_link', 3, 0, 'data/text.txt', 3, 'data/link']],
  }
  for (const [name, list] of Object.entries(changes)) {
    test(`${name} is EROFS`, async () => {
      const { errors, memory } = await steps([
        ...list,
        open(3, 'data/text.txt', OPENED + 64),
        ['fd_read', { load: OPENED + 64 }, IOVEC, 1, SIZE],
        open(3, 'data/inner/deep', OPENED + 68, { rights: LIST }),
        open(3, 'data/new', OPENED + 72),
        open(3, 'data/link', OPENED + 72),
      ])
      const own = list.map((_, index) => (index < list.length - 1 ? 'success' : 'rofs'))
      assert.deepEqual(errors, [...own, 'success', 'success', 'success', 'noent', 'noent'])
      assert.equal(memory.toString('utf8', FREE, FREE + memory.readUInt32LE(SIZE)), TEXT)
    })
  }

  test('writing to an open file is EBADF', async () => {
    const { errors } = await steps([
      open(3, 'data/text.txt', OPENED),
      ['fd_write', FILE, IOVEC, 1, SIZE],
      ['fd_pwrite', FILE, IOVEC, 1, 0n, SIZE],
    ])
    assert.deepEqual(errors, ['success', 'badf', 'badf'])
  })

  test('a folder that is opened to write or truncated is EISDIR', async () => {
    const { errors } = await steps([
      open(3, 'data', OPENED, { rights: WRITE }),
      open(3, 'data', OPENED, { flags: TRUNCATE }),
    ])
    assert.deepEqual(errors, ['isdir', 'isdir'])
  })

  test('making what is there already is EEXIST', async () => {
    const { errors } = await steps([
      open(3, 'data/text.txt', OPENED, { flags: CREATE | EXCLUSIVE }),
      ['path_create_directory', 3, 'data'],
      ['path_create_directory', 3, 'data/text.txt'],
    ])
    assert.deepEqual(errors, ['exist', 'exist', 'exist'])
  })

  test('creating without need opens what is there', async () => {
    const { errors } = await steps([
      open(3, 'data/text.txt', OPENED, { flags: CREATE }),
      ['fd_read', FILE, IOVEC, 1, SIZE],
    ])
    assert.deepEqual(errors, ['success', 'success'])
  })

  test('links are not there to be read', async () => {
    const { errors } = await steps([
      ['path_readlink', 3, 'data/text.txt', FREE, 100, SIZE],
      ['path_readlink', 3, 'data', FREE, 100, SIZE],
      ['path_readlink', 3, 'data/missing', FREE, 100, SIZE],
    ])
    assert.deepEqual(errors, ['inval', 'inval', 'noent'])
  })
})

describe('standard libraries are content with files of one run:', () => {
  const files = {
    'data/text.txt': 'hello\nworld\nlast',
    'data/inner/a.txt': '',
    'secret.txt': 'secret',
  }

  test('Rust’s std::fs reads, seeks and is told that nothing can be changed', async () => {
    const output = await initialize(readGuest('rust'), { initFunc: 'files', wasi: { files } })
    assert.deepEqual(logOf(output), [
      'start hello',
      'end 12',
      'rest last',
      'at 16',
      'beyond 0',
      'up 16',
      'outside false',
      'missing NotFound',
      'is there true',
      'open 200',
      'create Some(69)',
      'truncate Some(69)',
      'append Some(69)',
      'write Some(8)',
      'rename Some(69)',
      'unlink Some(69)',
      'folder Some(69)',
      'link Some(69)',
      'still 16',
    ])
  })

  test('Rust’s std::fs walks the current folder', async () => {
    const output = await initialize(readGuest('rust'), { initFunc: 'walk_here', wasi: { files } })
    assert.deepEqual(
      logOf(output).map((line) => line.split(' ')[0]),
      ['./data/', './data/inner/', './data/inner/a.txt', './data/text.txt', './secret.txt'],
    )
  })

  test('Go’s os reads folders and files, and is told that nothing can be changed', async () => {
    const walk = await initialize(readGuest('go'), { initFunc: 'walk', wasi: { files } })
    assert.deepEqual(logOf(walk), [
      '/data/inner/ 0',
      '/data/inner/a.txt 0 0 0',
      `/data/text.txt 16 0 ${[...Buffer.from('hello\nworld\nlast')].reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0)}`,
    ])
    const changes = await initialize(readGuest('go'), { initFunc: 'changes', wasi: { files } })
    assert.deepEqual(logOf(changes), [
      'create open /data/new.txt: Read-only file system',
      'truncate truncate /data/text.txt: Read-only file system',
      'rename rename /data/text.txt /data/other.txt: Read-only file system',
      'unlink remove /data/text.txt: Read-only file system',
      'folder mkdir /data/folder: Read-only file system',
      'symlink symlink text.txt /data/link: Read-only file system',
      'missing stat /data/missing: No such file or directory',
    ])
  })

  test('C’s readdir and stat list folders', async () => {
    const output = await initialize(readGuest('c'), { initFunc: 'list_data', wasi: { files } })
    assert.deepEqual(logOf(output), [
      '/data/. 1 1 0',
      '/data/.. 1 1 0',
      '/data/inner 1 1 0',
      '/data/inner/. 1 1 0',
      '/data/inner/.. 1 1 0',
      '/data/inner/a.txt 0 0 0',
      '/data/text.txt 0 0 16',
    ])
  })

  test('C’s stdio reads and seeks', async () => {
    const output = await initialize(readGuest('c'), { initFunc: 'read_text', wasi: { files } })
    assert.deepEqual(logOf(output), [
      'line hello',
      'line world',
      'line lastend 1 16',
      'seek 0',
      'rest 4',
      'first h',
      'again x',
      'absolute done',
      'missing No such file or directory',
      'folder Not a directory',
    ])
  })

  test('C’s stdio is told that nothing can be changed', async () => {
    const output = await initialize(readGuest('c'), { initFunc: 'change', wasi: { files } })
    for (const line of logOf(output)) assert.match(line, / Read-only file system$/)
  })

  test('C’s realpath finds what is there and nothing else', async () => {
    const output = await initialize(readGuest('c'), { initFunc: 'resolve', wasi: { files } })
    assert.deepEqual(logOf(output), [
      '/data/inner/../text.txt /data/text.txt',
      '/data/missing No such file or directory',
      '/data/missing/../text.txt No such file or directory',
    ])
  })
})

describe('files of one run that make no tree are ERR_INVALID_OPTION:', () => {
  for (const [name, files] of /** @type {Array<[string, Record<string, string>]>} */ ([
    ['a file and a folder of one name', { a: '', 'a/b': '' }],
    ['a folder and a file of one name', { 'a/b': '', a: '' }],
    ['a file twice', { '/a': '', a: '' }],
    ['a path that leads upward', { '../a': '' }],
    ['a path that leads upward and back', { 'a/../b': '' }],
    ['an empty path', { '': '' }],
    ['the root', { '/': '' }],
    ['the current folder', { './.': '' }],
    ['a NUL character', { 'a\0b': '' }],
  ])) {
    test(name, async () => {
      const expected = { name: 'TypeError', code: 'ERR_INVALID_OPTION', message: /wasi\.files/ }
      const rust = readGuest('rust')
      await assert.rejects(initialize(rust, { initFunc: 'walk', wasi: { files } }), expected)
      assert.throws(() => initializeSync(rust, { initFunc: 'walk', wasi: { files } }), expected)
    })
  }

  test('contents that are neither text nor bytes', async () => {
    for (const contents of [1, null, ['x'], new ArrayBuffer(1), undefined]) {
      const files = /** @type {any} */ ({ 'a.txt': contents })
      await assert.rejects(initialize(readGuest('rust'), { initFunc: 'walk', wasi: { files } }), {
        name: 'TypeError',
        code: 'ERR_INVALID_OPTION',
        message: /`wasi\.files\.a\.txt`/,
      })
    }
  })
})

test('contents of files are copied before the call returns', async () => {
  const contents = new TextEncoder().encode('before')
  const files = { 'data/text.txt': contents }
  const running = initialize(readGuest('rust'), { initFunc: 'walk', wasi: { files } })
  contents.fill(0x21)
  const sum = [...Buffer.from('before')].reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0)
  assert.deepEqual(logOf(await running), [`/data/text.txt 6 0 ${sum}`])
})

describe('files of one run beside preopened folders', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-preinit-'))
  })
  beforeEach(async () => {
    await writeFile(join(folder, 'host.txt'), 'on the host')
    await mkdir(join(folder, 'inner'), { recursive: true })
  })
  afterEach(async () => {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
  })
  after(() => rm(folder, { recursive: true }))

  test('stand after them, and both can be read', async () => {
    const wasi = { files: FILES, preopens: { '/host': folder, other: join(folder, 'inner') } }
    assert.deepEqual(await prestats(wasi), ['/host', 'other', '/', '.'])
    assert.deepEqual(await read(3, 'host.txt', wasi), Buffer.from('on the host'))
    assert.deepEqual(await read(5, 'data/text.txt', wasi), Buffer.from(TEXT))
    assert.deepEqual(await read(6, 'data/text.txt', wasi), Buffer.from(TEXT))
    assert.equal(await read(3, 'data/text.txt', wasi), 'noent')
    assert.equal(await read(5, 'host.txt', wasi), 'noent')
    assert.equal(await read(7, 'host.txt', wasi), 'badf')
  })

  test('leave the name . to a preopened folder', async () => {
    const wasi = { files: FILES, preopens: { '.': folder } }
    assert.deepEqual(await prestats(wasi), ['.', '/'])
    assert.deepEqual(await read(3, 'host.txt', wasi), Buffer.from('on the host'))
    assert.deepEqual(await read(4, 'data/text.txt', wasi), Buffer.from(TEXT))
    const root = logOf(await initialize(readGuest('c'), { initFunc: 'list_data', wasi }))
    assert.ok(root.includes('/data/text.txt 0 0 17'), root.join('\n'))
  })

  test('are ERR_INVALID_OPTION when a preopened folder is /', async () => {
    const wasi = { files: FILES, preopens: { '/': folder } }
    const expected = { name: 'TypeError', code: 'ERR_INVALID_OPTION', message: /wasi\.files/ }
    const wasm = await stepsModule([['sched_yield']])
    await assert.rejects(initialize(wasm, { wasi }), expected)
    assert.throws(() => initializeSync(wasm, { wasi }), expected)
    await initialize(wasm, { wasi: { ...wasi, files: {} } })
  })

  test('are open at the same time, each with its numbers', async () => {
    const { errors, memory } = await steps(
      [
        open(3, 'host.txt', OPENED),
        open(4, 'data/text.txt', OPENED + 4),
        open(3, 'new.txt', OPENED + 8, { flags: CREATE, rights: WRITE }),
        open(5, 'data/binary', OPENED + 12),
        ['fd_read', { load: OPENED }, IOVEC, 1, SIZE],
        ['fd_write', { load: OPENED + 8 }, IOVEC + 8, 1, SIZE + 4],
        ['fd_read', { load: OPENED + 4 }, IOVEC + 8, 1, SIZE + 8],
        ['fd_close', { load: OPENED }],
        ['fd_read', { load: OPENED }, IOVEC, 1, SIZE + 12],
        ['fd_read', { load: OPENED + 12 }, IOVEC, 1, SIZE + 12],
        open(3, 'host.txt', OPENED + 16),
        ['fd_seek', { load: OPENED + 16 }, -4n, 2, SIZE + 16],
      ],
      { files: FILES, preopens: { '/host': folder } },
    )
    const expected = Array(12).fill('success')
    expected[8] = 'badf'
    assert.deepEqual(errors, expected)
    assert.deepEqual(
      [0, 4, 8, 12, 16].map((at) => memory.readUInt32LE(SIZE + at)),
      [11, 4, 4, 256, 7],
    )
    const numbers = [4, 8, 12].map((at) => memory.readUInt32LE(OPENED + at))
    assert.equal(new Set([0, 1, 2, 3, 4, 5, ...numbers]).size, 9)
    assert.equal(await readFile(join(folder, 'new.txt'), 'utf8'), 'on t')
  })

  test('and the folders can’t be mixed in one call', async () => {
    const preopens = { '/host': folder }
    for (const tree of [4, 5]) {
      const { errors } = await steps(
        [
          ['path_rename', 3, 'host.txt', tree, 'moved.txt'],
          ['path_link', 3, 0, 'host.txt', tree, 'linked.txt'],
          ['path_rename', tree, 'data/text.txt', 3, 'moved.txt'],
          ['path_link', tree, 0, 'data/text.txt', 3, 'linked.txt'],
        ],
        { files: FILES, preopens },
      )
      for (const error of errors) assert.notEqual(error, 'success')
      assert.deepEqual((await readdir(folder)).toSorted(), ['host.txt', 'inner'])
    }
    const folders = { '/host': folder, '/inner': join(folder, 'inner') }
    for (const tree of [5, 6]) {
      const { errors } = await steps([['path_rename', 3, 'host.txt', tree, 'moved.txt']], {
        files: FILES,
        preopens: folders,
      })
      assert.notDeepEqual(errors, ['success'])
      assert.deepEqual(await readdir(join(folder, 'inner')), [])
    }
  })

  test('keep their numbers when a preopened folder is closed', async () => {
    const { errors } = await steps(
      [
        ['fd_close', 3],
        open(4, 'data/text.txt', OPENED),
        open(3, 'host.txt', OPENED),
        ['fd_prestat_get', 4, FREE],
        ['fd_prestat_get', 5, FREE],
      ],
      { files: FILES, preopens: { '/host': folder } },
    )
    assert.deepEqual(errors, ['success', 'success', 'badf', 'success', 'success'])
  })
})

describe('nothing is left on disk', () => {
  /** A guest that reads a file and then ends as `end` says. */
  const script = (/** @type {string} */ end, options = '') => `
    import { readdirSync } from 'node:fs'
    import { initialize } from 'wasm-preinit'
    const wasm = Buffer.from(\`(module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (data (i32.const 0) "a.txt")
      (func (export "wizer.initialize")
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)) (then unreachable))
        ${end}))\`)
    const list = () => [process.env.TMPDIR, process.cwd()].map((folder) => readdirSync(folder, { recursive: true }))
    process.chdir(process.env.WORKING_FOLDER)
    const before = JSON.stringify(list())
    const controller = new AbortController()
    const running = initialize(wasm, {
      wasi: { files: { 'a.txt': 'a', 'b/c.txt': new Uint8Array(1_000_000) } },
      signal: controller.signal, ${options} })
    const during = JSON.stringify(list())
    const outcome = await running.then(() => 'done', (error) => error.code ?? error.name)
    console.log(outcome, during === before, JSON.stringify(list()) === before)`

  /** @type {Array<[name: string, end: string, options: string, outcome: string]>} */
  const endings = [
    ['after a run', 'nop', '', 'done'],
    ['after a trap', 'unreachable', '', 'ERR_TRAP'],
    ['after an exit', '(call $exit (i32.const 3))', '', 'ERR_EXIT'],
    ['after a timeout', '(loop (br 0))', 'timeout: 300', 'ERR_TIMEOUT'],
    [
      'after an abort',
      '(loop (br 0))',
      'timeout: (setTimeout(() => controller.abort(), 300), undefined)',
      '20',
    ],
  ]
  for (const [name, end, options, outcome] of endings) {
    test(name, async () => {
      const folders = mkdtempSync(join(tmpdir(), 'wasm-preinit-'))
      const [temporary, working] = ['temporary', 'working'].map((name) => join(folders, name))
      try {
        for (const path of [temporary, working]) await mkdir(path)
        const env = { TMPDIR: temporary, TMP: temporary, TEMP: temporary, WORKING_FOLDER: working }
        const { stdout, stderr } = await runScript(script(end, options), { env })
        assert.equal(stdout, `${outcome} true true\n`, stderr)
        assert.deepEqual(
          [temporary, working].map((path) => readdirSync(path)),
          [[], []],
        )
      } finally {
        await rm(folders, { recursive: true })
      }
    })
  }
})

describe('preopened folders never lead outside', () => {
  let folder = ''
  let inside = ''
  const SECRET = 'outside the folder'
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'wasm-preinit-')))
    inside = join(folder, 'inside')
    await mkdir(join(inside, 'inner', 'deep'), { recursive: true })
    await mkdir(join(folder, 'outside'))
    await writeFile(join(folder, 'secret.txt'), SECRET)
    await writeFile(join(folder, 'outside', 'secret.txt'), SECRET)
    await writeFile(join(inside, 'file.txt'), 'in the folder')
    await writeFile(join(inside, 'inner', 'deep', 'down.txt'), 'deep down')
  })
  afterEach(() => rm(folder, { recursive: true }))

  const wasi = () => ({ preopens: { '/': inside } })

  /**
   * Reads a path, after other calls.
   * @param {string} path
   * @param {Step[]} [first]
   */
  async function attempt(path, first = []) {
    const result = await steps(
      [...first, open(3, path, OPENED), ['fd_read', FILE, IOVEC, 1, SIZE]],
      wasi(),
    )
    assert.ok(!result.memory.includes(SECRET), `${path} is read`)
    assert.ok(!result.output.includes(SECRET), `${path} is read`)
    return result.errors
  }

  test('by parent folders', async () => {
    for (const path of [
      '../secret.txt',
      'inner/../../secret.txt',
      'inner/deep/../../../secret.txt',
      './../secret.txt',
      '../inside/file.txt',
      '..',
      'inner/../..',
    ]) {
      const [error] = await attempt(path)
      assert.ok(['perm', 'notcapable'].includes(error), `${path}: ${error}`)
    }
  })

  test('by absolute paths, not even to what is inside', async () => {
    for (const path of [join(folder, 'secret.txt'), '/etc/passwd', '/', join(inside, 'file.txt')]) {
      const [error] = await attempt(path)
      assert.ok(['perm', 'notcapable'].includes(error), `${path}: ${error}`)
    }
  })

  test('by symbolic links, absolute or relative, to files and folders', async () => {
    await symlink(join(folder, 'secret.txt'), join(inside, 'absolute'))
    await symlink('../secret.txt', join(inside, 'relative'))
    await symlink(join(folder, 'outside'), join(inside, 'absolute-folder'))
    await symlink('../../outside', join(inside, 'inner', 'relative-folder'))
    await symlink('relative', join(inside, 'twice'))
    await symlink('..', join(inside, 'parent'))
    await symlink('loop', join(inside, 'loop'))
    for (const path of [
      'absolute',
      'relative',
      'absolute-folder/secret.txt',
      'inner/relative-folder/secret.txt',
      'twice',
      'parent/secret.txt',
      'parent/inside/file.txt',
      'loop',
    ]) {
      const [error] = await attempt(path)
      assert.ok(['perm', 'notcapable', 'loop'].includes(error), `${path}: ${error}`)
      const { errors } = await steps(
        [
          ['path_filestat_get', 3, 1, path, FREE],
          open(3, path, OPENED, { flags: CREATE | TRUNCATE, rights: WRITE }),
        ],
        wasi(),
      )
      for (const error of errors) assert.notEqual(error, 'success', path)
    }
    assert.equal(await readFile(join(folder, 'secret.txt'), 'utf8'), SECRET)
  })

  test('by symbolic links that the guest makes or swaps in', async () => {
    for (const [target, link] of [
      [join(folder, 'secret.txt'), 'made'],
      ['../secret.txt', 'made'],
      ['../../secret.txt', 'inner/made'],
    ]) {
      await rm(join(inside, link), { force: true })
      const errors = await attempt(link, [['path_symlink', target, 3, link]])
      assert.notEqual(errors[1], 'success', target)
    }
    const swapped = await attempt('inner/deep/secret.txt', [
      open(3, 'inner/deep/down.txt', OPENED + 4),
      ['path_rename', 3, 'inner/deep', 3, 'inner/gone'],
      ['path_symlink', '../../outside', 3, 'inner/deep'],
    ])
    assert.deepEqual(swapped.slice(0, 2), ['success', 'success'])
    assert.notEqual(swapped[3], 'success')
  })

  test('by folders that are moved while they are open', async () => {
    const { errors, memory } = await steps(
      [
        open(3, 'inner/deep', OPENED + 4, { flags: DIRECTORY, rights: LIST }),
        ['path_rename', 3, 'inner/deep', 3, 'deep'],
        open({ load: OPENED + 4 }, '../../secret.txt', OPENED),
        open({ load: OPENED + 4 }, '../file.txt', OPENED),
        open({ load: OPENED + 4 }, 'down.txt', OPENED),
        ['fd_read', FILE, IOVEC, 1, SIZE],
      ],
      wasi(),
    )
    assert.deepEqual(errors.slice(0, 2), ['success', 'success'])
    for (const error of errors.slice(2, 4)) assert.ok(['perm', 'notcapable'].includes(error), error)
    assert.deepEqual(errors.slice(4), ['success', 'success'])
    assert.ok(!memory.includes(SECRET))
  })

  test('by renaming, neither out of them nor into them', async () => {
    const { errors } = await steps(
      [
        ['path_rename', 3, 'file.txt', 3, '../file.txt'],
        ['path_rename', 3, 'file.txt', 3, join(folder, 'file.txt')],
        ['path_rename', 3, 'inner/deep', 3, 'inner/../../deep'],
        ['path_rename', 3, '../secret.txt', 3, 'secret.txt'],
        ['path_rename', 3, join(folder, 'secret.txt'), 3, 'secret.txt'],
        ['path_rename', 3, '../outside', 3, 'outside'],
      ],
      wasi(),
    )
    for (const error of errors) assert.ok(['perm', 'notcapable'].includes(error), error)
    assert.deepEqual((await readdir(folder)).toSorted(), ['inside', 'outside', 'secret.txt'])
    assert.deepEqual((await readdir(inside)).toSorted(), ['file.txt', 'inner'])
  })

  test('by hard links, neither out of them nor into them', async () => {
    await symlink('../secret.txt', join(inside, 'link'))
    const { errors } = await steps(
      [
        ['path_link', 3, 0, 'file.txt', 3, '../file.txt'],
        ['path_link', 3, 0, 'file.txt', 3, join(folder, 'file.txt')],
        ['path_link', 3, 0, '../secret.txt', 3, 'secret.txt'],
        ['path_link', 3, 0, join(folder, 'secret.txt'), 3, 'secret.txt'],
        ['path_link', 3, 1, 'link', 3, 'secret.txt'],
      ],
      wasi(),
    )
    for (const error of errors) assert.notEqual(error, 'success')
    assert.deepEqual((await readdir(folder)).toSorted(), ['inside', 'outside', 'secret.txt'])
    assert.ok(!existsSync(join(inside, 'secret.txt')))
  })

  test('by making and removing', async () => {
    await symlink('../outside', join(inside, 'link'))
    const { errors } = await steps(
      [
        open(3, '../new.txt', OPENED, { flags: CREATE, rights: WRITE }),
        open(3, 'link/new.txt', OPENED, { flags: CREATE, rights: WRITE }),
        ['path_create_directory', 3, '../new'],
        ['path_create_directory', 3, 'link/new'],
        ['path_unlink_file', 3, '../secret.txt'],
        ['path_unlink_file', 3, 'link/secret.txt'],
        ['path_remove_directory', 3, '../outside'],
        ['path_symlink', 'x', 3, '../new'],
        ['path_symlink', 'x', 3, 'link/new'],
        ['path_readlink', 3, '../inside/link', FREE, 100, SIZE],
        ['path_filestat_set_times', 3, 1, '../secret.txt', 1n, 1n, 5],
        ['path_filestat_set_times', 3, 1, 'link/secret.txt', 1n, 1n, 5],
        ['path_filestat_get', 3, 1, '../secret.txt', FREE],
      ],
      wasi(),
    )
    for (const error of errors) assert.ok(['perm', 'notcapable'].includes(error), error)
    assert.deepEqual((await readdir(folder)).toSorted(), ['inside', 'outside', 'secret.txt'])
    assert.deepEqual(await readdir(join(folder, 'outside')), ['secret.txt'])
    assert.ok((await lstat(join(folder, 'secret.txt'))).mtimeMs > 1)
  })

  test('but links and paths that stay inside work', async () => {
    await symlink('inner/deep/down.txt', join(inside, 'link'))
    await symlink('../file.txt', join(inside, 'inner', 'up'))
    await symlink('inner', join(inside, 'folder'))
    await link(join(inside, 'file.txt'), join(inside, 'hard'))
    for (const [path, contents] of [
      ['link', 'deep down'],
      ['inner/up', 'in the folder'],
      ['folder/deep/down.txt', 'deep down'],
      ['folder/../file.txt', 'in the folder'],
      ['inner/deep/../../file.txt', 'in the folder'],
      ['hard', 'in the folder'],
    ]) {
      assert.deepEqual(await read(3, path, wasi()), Buffer.from(contents), path)
    }
  })

  test('but everything can be done inside', async () => {
    const { errors, memory } = await steps(
      [
        ['path_create_directory', 3, 'made'],
        open(3, 'made/new.txt', OPENED, { flags: CREATE | EXCLUSIVE, rights: READ | WRITE }),
        ['fd_write', FILE, IOVEC + 8, 1, SIZE],
        ['fd_pwrite', FILE, IOVEC + 16, 1, 100n, SIZE + 4],
        ['fd_filestat_set_size', FILE, 50n],
        ['fd_seek', FILE, 0n, 2, SIZE + 8],
        ['fd_close', FILE],
        ['path_rename', 3, 'made/new.txt', 3, 'inner/moved.txt'],
        ['path_link', 3, 0, 'inner/moved.txt', 3, 'linked.txt'],
        ['path_symlink', 'inner/moved.txt', 3, 'soft'],
        ['path_readlink', 3, 'soft', FREE, 100, SIZE + 16],
        ['path_filestat_get', 3, 1, 'soft', FREE + 200],
        ['path_unlink_file', 3, 'file.txt'],
        ['path_remove_directory', 3, 'made'],
      ],
      wasi(),
    )
    assert.deepEqual(errors, Array(14).fill('success'))
    assert.deepEqual(
      [0, 4, 8, 16].map((at) => memory.readUInt32LE(SIZE + at)),
      [4, 8, 50, 15],
    )
    assert.equal(memory.toString('utf8', FREE, FREE + 15), 'inner/moved.txt')
    assert.deepEqual((await readdir(inside)).toSorted(), ['inner', 'linked.txt', 'soft'])
    assert.equal((await readFile(join(inside, 'soft'))).length, 50)
  })

  test('get another number with fd_renumber, and the old one is closed', async () => {
    const { errors, memory } = await steps(
      [
        open(3, 'file.txt', OPENED),
        open(3, 'inner/deep/down.txt', OPENED + 4),
        ['fd_renumber', FILE, { load: OPENED + 4 }],
        ['fd_read', { load: OPENED + 4 }, IOVEC, 1, SIZE],
        ['fd_read', FILE, IOVEC, 1, SIZE + 4],
        ['fd_renumber', FILE, 3],
        ['fd_close', { load: OPENED + 4 }],
      ],
      wasi(),
    )
    assert.deepEqual(errors, [
      'success',
      'success',
      'success',
      'success',
      'badf',
      'badf',
      'success',
    ])
    assert.equal(memory.readUInt32LE(SIZE), 13)
  })
})

// What is done with an instance after init, to see that it works: a probe makes the imports that
// takes, and tells what it saw. The same must be seen of the original and of an output.

import { RubyVM } from '@ruby/wasm-wasi'

/**
 * @typedef {import('./host.mjs').Access} Access
 *
 * @typedef {object} Probe
 * @property {(access: Access) => Record<string, Function>} [imports] by name or `module.name`;
 *   functions that are not among them return 0
 * @property {(access: Access & { instance: WebAssembly.Instance }) => unknown} run
 */

/**
 * Calls exports, in this order.
 * @param {Array<[name: string, ...args: number[]]>} calls
 * @returns {Probe}
 */
const calls = (calls) => ({
  run: ({ exports }) => calls.map(([name, ...args]) => exports[name](...args)),
})

/**
 * Runs the handler of the program for one request.
 * @type {Probe}
 */
const fastlyProbe = {
  imports({ memory, log }) {
    const write = (/** @type {number} */ at, /** @type {number} */ value) => {
      memory().writeUInt32LE(value, at)
      return 0
    }
    const text = (/** @type {number} */ at, /** @type {number} */ length) =>
      memory().toString('utf8', at, at + length)
    const answer =
      (/** @type {string} */ value) =>
      (/** @type {number[]} */ ...[, at, , written]) => {
        memory().write(value, at)
        return write(written, value.length)
      }
    const note = (/** @type {string} */ line) => {
      log.push(line)
      return 0
    }
    /** @type {Record<string, (...args: number[]) => number>} */
    const functions = {
      body_downstream_get: (request, body) => write(request, 1) || write(body, 2),
      method_get: answer('POST'),
      uri_get: answer('https://example.com/path'),
      'fastly_http_resp.new': (response) => write(response, 3),
      'fastly_http_body.new': (body) => write(body, 4),
      'fastly_http_body.write': (_body, at, length, _end, written) =>
        note(`body ${text(at, length)}`) || write(written, length),
      status_set: (_response, status) => note(`status ${status}`),
      header_insert: (_response, name, nameLength, value, valueLength) =>
        note(`header ${text(name, nameLength)}: ${text(value, valueLength)}`),
      send_downstream: () => note('sent'),
    }
    return functions
  },
  run({ exports, renew, log }) {
    renew()
    const handler = exports['wizer.resume'] ?? exports._start
    try {
      handler()
    } catch (error) {
      log.push(String(error))
    }
    return log
  },
}

const SCRIPT = `
  const squares = new Map()
  for (let i = 0; i < 100; i++) squares.set('k' + i, i * i)
  log(JSON.stringify([...squares].slice(-2)))
  export function go() { log('called ' + [1, 2, 3].map((x) => x ** 2)) }`

/**
 * Compiles a script to bytecode and runs it.
 * @type {Probe}
 */
const javyProbe = {
  imports: ({ memory, log }) => ({
    log: (/** @type {number} */ at, /** @type {number} */ length) =>
      log.push(memory().toString('utf8', at, at + length)),
    random_seed: () => 0n,
  }),
  run({ exports, memory, log }) {
    const give = (/** @type {Uint8Array | string} */ bytes) => {
      const given = Buffer.from(/** @type {string} */ (bytes))
      const at = exports.cabi_realloc(0, 0, 1, given.length)
      given.copy(memory(), at)
      return [at, given.length]
    }
    const result = exports['compile-src'](...give(SCRIPT))
    const [failed, at, length] = [0, 4, 8].map((offset) => memory().readUInt32LE(result + offset))
    const bytecode = Buffer.from(memory().subarray(at, at + length))
    if (failed !== 0) throw new Error(bytecode.toString())
    exports.invoke(...give(bytecode), 1, ...give('go'))
    return [bytecode.toString('base64'), ...log]
  },
}

/**
 * Boots Ruby, which looks at the folder that init has packed.
 * @type {Probe}
 */
const rubyProbe = {
  imports(access) {
    const vm = new RubyVM()
    virtualMachines.set(access.log, vm)
    /** @type {Record<string, Record<string, Function>>} */
    const imports = {}
    vm.addToImports(imports)
    const entries = Object.entries(imports).flatMap(([namespace, functions]) =>
      Object.entries(functions).map(([name, value]) => [`${namespace}.${name}`, value]),
    )
    return Object.fromEntries(entries)
  },
  async run({ log, renew, instance, exports }) {
    renew()
    // In an output, `_initialize` is `__wasi_vfs_rt_init`; the original has run its own one.
    const { __wasi_vfs_rt_init: mount = exports._initialize } = exports
    mount()
    const vm = virtualMachines.get(log)
    await vm?.setInstance(instance)
    vm?.initialize()
    return [
      `Dir.children('/app').sort.join(' ')`,
      `File.read('/app/app.js').length`,
      `(1..20).reduce(:*).to_s + RUBY_VERSION`,
    ].map((expression) => vm?.eval(expression).toString())
  },
}

/** @type {WeakMap<string[], RubyVM>} by the log of the instance, which is its own */
const virtualMachines = new WeakMap()

/** @type {Record<string, Probe>} by the name of the module */
export const PROBES = {
  fastly: fastlyProbe,
  componentize: calls([['check_init'], ['cabi_realloc', 0, 0, 8, 100_000]]),
  ruby: rubyProbe,
  javy: javyProbe,
  harfbuzz: calls([
    ['malloc', 1000],
    ['hb_set_create'],
    ['hb_face_get_empty'],
    ['hb_subset_input_create_or_fail'],
    ['malloc', 1_000_000],
  ]),
  table: calls([
    ['prime', 0],
    ['prime', 77_777],
    ['prime', 99_999],
  ]),
  dictionary: calls([
    ['hash_at', 0],
    ['hash_at', 30_000],
    ['hash_at', 59_999],
    ['add', 3],
    ['add', 4],
  ]),
}

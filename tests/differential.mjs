// The differential test's oracle: cases come in on standard input, one verdict a line goes out.
//
// A case is an original module, what became of it, and, where it was pre-initialized, the output.
// V8 runs `wizer-initialize` of the original and compares, bit for bit, with the output as it
// stands: state right after instantiation, the results and traps of every function, state after
// that. Floats and vectors never reach JavaScript as such: the modules export them as integers.
//
// With the argument `features` it prints which WebAssembly proposals this V8 runs.

import { readFileSync, writeSync } from 'node:fs'

const INIT = 'wizer-initialize'

/** What the host's functions return, by the letter of the type. V8 refuses vectors by itself. */
const RESULTS = { i: 7, l: -7n, d: 1.5, v: 0, r: null }

/** V8's trap messages, and the kinds that our error may name for each. */
const TRAP_KINDS = [
  [/^unreachable$/, ['unreachable']],
  [/memory access out of bounds|data segment.* out of bounds/, ['memory-out-of-bounds']],
  [
    /table index is out of bounds|table.*out of bounds|element segment.* out of bounds/,
    ['table-out-of-bounds'],
  ],
  [/^(divide|remainder) by zero$/, ['integer-divide-by-zero']],
  [/^divide result unrepresentable$/, ['integer-overflow']],
  [/^float unrepresentable in integer range$/, ['bad-conversion-to-integer', 'integer-overflow']],
  [/^null function or function signature/, ['null-reference', 'bad-signature']],
  [/^dereferencing a null pointer$/, ['null-reference']],
]

class ImportCalled extends Error {}

/** V8's stack is smaller than ours, so what exhausts it can't be compared. */
class StackExhausted extends Error {}

class Different extends Error {}

/** An instance with its own host functions and a log of their calls. */
class Guest {
  #initializing = true
  log = []

  /** `imports` describes what the module is to find at each of its imports, in their order. */
  constructor(module, imports) {
    const host = Object.create(null)
    let functions = 0
    WebAssembly.Module.imports(module).forEach(({ module, name }, position) => {
      const made = this.#make(imports[position], functions)
      if (imports[position].kind === 'function') functions += 1
      host[module] ??= Object.create(null)
      // Of functions with one name, the first stands for all.
      host[module][name] ??= made
    })
    this.exports = new WebAssembly.Instance(module, host).exports
  }

  #make({ kind, ...described }, position) {
    if (kind === 'memory') {
      const memory = new WebAssembly.Memory(described)
      const bytes = new Uint8Array(memory.buffer)
      for (const address of described.ones) bytes[address] = 1
      return memory
    }
    if (kind === 'table') return new WebAssembly.Table(described, null)
    if (kind === 'global') {
      const { value, given } = described
      return new WebAssembly.Global(described, value === 'i64' ? BigInt(given) : given)
    }
    const results = [...described.results].map((letter) => RESULTS[letter])
    return (...values) => {
      // While init runs, and not after, a call ends the run.
      if (this.#initializing) throw new ImportCalled(position)
      this.log.push(`${position}(${values.map(text).join(', ')})`)
      return results.length > 1 ? results : results[0]
    }
  }

  start() {
    this.#initializing = false
  }

  /** The bits that a function returns, or how it ends otherwise. */
  outcome(name) {
    try {
      return text(this.exports[name]())
    } catch (error) {
      return `throws ${describe(error)}`
    }
  }
}

function text(value) {
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`
  // The name of an exported WebAssembly function is its index.
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'bigint') return `${value}n`
  return Object.is(value, -0) ? '-0' : String(value)
}

function describe(error) {
  if (error instanceof RangeError && /call stack/.test(error.message)) throw new StackExhausted()
  return `${error?.constructor?.name}: ${error?.message}`
}

function initialized(bytes, imports) {
  const guest = new Guest(new WebAssembly.Module(bytes), imports)
  guest.exports[INIT]()
  guest.start()
  return guest
}

function assertSame(what, expected, actual) {
  if (expected !== actual) {
    throw new Different(`${what}: init then run gives ${expected}, the output gives ${actual}`)
  }
}

function compareMemory(name, expected, actual) {
  assertSame(`bytes of ${name}`, expected.byteLength, actual.byteLength)
  const [left, right] = [Buffer.from(expected), Buffer.from(actual)]
  if (left.equals(right)) return
  const at = left.findIndex((byte, index) => byte !== right[index])
  assertSame(`byte ${at} of ${name}`, left[at], right[at])
}

function compareTable(name, expected, actual) {
  assertSame(`elements of ${name}`, expected.length, actual.length)
  for (let slot = 0; slot < expected.length; slot += 1) {
    assertSame(`slot ${slot} of ${name}`, text(expected.get(slot)), text(actual.get(slot)))
  }
}

/** Names of the functions that the test itself has appended, of one purpose. */
function observers(guest, purpose) {
  return Object.keys(guest.exports).filter((name) => name.startsWith(`observe:${purpose}`))
}

function compareState(moment, expected, actual) {
  for (const name of observers(expected, 'memory')) {
    compareMemory(`${name} ${moment}`, expected.exports[name].buffer, actual.exports[name].buffer)
  }
  for (const name of observers(expected, 'table')) {
    compareTable(`${name} ${moment}`, expected.exports[name], actual.exports[name])
  }
  compareOutcomes(moment, 'global', expected, actual)
}

function compareOutcomes(moment, purpose, expected, actual) {
  for (const name of observers(expected, purpose)) {
    assertSame(`${name} ${moment}`, expected.outcome(name), actual.outcome(name))
  }
}

function compareInterfaces(original, output) {
  const list = (entries) => entries.map((entry) => JSON.stringify(entry)).join(' ')
  const exports = WebAssembly.Module.exports(original).filter(({ name }) => name !== INIT)
  assertSame('exports', list(exports), list(WebAssembly.Module.exports(output)))
}

function compare(originalBytes, outputBytes, { imports, outputImports }) {
  compareInterfaces(new WebAssembly.Module(originalBytes), new WebAssembly.Module(outputBytes))
  const original = initialized(originalBytes, imports)
  const output = new Guest(new WebAssembly.Module(outputBytes), outputImports)
  output.start()
  compareState('after init', original, output)
  compareOutcomes('', 'call', original, output)
  compareOutcomes('', 'throw', original, output)
  compareState('after all calls', original, output)
  // Reading the passive segments changes memories and tables, so it comes last.
  compareOutcomes('', 'data', original, output)
  compareOutcomes('', 'element', original, output)
  compareState('after all segments were read', original, output)
  assertSame('host calls', original.log.join(' '), output.log.join(' '))
}

/** Runs init of a module that we refused, and says whether it ends as we said. */
function confirm(bytes, { outcome, detail, imports }) {
  let end = 'returns'
  try {
    initialized(bytes, imports)
  } catch (error) {
    if (error instanceof ImportCalled) end = `calls import ${error.message}`
    else end = describe(error)
  }
  const expected = {
    returns: () => end === 'returns',
    // V8 refuses to pass vectors to JavaScript before it calls the import.
    import: () => end === `calls import ${detail}` || /^TypeError: type incompatibility/.test(end),
    trap: () => {
      const message = end.replace(/^RuntimeError: (WebAssembly\.Instance\(\): )?/, '')
      const known = TRAP_KINDS.find(([pattern]) => pattern.test(message))
      return end.startsWith('RuntimeError') && known?.[1].includes(detail)
    },
    // Our stack is exhausted later than V8's, so V8 has thrown before this point.
    stack: () => false,
  }
  if (!expected[outcome]()) {
    throw new Different(`init of the original: we say "${outcome} ${detail}", V8 says "${end}"`)
  }
}

function verdict(header, original, output) {
  try {
    if (header.outcome === 'initialized') compare(original, output, header)
    else confirm(original, header)
    return ['same', '']
  } catch (error) {
    if (error instanceof StackExhausted) return ['stack', '']
    if (error instanceof RangeError && /call stack/.test(error.message)) return ['stack', '']
    const message = error instanceof Different ? error.message : String(error?.stack)
    return ['different', message.replaceAll(/\s+/g, ' ')]
  }
}

/** A case is the length of a JSON header, the header, the original and the output. */
function* cases(input) {
  let offset = 0
  const take = (length) => input.subarray(offset, (offset += length))
  while (offset < input.length) {
    const header = JSON.parse(take(take(4).readUInt32LE()).toString())
    yield [header, take(header.originalBytes), take(header.outputBytes)]
  }
}

function features() {
  const sections = (...bytes) =>
    WebAssembly.validate(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bytes))
  const body = (...code) => [10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b]
  const nullary = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]
  const known = {
    externref: sections(1, 5, 1, 0x60, 1, 0x6f, 0),
    multi_memory: sections(5, 5, 2, 0, 0, 0, 0),
    memory64: sections(5, 3, 1, 4, 0),
    // i32.const 1, i32.const 2, i32.add
    extended_const: sections(6, 9, 1, 0x7f, 0, 0x41, 1, 0x41, 2, 0x6a, 0x0b),
    // return_call 0
    tail_call: sections(...nullary, ...body(0x12, 0)),
  }
  return Object.keys(known).filter((name) => known[name])
}

if (process.argv[2] === 'features') {
  console.log(features().join(' '))
} else {
  for (const [header, original, output] of cases(readFileSync(0))) {
    const [word, detail] = verdict(header, original, output)
    // Written at once, so that a crash of V8 tells which case it was.
    writeSync(1, `${header.seed}\t${word}\t${detail}\n`)
  }
}

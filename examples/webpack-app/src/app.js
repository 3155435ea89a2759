// Completes words with a module that webpack links as its own: its exports are there, and its init
// function has run at build time. Measures, too, what the same module takes to start without that.

import './index.html'
import './style.css'
import * as linked from './dictionary.wasm?preinit&init'
import { complete } from './complete.js'

const SHOWN = 24
const ROUNDS = 3

const prefix = document.querySelector('#prefix')
prefix.addEventListener('input', show)
show()

const original = await load(new URL('./dictionary.wasm', import.meta.url))
const finished = await load(new URL('./dictionary.wasm?preinit', import.meta.url))
measure()

function show() {
  const { count, words } = complete(linked, prefix.value.toLowerCase(), SHOWN)
  const counted = `${count.toLocaleString('en-US')} ${count === 1 ? 'word' : 'words'}`
  document.querySelector('#count').textContent = count ? counted : 'No word begins like that.'
  const items = words.map((word) => {
    const item = document.createElement('li')
    item.textContent = word
    return item
  })
  document.querySelector('#words').replaceChildren(...items)
}

async function load(url) {
  return WebAssembly.compile(await (await fetch(url)).arrayBuffer())
}

function start(module, needsInit) {
  const { exports } = new WebAssembly.Instance(module)
  if (needsInit) {
    exports._initialize()
    exports['wizer-initialize']()
  }
  return exports
}

function measure() {
  const times = { original: [], finished: [] }
  for (let round = 0; round < ROUNDS; round++) {
    times.original.push(time(() => complete(start(original, true), 'a', 1)))
    times.finished.push(time(() => complete(start(finished, false), 'a', 1)))
  }
  for (const [id, values] of Object.entries(times)) {
    const median = values.toSorted((a, b) => a - b)[ROUNDS >> 1]
    const digits = median < 10 ? 2 : 0
    document.querySelector(`#${id} td`).textContent = `${median.toFixed(digits)} ms`
  }
  const all = (exports) => JSON.stringify(complete(exports, '', Infinity))
  const was = all(start(original, true))
  const same = [all(start(finished, false)), all(linked)].every((is) => is === was)
  const verdict = document.querySelector('#verdict')
  verdict.textContent = same ? 'Both know the same words.' : 'They know different words.'
  verdict.dataset.same = String(same)
}

function time(run) {
  const started = performance.now()
  run()
  return performance.now() - started
}

// The same module twice: as it was compiled, where the browser runs `init`, and pre-initialized by
// the plugin. Measures how long each takes to start, compares what they hold, and draws with it.

import './style.css'
import { drawSea } from './sea.js'
// The URL of the file as it is, and of the one whose init function has run at build time.
import originalUrl from './noise.wasm?url'
import finishedUrl from './noise.wasm?preinit'

const ROUNDS = 5

const verdict = document.querySelector('#verdict')
const button = document.querySelector('button')
const light = document.querySelector('input')
const canvas = document.querySelector('canvas')

const original = await load(originalUrl)
const finished = await load(finishedUrl)
measure()
button.addEventListener('click', measure)

const pattern = tileOf(start(finished, false))
const draw = () => drawSea(canvas, pattern, light.valueAsNumber / 100)
light.addEventListener('input', draw)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
draw()

async function load(url) {
  const bytes = await (await fetch(url)).arrayBuffer()
  return { bytes: bytes.byteLength, module: await WebAssembly.compile(bytes) }
}

function start({ module }, needsInit) {
  const { exports } = new WebAssembly.Instance(module)
  if (needsInit) exports.init()
  return exports
}

function tileOf({ memory, tile, size }) {
  return { size: size(), thresholds: new Uint8Array(memory.buffer, tile(), size() ** 2) }
}

function measure() {
  const slow = []
  const fast = []
  for (let round = 0; round < ROUNDS; round++) {
    slow.push(time(() => start(original, true)))
    fast.push(time(() => start(finished, false)))
  }
  show('original', median(slow), median(slow), original.bytes, 'init runs in the browser')
  show('finished', median(fast), median(slow), finished.bytes, 'init ran at build time')

  const is = tileOf(start(finished, false)).thresholds
  const was = tileOf(start(original, true)).thresholds
  const same = is.length === was.length && is.every((value, index) => value === was[index])
  const points = is.length.toLocaleString('en-US')
  verdict.textContent = same
    ? `Both hold the same ${points} thresholds.`
    : 'They hold different thresholds: please report that.'
  verdict.dataset.same = String(same)
}

function time(run) {
  const started = performance.now()
  run()
  return performance.now() - started
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

function show(id, milliseconds, longest, bytes, detail) {
  const contestant = document.querySelector(`#${id}`)
  const digits = milliseconds < 10 ? 2 : 0
  contestant.querySelector('.time').textContent = `${milliseconds.toFixed(digits)} ms`
  contestant.querySelector('.bar div').style.inlineSize = `${(milliseconds / longest) * 100}%`
  contestant.querySelector('.detail').textContent = `${detail} · ${(bytes / 1000).toFixed(1)} kB`
}

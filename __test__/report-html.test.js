// The HTML report in Chromium: its figures against the report's, what keys and pointers do, and that
// nothing in it is more than text.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { initializeWithReport } from '../index.js'
import { renderReport } from '../report/html.js'
import { withPage } from '../scripts/browser.mjs'
import { assemble } from './compare.js'
import { FASTLY_OPTIONS, readFastly } from './modules.js'
import { customSection } from './sections.js'

/**
 * @typedef {import('puppeteer-core').Page} Page
 * @typedef {import('../report/html.js').Run} Run
 */

const HOSTILE = `</script></title><img src=x onerror="hacked=1"><script>hacked=1</script>"'\u202e`

const STATE = await assemble(`(module
  (memory (export "memory") 2 10)
  (memory $other 1)
  (global (export "a") (mut i32) (i32.const 1))
  (global (mut i32) (i32.const 1))
  (table (export "t") 4 funcref)
  (elem (table 0) (i32.const 0) func $nothing)
  (func $nothing)
  (data (i32.const 16) "hello")
  (data (i32.const 5000) "<script>hacked=1</script>")
  (data (memory 1) (i32.const 4096) "second memory")
  (data $passive "passive")
  (func (export "wizer.initialize")
    (drop (memory.grow (i32.const 3)))
    (memory.fill (i32.const 200000) (i32.const 65) (i32.const 3000))
    (i32.store8 (i32.const 16) (i32.const 74))
    (i64.store $other (i32.const 30000) (i64.const -1))
    (global.set 0 (i32.const 2)))
  (func (export "later") (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7))))`)

const STARTUP = {
  before: 20,
  after: 2.5,
  samples: 15,
  unit: /** @type {const} */ ('ms'),
  engine: 'V8 1.2.3',
}

/** @type {string} */
let folder
/** @type {Run} */
let small

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-html-'))
  const { wasm: output, report } = await initializeWithReport(STATE)
  small = { name: 'small.wasm', input: STATE, output, report, startup: STARTUP }
})

after(() => rm(folder, { recursive: true }))

/**
 * Opens a report in Chromium; fails where the page asks for anything or complains.
 * @template T
 * @param {Run} run
 * @param {(page: Page) => Promise<T>} use
 * @param {NonNullable<Parameters<typeof withPage>[2]>} [options]
 */
async function open(run, use, options) {
  const path = join(folder, 'report.html')
  await writeFile(path, await renderReport(run))
  /** @type {string[]} */
  const complaints = []
  const url = pathToFileURL(path).href
  const result = await withPage(
    url,
    async (page) => {
      // Maps are drawn with the next frame, which never comes without script.
      if (options?.javascript !== false) {
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)))
      }
      return use(page)
    },
    {
      ...options,
      async prepare(page) {
        page.on('console', (message) => complaints.push(message.text()))
        page.on('pageerror', (error) => complaints.push(String(error)))
        page.on('request', (request) => {
          const isOwn = request.url().split('#')[0] === url || request.url().startsWith('data:')
          if (!isOwn) complaints.push(`request for ${request.url()}`)
        })
      },
    },
  )
  assert.deepEqual(complaints, [])
  return result
}

/**
 * The rows of the table in a labelled region, by their heading; cells with a title give that.
 * @param {Page} page
 * @param {string} label
 */
function rowsOf(page, label) {
  return page.$eval(`[aria-label="${label}"]`, (region) =>
    Object.fromEntries(
      [...region.querySelectorAll('tbody tr, tfoot tr')].map((row) => {
        const [heading, ...cells] = [...row.children].map((cell) =>
          (cell.getAttribute('title') ?? cell.textContent ?? '').replace(/\s+/g, ' ').trim(),
        )
        return [heading, cells]
      }),
    ),
  )
}

/**
 * What a map's keys and pointers have led to.
 * @param {Page} page
 */
function mapState(page) {
  return page.$eval('[data-map="0"]', (root) => {
    const tip = /** @type {HTMLElement} */ (root.querySelector('[data-side="after"] .map-tip'))
    return {
      cellBytes: Number(/** @type {HTMLElement} */ (root).dataset.cellBytes),
      tip: tip.hidden ? undefined : [...tip.children].map((line) => line.textContent),
      readout: root.querySelector('[data-readout]')?.textContent,
    }
  })
}

/** @param {number} value */
const inBytes = (value) => `${value.toLocaleString('en-US')} bytes`

describe('the page', () => {
  test('is the same for the same run, and has no date unless it is given one', async () => {
    const page = await renderReport(small)
    assert.equal(await renderReport(small), page)
    assert.doesNotMatch(page, /<time/)
    const dated = await renderReport({ ...small, date: new Date(0) })
    assert.match(dated, /<time datetime="1970-01-01T00:00:00.000Z">/)
  })

  test('shows the figures of the report', async () => {
    const { report } = small
    await open(small, async (page) => {
      const memories = await rowsOf(page, 'Figures of memories')
      for (const memory of report.memories) {
        const [before, after, , notZero, , segments, bytes] = memories[memory.index]
        assert.deepEqual(
          { before, after, notZero, segments, bytes },
          {
            before: String(memory.pagesBefore),
            after: String(memory.pagesAfter),
            notZero: inBytes(memory.nonZeroBytes),
            segments: String(memory.segments),
            bytes: inBytes(memory.segmentBytes),
          },
        )
      }
      const sizes = await rowsOf(page, 'Sizes by section')
      for (const { name, before, after } of report.sizes.sections) {
        const shown = sizes[name].slice(0, 2)
        assert.deepEqual(
          shown,
          [before, after].map((size) => (size === 0 ? '–' : inBytes(size))),
        )
      }
      assert.deepEqual(sizes.Total.slice(0, 2), [
        inBytes(report.sizes.input),
        inBytes(report.sizes.output),
      ])
      const stages = Object.keys(report.timings).filter((stage) => stage !== 'total')
      assert.deepEqual(Object.keys(await rowsOf(page, 'Stages')), [...stages, 'other', 'Total'])
      assert.deepEqual(await rowsOf(page, 'Tables'), { 0: ['4', '4', 'no'] })
      const text = await page.$eval('main', (main) => main.textContent ?? '')
      assert.match(text, /1 of 2 changed by init/)
      assert.match(text, /8\.0× faster/)
      assert.match(text, /20\.0 ms/)
      assert.match(text, /2\.50 ms/)
    })
  })

  test('says what is frozen into the module, and what init called and read', async () => {
    const baked = ['args', 'clock', 'env:HOME', 'env:USER', 'file:/app.js', 'random', 'stdin']
    const report = {
      ...small.report,
      wasi: { calls: { fd_read: 1_234, random_get: 2 }, baked },
      filesRead: ['/src/app.js'],
      stdout: Buffer.from('printed by init'),
    }
    await open({ ...small, report }, async (page) => {
      assert.deepEqual(await rowsOf(page, 'WASI calls'), { fd_read: ['1,234'], random_get: ['2'] })
      const notes = await page.$$eval('.notes li', (items) => items.map((item) => item.textContent))
      assert.equal(notes.length, 6)
      for (const name of ['HOME', 'USER', '/app.js']) {
        assert.equal(notes.filter((note) => note?.includes(name)).length, 1, name)
      }
      assert.ok(notes.every((note) => note?.includes('What to do')))
      const text = await page.$eval('main', (main) => main.textContent ?? '')
      assert.match(text, /\/src\/app\.js/)
      assert.match(text, /printed by init/)
    })
  })

  test('says why start-up was not measured', async () => {
    const page = await renderReport({ ...small, startup: { reason: 'V8 does not run components' } })
    assert.match(page, /Not measured: V8 does not run components\./)
    assert.doesNotMatch(page, /× faster/)
    const { startup, ...without } = small
    assert.ok(startup)
    assert.doesNotMatch(await renderReport(without), /id="startup"/)
  })

  test('shows names and outputs as text, whatever they are', async () => {
    const input = Buffer.concat([STATE, customSection(HOSTILE, Buffer.from('contents'))])
    const { wasm: output, report } = await initializeWithReport(input)
    const run = {
      name: HOSTILE,
      input,
      output,
      report: {
        ...report,
        initFunc: HOSTILE,
        wasi: { calls: { [HOSTILE]: 1 }, baked: [`env:${HOSTILE}`, `file:${HOSTILE}`, HOSTILE] },
        filesRead: [HOSTILE],
        pathsProbed: [HOSTILE],
        stdout: Buffer.from(HOSTILE),
        stderr: Buffer.from(HOSTILE),
      },
      startup: { reason: HOSTILE },
      date: HOSTILE,
    }
    await open(run, async (page) => {
      const found = await page.evaluate(() => ({
        hacked: 'hacked' in globalThis,
        images: document.images.length,
        scripts: document.scripts.length,
        title: document.title,
      }))
      const shown = HOSTILE.replace('\u202e', '\\u{202e}')
      const title = `${shown} · wasm-preinit`
      assert.deepEqual(found, { hacked: false, images: 0, scripts: 2, title })
      assert.ok(shown in (await rowsOf(page, 'Sizes by section')))
      assert.ok(shown in (await rowsOf(page, 'WASI calls')))
    })
  })

  test('can load nothing, even if it tried', async () => {
    const path = join(folder, 'tried.html')
    await writeFile(path, await renderReport(small))
    const refused = await withPage(pathToFileURL(path), (page) =>
      page.evaluate(async () => {
        const away = 'http://127.0.0.1:9/away'
        /** @type {Array<() => void>} */
        const attempts = [
          () => (new Image().src = away),
          () => void fetch(away).catch(() => {}),
          () => {
            const script = document.createElement('script')
            script.src = away
            document.head.append(script)
          },
        ]
        const directives = []
        for (const attempt of attempts) {
          const violation = new Promise((resolve) =>
            document.addEventListener('securitypolicyviolation', resolve, { once: true }),
          )
          attempt()
          directives.push((await violation).effectiveDirective)
        }
        return directives
      }),
    )
    assert.deepEqual(refused, ['img-src', 'connect-src', 'script-src-elem'])
  })

  test('has a light and a dark scheme, and a button that changes it', async () => {
    const background = (/** @type {Page} */ page) =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const toggled = async (/** @type {Page} */ page) => {
      const first = await background(page)
      await page.click('[data-theme-toggle]')
      return [first, await background(page)]
    }
    const light = await open(small, toggled)
    const dark = await open(small, toggled, { dark: true })
    assert.notEqual(light[0], light[1])
    assert.deepEqual(dark, light.toReversed())
  })

  test('fits screens from 360 pixels on', async () => {
    for (const width of [360, 1_280]) {
      const wide = await open(small, (page) => page.evaluate(() => document.body.scrollWidth), {
        width,
      })
      assert.ok(wide <= width, `${wide} of ${width} pixels`)
    }
  })

  test('has its figures without script', async () => {
    await open(
      small,
      async (page) => {
        assert.ok((await page.$$('table')).length >= 4)
        assert.equal((await page.$$('svg.strip')).length, 4)
        for (const useless of ['[data-buttons]', '[data-view]', '[data-theme-toggle]']) {
          assert.equal(await page.$eval(useless, (element) => element.checkVisibility()), false)
        }
      },
      { javascript: false },
    )
  })

  test('sorts segments by key, and shows their first bytes', async () => {
    await open(small, async (page) => {
      const starts = () =>
        page.$$eval('.segments tbody tr:first-child td:nth-of-type(2)', (cells) =>
          cells.map((cell) => Number(cell.getAttribute('data-value'))),
        )
      const sorted = () =>
        page.$$eval('.segments [aria-sort]', (headings) =>
          headings.map((heading) => [heading.textContent, heading.getAttribute('aria-sort')]),
        )
      assert.deepEqual(await sorted(), [['Size', 'descending']])
      await page.focus('.segments th:nth-child(3) button')
      await page.keyboard.press('Enter')
      assert.deepEqual(await sorted(), [['Address', 'ascending']])
      const ascending = await starts()
      assert.deepEqual(
        ascending,
        ascending.toSorted((a, b) => a - b),
      )
      await page.keyboard.press('Enter')
      assert.deepEqual(await starts(), ascending.toReversed())
      const peeks = await page.$$eval('.peek pre', (peeks) => peeks.map((peek) => peek.textContent))
      assert.ok(peeks.some((peek) => /^0x000010 {2}4a 65 6c 6c 6f .*Jello$/m.test(peek ?? '')))
    })
  })
})

describe('the map', () => {
  test('is read and moved by keys', async () => {
    await open(small, async (page) => {
      const whole = (await mapState(page)).cellBytes
      await page.focus('.bar nav li:last-child a')
      // The button of the theme, three of the map, and the memory before.
      for (let presses = 0; presses < 6; presses++) await page.keyboard.press('Tab')
      const first = await mapState(page)
      assert.equal(first.tip?.[0], `0x000000 – 0x${(whole - 1).toString(16).padStart(6, '0')}`)
      assert.match(first.tip?.[1] ?? '', /^up to 7 % live, about 100 % of that written by init$/)

      await page.keyboard.press('n')
      await page.keyboard.press('n')
      assert.match((await mapState(page)).tip?.[2] ?? '', /^segment 1: 25 bytes from 0x001388$/)
      await page.keyboard.press('+')
      await page.keyboard.press('+')
      const close = await mapState(page)
      assert.ok(close.cellBytes < whole, `${close.cellBytes} of ${whole} bytes`)
      assert.match(close.tip?.[2] ?? '', /0x001388/)
      await page.keyboard.press('ArrowRight')
      const [start] = (await mapState(page)).tip ?? []
      const at = 0x1388 - (0x1388 % close.cellBytes) + close.cellBytes
      assert.equal(start?.split(' ')[0], `0x${at.toString(16).padStart(6, '0')}`)
      await page.keyboard.press('0')
      assert.equal((await mapState(page)).cellBytes, whole)
      await page.keyboard.press('End')
      assert.match((await mapState(page)).readout ?? '', /before: not part of the memory/)
      await page.keyboard.press('Escape')
      assert.equal((await mapState(page)).tip, undefined)
    })
  })

  test('is read and moved by pointer', async () => {
    await open(small, async (page) => {
      const view = await page.$('[data-map="0"] [data-side="after"] [data-view]')
      assert.ok(view)
      await view.scrollIntoView()
      const box = await view.boundingBox()
      assert.ok(box)
      await page.mouse.move(box.x + 3, box.y + 3)
      const over = await mapState(page)
      assert.match(over.tip?.[0] ?? '', /^0x000000/)
      const scrolled = () => page.evaluate(() => scrollY)
      const from = await scrolled()
      await page.keyboard.down('Control')
      for (let turns = 0; turns < 3; turns++) await page.mouse.wheel({ deltaY: -200 })
      await page.waitForFunction(
        (bytes) =>
          Number(
            /** @type {HTMLElement} */ (document.querySelector('[data-map]')).dataset.cellBytes,
          ) < bytes,
        {},
        over.cellBytes,
      )
      await page.keyboard.up('Control')
      assert.equal(await scrolled(), from)
      await page.mouse.move(box.x + 200, box.y + 60)
      const before = (await mapState(page)).readout
      await page.mouse.down()
      await page.mouse.move(box.x + 100, box.y + 40, { steps: 4 })
      await page.mouse.up()
      await page.mouse.move(box.x + 200, box.y + 60)
      assert.notEqual((await mapState(page)).readout, before)
      await page.click('[data-map="0"] [data-do="reset"]')
      assert.equal((await mapState(page)).cellBytes, over.cellBytes)
    })
  })

  test('is drawn for a large module', async () => {
    const input = readFastly()
    const { wasm: output, report } = await initializeWithReport(input, FASTLY_OPTIONS)
    await open({ name: 'fastly.wasm', input, output, report }, async (page) => {
      const colours = await page.$eval('[data-side="after"] canvas', (canvas) => {
        const { width, height } = /** @type {HTMLCanvasElement} */ (canvas)
        const context = /** @type {HTMLCanvasElement} */ (canvas).getContext('2d')
        const { data } = /** @type {ImageData} */ (context?.getImageData(0, 0, width, height))
        return new Set(new Uint32Array(data.buffer)).size
      })
      assert.ok(colours > 5, `${colours} colours`)
      const notZero = (await rowsOf(page, 'Figures of memories'))[0][3]
      assert.equal(notZero, inBytes(report.memories[0].nonZeroBytes))
    })
  })
})

// Measures this package against its peers and prints, writes and draws what came of it. README.md
// in this folder says what is measured and how to read it.

import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { install } from './install.mjs'
import { publish, writeJson } from './publish.mjs'
import { moduleTables, otherTables } from './tables.mjs'

const USAGE = `node benchmark/bench.mjs [OPTIONS]

  --quick         fewer modules and samples, no compression; ends within 2 minutes
  --module NAME   these modules alone, and nothing else; may be given several times
  --samples N     how often each contestant runs (default 7, quick 2)
  --thresholds    where data segments end: sizes and start-up for thresholds and caps
  --json FILE     where to write the results; a whole run writes results/latest.json, the chart
                  and the figures of README.md when this is absent`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    module: { type: 'string', multiple: true },
    samples: { type: 'string' },
    thresholds: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(USAGE)
  process.exit(0)
}
const samples = Number(options.samples ?? (options.quick ? 2 : 7))
if (!Number.isInteger(samples) || samples < 1) throw new Error('--samples takes a whole number')

/** In a quick run no module begins another round after this time. */
const QUICK_MS = 20_000
const QUICK_THROUGHPUT_MODULES = 4
const THROUGHPUT_MODULES = 16

install()
// What is measured and who measures is there only now.
const { MODULES, moduleOf } = await import('./corpus.mjs')
const { measure } = await import('./rounds.mjs')

const chosen = options.module?.map(moduleOf)
const modules = chosen ?? MODULES.filter(({ quick }) => quick || !options.quick)

const results = options.thresholds ? await measureThresholds() : await measureAll()
const isWhole = !options.quick && !chosen
if (options.json) writeJson(resolve(options.json), results)
else if (isWhole) publish(results)

/** @returns {Promise<import('./tables.mjs').Results>} */
async function measureThresholds() {
  const { thresholds } = await import('./thresholds.mjs')
  /** @type {Record<string, import('./thresholds.mjs').Variant[]>} */
  const variants = {}
  for (const module of modules) {
    console.error(`thresholds: ${module.name}`)
    variants[module.name] = await thresholds(module, { rounds: samples })
    console.log(`${otherTables({ thresholds: { [module.name]: variants[module.name] } })}\n`)
  }
  return { thresholds: variants }
}

async function measureAll() {
  /** @type {import('./tables.mjs').Results} */
  const results = { machine: machine(), samples, modules: {} }
  for (const module of modules) {
    console.error(module.name)
    results.modules[module.name] = await measure(module, {
      samples,
      budget: options.quick ? QUICK_MS : Infinity,
      compress: !options.quick,
      log: (line) => console.error(line),
    })
    console.log(`${moduleTables(module.name, results.modules[module.name])}\n`)
  }
  if (chosen) return results
  const { throughput, hold } = await import('./throughput.mjs')
  const { memoryOfRun, scans } = await import('./memory.mjs')
  console.error('throughput, main thread, memory, scan')
  const count = options.quick ? QUICK_THROUGHPUT_MODULES : THROUGHPUT_MODULES
  const few = Math.min(samples, options.quick ? 1 : 5)
  results.throughput = await throughput({ modules: count, samples: few })
  results.hold = await hold({ samples: few })
  results.memory = await memoryOfRun({ samples: few })
  results.scans = await scans({ samples: few })
  console.log(`${otherTables(results)}\n`)
  return results
}

/** What ran it all. */
function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? '',
    cores: availableParallelism(),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
  }
}

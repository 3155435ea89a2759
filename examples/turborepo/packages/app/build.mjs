// Uses the finished module of the package `engine`, which Turborepo has built before: dist/primes.txt out.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const path = fileURLToPath(import.meta.resolve('engine'))
const { instance } = await WebAssembly.instantiate(await readFile(path))
const { isPrime } = /** @type {{ isPrime(n: number): number }} */ (
  /** @type {unknown} */ (instance.exports)
)
const primes = Array.from({ length: 100 }, (_, n) => n).filter((n) => n > 1 && isPrime(n))
await mkdir('dist', { recursive: true })
await writeFile('dist/primes.txt', `${primes.join(' ')}\n`)
console.log(`dist/primes.txt: ${primes.length} primes`)

// The first 100,000 prime numbers, found once by `init` and looked up ever after.

const COUNT = 100_000
/** The 100,000th prime is 1,299,709. */
const LIMIT = 1_299_710

const primes = new StaticArray<u32>(COUNT)

export function init(): void {
  const composite = new Uint8Array(LIMIT)
  let found = 0
  for (let n = 2; n < LIMIT; n++) {
    if (unchecked(composite[n])) continue
    unchecked((primes[found++] = n))
    for (let multiple: u64 = <u64>n * n; multiple < <u64>LIMIT; multiple += n) {
      unchecked((composite[<i32>multiple] = 1))
    }
  }
  // The sieve is not needed any more: zeros are not part of the output.
  memory.fill(composite.dataStart, 0, LIMIT)
}

/** The prime number at an index from 0 to 99,999. */
export function prime(index: u32): u32 {
  return primes[index]
}

// Blue noise: a tile of thresholds in which neighbours differ as much as they can, so that a picture in
// two colours looks even. `init` finds it by void and cluster (Ulichney, 1993): it puts down points one
// by one, each into the largest void, and a point's number is its threshold.

const SIZE = 64
const CELLS = SIZE * SIZE
const SIGMA: f64 = 1.9

/** What stays: 0 to 255 for each cell. */
const thresholds = memory.data(CELLS)

// What only init needs: which cells have points, how crowded each is, what one point adds around it.
const points = memory.data(CELLS)
const crowd = memory.data(CELLS * 4, 16)
const kernel = memory.data(CELLS * 4, 16)
const start = memory.data(CELLS)

export function init(): void {
  measureKernel()
  let count = scatter()
  while (true) {
    const tightest = extreme(1)
    toggle(tightest)
    const emptiest = extreme(0)
    toggle(emptiest)
    if (tightest == emptiest) break
  }
  memory.copy(start, points, CELLS)

  // Downwards from the first points, then upwards from them.
  for (let rank = count - 1; rank >= 0; rank--) {
    const tightest = extreme(1)
    toggle(tightest)
    setRank(tightest, rank)
  }
  memory.fill(crowd, 0, CELLS * 4)
  for (let cell = 0; cell < CELLS; cell++) if (load<u8>(start + cell)) toggle(cell)
  for (let rank = count; rank < CELLS; rank++) {
    const emptiest = extreme(0)
    toggle(emptiest)
    setRank(emptiest, rank)
  }

  // Zeros are not part of the finished module.
  memory.fill(points, 0, CELLS)
  memory.fill(crowd, 0, CELLS * 4)
  memory.fill(kernel, 0, CELLS * 4)
  memory.fill(start, 0, CELLS)
}

/** Where the thresholds are, row by row. */
export function tile(): usize {
  return thresholds
}

export function size(): i32 {
  return SIZE
}

/** A bell around cell 0, over the edges. */
function measureKernel(): void {
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const right = min(x, SIZE - x)
      const down = min(y, SIZE - y)
      const distance = <f64>(right * right + down * down)
      store<f32>(kernel + (y * SIZE + x) * 4, <f32>Math.exp(-distance / (2 * SIGMA * SIGMA)))
    }
  }
}

/** A tenth of all cells, by a generator of its own: the same tile in every build. */
function scatter(): i32 {
  let random: u32 = 2463534242
  let count = 0
  while (count < CELLS / 10) {
    random ^= random << 13
    random ^= random >> 17
    random ^= random << 5
    const cell = random % CELLS
    if (load<u8>(points + cell)) continue
    toggle(cell)
    count++
  }
  return count
}

/** Puts a point down or takes it up. */
function toggle(cell: i32): void {
  const had = load<u8>(points + cell)
  store<u8>(points + cell, 1 - had)
  const sign: f32 = had ? -1 : 1
  const left = cell % SIZE
  const top = cell / SIZE
  for (let y = 0; y < SIZE; y++) {
    const row = kernel + ((y - top) & (SIZE - 1)) * SIZE * 4
    for (let x = 0; x < SIZE; x++) {
      const at = crowd + (y * SIZE + x) * 4
      store<f32>(at, load<f32>(at) + sign * load<f32>(row + ((x - left) & (SIZE - 1)) * 4))
    }
  }
}

/** The most crowded point (1), or the least crowded cell without one (0). */
function extreme(kind: u8): i32 {
  let best = -1
  let value: f32 = kind ? f32.MIN_VALUE - f32.MAX_VALUE : f32.MAX_VALUE
  for (let cell = 0; cell < CELLS; cell++) {
    if (load<u8>(points + cell) != kind) continue
    const here = load<f32>(crowd + cell * 4)
    if (kind ? here > value : here < value) {
      value = here
      best = cell
    }
  }
  return best
}

function setRank(cell: i32, rank: i32): void {
  store<u8>(thresholds + cell, <u8>((rank * 256) / CELLS))
}

//! Where chess pieces that slide can go, by "magic" multiplication: a perfect hash of the pieces in the
//! way, one a square. Nobody knows those numbers but by trying, which is what init does; a move is then
//! one multiplication and one look into a table.
//!
//! A set of squares is a `u64`: bit 0 is a1, bit 7 h1, bit 63 h8.

use std::sync::Mutex;

const ROOK: [(i32, i32); 4] = [(0, 1), (1, 0), (0, -1), (-1, 0)];
const BISHOP: [(i32, i32); 4] = [(1, 1), (1, -1), (-1, 1), (-1, -1)];

/// A square's part of the table.
struct Magic {
    /// Where pieces could be in the way.
    mask: u64,
    number: u64,
    shift: u32,
    start: usize,
}

struct Slider {
    magics: Vec<Magic>,
    table: Vec<u64>,
}

struct Sliders {
    rook: Slider,
    bishop: Slider,
}

static SLIDERS: Mutex<Option<Sliders>> = Mutex::new(None);

/// Called at build time; without that, by the host before anything else.
#[export_name = "wizer-initialize"]
pub extern "C" fn initialize() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let sliders = Sliders {
        rook: Slider::find(&ROOK, &mut random),
        bishop: Slider::find(&BISHOP, &mut random),
    };
    *SLIDERS.lock().unwrap() = Some(sliders);
}

/// Where a rook on a square can go, with pieces in the way that can be taken.
#[no_mangle]
pub extern "C" fn rook_moves(square: u32, pieces: u64) -> u64 {
    with_sliders(|sliders| sliders.rook.moves(square, pieces))
}

#[no_mangle]
pub extern "C" fn bishop_moves(square: u32, pieces: u64) -> u64 {
    with_sliders(|sliders| sliders.bishop.moves(square, pieces))
}

#[no_mangle]
pub extern "C" fn queen_moves(square: u32, pieces: u64) -> u64 {
    rook_moves(square, pieces) | bishop_moves(square, pieces)
}

/// In how many ways eight queens leave each other alone.
#[no_mangle]
pub extern "C" fn eight_queens() -> u32 {
    fn place(rank: u32, attacked: u64) -> u32 {
        if rank == 8 {
            return 1;
        }
        (rank * 8..rank * 8 + 8)
            .filter(|square| attacked & (1 << square) == 0)
            .map(|square| place(rank + 1, attacked | queen_moves(square, 0)))
            .sum()
    }
    place(0, 0)
}

fn with_sliders(use_them: impl FnOnce(&Sliders) -> u64) -> u64 {
    let sliders = SLIDERS.lock().unwrap();
    use_them(sliders.as_ref().expect("`wizer-initialize` has run"))
}

impl Slider {
    fn find(directions: &[(i32, i32)], random: &mut Random) -> Slider {
        let masks: Vec<u64> = (0..64)
            .map(|square| slide(directions, square, 0, true))
            .collect();
        let size = masks.iter().map(|mask| 1 << mask.count_ones()).sum();
        let mut slider = Slider {
            magics: Vec::with_capacity(64),
            // All at once: outgrown copies would stay behind in memory, and so in the snapshot.
            table: vec![0; size],
        };
        let mut trial = Trial::default();
        let mut start = 0;
        for (square, mask) in (0..).zip(masks) {
            trial.take(
                subsets(mask).map(|pieces| (pieces, slide(directions, square, pieces, false))),
            );
            let shift = 64 - mask.count_ones();
            let number = std::iter::repeat_with(|| random.sparse())
                .filter(|number| (mask.wrapping_mul(*number) >> 56).count_ones() >= 6)
                .find(|number| trial.succeeds(*number, shift))
                .unwrap();
            for &(pieces, moves) in &trial.subsets {
                slider.table[start + hash(pieces, number, shift)] = moves;
            }
            slider.magics.push(Magic {
                mask,
                number,
                shift,
                start,
            });
            start += trial.subsets.len();
        }
        trial.wipe();
        slider
    }

    fn moves(&self, square: u32, pieces: u64) -> u64 {
        let magic = &self.magics[square as usize];
        self.table[magic.start + hash(pieces & magic.mask, magic.number, magic.shift)]
    }
}

fn hash(pieces: u64, number: u64, shift: u32) -> usize {
    (pieces.wrapping_mul(number) >> shift) as usize
}

/// What numbers are tried on: all that may be in the way of a square, and the moves that leaves.
#[derive(Default)]
struct Trial {
    subsets: Vec<(u64, u64)>,
    /// The moves at each hash, and the trial that has put them there.
    slots: Vec<(u64, u32)>,
    count: u32,
}

impl Trial {
    fn take(&mut self, subsets: impl Iterator<Item = (u64, u64)>) {
        self.subsets.clear();
        self.subsets.extend(subsets);
        self.slots
            .resize(self.subsets.len().max(self.slots.len()), (0, 0));
    }

    /// Whether a number keeps apart what differs.
    fn succeeds(&mut self, number: u64, shift: u32) -> bool {
        self.count += 1;
        self.subsets.iter().all(|&(pieces, moves)| {
            let slot = &mut self.slots[hash(pieces, number, shift)];
            let fits = slot.1 != self.count || slot.0 == moves;
            *slot = (moves, self.count);
            fits
        })
    }

    /// Zeros are not part of a snapshot; memory that is freed keeps what was in it. The compiler would
    /// leave out writes that nobody reads, were they not volatile.
    fn wipe(mut self) {
        for subset in &mut self.subsets {
            unsafe { std::ptr::write_volatile(subset, (0, 0)) };
        }
        for slot in &mut self.slots {
            unsafe { std::ptr::write_volatile(slot, (0, 0)) };
        }
    }
}

/// All squares in straight lines up to the first piece; `inner` leaves out the last square of each,
/// where a piece makes no difference.
fn slide(directions: &[(i32, i32)], square: i32, pieces: u64, inner: bool) -> u64 {
    let mut reached = 0;
    for (right, up) in directions {
        let (mut file, mut rank) = (square % 8 + right, square / 8 + up);
        while (0..8).contains(&file) && (0..8).contains(&rank) {
            let (next_file, next_rank) = (file + right, rank + up);
            if inner && !((0..8).contains(&next_file) && (0..8).contains(&next_rank)) {
                break;
            }
            let here = 1 << (rank * 8 + file);
            reached |= here;
            if pieces & here != 0 {
                break;
            }
            (file, rank) = (next_file, next_rank);
        }
    }
    reached
}

/// All subsets of a set, the empty one last.
fn subsets(mask: u64) -> impl Iterator<Item = u64> {
    let mut next = Some(mask);
    std::iter::from_fn(move || {
        let subset = next?;
        next = (subset != 0).then(|| (subset - 1) & mask);
        Some(subset)
    })
}

/// Xorshift: the same numbers in every build.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Numbers of few bits are magic more often.
    fn sparse(&mut self) -> u64 {
        self.next() & self.next() & self.next()
    }
}

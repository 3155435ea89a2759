//! Generated memories in, the speed of the stages after the run out: scan, segments, rewrite.
//!
//! `cargo bench` measures them; `cargo test` runs each once. The plain read that the scan is compared
//! with folds the same bytes on one thread.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use rayon::ThreadPoolBuilder;
use std::ops::Range;
use wasm_preinit::module::Module;
use wasm_preinit::segments::{self, Space};
use wasm_preinit::snapshot::Snapshot;
use wasm_preinit::snapshot::memories::MemoryState;
use wasm_preinit::snapshot::references::Changed;
use wasm_preinit::snapshot::scan::live_ranges;
use wasm_preinit::{DEFAULT_MAX_DATA_SEGMENTS, Options, rewrite, text};

/// As in the addon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const MEMORY_BYTES: usize = 64 << 20;

/// What a memory holds.
#[derive(Clone, Copy, Debug)]
enum Contents {
    Zeros,
    /// Every byte is set.
    Full,
    /// Every other byte is set.
    Alternating,
    /// Objects as programs leave them: words with zero bytes in them, and runs of zeros.
    Heap,
    /// One byte a page is set.
    Sparse,
}

const CONTENTS: [Contents; 5] = [
    Contents::Zeros,
    Contents::Full,
    Contents::Alternating,
    Contents::Heap,
    Contents::Sparse,
];

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % below
    }
}

fn memory(contents: Contents) -> Vec<u8> {
    let mut bytes = vec![0; MEMORY_BYTES];
    match contents {
        Contents::Zeros => {}
        Contents::Full => bytes.fill(0xa5),
        Contents::Alternating => bytes.iter_mut().step_by(2).for_each(|byte| *byte = 1),
        Contents::Sparse => bytes.iter_mut().step_by(4096).for_each(|byte| *byte = 1),
        Contents::Heap => {
            let mut numbers = Numbers(1);
            let mut at = 0;
            while at < MEMORY_BYTES - 512 {
                for _ in 0..numbers.next(24) {
                    let pointer = u32::try_from(numbers.next(1 << 22)).unwrap_or(0);
                    bytes[at..at + 4].copy_from_slice(&pointer.to_le_bytes());
                    at += 4;
                }
                at += numbers.next(64);
            }
        }
    }
    bytes
}

#[divan::bench(args = CONTENTS)]
fn plain_read(bencher: Bencher<'_, '_>, contents: Contents) {
    let bytes = memory(contents);
    let (words, _) = bytes.as_chunks::<8>();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| {
            let words = black_box(words).iter();
            words.fold(0, |all, word| all | u64::from_ne_bytes(*word))
        });
}

#[divan::bench(args = CONTENTS, consts = [1, 2])]
fn scan<const THREADS: usize>(bencher: Bencher<'_, '_>, contents: Contents) {
    let bytes = memory(contents);
    let pool = ThreadPoolBuilder::new().num_threads(THREADS).build();
    let pool = pool.expect("threads can be started");
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| pool.install(|| live_ranges(black_box(&bytes), &[whole(&bytes)])));
}

fn whole(bytes: &[u8]) -> Range<usize> {
    0..bytes.len()
}

/// How many ranges are laid out under the default cap.
#[divan::bench(args = [1_000, 10_000, 100_000, 700_000])]
fn layout(bencher: Bencher<'_, '_>, ranges: usize) {
    let bytes = memory(Contents::Heap);
    let mut live = live_ranges(&bytes, &[whole(&bytes)]);
    assert!(live.len() >= ranges, "there are {} ranges", live.len());
    live.truncate(ranges);
    let space = Space {
        once: false,
        position: 0,
        memory: 0,
        memory64: false,
        live: &live,
    };
    bencher.bench_local(|| segments::choose(&[black_box(space)], 0, DEFAULT_MAX_DATA_SEGMENTS));
}

#[divan::bench(args = CONTENTS)]
fn write(bencher: Bencher<'_, '_>, contents: Contents) {
    let bytes = memory(contents);
    let wasm = text::to_binary(b"(module (memory 1024) (func (export \"wizer-initialize\")))");
    let wasm = wasm.expect("it is a module");
    let module = Module::parse(&wasm).expect("it is a module");
    let snapshot = Snapshot {
        once: None,
        globals: Vec::new(),
        memories: vec![MemoryState {
            index: 0,
            pages: 1024,
            live: live_ranges(&bytes, &[whole(&bytes)]),
            bytes: &bytes,
        }],
        dropped_data: Vec::new(),
        references: Changed::default(),
        imported_globals: Vec::new(),
        dropped_elements: Vec::new(),
        table_sizes: Vec::new(),
    };
    let layout = segments::layout(&module, &snapshot, None);
    let layout = layout.expect("the cap is high enough");
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| {
            rewrite::rewrite(
                &module,
                &snapshot,
                black_box(&layout),
                "wizer-initialize",
                &Options::default(),
            )
        });
}

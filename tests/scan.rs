//! Memory bytes go into the scan for live ranges, ranges come out.
//!
//! The oracle is the plainest loop there is: one byte at a time. Whatever the memory holds, and
//! however many threads work on it, the scan says exactly what the oracle says.

use proptest::prelude::*;
use std::ops::Range;
use wasm_preinit::snapshot::scan::{self, MIN_GAP_BYTES};

/// The scan's unit of parallel work. A scan with another unit must pass these tests as well; this
/// one says where a mistake in joining would show.
const CHUNK_BYTES: usize = 256 << 10;

const PAGE_BYTES: usize = 64 << 10;

/// Lengths on both sides of what a scan may read at once.
const LENGTHS: [usize; 10] = [
    1,
    2,
    9,
    127,
    128,
    129,
    PAGE_BYTES,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    3 * CHUNK_BYTES + 5,
];

/// The ranges of bytes that are all read.
fn live_ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    scan::live_ranges(bytes, std::slice::from_ref(&(0..bytes.len())))
}

/// Every set byte begins a range or extends the last one, if few zeros lie between.
fn oracle(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (position, &byte) in bytes.iter().enumerate() {
        if byte == 0 {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if position - last.end < MIN_GAP_BYTES => last.end = position + 1,
            _ => ranges.push(position..position + 1),
        }
    }
    ranges
}

fn assert_like_the_oracle(bytes: &[u8], what: &str) {
    assert!(live_ranges(bytes) == oracle(bytes), "the ranges of {what}");
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads can be started").install(work)
}

/// Runs of set bytes and of zeros, in turns.
fn runs() -> impl Strategy<Value = Vec<u8>> {
    let run = (0_usize..40, 1_u8..=255, 0_usize..2 * MIN_GAP_BYTES + 4);
    prop::collection::vec(run, 0..60).prop_map(|runs| {
        let mut bytes = Vec::new();
        for (set, value, zeros) in runs {
            bytes.resize(bytes.len() + set, value);
            bytes.resize(bytes.len() + zeros, 0);
        }
        bytes
    })
}

/// A few short writes into several chunks of zeros, many of them where two chunks meet.
fn sparse_writes() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    let length = (0_usize..4, 0_usize..200).prop_map(|(chunks, more)| chunks * CHUNK_BYTES + more);
    let at_boundary = (1_usize..4, 0_usize..80)
        .prop_map(|(chunk, offset)| (chunk * CHUNK_BYTES + offset).saturating_sub(40));
    let position = prop_oneof![4 => at_boundary, 1 => 0_usize..4 * CHUNK_BYTES];
    let write = (position, 1_usize..30);
    (length, prop::collection::vec(write, 0..30))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn random_bytes_scan_like_the_oracle(
        bytes in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], 0..3000),
    ) {
        prop_assert_eq!(live_ranges(&bytes), oracle(&bytes));
    }

    #[test]
    fn rarely_set_bytes_scan_like_the_oracle(
        bytes in prop::collection::vec(prop_oneof![12 => Just(0_u8), 1 => any::<u8>()], 0..3000),
    ) {
        prop_assert_eq!(live_ranges(&bytes), oracle(&bytes));
    }

    #[test]
    fn runs_of_zeros_around_the_shortest_gap_scan_like_the_oracle(bytes in runs(), offset in 0_usize..9) {
        // An offset into the buffer moves every load against the machine's own alignment.
        let bytes = &bytes[offset.min(bytes.len())..];
        prop_assert_eq!(live_ranges(bytes), oracle(bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn ranges_across_chunks_scan_like_the_oracle_on_any_number_of_threads(
        (len, writes) in sparse_writes(), threads in 1_usize..9,
    ) {
        let mut bytes = vec![0; len];
        for (start, count) in writes {
            let start = start.min(len);
            let end = (start + count).min(len);
            bytes[start..end].fill(1);
        }
        prop_assert_eq!(in_pool(threads, || live_ranges(&bytes)), oracle(&bytes));
    }
}

#[test]
fn an_empty_memory_has_no_ranges() {
    assert_eq!(live_ranges(&[]), []);
}

#[test]
fn a_memory_of_zeros_has_no_ranges() {
    for len in LENGTHS {
        assert_eq!(live_ranges(&vec![0; len]), [], "{len} zeros");
    }
}

#[test]
fn a_memory_without_zeros_is_one_range() {
    for len in LENGTHS {
        assert_eq!(
            live_ranges(&vec![0xff; len]),
            [Range { start: 0, end: len }],
            "{len} bytes"
        );
    }
}

#[test]
fn a_first_byte_alone_is_a_range() {
    for len in LENGTHS {
        let mut bytes = vec![0; len];
        bytes[0] = 1;
        assert_eq!(
            live_ranges(&bytes),
            [Range { start: 0, end: 1 }],
            "first of {len}"
        );
    }
}

#[test]
fn a_last_byte_alone_is_a_range() {
    for len in LENGTHS {
        let mut bytes = vec![0; len];
        bytes[len - 1] = 0x80;
        assert_eq!(
            live_ranges(&bytes),
            [Range {
                start: len - 1,
                end: len
            }],
            "last of {len}"
        );
    }
}

#[test]
fn alternating_bytes_are_one_range() {
    for first in 0..2 {
        let bytes: Vec<u8> = (0..CHUNK_BYTES + 77)
            .map(|position| u8::from(position % 2 == first))
            .collect();
        assert_like_the_oracle(&bytes, "alternating bytes");
        assert_eq!(live_ranges(&bytes).len(), 1);
    }
}

#[test]
fn one_byte_a_page_is_one_range_a_page() {
    for offset in [0, 1, 4095, PAGE_BYTES - 1] {
        let mut bytes = vec![0; 20 * PAGE_BYTES];
        for page in bytes.chunks_mut(PAGE_BYTES) {
            page[offset] = 7;
        }
        assert_like_the_oracle(&bytes, "one byte a page");
        assert_eq!(live_ranges(&bytes).len(), 20);
    }
}

#[test]
fn zero_runs_of_every_length_at_every_alignment_scan_like_the_oracle() {
    let mut bytes = vec![0; 400];
    for zeros in 1..20 {
        for start in 0..280 {
            bytes.fill(0);
            bytes[start..start + 9].fill(1);
            bytes[start + 9 + zeros..start + 18 + zeros].fill(2);
            let ranges = live_ranges(&bytes);
            assert_eq!(ranges, oracle(&bytes), "{zeros} zeros at {}", start + 9);
            let expected = if zeros < MIN_GAP_BYTES { 1 } else { 2 };
            assert_eq!(ranges.len(), expected, "{zeros} zeros at {}", start + 9);
        }
    }
}

#[test]
fn zero_runs_of_every_length_at_every_place_around_a_chunk_boundary_scan_like_the_oracle() {
    // The buffer reaches a little into the second chunk, so that one cheap oracle run covers it.
    let window = CHUNK_BYTES - 64..CHUNK_BYTES + 64;
    let mut bytes = vec![0; window.end];
    for zeros in 1..20 {
        for start in CHUNK_BYTES - 24..CHUNK_BYTES + 4 {
            bytes[window.clone()].fill(3);
            bytes[start..start + zeros].fill(0);
            let expected: Vec<_> = oracle(&bytes[window.clone()])
                .into_iter()
                .map(|range| window.start + range.start..window.start + range.end)
                .collect();
            assert_eq!(live_ranges(&bytes), expected, "{zeros} zeros at {start}");
        }
    }
}

#[test]
fn short_gaps_that_touch_several_chunks_join_them_all() {
    let mut bytes = vec![9; 4 * CHUNK_BYTES];
    for boundary in 1..4 {
        let boundary = boundary * CHUNK_BYTES;
        bytes[boundary - 3..boundary + 2].fill(0);
    }
    assert_eq!(
        live_ranges(&bytes),
        [Range {
            start: 0,
            end: 4 * CHUNK_BYTES
        }]
    );
    bytes[CHUNK_BYTES + 2] = 0;
    assert_eq!(
        live_ranges(&bytes),
        [0..CHUNK_BYTES - 3, CHUNK_BYTES + 3..4 * CHUNK_BYTES]
    );
}

#[test]
fn the_ranges_do_not_depend_on_the_number_of_threads() {
    let mut bytes = vec![0; 9 * CHUNK_BYTES + 1234];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..40_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let position = usize::try_from(state >> 8).unwrap_or(0) % bytes.len();
        bytes[position] = 1;
    }
    let expected = oracle(&bytes);
    for threads in [1, 2, 3, 8] {
        let ranges = in_pool(threads, || live_ranges(&bytes));
        assert!(ranges == expected, "the ranges on {threads} threads");
    }
}

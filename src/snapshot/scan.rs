//! Bytes of a memory in, the ranges of them that are not zero out.
//!
//! A fresh memory is zero-filled, so these ranges are all that a data segment has to set. Runs of
//! fewer than [`MIN_GAP_BYTES`] zeros belong to the range around them. The memory is read once, in
//! fixed-size chunks on all cores, and the ranges depend on the bytes alone:
//!
//! ```text
//! in each chunk:
//!   fold 64 bytes to a mask, one bit a byte that is set; no branch depends on the bytes
//!   nothing set:     a run of zeros goes on
//!   everything set:  a range goes on
//!   else:            shift and and the mask to find its long runs of zeros
//! join: drop the boundary where the zeros around it are fewer than a long run
//! ```

use rayon::prelude::*;
use std::ops::Range;
use wide::u8x16;

/// A shorter run of zeros never pays for the segment header that splitting there would cost: the
/// smallest header has 5 bytes ([`crate::segments`] knows the exact price).
pub const MIN_GAP_BYTES: usize = 6;

/// The unit of parallel work: small enough to balance a memory over cores, large enough that
/// joining costs nothing.
const CHUNK_BYTES: usize = 256 << 10;

/// What a mask stands for.
const BLOCK_BYTES: usize = u64::BITS as usize;

/// The ranges of `bytes` that are not zero. Each begins and ends with a byte that is set.
///
/// All bytes outside `read` are zero; its ranges are in order and apart.
pub fn live_ranges(bytes: &[u8], read: &[Range<usize>]) -> Vec<Range<usize>> {
    let chunks: Vec<Range<usize>> = read.iter().flat_map(chunks).collect();
    let chunks: Vec<Vec<Range<usize>>> = chunks
        .into_par_iter()
        .map(|chunk| live_in_chunk(&bytes[chunk.clone()], chunk.start))
        .collect();
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(chunks.iter().map(Vec::len).sum());
    for range in chunks.into_iter().flatten() {
        match joined.last_mut() {
            Some(last) if range.start - last.end < MIN_GAP_BYTES => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

fn chunks(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = range.end;
    let starts = range.clone().step_by(CHUNK_BYTES);
    starts.map(move |start| start..end.min(start + CHUNK_BYTES))
}

fn live_in_chunk(chunk: &[u8], base: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    // The last range; more of it may follow. Empty as long as there is none.
    let mut open: Range<usize> = 0..0;
    // The block before, if it was dense: then the open range ends there, and where is left open.
    let mut dense = None;
    let (blocks, rest) = chunk.as_chunks::<BLOCK_BYTES>();
    let mut position = base;
    for block in blocks {
        let set = set_bytes(block);
        match dense {
            None if set == 0 => {}
            Some(_) if set == u64::MAX || is_dense(set) => dense = Some(set),
            _ => {
                close(dense, position, &mut open);
                add(set, position, &mut open, &mut ranges);
                dense = is_dense(set).then_some(set);
            }
        }
        position += BLOCK_BYTES;
    }
    close(dense, position, &mut open);
    if !rest.is_empty() {
        let mut padded = [0; BLOCK_BYTES];
        padded[..rest.len()].copy_from_slice(rest);
        add(set_bytes(&padded), position, &mut open, &mut ranges);
    }
    if !open.is_empty() {
        ranges.push(open);
    }
    ranges
}

/// Whether no long run of zeros lies in a block, nor between it and another such block.
#[inline]
fn is_dense(set: u64) -> bool {
    const { assert!(MIN_GAP_BYTES > 4) };
    const FIRST_THREE: u64 = 0b111;
    const LAST_THREE: u64 = FIRST_THREE << (u64::BITS - 3);
    long_gaps(set) == 0 && set & FIRST_THREE != 0 && set & LAST_THREE != 0
}

/// Ends the open range with the last byte that is set of a dense block in front of `position`.
#[inline]
fn close(dense: Option<u64>, position: usize, open: &mut Range<usize>) {
    if let Some(set) = dense {
        open.end = position - set.leading_zeros() as usize;
    }
}

/// Adds the bytes of a block to the ranges.
#[inline]
fn add(set: u64, position: usize, open: &mut Range<usize>, ranges: &mut Vec<Range<usize>>) {
    if set == 0 {
        return;
    }
    let first = set.trailing_zeros();
    let end = u64::BITS - set.leading_zeros();
    let start = position + first as usize;
    if open.start == open.end || start - open.end >= MIN_GAP_BYTES {
        if open.start < open.end {
            ranges.push(open.clone());
        }
        open.start = start;
    }
    let within = (u64::MAX << first) & (u64::MAX >> (u64::BITS - end));
    let mut gaps = long_gaps(set) & within;
    while gaps != 0 {
        let gap = gaps.trailing_zeros();
        let next = gap + (set >> gap).trailing_zeros();
        ranges.push(open.start..position + gap as usize);
        open.start = position + next as usize;
        gaps &= u64::MAX << next;
    }
    open.end = position + end as usize;
}

/// Bit `i` is set where byte `i` is not zero.
#[inline]
fn set_bytes(block: &[u8; BLOCK_BYTES]) -> u64 {
    const LANES: usize = 16;
    let (vectors, _) = block.as_chunks::<LANES>();
    let zero = vectors.iter().enumerate().fold(0, |mask, (at, &vector)| {
        let zero = u8x16::new(vector).simd_eq(u8x16::ZERO).to_bitmask();
        mask | u64::from(zero) << (at * LANES)
    });
    !zero
}

/// Bit `i` is set where [`MIN_GAP_BYTES`] clear bits begin at bit `i`, all of them in the mask.
#[inline]
fn long_gaps(set: u64) -> u64 {
    const { assert!(MIN_GAP_BYTES == 6) };
    let two = !set & (!set >> 1);
    two & (two >> 2) & (two >> 4)
}

//! Memories of the stopped guest, and the scan for what lives in them.
//!
//! The scan finds the bytes that a fresh, zero-filled memory does not have already, as ranges that
//! a run of at least [`MIN_GAP_BYTES`] zeros separates. It reads fixed-size chunks on all cores and
//! joins them in order, so the ranges depend on the bytes alone:
//!
//! ```text
//! in each chunk:
//!   skip zeros, a block at a time              (1)
//!   from the first byte that is set, look for a zero word, a block at a time   (2)
//!   measure the run of zeros around that word
//!   a long run ends the range; a short one belongs to it
//! join: drop the boundary where the zeros around it are fewer than a long run
//! ```
//!
//! (1) and (2) fold a block without branches, which the compiler turns into wide loads.

use crate::error::{Error, Result, Stage};
use crate::host::Host;
use crate::module::Module;
use crate::snapshot::private::Private;
use rayon::prelude::*;
use std::ops::Range;
use wasmtime::{Memory, Store};

/// A shorter run of zeros never pays for the segment header that splitting there would cost
/// ([`crate::segments`] knows the exact price). With 4-byte words, every run of 7 holds an aligned
/// zero word, so no run of this length is missed.
pub const MIN_GAP_BYTES: usize = 8;

/// The unit of parallel work: small enough to balance a memory over cores, large enough that
/// joining costs nothing.
const CHUNK_BYTES: usize = 256 << 10;

/// What is folded at once: two cache lines.
const BLOCK_BYTES: usize = 128;

const WORD_BYTES: usize = 4;

/// One of the module's own memories after init.
pub struct MemoryState<'guest> {
    pub index: usize,
    pub pages: u64,
    pub bytes: &'guest [u8],
    /// Where `bytes` is not zero; short runs of zeros included.
    pub live: Vec<Range<usize>>,
}

/// The module's own memories, by index.
///
/// # Errors
///
/// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
pub fn handles(private: &mut Private<'_, '_>) -> Result<Vec<(usize, Memory)>> {
    let own = private.module.imported_memories()..private.module.memories.len();
    own.map(|index| Ok((index, private.memory(index)?)))
        .collect()
}

/// Reads the sizes and finds the live ranges of all memories.
pub fn states(memories: Vec<(usize, Memory)>, store: &Store<Host>) -> Vec<MemoryState<'_>> {
    let states = memories.into_iter().map(|(index, memory)| {
        let bytes = memory.data(store);
        MemoryState {
            index,
            pages: memory.size(store),
            bytes,
            live: live_ranges(bytes),
        }
    });
    states.collect()
}

/// Refuses memories that a snapshot can't be taken of, before anything is compiled.
///
/// # Errors
///
/// `ERR_UNSUPPORTED`, naming the memory.
pub fn check(module: &Module<'_>) -> Result<()> {
    match module.memories.iter().position(|memory| memory.shared) {
        Some(index) => Err(Error::unsupported(
            Stage::Parse,
            format!(
                "memory {index} is shared, which can't be pre-initialized yet: \
                 build the program without threads"
            ),
        )),
        None => Ok(()),
    }
}

/// The ranges of `bytes` that are not zero, joined across zero runs shorter than
/// [`MIN_GAP_BYTES`]. Each begins and ends with a byte that is set.
pub fn live_ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    let chunks: Vec<Vec<Range<usize>>> = bytes
        .par_chunks(CHUNK_BYTES)
        .enumerate()
        .map(|(number, chunk)| live_in_chunk(chunk, number * CHUNK_BYTES))
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

fn live_in_chunk(chunk: &[u8], base: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = skip_zeros(chunk, 0);
    while start < chunk.len() {
        let mut position = start;
        loop {
            // Zeros may begin before the zero word that was found, and end behind it.
            let word = find_zero_word(chunk, position);
            let end = position + live_len(&chunk[position..word]);
            let next = skip_zeros(chunk, word);
            if next == chunk.len() || next - end >= MIN_GAP_BYTES {
                ranges.push(base + start..base + end);
                start = next;
                break;
            }
            position = next;
        }
    }
    ranges
}

/// The position of the first byte at or after `from` that is set, else the length.
fn skip_zeros(bytes: &[u8], from: usize) -> usize {
    let mut position = from;
    for block in bytes[from..].chunks(BLOCK_BYTES) {
        if block.iter().fold(0, |all, byte| all | byte) != 0 {
            let set = block.iter().position(|&byte| byte != 0);
            return position + set.unwrap_or(block.len());
        }
        position += block.len();
    }
    position
}

/// The position of the first zero word at or after `from`, at an offset that is a multiple of the
/// word from there; else the length.
fn find_zero_word(bytes: &[u8], from: usize) -> usize {
    let mut position = from;
    for block in bytes[from..].chunks(BLOCK_BYTES) {
        let (words, _) = block.as_chunks::<WORD_BYTES>();
        let is_zero = |word: &[u8; WORD_BYTES]| u32::from_ne_bytes(*word) == 0;
        if words.iter().fold(false, |any, word| any | is_zero(word)) {
            let word = words.iter().position(is_zero).unwrap_or(words.len());
            return position + word * WORD_BYTES;
        }
        position += block.len();
    }
    position
}

/// The length up to the last byte that is set.
fn live_len(bytes: &[u8]) -> usize {
    let last = bytes.iter().rposition(|&byte| byte != 0);
    last.map_or(0, |last| last + 1)
}

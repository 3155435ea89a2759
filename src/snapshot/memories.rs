//! Memories of the stopped guest: how large they are, and where they hold anything.

use crate::error::Result;
use crate::host::Host;
use crate::snapshot::private::Private;
use crate::snapshot::resident;
use crate::snapshot::scan;
use std::ops::Range;
use wasmtime::{Memory, Store};

/// One of the module's memories after init.
pub struct MemoryState<'guest> {
    pub index: usize,
    pub pages: u64,
    pub bytes: &'guest [u8],
    /// Where `bytes` is not zero; short runs of zeros included.
    pub live: Vec<Range<usize>>,
}

/// The module's memories, by index.
///
/// # Errors
///
/// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
pub fn handles(private: &mut Private<'_, '_>) -> Result<Vec<(usize, Memory)>> {
    let all = 0..private.module.memories.len();
    all.map(|index| Ok((index, private.memory(index)?)))
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
            live: scan::live_ranges(bytes, &resident::ranges(bytes)),
        }
    });
    states.collect()
}

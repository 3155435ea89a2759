//! A memory in, the parts of it that the operating system has given pages to out.
//!
//! A memory of gigabytes that its program has hardly used consists of addresses with nothing behind
//! them. Reading them would take a page fault for each page to find zeros. Linux tells in
//! `/proc/self/pagemap` which pages have been touched; elsewhere, or where that can't be read, all of
//! a memory counts as touched.
//!
//! This is right only for anonymous memory. The engine could map a module's data segments from a
//! file instead, which is why [`crate::compile`] tells it not to.

use std::ops::Range;

/// The ranges of `bytes` that may hold anything, in order and apart; all else is zero.
#[cfg(target_os = "linux")]
pub fn ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    pagemap::ranges(bytes).unwrap_or_else(|_| whole(bytes))
}

/// The ranges of `bytes` that may hold anything, in order and apart; all else is zero.
#[cfg(not(target_os = "linux"))]
pub fn ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    whole(bytes)
}

#[expect(clippy::single_range_in_vec_init, reason = "one range is meant")]
fn whole(bytes: &[u8]) -> Vec<Range<usize>> {
    vec![0..bytes.len()]
}

/// <https://docs.kernel.org/admin-guide/mm/pagemap.html>
#[cfg(target_os = "linux")]
mod pagemap {
    use std::fs::File;
    use std::io;
    use std::ops::Range;
    use std::os::unix::fs::FileExt;

    /// 64 bits for each page of the address space.
    const ENTRY_BYTES: usize = 8;

    /// In memory, or in swap.
    const TOUCHED: u64 = 1 << 63 | 1 << 62;

    /// Entries read at once.
    const BUFFER_BYTES: usize = 64 << 10;

    pub fn ranges(bytes: &[u8]) -> io::Result<Vec<Range<usize>>> {
        let page_bytes = rustix::param::page_size();
        let pages = page_containing(bytes, page_bytes);
        let pagemap = File::open("/proc/self/pagemap")?;
        let mut buffer = vec![0; BUFFER_BYTES.min(pages.len() * ENTRY_BYTES)];
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut page = pages.start;
        while page < pages.end {
            let entries = (buffer.len() / ENTRY_BYTES).min(pages.end - page);
            let buffer = &mut buffer[..entries * ENTRY_BYTES];
            pagemap.read_exact_at(buffer, (page * ENTRY_BYTES) as u64)?;
            let (entries, _) = buffer.as_chunks::<ENTRY_BYTES>();
            for entry in entries {
                if u64::from_ne_bytes(*entry) & TOUCHED != 0 {
                    let start = (page * page_bytes).saturating_sub(bytes.as_ptr().addr());
                    let end = (page + 1) * page_bytes - bytes.as_ptr().addr();
                    let end = end.min(bytes.len());
                    match ranges.last_mut() {
                        Some(last) if last.end == start => last.end = end,
                        _ => ranges.push(start..end),
                    }
                }
                page += 1;
            }
        }
        Ok(ranges)
    }

    /// The numbers of the pages that `bytes` lie in.
    fn page_containing(bytes: &[u8], page_bytes: usize) -> Range<usize> {
        let addresses = bytes.as_ptr_range();
        addresses.start.addr() / page_bytes..addresses.end.addr().div_ceil(page_bytes)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn finds_every_byte_that_is_set_wherever_a_slice_begins() {
            let mut bytes = vec![0_u8; 64 << 20];
            let set = [0, 4095, 4096, 12_345_678, (64 << 20) - 1];
            for position in set {
                bytes[position] = 1;
            }
            for from in [0, 1, 4096, 5000] {
                let slice = &bytes[from..];
                let ranges = ranges(slice).expect("Linux has a pagemap");
                for position in set.into_iter().filter_map(|set| set.checked_sub(from)) {
                    assert!(ranges.iter().any(|range| range.contains(&position)));
                }
                let read: usize = ranges.iter().map(Range::len).sum();
                assert!(read < 32 << 20, "{read} bytes are not worth skipping any");
                assert!(ranges.is_sorted_by(|a, b| a.end < b.start));
                assert!(ranges.last().is_none_or(|last| last.end <= slice.len()));
            }
        }
    }
}

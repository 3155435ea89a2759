//! A length in, an empty buffer for so many bytes out.
//!
//! Memory that is written for the first time costs a page fault for each of its pages, which takes
//! longer than copying megabytes does. Linux can back a buffer with huge pages instead, five hundred
//! times fewer; only the few large buffers that are filled at once are worth the memory that huge
//! pages round up to.

use std::mem::MaybeUninit;

/// A buffer that is about to be filled up to its capacity.
pub fn with_capacity(len: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(len);
    advise(buffer.spare_capacity_mut());
    buffer
}

/// A copy of some bytes.
pub fn copy(bytes: &[u8]) -> Vec<u8> {
    let mut buffer = with_capacity(bytes.len());
    buffer.extend_from_slice(bytes);
    buffer
}

/// Asks for huge pages where there is room for whole ones.
#[cfg(target_os = "linux")]
fn advise(memory: &mut [MaybeUninit<u8>]) {
    use rustix::mm::{Advice, madvise};
    const HUGE_PAGE_BYTES: usize = 2 << 20;
    let skipped = memory.as_ptr().align_offset(HUGE_PAGE_BYTES);
    let Some(aligned) = memory.get_mut(skipped..) else {
        return;
    };
    let len = aligned.len() - aligned.len() % HUGE_PAGE_BYTES;
    if len > 0 {
        #[expect(unsafe_code, reason = "advice about the buffer's own memory")]
        // SAFETY: the advice changes how these pages are backed, not what they hold, and all of them
        // are the buffer's. A system that does not follow it gives small pages.
        let _ = unsafe { madvise(aligned.as_mut_ptr().cast(), len, Advice::LinuxHugepage) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &mut [MaybeUninit<u8>]) {}

//! DWARF bytes in, the same bytes behind a [`Reader`] that counts out.
//!
//! In DWARF a few bytes can ask for endless work: thousands of units may share one table, or
//! thousands of functions one list of ranges. No such work goes without reading, so each read
//! takes from a [`Budget`], and when that is used up every reader is at its end. What gimli stores
//! grows with reads too, so a lower limit for a part of the work bounds its memory.

use gimli::{Abbreviation, EndianSlice, Error, LittleEndian, ReaderOffsetId, Result};
use std::borrow::Cow;
use std::cell::Cell;

/// Reads for one backtrace. All units of Ruby's 17 MB of DWARF take 9 million, those of one backtrace
/// a fifth of that; what is made to be slow is given up after a second or two.
const READS: u64 = 1 << 26;

/// Bytes that are searched or copied at the cost of one read.
const BYTES_PER_READ: u64 = 16;

/// Reads that are left.
#[derive(Debug)]
pub struct Budget {
    left: Cell<u64>,
}

impl Budget {
    pub fn new() -> Self {
        Self {
            left: Cell::new(READS),
        }
    }

    /// Takes this many reads; `false` when not as many are left, and then none are.
    pub fn take(&self, reads: u64) -> bool {
        let left = self.left.get().checked_sub(reads);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Does a part of the work with at most this many reads.
    pub fn limited<T>(&self, reads: u64, work: impl FnOnce() -> T) -> T {
        let before = self.left.get();
        let limit = before.min(reads);
        self.left.set(limit);
        let result = work();
        let used = limit - self.left.get();
        self.left.set(before - used);
        result
    }
}

/// Counts the attributes of an entry: those without bytes of their own, which no read counts, are
/// work too.
pub fn count(budget: &Budget, abbreviation: &Abbreviation) -> Result<()> {
    let attributes = abbreviation.attributes().len() as u64;
    if budget.take(attributes) {
        Ok(())
    } else {
        Err(Error::TooManyIterations)
    }
}

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A slice of a section, each read of which is counted.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    slice: Slice<'a>,
    budget: &'a Budget,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], budget: &'a Budget) -> Self {
        Self {
            slice: EndianSlice::new(bytes, LittleEndian),
            budget,
        }
    }

    pub fn bytes(&self) -> &'a [u8] {
        self.slice.slice()
    }

    #[inline]
    fn take(&self, reads: u64) -> Result<()> {
        if self.budget.take(reads) {
            Ok(())
        } else {
            Err(Error::UnexpectedEof(gimli::Reader::offset_id(&self.slice)))
        }
    }

    fn take_bytes(&self, bytes: usize) -> Result<()> {
        self.take(1 + bytes as u64 / BYTES_PER_READ)
    }
}

impl gimli::Reader for Reader<'_> {
    type Endian = LittleEndian;
    type Offset = usize;

    #[inline]
    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    #[inline]
    fn len(&self) -> usize {
        self.slice.len()
    }

    #[inline]
    fn empty(&mut self) {
        gimli::Reader::empty(&mut self.slice);
    }

    #[inline]
    fn truncate(&mut self, len: usize) -> Result<()> {
        gimli::Reader::truncate(&mut self.slice, len)
    }

    #[inline]
    fn offset_from(&self, base: &Self) -> usize {
        self.slice.offset_from(base.slice)
    }

    #[inline]
    fn offset_id(&self) -> ReaderOffsetId {
        gimli::Reader::offset_id(&self.slice)
    }

    #[inline]
    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        gimli::Reader::lookup_offset_id(&self.slice, id)
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let found = gimli::Reader::find(&self.slice, byte);
        self.take_bytes(found.unwrap_or(self.slice.len()))?;
        found
    }

    #[inline]
    fn skip(&mut self, len: usize) -> Result<()> {
        self.take(1)?;
        gimli::Reader::skip(&mut self.slice, len)
    }

    #[inline]
    fn split(&mut self, len: usize) -> Result<Self> {
        self.take(1)?;
        let slice = gimli::Reader::split(&mut self.slice, len)?;
        Ok(Self { slice, ..*self })
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        gimli::Reader::to_slice(&self.slice)
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        self.take_bytes(self.slice.len())?;
        gimli::Reader::to_string(&self.slice)
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        self.take_bytes(self.slice.len())?;
        gimli::Reader::to_string_lossy(&self.slice)
    }

    #[inline]
    fn read_slice(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.take(1)?;
        gimli::Reader::read_slice(&mut self.slice, buffer)
    }
}

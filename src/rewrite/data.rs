//! The data section: the original segments whose index instructions can name, and those of the snapshot,
//! whose bytes go into the output straight from the guest's memory.

use crate::error::{Error, Result, Stage};
use crate::module::{Module, section_id};
use crate::segments::{Layout, Original, Segment, header_len, passive_header_len, wrap_i32};
use crate::snapshot::Snapshot;
use crate::snapshot::once::FILLING;
use std::ops::Range;
use wasm_encoder::{ConstExpr, Encode};

/// The data section: original segments that must keep their index, and the snapshot's.
pub struct DataSection<'s> {
    module: &'s Module<'s>,
    snapshot: &'s Snapshot<'s>,
    layout: &'s Layout,
    /// 0 where there is no segment, and so no section.
    contents_len: usize,
}

/// A passive segment without data: flags and length. It behaves as a dropped segment does.
const EMPTY_SEGMENT: [u8; 2] = [1, 0];

/// What stands at one index of the data section.
enum Entry<'l> {
    Original(usize),
    Snapshot(&'l Segment),
    Empty,
}

impl<'s> DataSection<'s> {
    pub fn measure(
        module: &'s Module<'s>,
        snapshot: &'s Snapshot<'s>,
        layout: &'s Layout,
    ) -> Result<Self> {
        let mut section = Self {
            module,
            snapshot,
            layout,
            contents_len: 0,
        };
        if layout.segment_count() == 0 && module.section(section_id::DATA).is_none() {
            return Ok(section);
        }
        let entries = section.entries().map(|entry| section.entry_len(&entry));
        let len = unsigned(layout.segment_count()).len() + entries.sum::<usize>();
        // The length of a section is an unsigned 32-bit integer.
        if u32::try_from(len).is_err() {
            return Err(Error::unsupported(
                Stage::Rewrite,
                format!(
                    "{len} bytes of live memory do not fit one data section of 4 GiB: \
                     let init release memory it no longer needs"
                ),
            ));
        }
        section.contents_len = len;
        Ok(section)
    }

    pub fn len(&self) -> usize {
        match self.contents_len {
            0 => 0,
            len => 1 + unsigned(len).len() + len,
        }
    }

    pub fn write(&self, output: &mut Vec<u8>) {
        if self.contents_len == 0 {
            return;
        }
        output.push(section_id::DATA);
        self.contents_len.encode(output);
        self.layout.segment_count().encode(output);
        for entry in self.entries() {
            match entry {
                Entry::Original(index) => {
                    output.extend_from_slice(
                        &self.module.bytes[self.module.data[index].range.clone()],
                    );
                }
                Entry::Snapshot(segment) => self.write_segment(segment, output),
                Entry::Empty => output.extend_from_slice(&EMPTY_SEGMENT),
            }
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'s>> + use<'s> {
        let mut segments = self.layout.segments.iter();
        let mut originals = self.layout.originals.iter().enumerate();
        std::iter::from_fn(move || match originals.next() {
            Some((index, Original::Kept)) => Some(Entry::Original(index)),
            Some((_, Original::Free)) => {
                Some(segments.next().map_or(Entry::Empty, Entry::Snapshot))
            }
            None => segments.next().map(Entry::Snapshot),
        })
    }

    fn entry_len(&self, entry: &Entry<'_>) -> usize {
        match entry {
            Entry::Original(index) => self.module.data[*index].range.len(),
            Entry::Snapshot(segment) if self.is_passive(segment) => {
                passive_header_len(&segment.range) + segment.range.len()
            }
            Entry::Snapshot(segment) => {
                let memory = self.snapshot.memories[segment.memory].index;
                let memory64 = self.module.memories[memory].memory64;
                header_len(memory, memory64, &segment.range) + segment.range.len()
            }
            Entry::Empty => EMPTY_SEGMENT.len(),
        }
    }

    /// Whether the start function fills the memory of this segment.
    fn is_passive(&self, segment: &Segment) -> bool {
        let memory = self.snapshot.memories[segment.memory].index;
        self.snapshot.is_filled_once(memory)
    }

    /// The segments of one memory, by their index in the section.
    pub fn segments_of(
        &self,
        memory: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + use<'s> {
        let snapshot = self.snapshot;
        self.entries()
            .enumerate()
            .filter_map(move |(index, entry)| match entry {
                Entry::Snapshot(segment) if snapshot.memories[segment.memory].index == memory => {
                    Some((index, segment.range.clone()))
                }
                _ => None,
            })
    }

    /// Section 5.5.14 of the core specification: flags 0 for memory 0, 1 for a passive segment, 2 and
    /// an index for other memories.
    fn write_segment(&self, segment: &Segment, output: &mut Vec<u8>) {
        let state = &self.snapshot.memories[segment.memory];
        if self.is_passive(segment) {
            output.push(1);
            state.bytes[segment.range.clone()].encode(output);
            self.mark_filling(segment, output);
            return;
        }
        if state.index == 0 {
            output.push(0);
        } else {
            output.push(2);
            state.index.encode(output);
        }
        let address = segment.range.start;
        let offset = if self.module.memories[state.index].memory64 {
            ConstExpr::i64_const((address as u64).cast_signed())
        } else {
            ConstExpr::i32_const(wrap_i32(address))
        };
        offset.encode(output);
        state.bytes[segment.range.clone()].encode(output);
    }

    /// In a segment that was just written: until the memory is filled, others have to wait.
    fn mark_filling(&self, segment: &Segment, output: &mut [u8]) {
        let address = self.snapshot.once.map(|once| once.address);
        let address = address.and_then(|address| usize::try_from(address).ok());
        if let Some(address) = address.filter(|address| segment.range.contains(address)) {
            let from_the_end = segment.range.end - address;
            let at = output.len() - from_the_end;
            output[at] = FILLING;
        }
    }
}

fn unsigned(value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

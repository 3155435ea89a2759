//! Live ranges in, data [`Segment`]s out: as few and as small as the cap allows.
//!
//! Splitting at a run of zeros saves the zeros and costs the header of one more segment. First,
//! ranges are joined where the header is no smaller than the zeros; then, while there are more
//! than the cap, across the shortest runs of zeros that are left, the first of equal ones first.
//! A segment lies in one memory, is never empty, and segments never overlap.

use crate::error::{Error, Result};
use crate::module::Module;
use crate::snapshot::Snapshot;
use crate::snapshot::memories::MemoryState;
use std::ops::Range;

/// Bytes `range` of the memory that stands at `memory` in the snapshot's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub memory: usize,
    pub range: Range<usize>,
}

/// How the data section of the output is laid out.
pub struct Layout {
    /// In address order, memory by memory.
    pub segments: Vec<Segment>,
    /// What stands in the place of each original segment that an instruction can name; empty when
    /// none can.
    pub originals: Vec<Original>,
}

/// The fate of an original data segment that must keep its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Original {
    /// Passive and not dropped: it stays as it is.
    Kept,
    /// After init it is empty, as an active or dropped segment is. An active segment of the
    /// snapshot can take its place: that one is empty once instantiation is done, too.
    Free,
}

impl Layout {
    /// The number of segments in the output.
    pub fn segment_count(&self) -> usize {
        let kept = self.originals.iter().filter(|o| **o == Original::Kept);
        self.originals.len().max(kept.count() + self.segments.len())
    }
}

/// Chooses the data segments of the output.
///
/// # Errors
///
/// `ERR_INVALID_OPTION` where `max` is less than the segments that there must be.
pub fn layout(module: &Module<'_>, snapshot: &Snapshot<'_>, max: usize) -> Result<Layout> {
    let originals = originals(module, &snapshot.dropped_data);
    let kept = originals.iter().filter(|o| **o == Original::Kept).count();
    let filled = snapshot.memories.iter().filter(|m| !m.live.is_empty());
    let least = originals.len().max(kept + filled.count());
    if max < least {
        return Err(Error::option(
            "maxDataSegments",
            format!(
                "{max} data segments are too few: this module needs at least {least}, \
                 one for each memory that is not empty and one for each segment that its code can name"
            ),
        ));
    }
    let mut segments = Vec::new();
    for (memory, state) in snapshot.memories.iter().enumerate() {
        let memory64 = module.memories[state.index].memory64;
        join_where_it_pays(memory, state, memory64, &mut segments);
    }
    Ok(Layout {
        segments: cap(segments, max - kept),
        originals,
    })
}

/// An instruction can name a data segment only if the module has a DataCount section
/// (core specification, section 5.5.16).
fn originals(module: &Module<'_>, dropped: &[usize]) -> Vec<Original> {
    if module.data_count.is_none() {
        return Vec::new();
    }
    let segments = module.data.iter().enumerate();
    let fates = segments.map(|(index, segment)| {
        if segment.passive && dropped.binary_search(&index).is_err() {
            Original::Kept
        } else {
            Original::Free
        }
    });
    fates.collect()
}

fn join_where_it_pays(
    memory: usize,
    state: &MemoryState<'_>,
    memory64: bool,
    segments: &mut Vec<Segment>,
) {
    let price = |range: &Range<usize>| header_len(state.index, memory64, range) + range.len();
    let first = segments.len();
    for range in &state.live {
        if let Some(last) = segments[first..].last_mut() {
            let joined = last.range.start..range.end;
            if price(&joined) <= price(&last.range) + price(range) {
                last.range = joined;
                continue;
            }
        }
        segments.push(Segment {
            memory,
            range: range.clone(),
        });
    }
}

/// Joins across the shortest gaps until at most `max` segments are left. `max` is at least the
/// number of memories that have segments.
pub fn cap(segments: Vec<Segment>, max: usize) -> Vec<Segment> {
    let Some(excess) = segments.len().checked_sub(max).filter(|&excess| excess > 0) else {
        return segments;
    };
    // (zeros in front of a segment, its position)
    let mut gaps: Vec<(usize, usize)> = segments
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0].memory == pair[1].memory)
        .map(|(position, pair)| (pair[1].range.start - pair[0].range.end, position + 1))
        .collect();
    if excess < gaps.len() {
        gaps.select_nth_unstable(excess);
    }
    let mut joins = vec![false; segments.len()];
    for (_, position) in gaps.into_iter().take(excess) {
        joins[position] = true;
    }
    let mut capped: Vec<Segment> = Vec::with_capacity(max);
    for (segment, joins) in segments.into_iter().zip(joins) {
        match capped.last_mut() {
            Some(last) if joins => last.range.end = segment.range.end,
            _ => capped.push(segment),
        }
    }
    capped
}

/// Bytes that an active segment takes beside its data: flags, memory index, offset expression and
/// length (core specification, section 5.5.14).
pub fn header_len(memory: usize, memory64: bool, range: &Range<usize>) -> usize {
    let memory_index = if memory == 0 { 0 } else { unsigned_len(memory) };
    let offset = if memory64 {
        signed_len(range.start.cast_signed() as i64)
    } else {
        signed_len(i64::from(wrap_i32(range.start)))
    };
    1 + memory_index + 1 + offset + 1 + unsigned_len(range.len())
}

/// The operand of the `i32.const` that means this address of a 32-bit memory.
pub fn wrap_i32(address: usize) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a 32-bit memory ends at 2^32"
    )]
    let address = address as u32;
    address.cast_signed()
}

/// Bytes of an unsigned LEB128 integer.
fn unsigned_len(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// Bytes of a signed LEB128 integer.
fn signed_len(value: i64) -> usize {
    let magnitude = if value < 0 { !value } else { value };
    let bits = i64::BITS - magnitude.leading_zeros() + 1;
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Joins the two neighbours with the fewest zeros between them, again and again.
    fn greedy_cap(mut segments: Vec<Segment>, max: usize) -> Vec<Segment> {
        while segments.len() > max {
            let gap = |at: usize| segments[at].range.start - segments[at - 1].range.end;
            let nearest = (1..segments.len())
                .filter(|&at| segments[at].memory == segments[at - 1].memory)
                .min_by_key(|&at| gap(at));
            let Some(at) = nearest else { break };
            segments[at - 1].range.end = segments[at].range.end;
            segments.remove(at);
        }
        segments
    }

    fn segments_strategy() -> impl Strategy<Value = Vec<Segment>> {
        let memory = prop::collection::vec((1_usize..20, 1_usize..6), 0..40);
        prop::collection::vec(memory, 1..4).prop_map(|memories| {
            let mut segments = Vec::new();
            for (memory, pieces) in memories.into_iter().enumerate() {
                let mut at = 0;
                for (gap, len) in pieces {
                    let start = at + gap;
                    at = start + len;
                    segments.push(Segment {
                        memory,
                        range: start..at,
                    });
                }
            }
            segments
        })
    }

    proptest! {
        #[test]
        fn the_cap_joins_like_a_plain_greedy_loop(segments in segments_strategy(), max in 3_usize..60) {
            prop_assert_eq!(cap(segments.clone(), max), greedy_cap(segments, max));
        }

        #[test]
        fn the_cap_is_never_exceeded_and_no_live_byte_is_lost(segments in segments_strategy(), max in 3_usize..60) {
            let capped = cap(segments.clone(), max);
            prop_assert!(capped.len() <= max);
            prop_assert!(capped.len() == segments.len().min(max) || segments.is_empty());
            for segment in &segments {
                prop_assert!(capped.iter().any(|c| c.memory == segment.memory
                    && c.range.start <= segment.range.start
                    && segment.range.end <= c.range.end));
            }
        }

        #[test]
        fn header_lengths_are_those_of_the_encoder(
            memory in 0_usize..300, memory64: bool, start in 0_usize..1 << 33, len in 1_usize..1 << 29,
        ) {
            let start = if memory64 { start } else { start & 0xffff_ffff };
            let mut section = wasm_encoder::DataSection::new();
            let offset = if memory64 {
                wasm_encoder::ConstExpr::i64_const(start as i64)
            } else {
                wasm_encoder::ConstExpr::i32_const(wrap_i32(start))
            };
            section.active(memory as u32, &offset, []);
            // The encoder writes the length of no data in one byte, and the memory's section one
            // byte more for its count.
            let mut encoded = Vec::new();
            wasm_encoder::Encode::encode(&section, &mut encoded);
            let leb = |mut value: usize| { let mut n = 1; while value >= 128 { value >>= 7; n += 1; } n };
            let section_len = encoded.len() - 2;
            prop_assert_eq!(header_len(memory, memory64, &(start..start + len)), section_len - 1 + leb(len));
        }
    }

    #[test]
    fn exactly_the_cap_is_left_alone() {
        let segment = |start| Segment {
            memory: 0,
            range: start..start + 1,
        };
        let segments = vec![segment(0), segment(100), segment(300)];
        assert_eq!(cap(segments.clone(), 3), segments);
        assert_eq!(
            cap(segments.clone(), 2),
            [
                Segment {
                    memory: 0,
                    range: 0..101
                },
                segment(300)
            ]
        );
        assert_eq!(
            cap(segments, 1),
            [Segment {
                memory: 0,
                range: 0..301
            }]
        );
        assert_eq!(cap(Vec::new(), 0), []);
    }
}

//! Live ranges in, data [`Segment`]s out: the fewest bytes that the cap allows.
//!
//! Splitting at a run of zeros saves the zeros and costs the header of one more segment, whose length
//! depends on the address and on the lengths of both parts. Where the run is clearly longer or clearly
//! shorter than any header, that decides; between such places, a dynamic program over the ranges
//! finds the cheapest split. Where that gives more segments than the cap, each segment is charged an
//! additional price, the lowest that makes them few enough; what is left of the cap goes to the
//! splits that save most.
//!
//! A segment lies in one memory, is never empty, and segments never overlap.

use crate::data_uses::names_data_segments;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::options::DEFAULT_MAX_DATA_SEGMENTS;
use crate::snapshot::Snapshot;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::VecDeque;
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
    /// Originals whose place a segment can take.
    fn free(&self) -> usize {
        let free = self.originals.iter().filter(|o| **o == Original::Free);
        free.count()
    }

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
pub fn layout(module: &Module<'_>, snapshot: &Snapshot<'_>, max: Option<usize>) -> Result<Layout> {
    let spaces = snapshot.memories.iter().enumerate();
    let spaces: Vec<Space<'_>> = spaces
        .map(|(position, state)| Space {
            position,
            memory: state.index,
            memory64: module.memories[state.index].memory64,
            once: snapshot.is_filled_once(state.index),
            live: &state.live,
        })
        .collect();
    let layout = with_originals(originals(module, &snapshot.dropped_data), &spaces, max);
    let is_wasteful = match &layout {
        Ok(layout) => layout.segments.len() < layout.free(),
        Err(_) => true,
    };
    // The code is looked at only where something can be gained.
    if is_wasteful && !names_data_segments(module) {
        return with_originals(Vec::new(), &spaces, max);
    }
    layout
}

fn with_originals(
    originals: Vec<Original>,
    spaces: &[Space<'_>],
    max: Option<usize>,
) -> Result<Layout> {
    let mut layout = Layout {
        segments: Vec::new(),
        originals,
    };
    let kept = layout.originals.len() - layout.free();
    let filled = spaces.iter().filter(|space| !space.live.is_empty());
    let least = layout.originals.len().max(kept + filled.count());
    let max = max.unwrap_or(DEFAULT_MAX_DATA_SEGMENTS.max(least));
    if max < least {
        return Err(Error::option(
            "maxDataSegments",
            format!(
                "{max} data segments are too few: this module needs at least {least}, \
                 one for each memory that is not empty and one for each segment that its code can name"
            ),
        ));
    }
    layout.segments = choose(spaces, layout.free(), max - kept);
    Ok(layout)
}

/// Original segments that must keep their index if an instruction can name them. That takes a
/// DataCount section (core specification, section 5.5.16).
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

/// One memory and what lives in it.
#[derive(Clone, Copy, Debug)]
pub struct Space<'s> {
    /// In the snapshot's list.
    pub position: usize,
    /// The index of the memory.
    pub memory: usize,
    pub memory64: bool,
    /// Whether a start function fills it from passive segments.
    pub once: bool,
    /// In order and apart.
    pub live: &'s [Range<usize>],
}

/// What an original segment that must stand and that nothing takes the place of costs.
const EMPTY_SEGMENT_PRICE: i64 = 2;

/// Covers all live ranges with at most `max` segments, `free` of which take the place of an original
/// one. `max` is at least `free` and at least the number of memories where anything lives.
pub fn choose(spaces: &[Space<'_>], free: usize, max: usize) -> Vec<Segment> {
    let segments = cheapest_capped(spaces, 0, max);
    if segments.len() < free {
        return cheapest_capped(spaces, -EMPTY_SEGMENT_PRICE, free);
    }
    segments
}

/// What is cheapest with at most `max` segments where each costs `price` beside its bytes.
fn cheapest_capped(spaces: &[Space<'_>], price: i64, max: usize) -> Vec<Segment> {
    let worths = spaces.iter().flat_map(Space::worths);
    let mut worths: Vec<i64> = worths.collect();
    let filled = spaces.iter().filter(|space| !space.live.is_empty()).count();
    let surely = |&&worth: &&i64| worth - price > SURELY_WORTH;
    if filled + worths.iter().filter(surely).count() <= max {
        let segments = split(spaces, price);
        if segments.len() <= max {
            return segments;
        }
    }
    let excess = filled + worths.len() - max;
    let (_, &mut worth, _) = worths.select_nth_unstable(excess - 1);
    // At this price, the excess is surely not worth a split.
    let mut enough = (worth - SURELY_WORTHLESS).max(price + 1);
    // At this one, the excess and all that is worth more surely is, and that is too much.
    let mut too_low = (worth - SURELY_WORTH - 1).max(price);
    let joined: Vec<_> = match too_low > price {
        true => spaces
            .iter()
            .map(|space| space.joined(too_low).into())
            .collect(),
        false => spaces
            .iter()
            .map(|space| Cow::Borrowed(space.live))
            .collect(),
    };
    let spaces = spaces.iter().zip(&joined);
    let spaces: Vec<_> = spaces
        .map(|(&space, live)| Space { live, ..space })
        .collect();
    let mut few = None;
    // Most parts are short, and a split adds one byte of length to them; so it is about this one.
    let mut guess = worth - 1;
    while enough - too_low > 1 {
        guess = guess.clamp(too_low + 1, enough - 1);
        let segments = split(&spaces, guess);
        if segments.len() > max {
            too_low = guess;
            guess += 1;
        } else {
            (enough, few) = (guess, Some(segments));
            guess -= 1;
        }
    }
    let few = few.unwrap_or_else(|| split(&spaces, enough));
    fill(&spaces, few, price..enough, max)
}

/// What the instructions that fill from a segment and drop it take, beside the address and what an
/// active segment has and a passive one has not.
const START_CODE: i64 = 14;

/// A split adds the encoded length of one part, and can make that of the other one shorter. So it
/// pays where zeros and header differ by more than this, whatever the lengths of both parts are,
const SURELY_WORTH: i64 = LONGEST_LENGTH;
/// and never where they differ by no more than this.
const SURELY_WORTHLESS: i64 = 2 - LONGEST_LENGTH;

impl Space<'_> {
    /// What a split in front of this range costs beside the encoded length.
    fn header(&self, range: &Range<usize>) -> i64 {
        let active = signed(fixed_header_len(self.memory, self.memory64, range.start));
        match self.once {
            true => active + START_CODE,
            false => active,
        }
    }

    /// Bytes that a split at each gap would save if lengths took none.
    fn worths(&self) -> impl Iterator<Item = i64> {
        let pairs = self.live.windows(2);
        pairs.map(|pair| signed(pair[1].start - pair[0].end) - self.header(&pair[1]))
    }

    /// The ranges, joined where a split is surely worthless at this price, and so at higher ones.
    fn joined(&self, price: i64) -> Vec<Range<usize>> {
        let mut joined: Vec<Range<usize>> = Vec::new();
        joined.extend(self.live.first().cloned());
        for (range, worth) in self.live.iter().skip(1).zip(self.worths()) {
            match joined.last_mut() {
                Some(last) if worth - price <= SURELY_WORTHLESS => last.end = range.end,
                _ => joined.push(range.clone()),
            }
        }
        joined
    }
}

/// Splits where it saves most until there are `max` segments. `savings` are of splits that pay, and
/// were kept from being made.
fn fill(
    spaces: &[Space<'_>],
    segments: Vec<Segment>,
    savings: Range<i64>,
    max: usize,
) -> Vec<Segment> {
    // (bytes saved, the segment, the last byte in front of the gap, the first one behind it)
    let mut splits = Vec::new();
    let mut live = spaces.iter().flat_map(|space| {
        let pairs = space.live.windows(2);
        pairs.map(move |pair| (space, pair[0].end, pair[1].start))
    });
    let mut next = live.next();
    for (number, segment) in segments.iter().enumerate() {
        while let Some((space, end, start)) = next {
            let is_behind = space.position > segment.memory
                || space.position == segment.memory && end >= segment.range.end;
            if is_behind {
                break;
            }
            next = live.next();
            if space.position != segment.memory || end <= segment.range.start {
                continue;
            }
            let saved = signed(start - end) - space.header(&(start..start))
                + signed(unsigned_len(segment.range.len()))
                - signed(unsigned_len(end - segment.range.start))
                - signed(unsigned_len(segment.range.end - start));
            if saved > savings.start && saved + 2 * LONGEST_LENGTH > savings.end {
                splits.push((Reverse(saved), number, end, start));
            }
        }
    }
    let room = max - segments.len();
    if room < splits.len() {
        splits.select_nth_unstable(room);
        splits.truncate(room);
    }
    splits.sort_unstable_by_key(|&(_, number, end, _)| (number, end));
    let mut splits = splits.into_iter().peekable();
    let mut filled = Vec::with_capacity(max);
    for (number, mut segment) in segments.into_iter().enumerate() {
        while let Some((_, _, end, start)) = splits.next_if(|split| split.1 == number) {
            filled.push(Segment {
                memory: segment.memory,
                range: segment.range.start..end,
            });
            segment.range.start = start;
        }
        filled.push(segment);
    }
    filled
}

/// Bytes of the longest encoding of a length.
const LONGEST_LENGTH: i64 = 5;

/// The cheapest segments where each costs `price` beside its bytes.
fn split(spaces: &[Space<'_>], price: i64) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut program = Program::default();
    for space in spaces {
        let header = |range: &Range<usize>| space.header(range) + price;
        let mut emit = |range| {
            segments.push(Segment {
                memory: space.position,
                range,
            });
        };
        // Ranges since the last gap that is surely worth a split.
        let mut block: Vec<Range<usize>> = Vec::new();
        for range in space.live {
            if let Some(last) = block.last_mut() {
                let worth = signed(range.start - last.end) - header(range);
                if worth <= SURELY_WORTHLESS {
                    last.end = range.end;
                    continue;
                }
                if worth > SURELY_WORTH {
                    program.cheapest(&block, header, &mut emit);
                    block.clear();
                }
            }
            block.push(range.clone());
        }
        program.cheapest(&block, header, &mut emit);
    }
    segments
}

/// The longest segments whose length has an encoding of 1, 2, … bytes.
const LENGTH_LIMITS: [usize; LONGEST_LENGTH as usize] = [
    (1 << 7) - 1,
    (1 << 14) - 1,
    (1 << 21) - 1,
    (1 << 28) - 1,
    usize::MAX,
];

/// The dynamic program that covers ranges as cheaply as possible. Its buffers serve again.
#[derive(Default)]
struct Program {
    /// (bytes, segments) of the best cover whose last segment begins at this range, less its start.
    opened: Vec<(i64, usize)>,
    /// Where the last segment of the best cover of all ranges up to this one begins.
    first: Vec<usize>,
    /// For each limit, the ranges where a segment of such a length may begin, the best one first.
    windows: [VecDeque<usize>; LENGTH_LIMITS.len()],
    chosen: Vec<Range<usize>>,
}

impl Program {
    /// The cheapest cover of the ranges, and of equally cheap ones the one with the fewest segments.
    ///
    /// A segment over the ranges `i..=j` costs `header(i) + length_len + end(j) - start(i)`. So the
    /// best cover of all ranges up to `j` is the least of `best(i) + header(i) - start(i)` over those
    /// `i` from where the length takes so many bytes, for each number of bytes: the minimum of a
    /// window that slides.
    fn cheapest(
        &mut self,
        ranges: &[Range<usize>],
        header: impl Fn(&Range<usize>) -> i64,
        emit: &mut impl FnMut(Range<usize>),
    ) {
        if let [range] = ranges {
            return emit(range.clone());
        }
        let Self {
            opened,
            first: firsts,
            windows,
            chosen,
        } = self;
        let (Some(lowest), Some(highest)) = (ranges.first(), ranges.last()) else {
            return;
        };
        // A limit that no segment here reaches makes no difference.
        let reached = LENGTH_LIMITS.partition_point(|&limit| limit < highest.end - lowest.start);
        let windows = &mut windows[..=reached];
        opened.clear();
        firsts.clear();
        windows.iter_mut().for_each(VecDeque::clear);
        // (bytes, segments) of the best cover of the ranges before this one
        let mut best = (0, 0);
        for (last, range) in ranges.iter().enumerate() {
            let open = (best.0 + header(range) - signed(range.start), best.1 + 1);
            opened.push(open);
            let mut least = (i64::MAX, usize::MAX, last);
            let limits = (1..).zip(LENGTH_LIMITS);
            for ((length_len, limit), window) in limits.zip(windows.iter_mut()) {
                while window.pop_back_if(|&mut i| opened[i] >= open).is_some() {}
                window.push_back(last);
                let too_far = |i: usize| range.end - ranges[i].start > limit;
                while window.pop_front_if(|&mut i| too_far(i)).is_some() {}
                if let Some(&first) = window.front() {
                    let (bytes, segments) = opened[first];
                    least = least.min((bytes + length_len + signed(range.end), segments, first));
                }
            }
            best = (least.0, least.1);
            firsts.push(least.2);
        }
        chosen.clear();
        let mut end = ranges.len();
        while let Some(last) = end.checked_sub(1) {
            let first = firsts[last];
            chosen.push(ranges[first].start..ranges[last].end);
            end = first;
        }
        chosen.drain(..).rev().for_each(emit);
    }
}

fn signed(bytes: usize) -> i64 {
    bytes.cast_signed() as i64
}

/// Bytes that an active segment takes beside its data: flags, memory index, offset expression and
/// length (core specification, section 5.5.14).
pub fn header_len(memory: usize, memory64: bool, range: &Range<usize>) -> usize {
    fixed_header_len(memory, memory64, range.start) + unsigned_len(range.len())
}

/// Bytes that a passive segment takes beside its data: flags and length.
pub fn passive_header_len(range: &Range<usize>) -> usize {
    1 + unsigned_len(range.len())
}

/// The part of a header that does not depend on the length.
fn fixed_header_len(memory: usize, memory64: bool, start: usize) -> usize {
    let memory_index = if memory == 0 { 0 } else { unsigned_len(memory) };
    let offset = if memory64 {
        signed_len(start.cast_signed() as i64)
    } else {
        signed_len(i64::from(wrap_i32(start)))
    };
    1 + memory_index + 1 + offset + 1
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

    /// Bytes of the segments, headers included, and of the originals that stay empty.
    fn price(spaces: &[Space<'_>], segments: &[Segment], free: usize) -> usize {
        let bytes = segments.iter().map(|segment| {
            let Space {
                memory, memory64, ..
            } = spaces[segment.memory];
            header_len(memory, memory64, &segment.range) + segment.range.len()
        });
        bytes.sum::<usize>() + 2 * free.saturating_sub(segments.len())
    }

    /// The least price of any cover with at most `max` segments: `least[n]` with exactly `n`, over
    /// all ranges so far and all places where the last segment may begin.
    fn least_price(spaces: &[Space<'_>], free: usize, max: usize) -> usize {
        const NONE: usize = usize::MAX;
        let mut least = vec![NONE; max + 1];
        least[0] = 0;
        for space in spaces {
            // by the number of ranges of this memory that are covered
            let mut covers = vec![least.clone()];
            for last in 0..space.live.len() {
                let mut cover = vec![NONE; max + 1];
                for (first, before) in space.live.iter().zip(&covers) {
                    let range = first.start..space.live[last].end;
                    let bytes = header_len(space.memory, space.memory64, &range) + range.len();
                    for segments in 1..=max {
                        if before[segments - 1] != NONE {
                            let price = before[segments - 1] + bytes;
                            cover[segments] = cover[segments].min(price);
                        }
                    }
                }
                covers.push(cover);
            }
            least = covers.pop().expect("one at least");
        }
        let least = least
            .iter()
            .enumerate()
            .filter(|(_, price)| **price != NONE);
        let least = least.map(|(segments, price)| price + 2 * free.saturating_sub(segments));
        least.min().expect("there is a cover")
    }

    /// Memories of a few ranges: zeros in front of each, and its length. Many gaps are about as long
    /// as a header, and many segments about as long as one more byte of length can tell.
    fn live() -> impl Strategy<Value = Vec<Vec<Range<usize>>>> {
        let gap = prop_oneof![6 => 6_usize..16, 2 => 16_usize..200, 1 => 200_usize..20_000];
        let len = prop_oneof![4 => 1_usize..12, 2 => 100_usize..130, 1 => 1_usize..20_000];
        let memory = prop::collection::vec((gap, len), 0..24);
        let memory = (memory, prop_oneof![Just(0_usize), 0_usize..1 << 31]);
        prop::collection::vec(memory, 1..4).prop_map(|memories| {
            let ranges = memories.into_iter().map(|(pieces, mut at)| {
                let ranges = pieces.into_iter().map(|(gap, len)| {
                    let start = at + gap;
                    at = start + len;
                    start..at
                });
                ranges.collect()
            });
            ranges.collect()
        })
    }

    fn spaces(live: &[Vec<Range<usize>>], memory64: bool) -> Vec<Space<'_>> {
        let spaces = live.iter().enumerate().map(|(memory, live)| Space {
            position: memory,
            memory,
            memory64,
            once: false,
            live,
        });
        spaces.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn no_cover_is_smaller_than_the_one_without_a_cap(live in live(), memory64: bool) {
            let spaces = spaces(&live, memory64);
            let max = live.iter().map(Vec::len).sum();
            let segments = choose(&spaces, 0, max);
            prop_assert_eq!(price(&spaces, &segments, 0), least_price(&spaces, 0, max));
        }

        #[test]
        fn no_cover_is_smaller_by_a_thousandth_than_the_one_under_a_cap(
            live in live(), memory64: bool, free in 0_usize..60, more in 3_usize..40,
        ) {
            let max = free.max(more);
            let spaces = spaces(&live, memory64);
            let chosen = price(&spaces, &choose(&spaces, free, max), free);
            let least = least_price(&spaces, free, max);
            prop_assert!(chosen - least <= least / 1000, "{chosen} bytes instead of {least}");
        }

        #[test]
        fn the_cap_is_never_exceeded_and_no_live_byte_is_lost(
            live in live(), free in 0_usize..3, max in 3_usize..60,
        ) {
            let spaces = spaces(&live, false);
            let segments = choose(&spaces, free, max);
            prop_assert!(segments.len() <= max);
            let apart = |pair: &[Segment]| {
                pair[0].memory < pair[1].memory || pair[0].range.end < pair[1].range.start
            };
            prop_assert!(segments.windows(2).all(apart));
            for (memory, ranges) in live.iter().enumerate() {
                for range in ranges {
                    let covers = |segment: &Segment| segment.memory == memory
                        && segment.range.start <= range.start && range.end <= segment.range.end;
                    prop_assert!(segments.iter().any(covers));
                }
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
        let live = [0..1, 100..101, 300..301];
        let spaces = [Space {
            position: 0,
            memory: 0,
            memory64: false,
            once: false,
            live: &live,
        }];
        let chosen = |max| {
            let segments = choose(&spaces, 0, max).into_iter();
            segments.map(|segment| segment.range).collect::<Vec<_>>()
        };
        assert_eq!(chosen(3), live);
        assert_eq!(chosen(2), [0..101, 300..301]);
        assert_eq!(chosen(1), [Range { start: 0, end: 301 }]);
        assert_eq!(choose(&[], 0, 0), []);
    }
}

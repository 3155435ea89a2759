//! Code addresses and DWARF sections in, the source places of each address out.
//!
//! Nothing is kept but what was asked for, and nothing recurses with the depth of the data:
//!
//! ```text
//! for each unit whose ranges hold an address that has no function yet:
//!   walk its entries in file order
//!     a function that holds an address: the one that starts last wins
//!     a function inlined into that one: remember it, outermost first
//!   run its line program: the row of each address
//! ```
//!
//! Ranges are not believed blindly. What a linker dropped leaves some behind that start at address
//! 0, where the code section has its count of functions; and optimizers that move code leave some
//! that end behind all code, or behind the function that they should be part of.

use crate::symbolize::budget::{Budget, Reader, count};
use crate::symbolize::names::names;
use crate::symbolize::path::path;
use gimli::{
    Abbreviation, AttributeValue, Dwarf, EntriesRaw, Result, UnitHeader, UnitOffset, UnitRef,
};
use std::collections::HashMap;
use std::ops::Range;

/// One function at one place of its source.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// Reads to open a unit: its abbreviations and file names, which are all stored. A unit of 10,000
/// files takes a quarter of it.
const UNIT_READS: u64 = 1 << 18;

/// More functions inlined into each other are not real.
const MAX_INLINED: usize = 128;

/// A unit and the sections it is part of.
pub type Unit<'d, 'a> = UnitRef<'d, Reader<'a>>;

/// The places of each of the sorted addresses: the innermost inlined function first, the function
/// that was compiled last. Empty where nothing is known.
pub fn places(
    dwarf: &Dwarf<Reader<'_>>,
    budget: &Budget,
    code_len: u64,
    addresses: &[u64],
) -> Vec<Vec<Place>> {
    let mut places = vec![Vec::new(); addresses.len()];
    let mut is_open = vec![true; addresses.len()];
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Some(unit) = open(dwarf, budget, header) else {
            continue;
        };
        let unit = unit.unit_ref(dwarf);
        let mut search = Search::new(unit, budget, code_len, addresses);
        if !search.may_hold(&is_open).unwrap_or(false) {
            continue;
        }
        // What stands before a broken part of a unit is as good as if there were no such part.
        let _ = search.find_functions();
        let _ = search.find_rows();
        let functions = search.found.iter().flat_map(Found::functions);
        let names = names(unit, budget, functions);
        for (index, found) in search.found.iter().enumerate() {
            let is_better =
                found.function.is_some() || (found.row.is_some() && places[index].is_empty());
            if is_open[index] && is_better {
                is_open[index] = found.function.is_none();
                places[index] = found.places(unit, &names);
            }
        }
        if budget.is_spent() || !is_open.contains(&true) {
            break;
        }
    }
    places
}

/// A unit with its abbreviations and files, where these can be read.
pub fn open<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    budget: &Budget,
    header: UnitHeader<Reader<'a>>,
) -> Option<gimli::Unit<Reader<'a>>> {
    budget.limited(UNIT_READS, || dwarf.unit(header)).ok()
}

/// What one unit says about each address.
struct Search<'d, 'a> {
    unit: Unit<'d, 'a>,
    budget: &'d Budget,
    code_len: u64,
    addresses: &'d [u64],
    found: Vec<Found>,
    /// Addresses in whose function the walk is.
    inside: Vec<usize>,
    /// The depths of the inlined functions that the walk is in, whatever code they have.
    inlined: Vec<isize>,
}

#[derive(Clone, Default)]
struct Found {
    function: Option<Function>,
    row: Option<Row>,
}

#[derive(Clone)]
struct Function {
    code: Range<u64>,
    entry: UnitOffset,
    depth: isize,
    /// Outermost first.
    inlined: Vec<Inlined>,
}

#[derive(Clone)]
struct Inlined {
    entry: UnitOffset,
    /// From where it was called.
    call: Source,
}

#[derive(Clone, Copy)]
struct Row {
    /// Where the code of its sequence of rows starts.
    start: u64,
    source: Source,
}

#[derive(Clone, Copy, Default)]
struct Source {
    /// An index of the unit's line program.
    file: Option<u64>,
    line: Option<u32>,
}

/// The attributes of an entry that say where its code is and from where it is called.
#[derive(Default)]
struct Code<'a> {
    low: Option<u64>,
    high: Option<u64>,
    len: Option<u64>,
    ranges: Option<AttributeValue<Reader<'a>>>,
    call: Source,
}

impl<'d, 'a> Search<'d, 'a> {
    fn new(unit: Unit<'d, 'a>, budget: &'d Budget, code_len: u64, addresses: &'d [u64]) -> Self {
        Self {
            unit,
            budget,
            code_len,
            addresses,
            found: vec![Found::default(); addresses.len()],
            inside: Vec::new(),
            inlined: Vec::new(),
        }
    }

    /// Whether an address that still needs a function may be in the unit. A unit that does not say
    /// where its code is may hold any.
    fn may_hold(&self, is_open: &[bool]) -> Result<bool> {
        let mut entries = self.unit.entries_raw(None)?;
        let Some(abbreviation) = entries.read_abbreviation()? else {
            return Ok(false);
        };
        if abbreviation.tag() != gimli::DW_TAG_compile_unit {
            return Ok(false);
        }
        let code = self.code(&mut entries, abbreviation)?;
        if code.ranges.is_none() && code.high.is_none() && code.len.is_none() {
            return Ok(true);
        }
        let mut holds = false;
        each_range(self.unit, &code, |range| {
            holds |= is_open[self.within(&range)].contains(&true);
        })?;
        Ok(holds)
    }

    fn find_functions(&mut self) -> Result<()> {
        let unit = self.unit;
        let mut entries = unit.entries_raw(None)?;
        while !entries.is_empty() {
            let entry = entries.next_offset();
            let depth = entries.next_depth();
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            if !self.inside.is_empty() {
                self.leave(depth);
            }
            match abbreviation.tag() {
                gimli::DW_TAG_subprogram => {
                    let code = self.code(&mut entries, abbreviation)?;
                    each_range(unit, &code, |range| self.enter(&range, entry, depth))?;
                }
                gimli::DW_TAG_inlined_subroutine if !self.inside.is_empty() => {
                    let code = self.code(&mut entries, abbreviation)?;
                    each_range(unit, &code, |range| self.inline(&range, entry, code.call))?;
                    if self.inlined.len() < MAX_INLINED {
                        self.inlined.push(depth);
                    }
                }
                _ => {
                    count(self.budget, abbreviation)?;
                    entries.skip_attributes(abbreviation.attributes())?;
                }
            }
        }
        Ok(())
    }

    fn code(
        &self,
        entries: &mut EntriesRaw<'_, Reader<'a>>,
        abbreviation: &Abbreviation,
    ) -> Result<Code<'a>> {
        count(self.budget, abbreviation)?;
        let mut code = Code::default();
        for specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            let value = attribute.value();
            match attribute.name() {
                gimli::DW_AT_low_pc => code.low = self.unit.attr_address(value)?,
                gimli::DW_AT_high_pc => match value {
                    AttributeValue::Udata(len) => code.len = Some(len),
                    value => code.high = self.unit.attr_address(value)?,
                },
                gimli::DW_AT_ranges => code.ranges = Some(value),
                // 0 says "no file" before version 5, and names the first file since.
                gimli::DW_AT_call_file => {
                    let first = u64::from(self.unit.header.version() < 5);
                    code.call.file = file_index(&value).filter(|&file| file >= first);
                }
                gimli::DW_AT_call_line => code.call.line = value.udata_value().and_then(line),
                _ => {}
            }
        }
        Ok(code)
    }

    /// The positions of the addresses in a range that can be one of code.
    fn within(&self, range: &Range<u64>) -> Range<usize> {
        if range.start == 0 || range.end > self.code_len {
            return 0..0;
        }
        let start = self.addresses.partition_point(|&at| at < range.start);
        let end = self.addresses.partition_point(|&at| at < range.end);
        start..end.max(start)
    }

    /// Leaves the functions that an entry of this depth is no part of.
    fn leave(&mut self, depth: isize) {
        let found = &self.found;
        self.inside.retain(|&index| {
            let function = found[index].function.as_ref();
            function.is_some_and(|function| function.depth < depth)
        });
        while self.inlined.pop_if(|inlined| *inlined >= depth).is_some() {}
    }

    fn enter(&mut self, range: &Range<u64>, entry: UnitOffset, depth: isize) {
        for index in self.within(range) {
            let before = self.found[index].function.as_ref();
            if before.is_some_and(|before| before.code.start >= range.start) {
                continue;
            }
            self.found[index].function = Some(Function {
                code: range.clone(),
                entry,
                depth,
                inlined: Vec::new(),
            });
            if !self.inside.contains(&index) {
                self.inside.push(index);
            }
        }
    }

    fn inline(&mut self, range: &Range<u64>, entry: UnitOffset, call: Source) {
        for index in self.within(range) {
            let Some(function) = &mut self.found[index].function else {
                continue;
            };
            let is_part = function.code.start <= range.start && range.end <= function.code.end;
            // All functions around it hold the address as well, and none beside it does.
            let is_next = function.inlined.len() == self.inlined.len();
            if is_part && is_next && self.inside.contains(&index) {
                function.inlined.push(Inlined { entry, call });
            }
        }
    }

    fn find_rows(&mut self) -> Result<()> {
        let Some(program) = self.unit.line_program.clone() else {
            return Ok(());
        };
        let mut rows = program.rows();
        let mut start = 0;
        // A row tells about the code up to the next one.
        let mut last: Option<(u64, Source)> = None;
        while let Some((_, row)) = rows.next_row()? {
            let address = row.address();
            match last {
                Some((from, source)) => self.meet(&(from..address), Row { start, source }),
                None => start = address,
            }
            let source = Source {
                file: Some(row.file_index()),
                line: row.line().and_then(|number| line(number.get())),
            };
            last = (!row.end_sequence()).then_some((address, source));
        }
        Ok(())
    }

    fn meet(&mut self, range: &Range<u64>, row: Row) {
        if row.start == 0 {
            return;
        }
        for index in self.within(range) {
            let before = self.found[index].row;
            if before.is_none_or(|before| before.start < row.start) {
                self.found[index].row = Some(row);
            }
        }
    }
}

impl Found {
    /// The functions at the address, the one that was compiled first.
    fn functions(&self) -> impl Iterator<Item = UnitOffset> {
        self.function.iter().flat_map(|function| {
            let inlined = function.inlined.iter().map(|inlined| inlined.entry);
            std::iter::once(function.entry).chain(inlined)
        })
    }

    fn places(&self, unit: Unit<'_, '_>, names: &HashMap<UnitOffset, String>) -> Vec<Place> {
        let place = |entry: Option<UnitOffset>, source: Source| Place {
            function: entry.and_then(|entry| names.get(&entry).cloned()),
            file: source.file.and_then(|file| path(unit, file)),
            line: source.line,
        };
        let mut places = Vec::new();
        // The innermost function stands at the address's own row, each other one where it called
        // the next.
        let mut source = self.row.map(|row| row.source).unwrap_or_default();
        if let Some(function) = &self.function {
            for inlined in function.inlined.iter().rev() {
                places.push(place(Some(inlined.entry), source));
                source = inlined.call;
            }
        }
        let own = self.function.as_ref().map(|function| function.entry);
        places.push(place(own, source));
        places
    }
}

fn each_range<'a>(
    unit: Unit<'_, 'a>,
    code: &Code<'a>,
    mut visit: impl FnMut(Range<u64>),
) -> Result<()> {
    if let Some(ranges) = code.ranges {
        if let Some(mut ranges) = unit.attr_ranges(ranges)? {
            while let Some(range) = ranges.next()? {
                visit(range.begin..range.end);
            }
        }
    } else if let Some(low) = code.low {
        let end = code.len.and_then(|len| low.checked_add(len));
        visit(low..end.or(code.high).unwrap_or(low));
    }
    Ok(())
}

fn file_index(value: &AttributeValue<Reader<'_>>) -> Option<u64> {
    match value {
        AttributeValue::FileIndex(file) => Some(*file),
        value => value.udata_value(),
    }
}

/// Line 0 says that code belongs to no line.
fn line(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|&number| number != 0)
}

//! [`Module`] and [`Snapshot`] in, the output's bytes out.
//!
//! ```wat
//! ;; before
//! (module
//!   (memory 1)
//!   (global (mut i32) (i32.const 0))
//!   (export "wizer-initialize" (func 0))
//!   (export "_start" (func 1))
//!   (export "wizer.resume" (func 2))
//!   (start 3)
//!   (data (i32.const 8) "before")
//!   …)
//! ;; after, with `_start` renamed from `wizer.resume`
//! (module
//!   (memory 2)
//!   (global (mut i32) (i32.const 42))
//!   (export "_start" (func 2))
//!   (data (i32.const 1024) "what lives")
//!   …)
//! ```
//!
//! All that init did not change is copied byte for byte: the code section and custom sections
//! always, any other section where nothing in it differs. The buffer has the output's exact size
//! from the beginning, and every byte of memory goes into it straight from the guest.

mod data;
mod elements;
mod exports;
mod folding;
mod imports;
mod reference;
mod start;
mod tables;

use crate::error::{Error, Result, Stage};
use crate::module::{Module, section_id, section_rank};
use crate::options::{Internalize, Options};
use crate::segments::Layout;
use crate::snapshot::Snapshot;
use crate::snapshot::globals::Number;
use data::DataSection;
pub use exports::check_renames;
use folding::folded;
use start::Start;
use std::borrow::Cow;
use std::collections::VecDeque;
use wasm_encoder::{ConstExpr, Encode};
use wasmparser::{BinaryReader, ConstExpr as ConstantExpression};

/// Writes the module that starts where init left off.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` where the live data does not fit a section.
pub fn rewrite(
    module: &Module<'_>,
    snapshot: &Snapshot<'_>,
    layout: &Layout,
    init_func: &str,
    options: &Options,
) -> Result<Vec<u8>> {
    let data = DataSection::measure(module, snapshot, layout)?;
    let start = snapshot
        .once
        .map(|once| Start::new(module, &once, data.segments_of(once.memory)));
    let parts = Parts {
        module,
        snapshot,
        layout,
        start: start.transpose()?,
        init_func,
        options,
    };
    let pieces = parts.pieces()?;
    let len = pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => bytes.len(),
        Piece::Data => data.len(),
    });
    let len = len.sum();
    let mut output = Vec::with_capacity(len);
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => output.extend_from_slice(&bytes),
            Piece::Data => data.write(&mut output),
        }
    }
    if output.len() == len {
        Ok(output)
    } else {
        Err(Error::internal(
            Stage::Rewrite,
            "the output was not measured right",
        ))
    }
}

/// A part of the output, in order.
enum Piece<'a> {
    Bytes(Cow<'a, [u8]>),
    /// The data section, written last thing straight from memory.
    Data,
}

/// Magic and version.
const HEADER_BYTES: usize = 8;

/// What the sections are made from.
struct Parts<'p, 'a> {
    module: &'p Module<'a>,
    snapshot: &'p Snapshot<'p>,
    layout: &'p Layout,
    start: Option<Start>,
    init_func: &'p str,
    options: &'p Options,
}

impl<'a> Parts<'_, 'a> {
    fn pieces(&self) -> Result<Vec<Piece<'a>>> {
        let Self {
            module,
            snapshot,
            start,
            init_func,
            options,
            ..
        } = self;
        let mut pieces = vec![Piece::Bytes(Cow::Borrowed(&module.bytes[..HEADER_BYTES]))];
        // A module without a data section gets one behind its last section that is not custom.
        let last = module
            .sections
            .iter()
            .rposition(|section| section_rank(section.id).is_some());
        let has_data = module.section(section_id::DATA).is_some();
        // Sections that the module has none of, and the output has.
        let mut new: VecDeque<(u8, Piece<'_>)> = VecDeque::new();
        for id in MADE {
            if module.section(id).is_none() {
                let made = self.made(id)?;
                new.extend(made.into_section(id).map(|piece| (id, piece)));
            }
        }
        for (position, section) in module.sections.iter().enumerate() {
            let is_before =
                |(id, _): &mut (u8, Piece<'_>)| section_rank(*id) < section_rank(section.id);
            while let Some((_, piece)) = new.pop_front_if(is_before) {
                pieces.push(piece);
            }
            let original = &module.bytes[section.range.clone()];
            let started = match start {
                Some(start) => start.pieces(module, section)?,
                None => Vec::new(),
            };
            let rewritten = match section.id {
                _ if !started.is_empty() => {
                    pieces.extend(started);
                    None
                }
                section_id::START => None,
                id if MADE.contains(&id) => Some(self.made(id)?),
                section_id::IMPORT => Some(imports::rewrite(module, snapshot, options.internalize)),
                section_id::EXPORT => Some(exports::rewrite(module, init_func, options)?),
                section_id::DATA => {
                    pieces.push(Piece::Data);
                    None
                }
                section_id::CUSTOM if options.strip.drops(section.custom_name) => None,
                _ => Some(Rewritten::Unchanged),
            };
            match rewritten {
                Some(Rewritten::Unchanged) => pieces.push(Piece::Bytes(Cow::Borrowed(original))),
                Some(contents) => pieces.extend(contents.into_section(section.id)),
                None => {}
            }
            if last == Some(position) {
                pieces.extend(new.drain(..).map(|(_, piece)| piece));
                if !has_data {
                    pieces.push(Piece::Data);
                }
            }
        }
        Ok(pieces)
    }

    /// One of the sections that may come into being.
    fn made(&self, id: u8) -> Result<Rewritten> {
        let Self {
            module,
            snapshot,
            options,
            ..
        } = self;
        Ok(match id {
            section_id::TABLE => tables::rewrite(module, snapshot, options.internalize),
            section_id::MEMORY => memories(module, snapshot, options.internalize),
            section_id::GLOBAL => globals(module, snapshot, options.internalize),
            section_id::DATA_COUNT => self.data_count(),
            _ => {
                let internalized = internalized_globals(snapshot, options.internalize);
                elements::rewrite(module, snapshot, internalized)?
            }
        })
    }

    /// The section must be there where instructions name segments.
    fn data_count(&self) -> Rewritten {
        if self.module.section(section_id::DATA_COUNT).is_none() && self.start.is_none() {
            return Rewritten::Unchanged;
        }
        let mut count = Vec::new();
        self.layout.segment_count().encode(&mut count);
        Rewritten::Contents(count)
    }
}

/// Sections that may come into being, in their order.
const MADE: [u8; 5] = [
    section_id::TABLE,
    section_id::MEMORY,
    section_id::GLOBAL,
    section_id::ELEMENT,
    section_id::DATA_COUNT,
];

enum Rewritten {
    Unchanged,
    Contents(Vec<u8>),
}

impl Rewritten {
    /// The whole section, where it is not the original's.
    fn into_section<'a>(self, id: u8) -> Option<Piece<'a>> {
        let Self::Contents(contents) = self else {
            return None;
        };
        let mut bytes = Vec::with_capacity(contents.len() + 6);
        bytes.push(id);
        contents.encode(&mut bytes);
        Some(Piece::Bytes(Cow::Owned(bytes)))
    }
}

/// A vector of items: their count, then the items.
fn vector(items: impl ExactSizeIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut contents = Vec::new();
    items.len().encode(&mut contents);
    for item in items {
        contents.extend_from_slice(item.as_ref());
    }
    contents
}

/// Memory minimums become what the memories have grown to.
fn memories(module: &Module<'_>, snapshot: &Snapshot<'_>, internalize: Internalize) -> Rewritten {
    let imported = module.imported_memories();
    let mut entries = match internalize.memories {
        true => imports::memories(module, snapshot),
        false => Vec::new(),
    };
    let mut is_changed = !entries.is_empty();
    for (state, entry) in snapshot
        .memories
        .iter()
        .skip(imported)
        .zip(&module.memory_entries)
    {
        let ty = &module.memories[state.index];
        is_changed |= state.pages != ty.initial;
        entries.push(match state.pages == ty.initial {
            true => module.bytes[entry.clone()].to_vec(),
            false => imports::memory_type(ty, state.pages),
        });
    }
    match is_changed {
        true => Rewritten::Contents(vector(entries.iter())),
        false => Rewritten::Unchanged,
    }
}

/// Changed globals are initialized with their value.
fn globals(module: &Module<'_>, snapshot: &Snapshot<'_>, internalize: Internalize) -> Rewritten {
    let references = &snapshot.references.globals;
    let mut entries = match internalize.globals {
        true => imports::globals(module, snapshot),
        false => Vec::new(),
    };
    if entries.is_empty() && snapshot.globals.is_empty() && references.is_empty() {
        return Rewritten::Unchanged;
    }
    let internalized = internalized_globals(snapshot, internalize);
    let imported = module.imported_globals();
    let numbers = snapshot.globals.iter();
    let mut numbers = numbers
        .skip_while(|global| global.index < imported)
        .peekable();
    let mut references = references.iter().peekable();
    let own = module
        .global_entries
        .iter()
        .enumerate()
        .map(|(own, entry)| {
            let ty = &module.bytes[entry.ty.clone()];
            let mut bytes = ty.to_vec();
            let index = imported + own;
            if let Some(global) = numbers.next_if(|global| global.index == index) {
                constant(global.value).encode(&mut bytes);
            } else if let Some(global) = references.next_if(|global| global.index == index) {
                // The last byte says whether the global is mutable.
                let ty = &ty[..ty.len().saturating_sub(1)];
                reference::encode(global.value, ty, &mut bytes);
            } else {
                let init = &module.bytes[entry.init.clone()];
                let expression = ConstantExpression::new(BinaryReader::new(init, entry.init.start));
                match folded(&expression, internalized) {
                    Some(value) => constant(value).encode(&mut bytes),
                    None => bytes.extend_from_slice(init),
                }
            }
            bytes
        });
    entries.extend(own);
    Rewritten::Contents(vector(entries.iter()))
}

/// The values of globals that are imported no more.
fn internalized_globals<'s>(snapshot: &'s Snapshot<'_>, internalize: Internalize) -> &'s [Number] {
    match internalize.globals {
        true => &snapshot.imported_globals,
        false => &[],
    }
}

fn constant(value: Number) -> ConstExpr {
    match value {
        Number::I32(value) => ConstExpr::i32_const(value),
        Number::I64(value) => ConstExpr::i64_const(value),
        Number::F32(bits) => ConstExpr::f32_const(wasm_encoder::Ieee32::new(bits)),
        Number::F64(bits) => ConstExpr::f64_const(wasm_encoder::Ieee64::new(bits)),
        Number::V128(value) => ConstExpr::v128_const(value.cast_signed()),
    }
}

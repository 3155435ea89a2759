//! The element section: what init has dropped is empty, and tables that init has changed are made
//! again.
//!
//! ```wat
//! ;; before
//! (table 4 funcref)
//! (elem (i32.const 0) func $a $b)
//! (elem func $c)
//! ;; after init has set slot 3 to $b, cleared slot 0 and dropped the second segment
//! (table 4 funcref)
//! (elem declare func $a $b)
//! (elem func)
//! (elem (i32.const 1) func $b)
//! (elem (i32.const 3) func $b)
//! ```
//!
//! No segment changes its index: new ones stand last. An active segment of a table that is made again
//! becomes a declared one: it is as dropped, and `ref.func` may still name its functions. Segments
//! of tables that init did not change stay as they are.

use super::folding::folded;
use super::{Rewritten, constant, reference, vector};
use crate::error::{Error, Result, Stage};
use crate::module::{ElementSegment, Module};
use crate::snapshot::Snapshot;
use crate::snapshot::globals::Number;
use crate::snapshot::references::{ChangedTable, Value};
use std::borrow::Cow;
use std::ops::Range;
use wasm_encoder::{ConstExpr, Encode};
use wasmparser::{BinaryReader, Element, ElementItems, ElementKind, FromReader, RefType};

/// Rewrites the section, or makes one where the module has none and a table is to be made again.
///
/// # Errors
///
/// `ERR_INTERNAL` where a segment can't be read again.
pub fn rewrite(
    module: &Module<'_>,
    snapshot: &Snapshot<'_>,
    internalized: &[Number],
) -> Result<Rewritten> {
    let changed = &snapshot.references.tables;
    if snapshot.dropped_elements.is_empty() && changed.is_empty() && internalized.is_empty() {
        return Ok(Rewritten::Unchanged);
    }
    let is_made_again = |segment: &ElementSegment| {
        segment.table.is_some_and(|table| {
            changed
                .iter()
                .any(|changed| u32::try_from(changed.index) == Ok(table))
        })
    };
    let mut entries = Vec::new();
    for (index, segment) in module.elements.iter().enumerate() {
        let bytes = &module.bytes[segment.range.clone()];
        entries.push(if is_made_again(segment) {
            Cow::Owned(declared(bytes)?)
        } else if snapshot.dropped_elements.binary_search(&index).is_ok() {
            Cow::Owned(emptied(bytes)?)
        } else {
            placed(bytes, internalized)?
        });
    }
    for table in changed {
        let made = Made::new(module, table);
        entries.extend(made.runs().map(|run| Cow::Owned(made.segment(run))));
    }
    if entries
        .iter()
        .all(|entry| matches!(entry, Cow::Borrowed(_)))
    {
        return Ok(Rewritten::Unchanged);
    }
    Ok(Rewritten::Contents(vector(entries.iter())))
}

/// A table whose contents new segments make.
struct Made<'s> {
    index: usize,
    slots: &'s [Value],
    table64: bool,
    /// The encoded type of the elements.
    element_type: &'s [u8],
    /// Whether slots begin with something else than null.
    initialized: bool,
    /// Whether segments can list functions by index alone.
    lists_functions: bool,
}

impl<'s> Made<'s> {
    fn new(module: &'s Module<'s>, table: &'s ChangedTable) -> Self {
        let ty = module.tables[table.index].ty;
        let own = table.index.checked_sub(module.imported_tables());
        let initialized = own.is_some_and(|own| module.table_entries[own].init.is_some());
        Self {
            index: table.index,
            slots: &table.slots,
            table64: ty.table64,
            element_type: module.element_type(table.index),
            initialized,
            lists_functions: ty.element_type == RefType::FUNCREF && !initialized,
        }
    }

    /// Slots that a segment has to write.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let rest = &self.slots[start..];
            let is_written = |slot: &Value| self.initialized || *slot != Value::Null;
            start += rest.iter().position(is_written)?;
            let rest = &self.slots[start..];
            let len = rest.iter().position(|slot| !is_written(slot));
            let run = start..start + len.unwrap_or(rest.len());
            start = run.end;
            Some(run)
        })
    }

    /// An active segment (core specification, section 5.5.12). The short forms for table 0 are those
    /// that every engine knows.
    fn segment(&self, run: Range<usize>) -> Vec<u8> {
        const EXPLICIT_TABLE: u8 = 2;
        const EXPRESSIONS: u8 = 4;
        const ELEMENT_KIND_FUNCTION: u8 = 0;
        let explicit = self.index != 0 || !self.lists_functions;
        let mut bytes = vec![
            if explicit { EXPLICIT_TABLE } else { 0 }
                | if self.lists_functions { 0 } else { EXPRESSIONS },
        ];
        if explicit {
            self.index.encode(&mut bytes);
        }
        self.offset(run.start).encode(&mut bytes);
        if self.lists_functions {
            if explicit {
                bytes.push(ELEMENT_KIND_FUNCTION);
            }
        } else {
            bytes.extend_from_slice(self.element_type);
        }
        run.len().encode(&mut bytes);
        for &slot in &self.slots[run] {
            match slot {
                Value::Function(function) if self.lists_functions => function.encode(&mut bytes),
                slot => reference::encode(slot, self.element_type, &mut bytes),
            }
        }
        bytes
    }

    fn offset(&self, slot: usize) -> ConstExpr {
        let slot = slot as u64;
        if self.table64 {
            return ConstExpr::i64_const(slot.cast_signed());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a 32-bit table has less than 2^32 elements"
        )]
        let slot = slot as u32;
        ConstExpr::i32_const(slot.cast_signed())
    }
}

/// A declared segment with the items of an active one.
fn declared(segment: &[u8]) -> Result<Vec<u8>> {
    const DECLARED_FUNCTIONS: [u8; 2] = [3, 0];
    const DECLARED_EXPRESSIONS: u8 = 7;
    let element = read(segment)?;
    let (mut bytes, items) = match &element.items {
        ElementItems::Functions(functions) => (DECLARED_FUNCTIONS.to_vec(), functions.range()),
        ElementItems::Expressions(ty, expressions) => {
            let items = expressions.range();
            let mut bytes = vec![DECLARED_EXPRESSIONS];
            bytes.extend_from_slice(encoded_type(segment, *ty, items.start)?);
            (bytes, items)
        }
    };
    bytes.extend_from_slice(&segment[items]);
    Ok(bytes)
}

/// The bytes of the type that stands in front of the items of a segment; the short form of an active
/// segment of table 0 leaves `funcref` out.
fn encoded_type(segment: &[u8], ty: RefType, items: usize) -> Result<&[u8]> {
    const FUNCREF: &[u8] = &[0x70];
    /// A tag and a heap type of at most 5 bytes, shared or exact ones with a tag of their own.
    const LONGEST: usize = 7;
    if segment.first() == Some(&4) {
        return Ok(FUNCREF);
    }
    let candidates = (1..=LONGEST.min(items)).map(|len| &segment[items - len..items]);
    let mut fitting = candidates.filter(|bytes| {
        let mut reader = BinaryReader::new(bytes, 0);
        let read: wasmparser::Result<RefType> = reader.read();
        read.is_ok_and(|read| read == ty) && reader.eof()
    });
    fitting
        .next()
        .ok_or_else(|| Error::internal(Stage::Rewrite, "the type of an element segment"))
}

/// A passive segment of the same type without items: its flags and type stay, the count of items
/// becomes zero.
fn emptied(segment: &[u8]) -> Result<Vec<u8>> {
    let items = match read(segment)?.items {
        ElementItems::Functions(functions) => functions.range(),
        ElementItems::Expressions(_, expressions) => expressions.range(),
    };
    let mut empty = segment[..items.start].to_vec();
    empty.push(0);
    Ok(empty)
}

/// A segment that does not take its place from a global that is imported no more.
fn placed<'a>(segment: &'a [u8], internalized: &[Number]) -> Result<Cow<'a, [u8]>> {
    let ElementKind::Active { offset_expr, .. } = read(segment)?.kind else {
        return Ok(Cow::Borrowed(segment));
    };
    let range = offset_expr.get_binary_reader().range();
    Ok(match folded(&offset_expr, internalized) {
        Some(value) => {
            let mut placed = segment[..range.start].to_vec();
            constant(value).encode(&mut placed);
            placed.extend_from_slice(&segment[range.end..]);
            Cow::Owned(placed)
        }
        None => Cow::Borrowed(segment),
    })
}

fn read(segment: &[u8]) -> Result<Element<'_>> {
    Element::from_reader(&mut BinaryReader::new(segment, 0)).map_err(|error| Error::invalid(&error))
}

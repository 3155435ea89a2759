//! The table section: minimums become the sizes that tables have grown to.
//!
//! ```wat
//! (table 2 10 funcref)   ;; before
//! (table 5 10 funcref)   ;; after
//! ```

use super::{Rewritten, vector};
use crate::module::{Module, TableEntry};
use crate::snapshot::Snapshot;
use std::borrow::Cow;
use wasm_encoder::Encode;
use wasmparser::TableType;

pub fn rewrite(module: &Module<'_>, snapshot: &Snapshot<'_>) -> Rewritten {
    let imported = module.imported_tables();
    let grown = |index: usize| {
        let changed = &snapshot.references.tables;
        let position = changed.binary_search_by_key(&index, |table| table.index);
        let size = changed[position.ok()?].slots.len() as u64;
        (size != module.tables[index].ty.initial).then_some(size)
    };
    if (imported..module.tables.len()).all(|index| grown(index).is_none()) {
        return Rewritten::Unchanged;
    }
    let entries = module.table_entries.iter().enumerate();
    let entries = entries.map(|(own, entry)| {
        let index = imported + own;
        match grown(index) {
            Some(size) => Cow::Owned(resized(module, entry, &module.tables[index].ty, size)),
            None => Cow::Borrowed(&module.bytes[entry.range.clone()]),
        }
    });
    Rewritten::Contents(vector(entries))
}

/// The same definition with another minimum (core specification, section 5.3.10).
fn resized(module: &Module<'_>, entry: &TableEntry, ty: &TableType, minimum: u64) -> Vec<u8> {
    let mut bytes = module.bytes[entry.range.start..entry.element_type.end].to_vec();
    let flags = [ty.maximum.is_some(), ty.shared, ty.table64];
    let flags = (0..).zip(flags).map(|(bit, set)| u8::from(set) << bit);
    bytes.push(flags.sum());
    minimum.encode(&mut bytes);
    if let Some(maximum) = ty.maximum {
        maximum.encode(&mut bytes);
    }
    if let Some(init) = &entry.init {
        bytes.extend_from_slice(&module.bytes[init.clone()]);
    }
    bytes
}

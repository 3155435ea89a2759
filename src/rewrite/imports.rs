//! The import section: what stays imported has the sizes that init has left; what is to be the
//! output's own is gone from here, and the definitions that take its place come first of their kind.
//!
//! ```wat
//! ;; before
//! (import "env" "memory" (memory 1))
//! (import "env" "base" (global i32))
//! ;; after, with `internalizeImports: ['global']`
//! (import "env" "memory" (memory 3))
//! (global i32 (i32.const 1024))
//! ```

use super::tables::{grown as grown_table, limits};
use super::{Rewritten, constant, vector};
use crate::module::Module;
use crate::options::Internalize;
use crate::snapshot::Snapshot;
use std::borrow::Cow;
use wasm_encoder::Encode;
use wasmparser::{MemoryType, TypeRef};

const TABLE: u8 = 1;
const MEMORY: u8 = 2;

/// Rewrites the section, where the module has one.
pub fn rewrite(
    module: &Module<'_>,
    snapshot: &Snapshot<'_>,
    internalize: Internalize,
) -> Rewritten {
    let (mut memory, mut table) = (0.., 0..);
    let mut is_changed = false;
    let mut entries = Vec::new();
    for (import, entry) in module.imports_of(|_| true) {
        let names = &module.bytes[entry.range.start..entry.ty.start];
        let ty = match import.ty {
            TypeRef::Memory(ty) => memory.next().map(|index| {
                let pages = snapshot.memories[index].pages;
                let grown = (pages != ty.initial).then(|| memory_type(&ty, pages));
                (
                    internalize.memories,
                    grown.map(|ty| [vec![MEMORY], ty].concat()),
                )
            }),
            TypeRef::Table(ty) => table.next().map(|index| {
                let size = grown_table(module, snapshot, index);
                let grown = size.map(|size| table_type(module, index, &ty, size));
                (
                    internalize.tables,
                    grown.map(|ty| [vec![TABLE], ty].concat()),
                )
            }),
            TypeRef::Global(_) => Some((internalize.globals, None)),
            _ => None,
        };
        let (is_dropped, grown) = ty.unwrap_or_default();
        is_changed |= is_dropped || grown.is_some();
        if !is_dropped {
            entries.push(match grown {
                Some(ty) => Cow::Owned([names, &ty].concat()),
                None => Cow::Borrowed(&module.bytes[entry.range.clone()]),
            });
        }
    }
    match is_changed {
        true => Rewritten::Contents(vector(entries.iter())),
        false => Rewritten::Unchanged,
    }
}

/// Definitions of the memories that were imported.
pub fn memories(module: &Module<'_>, snapshot: &Snapshot<'_>) -> Vec<Vec<u8>> {
    let imported = module.memories.iter().take(module.imported_memories());
    let states = snapshot.memories.iter();
    imported
        .zip(states)
        .map(|(ty, state)| memory_type(ty, state.pages))
        .collect()
}

/// Definitions of the tables that were imported.
pub fn tables(module: &Module<'_>, snapshot: &Snapshot<'_>) -> Vec<Vec<u8>> {
    let imported = module.tables.iter().take(module.imported_tables());
    let imported = imported.enumerate().map(|(index, table)| {
        let size = grown_table(module, snapshot, index).unwrap_or(table.ty.initial);
        table_type(module, index, &table.ty, size)
    });
    imported.collect()
}

/// Definitions of the globals that were imported.
pub fn globals(module: &Module<'_>, snapshot: &Snapshot<'_>) -> Vec<Vec<u8>> {
    let imports = module.imports_of(|ty| matches!(ty, TypeRef::Global(_)));
    let definitions = imports
        .zip(&snapshot.imported_globals)
        .map(|((_, entry), value)| {
            // Behind the kind stand the type and whether it is mutable, as in a definition.
            let mut definition = module.bytes[entry.ty.start + 1..entry.ty.end].to_vec();
            constant(*value).encode(&mut definition);
            definition
        });
    definitions.collect()
}

pub fn memory_type(ty: &MemoryType, minimum: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    wasm_encoder::MemoryType {
        minimum,
        maximum: ty.maximum,
        memory64: ty.memory64,
        shared: ty.shared,
        page_size_log2: ty.page_size_log2,
    }
    .encode(&mut bytes);
    bytes
}

fn table_type(
    module: &Module<'_>,
    index: usize,
    ty: &wasmparser::TableType,
    minimum: u64,
) -> Vec<u8> {
    let mut bytes = module.element_type(index).to_vec();
    limits(ty, minimum, &mut bytes);
    bytes
}

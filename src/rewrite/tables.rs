//! The table section: minimums become the sizes that tables have grown to.
//!
//! ```wat
//! (table 2 10 funcref)   ;; before
//! (table 5 10 funcref)   ;; after
//! ```

use super::{Rewritten, imports, vector};
use crate::module::Module;
use crate::options::Internalize;
use crate::snapshot::Snapshot;
use wasm_encoder::Encode;
use wasmparser::TableType;

/// Rewrites the section, or makes one where imports become definitions.
pub fn rewrite(
    module: &Module<'_>,
    snapshot: &Snapshot<'_>,
    internalize: Internalize,
) -> Rewritten {
    let imported = module.imported_tables();
    let mut entries = match internalize.tables {
        true => imports::tables(module, snapshot),
        false => Vec::new(),
    };
    let mut is_changed = !entries.is_empty();
    for (own, entry) in module.table_entries.iter().enumerate() {
        let ty = &module.tables[imported + own].ty;
        let Some(size) = grown(module, snapshot, imported + own) else {
            entries.push(module.bytes[entry.range.clone()].to_vec());
            continue;
        };
        is_changed = true;
        let mut bytes = module.bytes[entry.range.start..entry.element_type.end].to_vec();
        limits(ty, size, &mut bytes);
        if let Some(init) = &entry.init {
            bytes.extend_from_slice(&module.bytes[init.clone()]);
        }
        entries.push(bytes);
    }
    match is_changed {
        true => Rewritten::Contents(vector(entries.iter())),
        false => Rewritten::Unchanged,
    }
}

/// The size of a table where it is not what the module declares: it has grown, or is an import that was
/// larger from the beginning.
pub fn grown(module: &Module<'_>, snapshot: &Snapshot<'_>, index: usize) -> Option<u64> {
    let declared = module.tables[index].ty.initial;
    let size = snapshot.table_sizes.get(index).copied();
    size.filter(|size| *size != declared)
}

/// The limits of a table with another minimum (core specification, section 5.3.10).
pub fn limits(ty: &TableType, minimum: u64, bytes: &mut Vec<u8>) {
    let flags = [ty.maximum.is_some(), ty.shared, ty.table64];
    let flags = (0..).zip(flags).map(|(bit, set)| u8::from(set) << bit);
    bytes.push(flags.sum());
    minimum.encode(bytes);
    if let Some(maximum) = ty.maximum {
        maximum.encode(bytes);
    }
}

//! Numeric globals, read before init and after it; what differs is part of the snapshot.

use crate::error::{Error, Result, Stage};
use crate::host::Host;
use crate::module::Module;
use crate::snapshot::private::Private;
use wasmparser::TypeRef;
use wasmtime::{Extern, Store, Val};

/// A number as its bits, so that every NaN equals itself alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedGlobal {
    pub index: usize,
    pub value: Number,
}

/// Every mutable numeric global of the module, by index.
pub struct Numbers(Vec<ChangedGlobal>);

impl Numbers {
    /// Reads all mutable numeric globals.
    ///
    /// # Errors
    ///
    /// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
    pub fn read(private: &mut Private<'_, '_>) -> Result<Self> {
        let module = private.module;
        let mut numbers = Vec::new();
        for (index, global) in module.read_globals() {
            if global.content_type.is_reference_type() {
                continue;
            }
            let value = private.global(index)?.get(&mut *private.store);
            let value = number(&value).ok_or_else(|| {
                Error::internal(Stage::Snapshot, format!("global {index} is no number"))
            })?;
            numbers.push(ChangedGlobal { index, value });
        }
        Ok(Self(numbers))
    }

    /// Those that differ from what they were.
    pub fn changed(&self, before: &Self) -> Vec<ChangedGlobal> {
        let pairs = self.0.iter().zip(&before.0);
        pairs
            .filter(|(now, before)| now != before)
            .map(|(now, _)| *now)
            .collect()
    }
}

/// What the globals among the module's imports hold, all of which the output is to define itself.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` where one holds a reference.
pub fn imported(
    module: &Module<'_>,
    imports: &[Extern],
    store: &mut Store<Host>,
) -> Result<Vec<Number>> {
    let globals = imports.iter().filter_map(|import| match import {
        Extern::Global(global) => Some(*global),
        _ => None,
    });
    let names = module.imports_of(|ty| matches!(ty, TypeRef::Global(_)));
    let numbers = globals.zip(names).map(|(global, (import, _))| {
        let value = global.get(&mut *store);
        number(&value).ok_or_else(|| {
            Error::unsupported(
                Stage::Snapshot,
                format!(
                    "the imported global `{}.{}` holds a reference, which only its importer can give: \
                     leave 'global' out of `internalizeImports`",
                    import.module, import.name
                ),
            )
        })
    });
    numbers.collect()
}

/// Refuses changes of globals that stay imports: who instantiates the output gives them their value.
///
/// # Errors
///
/// `ERR_UNSUPPORTED`, naming the import.
pub fn check_imported(module: &Module<'_>, changed: impl Iterator<Item = usize>) -> Result<()> {
    let changed: Vec<usize> = changed.collect();
    let imports = module.imports_of(|ty| matches!(ty, TypeRef::Global(_)));
    match imports
        .enumerate()
        .find(|(index, _)| changed.contains(index))
    {
        Some((_, (import, _))) => Err(Error::unsupported(
            Stage::Snapshot,
            format!(
                "init changed the imported global `{}.{}`, whose value is for the importer to give: \
                 `internalizeImports: ['global']` makes it the output's own",
                import.module, import.name
            ),
        )),
        None => Ok(()),
    }
}

fn number(value: &Val) -> Option<Number> {
    match value {
        Val::I32(value) => Some(Number::I32(*value)),
        Val::I64(value) => Some(Number::I64(*value)),
        Val::F32(bits) => Some(Number::F32(*bits)),
        Val::F64(bits) => Some(Number::F64(*bits)),
        Val::V128(value) => Some(Number::V128(value.as_u128())),
        _ => None,
    }
}

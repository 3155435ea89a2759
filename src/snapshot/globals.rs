//! Numeric globals, read before init and after it; what differs is part of the snapshot.

use crate::error::{Error, Result, Stage};
use crate::snapshot::private::Private;
use wasmtime::Val;

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

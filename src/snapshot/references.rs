//! The one place that reads reference values: table slots and reference globals.
//!
//! A function reference is recognized by its raw pointer, which is the same for the same function
//! as long as the store lives. References to anything else can be kept only if they are null or
//! `i31`: other objects live in a heap that the output does not carry.

use crate::error::{Error, Result, Stage};
use crate::host::Host;
use crate::module::Module;
use crate::snapshot::private::Private;
use wasmtime::{Ref, RootScope, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Null,
    /// The address of wasmtime's record of the function.
    Function(usize),
    I31(u32),
    /// A host value, an exception, or a garbage-collected object.
    Object,
}

/// All reference state at one moment.
pub struct References {
    /// The module's own tables, as (index, slots).
    tables: Vec<(usize, Vec<Reference>)>,
    /// Reference globals that may change, as (index, value).
    globals: Vec<(usize, Reference)>,
}

impl References {
    /// Reads all tables and all reference globals that may change.
    ///
    /// # Errors
    ///
    /// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
    pub fn read(private: &mut Private<'_, '_>) -> Result<Self> {
        let module = private.module;
        let mut tables = Vec::new();
        for (index, table) in module.tables.iter().enumerate() {
            if table.imported {
                continue;
            }
            let table = private.table(index)?;
            let mut slots = Vec::new();
            for slot in 0..table.size(&*private.store) {
                let mut scope = RootScope::new(&mut *private.store);
                let value = table
                    .get(&mut scope, slot)
                    .ok_or_else(|| Error::internal(Stage::Snapshot, "a table shrank"))?;
                slots.push(reference(&mut scope, &value)?);
            }
            tables.push((index, slots));
        }
        let mut globals = Vec::new();
        for (index, global) in module.read_globals() {
            if !global.content_type.is_reference_type() {
                continue;
            }
            let global = private.global(index)?;
            let mut scope = RootScope::new(&mut *private.store);
            let value = global.get(&mut scope).ref_().ok_or_else(|| {
                Error::unsupported(
                    Stage::Snapshot,
                    format!("global {index} holds a continuation, which can't be kept"),
                )
            })?;
            globals.push((index, reference(&mut scope, &value)?));
        }
        Ok(Self { tables, globals })
    }

    /// Elements of each table.
    pub fn table_sizes(&self) -> Vec<u64> {
        let sizes = self.tables.iter().map(|(_, slots)| slots.len() as u64);
        sizes.collect()
    }

    /// Whether every slot and reference global is as it was, so that the module's own initializers
    /// make it again.
    ///
    /// # Errors
    ///
    /// `ERR_UNSUPPORTED`, naming the first table, slot or global that differs or holds an object.
    pub fn check_unchanged(&self, initial: &Self) -> Result<()> {
        for ((table, now), (_, before)) in self.tables.iter().zip(&initial.tables) {
            if let Some(slot) = now.iter().position(|slot| *slot == Reference::Object) {
                return Err(object(&format!("table {table}, slot {slot}")));
            }
            if now.len() != before.len() {
                return Err(Error::unsupported(
                    Stage::Snapshot,
                    format!(
                        "init changed the size of table {table} from {} to {} elements; \
                         tables can't be kept yet when init changes them: \
                         grow the table after start instead",
                        before.len(),
                        now.len()
                    ),
                ));
            }
            if let Some(slot) = now
                .iter()
                .zip(before)
                .position(|(now, before)| now != before)
            {
                return Err(Error::unsupported(
                    Stage::Snapshot,
                    format!(
                        "init changed slot {slot} of table {table}; \
                         tables can't be kept yet when init changes them: \
                         fill the table with element segments, or after start"
                    ),
                ));
            }
        }
        for ((global, now), (_, before)) in self.globals.iter().zip(&initial.globals) {
            if *now == Reference::Object {
                return Err(object(&format!("global {global}")));
            }
            if now != before {
                return Err(Error::unsupported(
                    Stage::Snapshot,
                    format!(
                        "init changed global {global}, which holds a reference; \
                         references can't be kept yet when init changes them: \
                         set the global after start instead"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Refuses segments that still hold objects, whose fields init may have changed.
///
/// # Errors
///
/// `ERR_UNSUPPORTED`, naming the segment.
pub fn check_segments(module: &Module<'_>, dropped: &[usize]) -> Result<()> {
    let segments = module.elements.iter().enumerate();
    let mut live = segments.filter(|(index, segment)| {
        segment.passive && segment.allocates && !dropped.contains(index)
    });
    match live.next() {
        Some((index, _)) => Err(object(&format!("element segment {index}"))),
        None => Ok(()),
    }
}

fn object(place: &str) -> Error {
    Error::unsupported(
        Stage::Snapshot,
        format!(
            "{place} holds a reference to an object or a host value after init, \
             which a module can't hold: set it to null at the end of init and make it anew after start"
        ),
    )
}

fn reference(scope: &mut RootScope<&mut Store<Host>>, value: &Ref) -> Result<Reference> {
    if value.is_null() {
        return Ok(Reference::Null);
    }
    match value {
        Ref::Func(Some(func)) => Ok(Reference::Function(func.to_raw(&mut *scope).addr())),
        Ref::Any(Some(any)) => {
            let i31 = any
                .as_i31(&*scope)
                .map_err(|error| Error::internal(Stage::Snapshot, format!("{error:#}")))?;
            Ok(i31.map_or(Reference::Object, |i31| Reference::I31(i31.get_u32())))
        }
        _ => Ok(Reference::Object),
    }
}

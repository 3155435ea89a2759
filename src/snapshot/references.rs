//! The one place that reads reference values: table slots and reference globals.
//!
//! A function reference is recognized by its raw pointer, which is the same for the same function
//! as long as the store lives. References to anything else can be kept only if they are null or
//! `i31`: other objects live in a heap that the output does not carry.

use crate::error::{Error, Result, Stage};
use crate::host::{Host, stand_in};
use crate::module::Module;
use crate::referable::{Place, Referable, referable};
use crate::snapshot::private::Private;
use std::collections::HashMap;
use std::slice;
use wasmtime::{Ref, RootScope, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    Null,
    /// The address of wasmtime's record of the function.
    Function(usize),
    I31(u32),
    /// The host value that an imported global holds, by its index.
    Imported(u32),
    /// Another host value, an exception, or a garbage-collected object.
    Object,
}

/// All reference state at one moment.
pub struct References {
    /// As (index, slots).
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
        for index in 0..module.tables.len() {
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

    /// Every table and reference global that is not as it was, so that the module's own initializers
    /// would not make it again.
    ///
    /// # Errors
    ///
    /// `ERR_UNSUPPORTED`, naming the first table, slot or global that holds what the output can't.
    pub fn changed(&self, initial: &Self, private: &mut Private<'_, '_>) -> Result<Changed> {
        self.values(initial, private, |now, before| now != before)
    }

    /// Every table and reference global.
    ///
    /// # Errors
    ///
    /// As [`References::changed`].
    pub fn all(&self, initial: &Self, private: &mut Private<'_, '_>) -> Result<Changed> {
        self.values(initial, private, |_, _| true)
    }

    fn values(
        &self,
        initial: &Self,
        private: &mut Private<'_, '_>,
        is_wanted: impl Fn(&[Reference], &[Reference]) -> bool,
    ) -> Result<Changed> {
        let mut functions = None;
        let mut value = |reference: Reference, place: &dyn Fn() -> String| match reference {
            Reference::Null => Ok(Value::Null),
            Reference::I31(value) => Ok(Value::I31(value)),
            Reference::Imported(global) => Ok(Value::Imported(global)),
            Reference::Object => Err(object(&place())),
            Reference::Function(address) => {
                let functions = match &mut functions {
                    Some(functions) => functions,
                    None => functions.insert(Functions::read(private, initial)?),
                };
                let function = functions.0.get(&address);
                let function = function.ok_or_else(|| foreign(&place()))?;
                Ok(Value::Function(*function))
            }
        };
        let mut changed = Changed::default();
        for ((index, now), (_, before)) in self.tables.iter().zip(&initial.tables) {
            if !is_wanted(now, before) && !now.contains(&Reference::Object) {
                continue;
            }
            let slots = now.iter().enumerate();
            let slots = slots.map(|(slot, reference)| {
                value(*reference, &|| format!("table {index}, slot {slot}"))
            });
            changed.tables.push(ChangedTable {
                index: *index,
                slots: slots.collect::<Result<_>>()?,
            });
        }
        for ((index, now), (_, before)) in self.globals.iter().zip(&initial.globals) {
            if !is_wanted(slice::from_ref(now), slice::from_ref(before))
                && *now != Reference::Object
            {
                continue;
            }
            changed.globals.push(ChangedReference {
                index: *index,
                value: value(*now, &|| format!("global {index}"))?,
            });
        }
        Ok(changed)
    }

    /// Elements of each of the module's own tables.
    pub fn table_sizes(&self) -> Vec<u64> {
        let sizes = self.tables.iter().map(|(_, slots)| slots.len() as u64);
        sizes.collect()
    }
}

/// A reference that a constant expression can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    /// By index.
    Function(u32),
    I31(u32),
    /// What an imported global holds, by its index.
    Imported(u32),
}

/// One of the module's own tables, with all its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedTable {
    pub index: usize,
    pub slots: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedReference {
    pub index: usize,
    pub value: Value,
}

/// What of the references init has changed, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub tables: Vec<ChangedTable>,
    pub globals: Vec<ChangedReference>,
}

/// The functions of a module by the addresses of wasmtime's records of them.
struct Functions(HashMap<usize, u32>);

impl Functions {
    fn read(private: &mut Private<'_, '_>, initial: &References) -> Result<Self> {
        let (module, names) = (private.module, &private.instrumented.names);
        let mut functions = HashMap::new();
        for Referable { function, place } in referable(module)? {
            let exported = match place {
                Place::Export(position) => module.exports[position].name.to_owned(),
                Place::Hidden => names.function(function),
                Place::Slot { table, slot } => {
                    let tables = initial.tables.iter().find(|(index, _)| *index == table);
                    let slot = usize::try_from(slot).unwrap_or(usize::MAX);
                    if let Some(Reference::Function(address)) =
                        tables.and_then(|(_, slots)| slots.get(slot))
                    {
                        functions.insert(*address, function);
                    }
                    continue;
                }
            };
            let record = private.function(&exported)?.to_raw(&mut *private.store);
            functions.insert(record.addr(), function);
        }
        Ok(Self(functions))
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

fn foreign(place: &str) -> Error {
    Error::unsupported(
        Stage::Snapshot,
        format!(
            "{place} holds a function of the host or of another module after init, \
             which a module can't hold: import it, and let the module itself put it there"
        ),
    )
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
        Ref::Extern(Some(value)) => {
            Ok(stand_in::global_of(value, &*scope).map_or(Reference::Object, Reference::Imported))
        }
        _ => Ok(Reference::Object),
    }
}

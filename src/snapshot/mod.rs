//! [`Finished`] in, [`Snapshot`] out: all state that init has changed, read from the instance.
//!
//! Bytes of memory are borrowed from the guest, not copied: they are read once to find the live
//! ranges and once more when they are written to the output.

pub mod globals;
pub mod memories;
pub mod references;

use crate::error::Result;
use crate::execute::Finished;
use crate::host::Host;
use crate::instrument::{Instrumented, probed_data, probed_elements};
use crate::module::Module;
use globals::{ChangedGlobal, Numbers};
use memories::MemoryState;
use references::References;
use wasmtime::{Instance, Store};

/// Globals and tables as instantiation left them.
pub struct InitialState {
    references: References,
    numbers: Numbers,
}

impl InitialState {
    /// Reads the state of an instance that has run nothing yet.
    ///
    /// # Errors
    ///
    /// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
    pub fn read(
        module: &Module<'_>,
        instrumented: &Instrumented,
        store: &mut Store<Host>,
        instance: Instance,
    ) -> Result<Self> {
        Ok(Self {
            references: References::read(module, instrumented, store, instance)?,
            numbers: Numbers::read(module, instrumented, store, instance)?,
        })
    }
}

pub struct Snapshot<'guest> {
    /// By index, numeric and mutable ones only; all others keep their initializer.
    pub globals: Vec<ChangedGlobal>,
    /// The module's own memories, by index.
    pub memories: Vec<MemoryState<'guest>>,
    /// Passive data segments that init dropped, by index.
    pub dropped_data: Vec<usize>,
    /// Passive element segments that init dropped, by index.
    pub dropped_elements: Vec<usize>,
    /// Elements of each of the module's own tables.
    pub table_sizes: Vec<u64>,
}

/// Reads the stopped guest's state.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` for state that the output can't hold, naming what and where.
pub fn snapshot<'guest>(
    module: &Module<'_>,
    instrumented: &Instrumented,
    finished: &'guest mut Finished,
) -> Result<Snapshot<'guest>> {
    let Finished {
        store,
        instance,
        initial,
        ..
    } = finished;
    let instance = *instance;
    let references = References::read(module, instrumented, store, instance)?;
    references.check_unchanged(&initial.references)?;
    let globals = Numbers::read(module, instrumented, store, instance)?.changed(&initial.numbers);
    let names = &instrumented.names;
    // A probe traps when its segment was dropped.
    let mut is_dropped = |probe: String| {
        let probed = instance
            .get_typed_func::<(), ()>(&mut *store, &probe)
            .and_then(|func| func.call(&mut *store, ()));
        probed.is_err()
    };
    let dropped_data: Vec<usize> = probed_data(module)
        .filter(|&segment| is_dropped(names.data_probe(segment)))
        .collect();
    let dropped_elements: Vec<usize> = probed_elements(module)
        .filter(|&segment| is_dropped(names.element_probe(segment)))
        .collect();
    references::check_segments(module, &dropped_elements)?;
    let memories = memories::states(module, instrumented, store, instance)?;
    Ok(Snapshot {
        globals,
        memories,
        dropped_data,
        dropped_elements,
        table_sizes: references.table_sizes(),
    })
}

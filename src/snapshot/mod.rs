//! [`Finished`] in, [`Snapshot`] out: all state that init has changed, read from the instance.
//!
//! Bytes of memory are borrowed from the guest, not copied: they are read once to find the live
//! ranges and once more when they are written to the output.

pub mod dead_stack;
pub mod globals;
pub mod memories;
pub mod once;
pub mod private;
pub mod references;
pub mod resident;
pub mod scan;

use crate::error::Result;
use crate::execute::Finished;
use crate::instrument::{Instrumented, probed_data, probed_elements};
use crate::module::Module;
use crate::options::Internalize;
use dead_stack::DeadStack;
use globals::{ChangedGlobal, Number, Numbers};
use memories::MemoryState;
use once::Once;
use private::Private;
use references::{Changed, References};

/// Globals and tables as instantiation left them.
pub struct InitialState {
    pub references: References,
    numbers: Numbers,
}

impl InitialState {
    /// Reads the state of an instance that has run nothing yet.
    ///
    /// # Errors
    ///
    /// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
    pub fn read(private: &mut Private<'_, '_>) -> Result<Self> {
        Ok(Self {
            references: References::read(private)?,
            numbers: Numbers::read(private)?,
        })
    }
}

pub struct Snapshot<'guest> {
    /// By index, numeric ones; all that are in neither list keep their initializer.
    pub globals: Vec<ChangedGlobal>,
    /// Tables and globals that hold references.
    pub references: Changed,
    /// What each imported global holds, where they become the output's own.
    pub imported_globals: Vec<Number>,
    /// The module's memories, by index.
    pub memories: Vec<MemoryState<'guest>>,
    /// Where a memory must be filled by the first instance only.
    pub once: Option<Once>,
    /// Passive data segments that init dropped, by index.
    pub dropped_data: Vec<usize>,
    /// Passive element segments that init dropped, by index.
    pub dropped_elements: Vec<usize>,
    /// Elements of each of the module's tables.
    pub table_sizes: Vec<u64>,
}

impl Snapshot<'_> {
    /// Whether instances share this memory, and only the first one fills it.
    pub fn is_filled_once(&self, memory: usize) -> bool {
        self.once.is_some_and(|once| once.memory == memory)
    }
}

/// Reads the stopped guest's state.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` for state that the output can't hold, naming what and where.
pub fn snapshot<'guest>(
    module: &Module<'_>,
    instrumented: &Instrumented<'_>,
    finished: &'guest mut Finished,
    dead_stack: Option<&DeadStack>,
    internalize: Internalize,
) -> Result<Snapshot<'guest>> {
    let Finished {
        store,
        instance,
        initial,
        imports,
        ..
    } = finished;
    let imported_globals = match internalize.globals {
        true => globals::imported(module, imports, store)?,
        false => Vec::new(),
    };
    let mut private = Private {
        module,
        instrumented,
        store: &mut *store,
        instance: *instance,
    };
    let references = References::read(&mut private)?;
    let changed = references.changed(&initial.references, &mut private)?;
    let globals = Numbers::read(&mut private)?.changed(&initial.numbers);
    if !internalize.globals {
        let numbers = globals.iter().map(|global| global.index);
        let references = changed.globals.iter().map(|global| global.index);
        globals::check_imported(module, numbers.chain(references))?;
    }
    let mut dropped_data = Vec::new();
    for segment in probed_data(module) {
        if private.is_dropped(&instrumented.names.data_probe(segment))? {
            dropped_data.push(segment);
        }
    }
    let mut dropped_elements = Vec::new();
    for segment in probed_elements(module) {
        if private.is_dropped(&instrumented.names.element_probe(segment))? {
            dropped_elements.push(segment);
        }
    }
    references::check_segments(module, &dropped_elements)?;
    if let Some(dead_stack) = dead_stack {
        dead_stack.clear(&mut private)?;
    }
    let once = match internalize.memories {
        true => None,
        false => once::find(&mut private)?,
    };
    let memories = memories::handles(&mut private)?;
    let memories = memories::states(memories, store);
    Ok(Snapshot {
        globals,
        references: changed,
        imported_globals,
        memories,
        once,
        dropped_data,
        dropped_elements,
        table_sizes: references.table_sizes(),
    })
}

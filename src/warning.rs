//! What a run that went well should still tell its caller.

use crate::module::Module;
use crate::options::Internalize;
use crate::snapshot::Snapshot;
use wasmparser::TypeRef;

#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// What keeps the cache of compiled code from being used.
    Cache(String),
    /// What threads would do to a memory that they share.
    SharedMemory(String),
}

impl Warning {
    /// The stable code that JavaScript sees.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cache(_) => "WASM_PREINIT_CACHE",
            Self::SharedMemory(_) => "WASM_PREINIT_SHARED_MEMORY",
        }
    }

    pub fn message(&self) -> &str {
        match self {
            Self::Cache(message) | Self::SharedMemory(message) => message,
        }
    }
}

/// Warns of a memory that stays imported and shared, and that each instance fills.
pub fn of_shared_memory(
    module: &Module<'_>,
    snapshot: &Snapshot<'_>,
    internalize: Internalize,
) -> Option<Warning> {
    let imports = module.imports_of(|ty| matches!(ty, TypeRef::Memory(_)));
    let mut refilled = imports.zip(&snapshot.memories).filter(|(_, state)| {
        let is_shared = module.memories[state.index].shared;
        let is_filled = !state.live.is_empty();
        is_shared && is_filled && !snapshot.is_filled_once(state.index)
    });
    let ((import, _), _) = refilled.next().filter(|_| !internalize.memories)?;
    Some(Warning::SharedMemory(format!(
        "the memory `{}.{}` is shared, and every instance of the output sets it to what init has left: \
         make one instance for each memory; for threads that make instances of their own, let wasm-ld \
         write the start function that fills the memory once (`--shared-memory`)",
        import.module, import.name
    )))
}

//! The instance's globals, tables and memories by their index in the module, whether it exports
//! them itself or not.

use crate::error::{Error, Result, Stage};
use crate::host::Host;
use crate::instrument::Instrumented;
use crate::module::Module;
use wasmtime::{Func, Global, Instance, Memory, Store, Table, Trap};

/// Access to private state. Every getter fails with `ERR_INTERNAL` where the instrumented module
/// lacks an export that it must have.
pub struct Private<'a, 'm> {
    pub module: &'a Module<'m>,
    pub instrumented: &'a Instrumented<'m>,
    pub store: &'a mut Store<Host>,
    pub instance: Instance,
}

impl Private<'_, '_> {
    pub fn global(&mut self, index: usize) -> Result<Global> {
        let name = self.instrumented.names.global(index);
        let global = self.instance.get_global(&mut *self.store, &name);
        global.ok_or_else(|| missing(&name))
    }

    pub fn table(&mut self, index: usize) -> Result<Table> {
        let name = self.instrumented.names.table(index);
        let table = self.instance.get_table(&mut *self.store, &name);
        table.ok_or_else(|| missing(&name))
    }

    pub fn memory(&mut self, index: usize) -> Result<Memory> {
        let name = self.instrumented.names.memory(index);
        let memory = self.instance.get_memory(&mut *self.store, &name);
        memory.ok_or_else(|| missing(&name))
    }

    /// A function, by the name of the export that shows it.
    pub fn function(&mut self, name: &str) -> Result<Func> {
        let function = self.instance.get_func(&mut *self.store, name);
        function.ok_or_else(|| missing(name))
    }

    /// Whether a probe traps out of bounds, as it does when its segment was dropped.
    pub fn is_dropped(&mut self, probe: &str) -> Result<bool> {
        let function = self
            .instance
            .get_typed_func::<(), ()>(&mut *self.store, probe);
        let function = function.map_err(|_| missing(probe))?;
        match function.call(&mut *self.store, ()) {
            Ok(()) => Ok(false),
            Err(error) => match error.downcast_ref() {
                Some(Trap::MemoryOutOfBounds | Trap::TableOutOfBounds) => Ok(true),
                _ => Err(Error::internal(
                    Stage::Snapshot,
                    format!("the probe `{probe}` did not return: {}", error.root_cause()),
                )),
            },
        }
    }
}

fn missing(name: &str) -> Error {
    Error::internal(
        Stage::Snapshot,
        format!("the instrumented module does not export `{name}`"),
    )
}

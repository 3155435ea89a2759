//! Modules that satisfy imports during init, compiled, in; instances out. They stay imports in the
//! output, so what init changes inside them is lost.

use crate::cancel::Cancelled;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::host::Host;
use crate::host::imports::{Exit, Supply, resolve};
use crate::module::REACTOR_INIT;
use crate::options::Options;
use wasmtime::{Instance, Store};

/// The instance of a preloaded module, and the name by which it is imported.
pub struct Preloaded {
    pub name: String,
    pub instance: Instance,
}

/// Instantiates in order; each may import from those before it, from WASI and from the embedder.
/// A reactor's `_initialize` is run.
///
/// # Errors
///
/// `ERR_IO`, naming the module, where it can't be instantiated or traps.
pub fn instantiate(
    store: &mut Store<Host>,
    modules: &[(String, wasmtime::Module)],
    options: &Options,
) -> Result<Vec<Preloaded>> {
    let mut preloaded = Vec::new();
    for (name, module) in modules {
        let supply = Supply {
            options,
            preloaded: &preloaded,
        };
        let imports = resolve(store, module, &supply)?;
        let ran = Instance::new(&mut *store, module, &imports).and_then(|instance| {
            if let Ok(init) = instance.get_typed_func::<(), ()>(&mut *store, REACTOR_INIT) {
                match init.call(&mut *store, ()) {
                    Err(error) if !matches!(error.downcast_ref(), Some(Exit(0))) => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            Ok(instance)
        });
        let instance = ran.map_err(|error| match error.downcast_ref::<Cancelled>() {
            Some(Cancelled) => Error::internal(Stage::Instantiate, "cancelled"),
            None => failed(name, error.root_cause().to_string()),
        })?;
        preloaded.push(Preloaded {
            name: name.clone(),
            instance,
        });
    }
    Ok(preloaded)
}

pub fn failed(name: &str, message: String) -> Error {
    Error::new(
        Stage::Instantiate,
        ErrorKind::Io {
            path: name.to_owned(),
            message: format!("as a preloaded module: {message}"),
        },
    )
}

//! The module's imports in, one function for each out: WASI's where it is allowed, else a function
//! that ends the run with `ERR_IMPORT_CALLED` when it is called.

use crate::error::{Error, Result, Stage};
use crate::host::Host;
use crate::module::Module;
use std::fmt;
use wasmparser::TypeRef;
use wasmtime::{Extern, ExternType, Func, Linker, Store};

/// The guest called `proc_exit`.
#[derive(Clone, Copy, Debug)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proc_exit({})", self.0)
    }
}

impl std::error::Error for Exit {}

/// The guest called a function that nobody supplied.
#[derive(Clone, Debug)]
pub struct NotSupplied {
    pub module: String,
    pub name: String,
}

impl fmt::Display for NotSupplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} is not supplied", self.module, self.name)
    }
}

impl std::error::Error for NotSupplied {}

/// Refuses imports that would be part of the snapshot, before anything is compiled.
///
/// # Errors
///
/// `ERR_UNSUPPORTED`, naming the import.
pub fn check(module: &Module<'_>) -> Result<()> {
    for import in &module.imports {
        let kind = match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => continue,
            TypeRef::Table(_) => "table",
            TypeRef::Memory(_) => "memory",
            TypeRef::Global(_) => "global",
            TypeRef::Tag(_) => "tag",
        };
        return Err(Error::unsupported(
            Stage::Parse,
            format!(
                "the module imports the {kind} `{}.{}`, whose state is not its own: \
                 link the program so that it defines its {kind} itself",
                import.module, import.name
            ),
        ));
    }
    Ok(())
}

/// One value for each import of the compiled module, in its order.
///
/// # Errors
///
/// `ERR_INTERNAL` where wasmtime refuses its own WASI functions.
pub fn resolve(store: &mut Store<Host>, module: &wasmtime::Module) -> Result<Vec<Extern>> {
    let internal =
        |error: wasmtime::Error| Error::internal(Stage::Instantiate, format!("{error:#}"));
    let mut linker = Linker::new(module.engine());
    if store.data().wasi.is_some() {
        wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |host: &mut Host| {
            host.wasi
                .as_mut()
                .expect("resolve() links WASI only where there is a context")
        })
        .map_err(internal)?;
        linker.allow_shadowing(true);
        // wasmtime's own refuses status 126 and above; a guest may exit with any.
        linker
            .func_wrap(
                "wasi_snapshot_preview1",
                "proc_exit",
                |status: i32| -> wasmtime::Result<()> { Err(Exit(status).into()) },
            )
            .map_err(internal)?;
    }
    let mut externs = Vec::new();
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else {
            return Err(Error::internal(
                Stage::Instantiate,
                "check() let an import pass that is no function",
            ));
        };
        let supplied = linker
            .get(&mut *store, import.module(), import.name())
            .ok()
            .and_then(Extern::into_func)
            .filter(|func| func.ty(&*store).matches(&ty));
        let func = supplied.unwrap_or_else(|| {
            let missing = NotSupplied {
                module: import.module().to_owned(),
                name: import.name().to_owned(),
            };
            Func::new(&mut *store, ty, move |_, _, _| Err(missing.clone().into()))
        });
        externs.push(func.into());
    }
    Ok(externs)
}

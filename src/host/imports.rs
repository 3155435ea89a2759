//! The module's imports in, one value for each out: the embedder's where it supplies one, else a
//! preloaded module's, else WASI's, else a function that ends the run when it is called.

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::host::Host;
use crate::host::functions::{Failed, HostValue, Value, ValueType};
use crate::host::guest::{CallingGuest, from_val, to_val, value_type};
use crate::host::preload::Preloaded;
use crate::host::preview1;
use crate::host::stand_in;
use crate::limits::MemoryLimitHit;
use crate::module::{Module, is_function};
use crate::options::{GlobalValue, Imports, Options};
use crate::text;
use std::fmt;
use std::sync::Arc;
use wasmparser::TypeRef;
use wasmtime::{
    Caller, Extern, ExternType, Func, FuncType, Global, GlobalType, Linker, Memory, MemoryType,
    Mutability, Ref, Store, Table, TableType, Tag, Val, ValType,
};

/// The guest called `proc_exit`.
#[derive(Clone, Copy, Debug)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest called proc_exit({})", self.0)
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
        write!(
            f,
            "the import `{}.{}` is not supplied",
            self.module, self.name
        )
    }
}

impl std::error::Error for NotSupplied {}

/// A host function did not return.
#[derive(Clone, Debug)]
pub struct HostFailed {
    pub module: String,
    pub name: String,
    pub message: String,
}

impl fmt::Display for HostFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}.{}` failed: {}",
            self.module, self.name, self.message
        )
    }
}

impl std::error::Error for HostFailed {}

/// A function of the embedder threw.
#[derive(Clone, Debug)]
pub struct Threw(pub HostFailed);

impl fmt::Display for Threw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Threw {}

/// Refuses imports that can't be had for init or kept in the output, before anything is compiled.
///
/// # Errors
///
/// `ERR_UNSUPPORTED`, naming the import.
pub fn check_kinds(module: &Module<'_>, options: &Options) -> Result<()> {
    for import in &module.imports {
        let preloads = &mut options.preloads.iter();
        let is_preloaded = preloads.any(|(name, _)| name == import.module);
        let kind = match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => continue,
            TypeRef::Global(ty) => match ty.content_type {
                wasmparser::ValType::Ref(ty) if is_preloaded || !can_be_given(ty) => "global",
                _ => continue,
            },
            TypeRef::Table(ty) if ty.element_type.is_nullable() && !is_preloaded => continue,
            TypeRef::Memory(_) if !is_preloaded => continue,
            TypeRef::Tag(_) => continue,
            TypeRef::Table(_) => "table",
            TypeRef::Memory(_) => "memory",
        };
        return Err(refused(kind, import.module, import.name));
    }
    if module.import_entries.len() < module.imports.len() {
        return Err(Error::unsupported(
            Stage::Parse,
            "the module's imports are in the compact form, which is not known yet: \
             compile it without that proposal",
        ));
    }
    Ok(())
}

/// Whether there is a value for a global of this type that init could see and the output could name.
fn can_be_given(ty: wasmparser::RefType) -> bool {
    ty.is_nullable() || ty.is_extern_ref() || ty == wasmparser::RefType::EXTERN
}

/// Looks for imports that nobody supplies, before anything is compiled: globals always, functions
/// where the caller wants that.
///
/// # Errors
///
/// `ERR_IMPORT_MISSING` with all that are missing.
pub fn check_supplied(module: &Module<'_>, options: &Options) -> Result<()> {
    let missing = module.imports.iter().filter(|import| match import.ty {
        TypeRef::Global(_) => !has_global(import.module, import.name, options),
        TypeRef::Func(_) | TypeRef::FuncExact(_) => {
            options.undefined_imports_error && !has_function(import.module, import.name, options)
        }
        _ => false,
    });
    let imports: Vec<(String, String)> = missing
        .map(|import| (import.module.to_owned(), import.name.to_owned()))
        .collect();
    if imports.is_empty() {
        Ok(())
    } else {
        Err(Error::new(
            Stage::Parse,
            ErrorKind::ImportMissing { imports },
        ))
    }
}

/// The refusal of an import whose state would be part of the snapshot.
pub fn refused(kind: &str, module: &str, name: &str) -> Error {
    Error::unsupported(
        Stage::Parse,
        format!(
            "the module imports the {kind} `{module}.{name}`, whose state is not its own: \
             link the program so that it defines its {kind} itself"
        ),
    )
}

fn has_function(module: &str, name: &str, options: &Options) -> bool {
    let own = |imports: &Imports| {
        imports
            .functions
            .iter()
            .any(|(m, n)| m == module && n == name)
    };
    options.imports.as_ref().is_some_and(own)
        || options
            .preloads
            .iter()
            .any(|(preload, wasm)| preload == module && exports_function(wasm, name))
        || (options.wasi.is_some()
            && module == preview1::MODULE
            && preview1::FUNCTIONS.contains(&name))
}

/// Whether a preloaded module exports a function of this name; one that can't be read exports none.
fn exports_function(wasm: &[u8], name: &str) -> bool {
    let Ok(binary) = text::to_binary(wasm) else {
        return false;
    };
    Module::parse(&binary).is_ok_and(|module| {
        module
            .export(name)
            .is_some_and(|export| is_function(export.kind))
    })
}

fn has_global(module: &str, name: &str, options: &Options) -> bool {
    let own = |imports: &Imports| {
        imports
            .globals
            .iter()
            .any(|g| g.module == module && g.name == name)
    };
    options.imports.as_ref().is_some_and(own)
        || options
            .preloads
            .iter()
            .any(|(preload, _)| preload == module)
}

/// Where imports come from.
pub struct Supply<'s> {
    pub options: &'s Options,
    pub preloaded: &'s [Preloaded],
}

/// One value for each import of a compiled module, in its order.
///
/// # Errors
///
/// `ERR_IMPORT_MISSING` and `ERR_INVALID_OPTION` for globals, `ERR_UNSUPPORTED` for imports of
/// other kinds that no preloaded module exports.
pub fn resolve(
    store: &mut Store<Host>,
    module: &wasmtime::Module,
    supply: &Supply<'_>,
) -> Result<Vec<Extern>> {
    let mut linker = Linker::new(module.engine());
    if store.data().wasi.is_some() {
        preview1::link(&mut linker)
            .map_err(|error| Error::internal(Stage::Instantiate, format!("{error:#}")))?;
    }
    let mut externs = Vec::new();
    let mut global_indices = 0..;
    for import in module.imports() {
        let (namespace, name) = (import.module(), import.name());
        let preloaded = supply
            .preloaded
            .iter()
            .find(|preloaded| preloaded.name == namespace)
            .and_then(|preloaded| preloaded.instance.get_export(&mut *store, name));
        let value = match import.ty() {
            ExternType::Func(ty) => {
                let own = own_function(store, supply.options, namespace, name, &ty);
                let found = match own.map(Extern::from).or(preloaded) {
                    Some(found) => Some(found),
                    None => linker.get(&mut *store, namespace, name).ok(),
                };
                found
                    .and_then(Extern::into_func)
                    .filter(|func| func.ty(&*store).matches(&ty))
                    .unwrap_or_else(|| not_supplied(store, namespace, name, ty))
                    .into()
            }
            ExternType::Global(ty) => {
                let index = global_indices.next().unwrap_or_default();
                match own_global(store, supply.options, (namespace, name), &ty, index)? {
                    Some(global) => global.into(),
                    None => {
                        // A global of another type is as good as none.
                        let fits = |global: &Global| {
                            let own = global.ty(&*store);
                            own.mutability() == ty.mutability()
                                && ValType::eq(own.content(), ty.content())
                        };
                        let global = preloaded.and_then(Extern::into_global).filter(fits);
                        let missing = || {
                            let imports = vec![(namespace.to_owned(), name.to_owned())];
                            Error::new(Stage::Instantiate, ErrorKind::ImportMissing { imports })
                        };
                        global.ok_or_else(missing)?.into()
                    }
                }
            }
            // What a preloaded module imports, another one may export.
            ExternType::Memory(ty) => match preloaded {
                Some(memory) => memory,
                None => memory(store, supply.options, namespace, name, ty)?.into(),
            },
            ExternType::Table(ty) => match preloaded {
                Some(table) => table,
                None => table(store, supply.options, namespace, name, ty)?.into(),
            },
            // Nobody else throws it.
            ExternType::Tag(ty) => match preloaded {
                Some(tag) => tag,
                None => {
                    let tag = Tag::new(&mut *store, &ty);
                    tag.map_err(|error| unavailable(&error))?.into()
                }
            },
        };
        externs.push(value);
    }
    Ok(externs)
}

/// A memory of its own for the guest: what the embedder's holds, else zeros.
fn memory(
    store: &mut Store<Host>,
    options: &Options,
    module: &str,
    name: &str,
    ty: MemoryType,
) -> Result<Memory> {
    let supplied = options.imports.iter().flat_map(|imports| &imports.memories);
    let mut same = supplied.filter(|memory| memory.module == module && memory.name == name);
    let bytes = same.next().map_or(&[][..], |memory| &memory.bytes);
    let memory = Memory::new(&mut *store, ty).map_err(|error| unavailable(&error))?;
    let missing = bytes.len().saturating_sub(memory.data_size(&*store));
    let pages = missing.div_ceil(usize::try_from(memory.page_size(&*store)).unwrap_or(1));
    let grown = memory.grow(&mut *store, pages as u64);
    grown.map_err(|error| larger(&error, "memory", module, name))?;
    let written = memory.write(&mut *store, 0, bytes);
    written.map_err(|error| Error::internal(Stage::Instantiate, error.to_string()))?;
    Ok(memory)
}

/// A table of its own for the guest, as large as the embedder's, all null.
fn table(
    store: &mut Store<Host>,
    options: &Options,
    module: &str,
    name: &str,
    ty: TableType,
) -> Result<Table> {
    if !ty.element().is_nullable() {
        return Err(refused("table", module, name));
    }
    let null = || Ref::null(ty.element().heap_type());
    let supplied = options.imports.iter().flat_map(|imports| &imports.tables);
    let mut same = supplied.filter(|table| table.module == module && table.name == name);
    let size = same.next().map_or(0, |table| table.size);
    let table = Table::new(&mut *store, ty.clone(), null()).map_err(|error| unavailable(&error))?;
    let missing = size.saturating_sub(table.size(&*store));
    let grown = table.grow(&mut *store, missing, null());
    grown.map_err(|error| larger(&error, "table", module, name))?;
    Ok(table)
}

/// The failure of growing to the size of the embedder's memory or table.
fn larger(error: &wasmtime::Error, kind: &str, module: &str, name: &str) -> Error {
    match error.downcast_ref::<MemoryLimitHit>() {
        Some(_) => unavailable(error),
        None => Error::option(
            format!("imports.{module}.{name}"),
            format!("the {kind} is larger than the module's import allows"),
        ),
    }
}

/// Why there is no memory or table for the guest.
pub fn unavailable(error: &wasmtime::Error) -> Error {
    let kind = match error.downcast_ref() {
        Some(MemoryLimitHit { limit }) => ErrorKind::MemoryLimit { limit: *limit },
        None => ErrorKind::MemoryUnavailable {
            message: error.root_cause().to_string(),
        },
    };
    Error::new(Stage::Instantiate, kind)
}

fn not_supplied(store: &mut Store<Host>, module: &str, name: &str, ty: FuncType) -> Func {
    let missing = NotSupplied {
        module: module.to_owned(),
        name: name.to_owned(),
    };
    Func::new(store, ty, move |_, _, _| Err(missing.clone().into()))
}

fn own_global(
    store: &mut Store<Host>,
    options: &Options,
    (module, name): (&str, &str),
    ty: &GlobalType,
    index: u32,
) -> Result<Option<Global>> {
    let globals = options.imports.iter().flat_map(|imports| &imports.globals);
    let mut same = globals.filter(|global| global.module == module && global.name == name);
    let Some(global) = same.next() else {
        return Ok(None);
    };
    let number = |value: HostValue| {
        let value = value_type(ty.content()).and_then(|ty| value.to(ty));
        value.map(to_val)
    };
    let value = match (global.value, ty.content()) {
        (GlobalValue::Number(value), _) => number(HostValue::Number(value)),
        (GlobalValue::BigInt(value), _) => number(HostValue::BigInt(value)),
        (GlobalValue::Null, ValType::Ref(ty)) if ty.is_nullable() => {
            Some(Val::null_ref(ty.heap_type()))
        }
        (GlobalValue::Host, ValType::Ref(content))
            if content.heap_type().is_extern() && ty.mutability() == Mutability::Const =>
        {
            let reference = stand_in::new(&mut *store, index);
            Some(reference.map_err(|error| unavailable(&error))?.into())
        }
        _ => None,
    };
    let Some(value) = value else {
        return Err(Error::option(
            format!("imports.{module}.{name}"),
            format!(
                "the module wants a global of type {} there, {}",
                ty.content(),
                wanted(ty)
            ),
        ));
    };
    let global = Global::new(store, ty.clone(), value);
    let global = global.map_err(|error| Error::internal(Stage::Instantiate, error.to_string()))?;
    Ok(Some(global))
}

/// What a global of this type takes.
fn wanted(ty: &GlobalType) -> &'static str {
    match ty.content() {
        ValType::I64 => "which takes a bigint",
        ValType::I32 | ValType::F32 | ValType::F64 => "which takes a number",
        ValType::V128 => "which no value of JavaScript has: let the module define it itself",
        ValType::Ref(content)
            if content.heap_type().is_extern() && ty.mutability() == Mutability::Const =>
        {
            "which takes any value but null"
        }
        ValType::Ref(_) => "and null is the only reference that init can be given",
    }
}

fn own_function(
    store: &mut Store<Host>,
    options: &Options,
    module: &str,
    name: &str,
    ty: &FuncType,
) -> Option<Func> {
    let imports = options.imports.as_ref()?;
    let mut functions = imports.functions.iter();
    let number = functions.position(|(m, n)| m == module && n == name)?;
    let host = Arc::clone(&imports.host);
    let result_types: Option<Vec<ValueType>> = ty.results().map(|ty| value_type(&ty)).collect();
    let (module, name) = (module.to_owned(), name.to_owned());
    let function = move |mut caller: Caller<'_, Host>, params: &[Val], results: &mut [Val]| {
        let failed = |message: String| HostFailed {
            module: module.clone(),
            name: name.clone(),
            message,
        };
        let params: Option<Vec<Value>> = params.iter().map(from_val).collect();
        let (Some(params), Some(types)) = (params, &result_types) else {
            let message = "its type has vectors or references, which can't go to JavaScript: \
                           keep the call out of init";
            return Err(failed(message.to_owned()).into());
        };
        let mut guest = CallingGuest {
            caller: &mut caller,
        };
        let returned = host.call(number, &params, types, &mut guest);
        if let Some(ended) = caller.data_mut().ended.take() {
            return Err(ended);
        }
        match returned {
            Ok(values) if values.len() == results.len() => {
                for (result, value) in results.iter_mut().zip(values) {
                    *result = to_val(value);
                }
                Ok(())
            }
            Ok(_) => Err(failed("it returned the wrong number of values".to_owned()).into()),
            Err(Failed { message }) => Err(Threw(failed(message)).into()),
        }
    };
    Some(Func::new(store, ty.clone(), function))
}

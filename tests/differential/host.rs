//! A module's imports go in, the values that a guest finds there come out.
//!
//! The original finds what the test has chosen. The output finds the same functions and globals, and
//! memories and tables that are new and no larger than it declares.

use std::fmt::{self, Write};
use wasm_preinit::GlobalValue;
use wasmtime::{
    Caller, Extern, ExternRef, ExternType, Func, Global, ImportType, Memory, Ref, Result, Store,
    Table, Tag, Val, ValType, bail,
};

/// What the original finds at one import.
#[derive(Clone, Debug)]
pub enum Given {
    Function,
    /// The first bytes of the memory, which may be more than the import asks for.
    Memory(Vec<u8>),
    /// The size of the table, all null.
    Table(u64),
    Global(GlobalValue),
    Tag,
}

/// What guests and their host share: whether init is still running, and what imports were called with.
#[derive(Default)]
pub struct Log {
    pub started: bool,
    pub calls: String,
}

/// Init has called an import, the one at this position of the functions.
#[derive(Debug)]
pub struct ImportCalled(pub usize);

impl fmt::Display for ImportCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "import {} was called", self.0)
    }
}

impl std::error::Error for ImportCalled {}

/// One value for each import. Nothing given is what an output finds.
pub fn supply<'m>(
    store: &mut Store<Log>,
    imports: impl Iterator<Item = ImportType<'m>>,
    given: &[Given],
) -> Result<Vec<Extern>> {
    let (mut functions, mut globals) = (0, 0);
    let mut externs = Vec::new();
    for (position, import) in imports.enumerate() {
        externs.push(match (import.ty(), given.get(position)) {
            (ExternType::Func(ty), _) => {
                functions += 1;
                function(store, ty, functions - 1).into()
            }
            (ExternType::Memory(ty), given) => {
                let memory = Memory::new(&mut *store, ty)?;
                if let Some(Given::Memory(bytes)) = given {
                    let missing = bytes.len().saturating_sub(memory.data_size(&*store));
                    let page_size = usize::try_from(memory.page_size(&*store))?;
                    memory.grow(&mut *store, missing.div_ceil(page_size) as u64)?;
                    memory.write(&mut *store, 0, bytes)?;
                }
                memory.into()
            }
            (ExternType::Table(ty), given) => {
                let null = || Ref::null(ty.element().heap_type());
                let table = Table::new(&mut *store, ty.clone(), null())?;
                if let Some(Given::Table(size)) = given {
                    let missing = size.saturating_sub(table.size(&*store));
                    table.grow(&mut *store, missing, null())?;
                }
                table.into()
            }
            (ExternType::Global(ty), Some(Given::Global(given))) => {
                globals += 1;
                let value = value(store, ty.content(), *given, HostValue(globals - 1))?;
                Global::new(&mut *store, ty, value)?.into()
            }
            (ExternType::Tag(ty), _) => Tag::new(&mut *store, &ty)?.into(),
            (ty, given) => bail!("an import of type {ty:?} is given {given:?}"),
        });
    }
    Ok(externs)
}

/// What the output finds at its imports, given what the original found and which imports are still
/// there.
pub fn afterwards(given: &[Given], is_kept: impl Fn(&Given) -> bool) -> Vec<Given> {
    let kept = given.iter().filter(|given| is_kept(given));
    let fresh = kept.map(|given| match given {
        Given::Memory(_) => Given::Memory(Vec::new()),
        Given::Table(_) => Given::Table(0),
        other => other.clone(),
    });
    fresh.collect()
}

/// A value that guests can't look into, by the position of its global.
pub struct HostValue(pub usize);

/// JavaScript's conversion of a value to a type.
fn value(
    store: &mut Store<Log>,
    ty: &ValType,
    given: GlobalValue,
    host_value: HostValue,
) -> Result<Val> {
    Ok(match (ty, given) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the test gives small integers"
        )]
        (ValType::I32, GlobalValue::Number(value)) => Val::I32(value as i32),
        (ValType::I64, GlobalValue::BigInt(value)) => Val::I64(value),
        #[expect(clippy::cast_possible_truncation, reason = "it is what is meant")]
        (ValType::F32, GlobalValue::Number(value)) => Val::F32((value as f32).to_bits()),
        (ValType::F64, GlobalValue::Number(value)) => Val::F64(value.to_bits()),
        (ValType::Ref(ty), GlobalValue::Null) => Val::null_ref(ty.heap_type()),
        (ValType::Ref(_), GlobalValue::Host) => ExternRef::new(store, host_value)?.into(),
        _ => bail!("{given:?} is no value of type {ty}"),
    })
}

fn function(store: &mut Store<Log>, ty: wasmtime::FuncType, position: usize) -> Func {
    let results: Vec<Option<Val>> = ty.results().map(|ty| ty.default_value()).collect();
    let host = move |mut caller: Caller<'_, Log>, arguments: &[Val], returned: &mut [Val]| {
        let log = caller.data_mut();
        if !log.started {
            return Err(ImportCalled(position).into());
        }
        write!(log.calls, "{position}(")?;
        for argument in arguments {
            let argument = match argument {
                Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) | Val::V128(_) => {
                    format!("{argument:?}")
                }
                other => format!("null {}", other.ref_().is_none_or(|value| value.is_null())),
            };
            write!(log.calls, "{argument} ")?;
        }
        log.calls.push_str(") ");
        for (returned, result) in returned.iter_mut().zip(&results) {
            match result {
                Some(result) => *returned = *result,
                None => bail!("the host has no value to return"),
            }
        }
        Ok(())
    };
    Func::new(store, ty, host)
}

//! A module's imports go in, what the test supplies for them comes out: for the package, for wasmtime
//! and for JavaScript.

use crate::native::host::{Given, afterwards};
use crate::rng::Rng;
use crate::shape::{Import, Shape};
use std::sync::Arc;
use wasm_preinit::{
    Failed, GlobalValue, Guest, HostFunctions, ImportedGlobal, ImportedMemory, ImportedTable,
    Imports, Internalize, Value, ValueType,
};
use wasmparser::{GlobalType, TypeRef, ValType};

/// The size of the largest page.
const PAGE_BYTES: u64 = 1 << 16;

pub struct Supply {
    /// One for each import.
    pub given: Vec<Given>,
    pub internalize: Internalize,
}

impl Supply {
    pub fn choose(shape: &Shape, rng: &mut Rng) -> Self {
        let given = shape.imports.iter().map(|import| match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => Given::Function,
            TypeRef::Memory(ty) => {
                let page = 1 << ty.page_size_log2.unwrap_or(16);
                Given::Memory(bytes(
                    ty.initial * page,
                    ty.maximum.map(|max| max * page),
                    rng,
                ))
            }
            TypeRef::Table(ty) => {
                let more = ty.maximum.map_or(0, |maximum| maximum - ty.initial).min(3);
                let more = usize::try_from(more).expect("it is at most 3");
                Given::Table(ty.initial + rng.below(more + 1) as u64)
            }
            TypeRef::Global(ty) => Given::Global(global(ty, rng)),
            TypeRef::Tag(_) => Given::Tag,
        });
        let given: Vec<Given> = given.collect();
        // The output can't define globals of references itself.
        let is_reference =
            |given: &Given| matches!(given, Given::Global(GlobalValue::Null | GlobalValue::Host));
        let globals = if given.iter().any(is_reference) {
            20
        } else {
            3
        };
        Self {
            given,
            internalize: Internalize {
                memories: rng.one_in(3),
                tables: rng.one_in(3),
                globals: rng.one_in(globals),
            },
        }
    }

    /// The option of the package.
    pub fn imports(&self, shape: &Shape) -> Imports {
        let mut imports = Imports {
            functions: Vec::new(),
            globals: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            host: Arc::new(NoFunctions),
        };
        for (Import { module, name, .. }, given) in shape.imports.iter().zip(&self.given) {
            let (module, name) = (module.clone(), name.clone());
            match given.clone() {
                Given::Function | Given::Tag => {}
                Given::Memory(bytes) => imports.memories.push(ImportedMemory {
                    module,
                    name,
                    bytes,
                }),
                Given::Table(size) => imports.tables.push(ImportedTable { module, name, size }),
                Given::Global(value) => imports.globals.push(ImportedGlobal {
                    module,
                    name,
                    value,
                }),
            }
        }
        imports
    }

    /// What the output finds at its imports.
    pub fn afterwards(&self) -> Vec<Given> {
        let Internalize {
            memories,
            tables,
            globals,
        } = self.internalize;
        afterwards(&self.given, |given| match given {
            Given::Memory(_) => !memories,
            Given::Table(_) => !tables,
            Given::Global(_) => !globals,
            Given::Function | Given::Tag => true,
        })
    }
}

/// Few bytes that are not zero; now and then more than the memory has at least.
fn bytes(least: u64, most: Option<u64>, rng: &mut Rng) -> Vec<u8> {
    if rng.one_in(2) {
        return Vec::new();
    }
    let longer = least + PAGE_BYTES;
    let is_longer = rng.one_in(3) && most.is_some_and(|most| longer <= most);
    let len = usize::try_from(if is_longer { longer } else { least }).expect("it is small");
    let mut bytes = vec![0; len];
    for _ in 0..rng.below(20).min(len) {
        bytes[rng.below(len)] = 1;
    }
    bytes
}

/// A reference, or a value that is the same in all number types: it may be the place of a segment.
fn global(ty: GlobalType, rng: &mut Rng) -> GlobalValue {
    let value = i16::try_from(rng.below(40)).expect("it is small") - 4;
    match ty.content_type {
        ValType::I64 => GlobalValue::BigInt(value.into()),
        ValType::EXTERNREF if !ty.mutable && !rng.one_in(4) => GlobalValue::Host,
        ValType::Ref(_) => GlobalValue::Null,
        _ => GlobalValue::Number(value.into()),
    }
}

/// The imports of a module as JavaScript makes them: a JSON array.
pub fn to_json(shape: &Shape, given: &[Given]) -> String {
    let mut globals = 0_usize..;
    let imports = shape.imports.iter().zip(given);
    let imports = imports.map(|(import, given)| match (import.ty, given) {
        (TypeRef::Func(ty) | TypeRef::FuncExact(ty), _) => {
            let results = shape.function_type(ty).results();
            let letters: String = results.iter().map(|&ty| letter(ty)).collect();
            format!(r#"{{"kind":"function","results":"{letters}"}}"#)
        }
        (TypeRef::Memory(ty), Given::Memory(bytes)) => {
            let pages = (bytes.len() as u64).div_ceil(PAGE_BYTES).max(ty.initial);
            let bytes = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0);
            let bytes: Vec<usize> = bytes.map(|(address, _)| address).collect();
            let limits = limits(pages, ty.maximum);
            format!(r#"{{"kind":"memory",{limits},"ones":{bytes:?}}}"#)
        }
        (TypeRef::Table(ty), Given::Table(size)) => {
            let element = if ty.element_type.is_extern_ref() {
                "externref"
            } else {
                "anyfunc"
            };
            let limits = limits(ty.initial.max(*size), ty.maximum);
            format!(r#"{{"kind":"table","element":"{element}",{limits}}}"#)
        }
        (TypeRef::Global(ty), Given::Global(value)) => {
            let number = globals.next().expect("the range has no end");
            let given = match value {
                GlobalValue::Number(value) => value.to_string(),
                GlobalValue::BigInt(value) => value.to_string(),
                GlobalValue::Null => "null".to_owned(),
                GlobalValue::Host => format!(r#""host value {number}""#),
            };
            let mutable = ty.mutable;
            let ty = match ty.content_type {
                ValType::FUNCREF => "anyfunc".to_owned(),
                ty => ty.to_string(),
            };
            format!(r#"{{"kind":"global","value":"{ty}","mutable":{mutable},"given":{given}}}"#)
        }
        (ty, _) => panic!("JavaScript is not told how to make {ty:?}"),
    });
    format!("[{}]", imports.collect::<Vec<_>>().join(","))
}

fn limits(initial: u64, maximum: Option<u64>) -> String {
    match maximum {
        Some(maximum) => format!(r#""initial":{initial},"maximum":{maximum}"#),
        None => format!(r#""initial":{initial}"#),
    }
}

/// What the host's functions return, a letter a value.
fn letter(ty: ValType) -> char {
    match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        ValType::F32 | ValType::F64 => 'd',
        ValType::V128 => 'v',
        ValType::Ref(_) => 'r',
    }
}

/// Functions are not supplied: a call of one ends init.
struct NoFunctions;

impl HostFunctions for NoFunctions {
    fn call(
        &self,
        _: usize,
        _: &[Value],
        _: &[ValueType],
        _: &mut dyn Guest,
    ) -> Result<Vec<Value>, Failed> {
        Err(Failed {
            message: "none is supplied".to_owned(),
        })
    }

    fn release_memory(&self) -> bool {
        false
    }
}

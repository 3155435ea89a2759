//! A type goes in, instructions for a value of it come out: to make one, or to show all of it.

use crate::append::u32_index;
use crate::rng::Rng;
use crate::shape::Shape;
use wasm_encoder::{Instruction, ValType};
use wasmparser::{AbstractHeapType, HeapType, RefType};

/// A value of a type: a small number, or any bits at all, or a reference. Nothing where there is no
/// value that can be made so easily.
pub fn argument(
    shape: &Shape,
    ty: wasmparser::ValType,
    rng: &mut Rng,
) -> Option<Vec<Instruction<'static>>> {
    let bits = if rng.one_in(2) {
        rng.next() % 64
    } else {
        rng.next()
    };
    let low = u32::try_from(bits & 0xffff_ffff).expect("the high half is cut off");
    // Half of the floats are NaNs with a payload of their own.
    let nan = rng.one_in(2);
    let number = match ty {
        wasmparser::ValType::I32 => Instruction::I32Const(low.cast_signed()),
        wasmparser::ValType::I64 => Instruction::I64Const(bits.cast_signed()),
        wasmparser::ValType::F32 => {
            let bits = if nan { low | 0x7f80_0001 } else { low };
            Instruction::F32Const(wasm_encoder::Ieee32::new(bits))
        }
        wasmparser::ValType::F64 => {
            let bits = if nan {
                bits | 0x7ff0_0000_0000_0001
            } else {
                bits
            };
            Instruction::F64Const(wasm_encoder::Ieee64::new(bits))
        }
        wasmparser::ValType::V128 => Instruction::V128Const(rng.next_u128().cast_signed()),
        wasmparser::ValType::Ref(ty) => return reference(shape, ty, rng),
    };
    Some(vec![number])
}

/// The values for all of a list of types.
pub fn arguments(
    shape: &Shape,
    types: &[wasmparser::ValType],
    rng: &mut Rng,
) -> Option<Vec<Instruction<'static>>> {
    let mut all = Vec::new();
    for &ty in types {
        all.extend(argument(shape, ty, rng)?);
    }
    Some(all)
}

/// A function of the type, a small integer, what an imported global holds, or null. Nothing else can be
/// kept.
fn reference(shape: &Shape, ty: RefType, rng: &mut Rng) -> Option<Vec<Instruction<'static>>> {
    use AbstractHeapType::{Any, Eq, Extern, Func, I31};
    let heap = ty.heap_type();
    let value = match heap {
        HeapType::Abstract {
            ty: Any | Eq | I31, ..
        } => {
            let value = u32::try_from(rng.next() >> 32).expect("the low half is cut off");
            Some(vec![
                Instruction::I32Const(value.cast_signed()),
                Instruction::RefI31,
            ])
        }
        HeapType::Abstract { ty: Extern, .. } => imported(shape, ty, rng),
        HeapType::Abstract { ty: Func, .. } => function(shape, |_| true, rng),
        HeapType::Concrete(wanted) => {
            let wanted = wanted.as_module_index();
            function(shape, |ty| Some(ty) == wanted, rng)
        }
        _ => None,
    };
    if ty.is_nullable() && (value.is_none() || rng.one_in(3)) {
        return Some(vec![Instruction::RefNull(encoded_heap(heap))]);
    }
    value
}

/// What any of the imported globals of the type holds.
fn imported(shape: &Shape, ty: RefType, rng: &mut Rng) -> Option<Vec<Instruction<'static>>> {
    let imported = shape
        .globals
        .iter()
        .take(shape.imported_globals)
        .enumerate();
    let fitting: Vec<usize> = imported
        .filter(|(_, global)| global.content_type == wasmparser::ValType::Ref(ty))
        .map(|(index, _)| index)
        .collect();
    let global = one_of(&fitting, rng)?;
    Some(vec![Instruction::GlobalGet(u32_index(global))])
}

/// Any function whose type `fits`.
fn function(
    shape: &Shape,
    fits: impl Fn(u32) -> bool,
    rng: &mut Rng,
) -> Option<Vec<Instruction<'static>>> {
    let functions = shape.functions.iter().enumerate();
    let fitting: Vec<usize> = functions
        .filter(|(_, ty)| fits(**ty))
        .map(|(index, _)| index)
        .collect();
    let function = one_of(&fitting, rng)?;
    Some(vec![Instruction::RefFunc(u32_index(function))])
}

fn one_of(fitting: &[usize], rng: &mut Rng) -> Option<usize> {
    let position = (!fitting.is_empty()).then(|| rng.below(fitting.len()))?;
    Some(fitting[position])
}

pub fn encoded(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(wasm_encoder::RefType {
            nullable: ty.is_nullable(),
            heap_type: encoded_heap(ty.heap_type()),
        }),
    }
}

fn encoded_heap(ty: HeapType) -> wasm_encoder::HeapType {
    use wasm_encoder::AbstractHeapType as Encoded;
    let (shared, ty) = match ty {
        HeapType::Concrete(index) | HeapType::Exact(index) => {
            let index = index.as_module_index().expect("the module was only parsed");
            return wasm_encoder::HeapType::Concrete(index);
        }
        HeapType::Abstract { shared, ty } => (shared, ty),
    };
    let ty = match ty {
        AbstractHeapType::Func => Encoded::Func,
        AbstractHeapType::Extern => Encoded::Extern,
        AbstractHeapType::Any => Encoded::Any,
        AbstractHeapType::None => Encoded::None,
        AbstractHeapType::NoExtern => Encoded::NoExtern,
        AbstractHeapType::NoFunc => Encoded::NoFunc,
        AbstractHeapType::Eq => Encoded::Eq,
        AbstractHeapType::Struct => Encoded::Struct,
        AbstractHeapType::Array => Encoded::Array,
        AbstractHeapType::I31 => Encoded::I31,
        AbstractHeapType::Exn => Encoded::Exn,
        AbstractHeapType::NoExn => Encoded::NoExn,
        AbstractHeapType::Cont => Encoded::Cont,
        AbstractHeapType::NoCont => Encoded::NoCont,
    };
    wasm_encoder::HeapType::Abstract { shared, ty }
}

/// Pushes the value such that nothing of it is lost on its way to JavaScript: numbers as integers.
pub fn observe(
    get: &Instruction<'static>,
    ty: wasmparser::ValType,
    body: &mut Vec<Instruction<'static>>,
    results: &mut Vec<ValType>,
) {
    body.push(get.clone());
    match ty {
        wasmparser::ValType::F32 => {
            body.push(Instruction::I32ReinterpretF32);
            results.push(ValType::I32);
        }
        wasmparser::ValType::F64 => {
            body.push(Instruction::I64ReinterpretF64);
            results.push(ValType::I64);
        }
        wasmparser::ValType::V128 => {
            body.push(Instruction::I64x2ExtractLane(0));
            body.push(get.clone());
            body.push(Instruction::I64x2ExtractLane(1));
            results.extend([ValType::I64, ValType::I64]);
        }
        // Engines know which function or object a reference refers to.
        other => results.push(encoded(other)),
    }
}

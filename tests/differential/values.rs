//! A type goes in, instructions for a value of it come out: to make one, or to show all of it as
//! integers.

use crate::rng::Rng;
use wasm_encoder::{Instruction, ValType};
use wasmparser::RefType;

/// A constant of a type: small, or any bits at all.
pub fn argument(ty: wasmparser::ValType, rng: &mut Rng) -> Instruction<'static> {
    let bits = if rng.one_in(2) {
        rng.next() % 64
    } else {
        rng.next()
    };
    let low = u32::try_from(bits & 0xffff_ffff).expect("the high half is cut off");
    // Half of the floats are NaNs with a payload of their own.
    let nan = rng.one_in(2);
    match ty {
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
        wasmparser::ValType::Ref(ty) if ty == RefType::EXTERNREF => {
            Instruction::RefNull(wasm_encoder::HeapType::EXTERN)
        }
        wasmparser::ValType::Ref(_) => Instruction::RefNull(wasm_encoder::HeapType::FUNC),
    }
}

pub fn encoded(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) if ty == RefType::EXTERNREF => ValType::EXTERNREF,
        wasmparser::ValType::Ref(_) => ValType::FUNCREF,
    }
}

/// Pushes the value as integers that hold all of it.
pub fn observe(
    get: &Instruction<'static>,
    ty: wasmparser::ValType,
    body: &mut Vec<Instruction<'static>>,
    results: &mut Vec<ValType>,
) {
    body.push(get.clone());
    match ty {
        wasmparser::ValType::I32 => results.push(ValType::I32),
        wasmparser::ValType::I64 => results.push(ValType::I64),
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
        wasmparser::ValType::Ref(_) => {
            body.push(Instruction::RefIsNull);
            results.push(ValType::I32);
        }
    }
}

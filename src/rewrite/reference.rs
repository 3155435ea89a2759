//! Constant expressions that make references (core specification, sections 5.4.1 and 5.4.4).

use crate::snapshot::references::Value;
use wasm_encoder::{Encode, Instruction};

/// Writes the expression that makes `value` as a reference of the type that `ty` encodes.
pub fn encode(value: Value, ty: &[u8], bytes: &mut Vec<u8>) {
    match value {
        Value::Null => {
            /// Precedes the heap type.
            const REF_NULL: u8 = 0xd0;
            bytes.push(REF_NULL);
            bytes.extend_from_slice(heap_type(ty));
        }
        Value::Function(index) => Instruction::RefFunc(index).encode(bytes),
        Value::Imported(global) => Instruction::GlobalGet(global).encode(bytes),
        Value::I31(value) => {
            Instruction::I32Const(value.cast_signed()).encode(bytes);
            Instruction::RefI31.encode(bytes);
        }
    }
    Instruction::End.encode(bytes);
}

/// The heap type of an encoded reference type: what stands behind `ref` or `ref null`, or the short
/// form, which means the same as a heap type.
fn heap_type(ty: &[u8]) -> &[u8] {
    const REF_NULL: u8 = 0x63;
    const REF: u8 = 0x64;
    match ty {
        [REF_NULL | REF, heap_type @ ..] => heap_type,
        short => short,
    }
}

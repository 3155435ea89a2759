//! A code section goes in, the same code with canonical NaNs behind all conversions comes out.
//!
//! The generator makes the NaNs of arithmetic canonical, yet not those of conversions, and engines
//! may give either.

use crate::append::u32_index;
use wasm_encoder::{Encode, Instruction};
use wasmparser::{BinaryReader, CodeSectionReader, Operator};

/// Indices of functions that make a NaN canonical, by their parameter's and result's type.
pub struct CanonicalNans {
    pub f32: usize,
    pub f64: usize,
    pub f32x4: usize,
    pub f64x2: usize,
}

impl CanonicalNans {
    /// The function to call behind an operator.
    fn behind(&self, operator: &Operator<'_>) -> Option<usize> {
        match operator {
            Operator::F32DemoteF64 => Some(self.f32),
            Operator::F64PromoteF32 => Some(self.f64),
            Operator::F32x4DemoteF64x2Zero => Some(self.f32x4),
            Operator::F64x2PromoteLowF32x4 => Some(self.f64x2),
            _ => None,
        }
    }

    /// Adds the calls to all bodies of a code section.
    pub fn rewrite(&self, code: &[u8]) -> wasmparser::Result<Vec<u8>> {
        let bodies = CodeSectionReader::new(BinaryReader::new(code, 0))?;
        let mut rewritten = Vec::new();
        bodies.count().encode(&mut rewritten);
        for body in bodies {
            let body = body?;
            let range = body.range();
            let mut bytes = Vec::new();
            let mut copied = range.start;
            let mut operators = body.get_operators_reader()?;
            while !operators.eof() {
                let operator = operators.read()?;
                if let Some(function) = self.behind(&operator) {
                    let end = operators.original_position();
                    bytes.extend_from_slice(&code[copied..end]);
                    Instruction::Call(u32_index(function)).encode(&mut bytes);
                    copied = end;
                }
            }
            bytes.extend_from_slice(&code[copied..range.end]);
            bytes.encode(&mut rewritten);
        }
        Ok(rewritten)
    }
}

/// A vector of equal lanes.
pub fn lanes(lane: u128, bits: u32) -> i128 {
    let lanes = (0..128 / bits).fold(0, |lanes, _| lanes << bits | lane);
    lanes.cast_signed()
}

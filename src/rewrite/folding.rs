//! Constant expressions over imported globals in, their values out, for outputs that define those
//! globals themselves: only later versions of the specification let an initializer or an offset name a
//! global that is not imported.

use crate::snapshot::globals::Number;
use wasmparser::{ConstExpr, Operator};

/// The value of an expression that names a global, all of which are imported; `None` where it names
/// none, or is none of those that numbers alone make.
pub fn folded(expression: &ConstExpr<'_>, imported: &[Number]) -> Option<Number> {
    let mut stack = Vec::new();
    let mut names_global = false;
    for operator in expression.get_operators_reader() {
        let value = match operator.ok()? {
            Operator::GlobalGet { global_index } => {
                names_global = true;
                *imported.get(usize::try_from(global_index).ok()?)?
            }
            Operator::I32Const { value } => Number::I32(value),
            Operator::I64Const { value } => Number::I64(value),
            Operator::I32Add => i32s(&mut stack, i32::wrapping_add)?,
            Operator::I32Sub => i32s(&mut stack, i32::wrapping_sub)?,
            Operator::I32Mul => i32s(&mut stack, i32::wrapping_mul)?,
            Operator::I64Add => i64s(&mut stack, i64::wrapping_add)?,
            Operator::I64Sub => i64s(&mut stack, i64::wrapping_sub)?,
            Operator::I64Mul => i64s(&mut stack, i64::wrapping_mul)?,
            Operator::End => break,
            _ => return None,
        };
        stack.push(value);
    }
    stack.pop().filter(|_| names_global)
}

fn i32s(stack: &mut Vec<Number>, operation: impl Fn(i32, i32) -> i32) -> Option<Number> {
    match (stack.pop()?, stack.pop()?) {
        (Number::I32(second), Number::I32(first)) => Some(Number::I32(operation(first, second))),
        _ => None,
    }
}

fn i64s(stack: &mut Vec<Number>, operation: impl Fn(i64, i64) -> i64) -> Option<Number> {
    match (stack.pop()?, stack.pop()?) {
        (Number::I64(second), Number::I64(first)) => Some(Number::I64(operation(first, second))),
        _ => None,
    }
}

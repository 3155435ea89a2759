//! Host functions of the embedder: what the core asks of them, and what they may do with the guest
//! while it waits for them.

use crate::error::Error;
use std::fmt;

/// A number that crosses between host and guest. Floats are bits; a NaN that comes from the host
/// is canonical.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    I32,
    I64,
    F32,
    F64,
}

/// Functions that the embedder supplies. A call may come while an earlier one is waiting for the
/// guest, and never at the same time from two threads.
pub trait HostFunctions: Send + Sync {
    /// Calls function number `function`.
    ///
    /// # Errors
    ///
    /// [`Failed`] when the function threw or can't be called any more; the embedder keeps what was
    /// thrown.
    fn call(
        &self,
        function: usize,
        params: &[Value],
        results: &[ValueType],
        guest: &mut dyn Guest,
    ) -> Result<Vec<Value>, Failed>;

    /// The guest's memory is about to go away: whoever looks at it must stop. Returns when nobody
    /// does any more, or `true` when somebody can't be stopped: then the memory has to stay.
    fn release_memory(&self) -> bool;
}

/// A host function did not return; the text is for people.
#[derive(Clone, Debug)]
pub struct Failed {
    pub message: String,
}

/// The guest, for as long as a host function runs.
pub trait Guest {
    /// Where each memory is, and its length, by index.
    fn memories(&mut self) -> Vec<(*mut u8, usize)>;

    /// Calls a function.
    ///
    /// # Errors
    ///
    /// Why it did not return.
    fn call(&mut self, callee: &Callee, params: &[HostValue]) -> Result<Vec<Value>, CallError>;

    /// An exported table, and what stands at one of its slots.
    fn table(&mut self, export: &str, slot: u64) -> Option<TableView>;

    /// The value of an exported numeric global.
    fn global(&mut self, export: &str) -> Option<Value>;

    /// Sets an exported mutable global; whether there is one that takes the value.
    fn set_global(&mut self, export: &str, value: HostValue) -> bool;
}

/// A function of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// By the name of its export.
    Export(String),
    /// By the name of an exported table and the slot where it stands.
    Element { table: String, slot: u64 },
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Export(name) => name.fmt(f),
            Self::Element { table, slot } => write!(f, "{table}[{slot}]"),
        }
    }
}

/// A table, as far as a host function asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableView {
    pub size: u64,
    pub slot: Slot,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    OutOfBounds,
    Null,
    /// With its parameters; none where they can't come from the host.
    Function(Option<Vec<ValueType>>),
    /// A reference to something else.
    Other,
}

/// A value from the host before it is known what type the guest wants.
#[derive(Clone, Copy, Debug)]
pub enum HostValue {
    Number(f64),
    BigInt(i64),
}

impl HostValue {
    /// The value as the guest's type, as the JavaScript API converts numbers; `None` where it
    /// would throw.
    pub fn to(self, ty: ValueType) -> Option<Value> {
        match (ty, self) {
            (ValueType::I64, Self::BigInt(value)) => Some(Value::I64(value)),
            (ValueType::I32, Self::Number(value)) => Some(Value::I32(to_int32(value))),
            (ValueType::F32, Self::Number(value)) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounds, as Math.fround does"
                )]
                let value = value as f32;
                Some(Value::F32(if value.is_nan() { f32::NAN } else { value }))
            }
            (ValueType::F64, Self::Number(value)) => {
                Some(Value::F64(if value.is_nan() { f64::NAN } else { value }))
            }
            _ => None,
        }
    }
}

/// ToInt32 of the ECMAScript specification.
fn to_int32(value: f64) -> i32 {
    const TWO_32: f64 = 4_294_967_296.0;
    if !value.is_finite() {
        return 0;
    }
    let modulo = value.trunc().rem_euclid(TWO_32);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 2^32 - 1"
    )]
    let bits = modulo as u32;
    bits.cast_signed()
}

/// Why a guest function that a host function called did not return.
#[derive(Debug)]
pub enum CallError {
    /// It trapped; the host function may go on.
    Trapped(Error),
    /// A host function that it called threw; the embedder knows what.
    Threw,
    /// The run is over (exit, limit, abort): whatever the host function does now, the guest stops.
    Ended(String),
    /// There is no such function, or it does not take these values.
    NotCallable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_convert_as_in_javascript() {
        let i32_of = |value| HostValue::Number(value).to(ValueType::I32);
        for (from, to) in [
            (0.0, 0),
            (-0.9, 0),
            (1.9, 1),
            (-1.9, -1),
            (4_294_967_295.0, -1),
            (2_147_483_648.0, i32::MIN),
            (-2_147_483_649.0, i32::MAX),
            (f64::NAN, 0),
            (f64::INFINITY, 0),
            (1e300, 0),
        ] {
            assert_eq!(i32_of(from), Some(Value::I32(to)), "{from}");
        }
        assert_eq!(
            HostValue::BigInt(-1).to(ValueType::I64),
            Some(Value::I64(-1))
        );
        assert_eq!(HostValue::Number(1.0).to(ValueType::I64), None);
        assert_eq!(HostValue::BigInt(1).to(ValueType::F64), None);
    }
}

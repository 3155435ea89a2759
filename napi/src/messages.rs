//! What the guest's thread and the JavaScript thread say to each other, and numbers in the form in
//! which JavaScript has them.
//!
//! The two take turns: whoever has sent a message that asks for something waits for the answer, and
//! serves what the other asks for meanwhile.

use napi::bindgen_prelude::{BigInt, Either};
use wasm_preinit::{CallError, Callee, HostValue, TableView, Value, ValueType};

/// Where the guest's memory is: an address and a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub address: usize,
    pub len: usize,
}

/// From the guest's thread.
pub enum ToJs {
    Call {
        function: usize,
        params: Vec<Value>,
        results: Vec<ValueType>,
        memories: Vec<Place>,
    },
    /// The answer to [`ToGuest::Call`].
    Called {
        result: Result<Vec<Value>, CallError>,
        memories: Vec<Place>,
    },
    /// The answer to [`ToGuest::Global`].
    Global(Option<Value>),
    /// The answer to [`ToGuest::SetGlobal`].
    GlobalSet(bool),
    /// The answer to [`ToGuest::Table`].
    Table(Option<TableView>),
    /// The memory goes away: asks for [`ToGuest::Released`].
    Release,
    /// The run is over; nothing comes after this.
    Done,
}

/// From the JavaScript thread.
pub enum ToGuest {
    /// The answer to [`ToJs::Call`].
    Returned(Vec<Value>),
    /// The other answer to [`ToJs::Call`].
    Failed(String),
    Call {
        callee: Callee,
        params: Vec<HostValue>,
    },
    Global(String),
    SetGlobal(String, HostValue),
    /// An exported table, and a slot.
    Table(String, u64),
    /// Whether JavaScript can still reach the memory.
    Released {
        escaped: bool,
    },
}

/// A number or a bigint.
pub type JsNumber = Either<f64, BigInt>;

pub fn to_js(value: Value) -> JsNumber {
    match value {
        Value::I32(value) => Either::A(f64::from(value)),
        Value::I64(value) => Either::B(BigInt::from(value)),
        Value::F32(value) => Either::A(f64::from(value)),
        Value::F64(value) => Either::A(value),
    }
}

pub fn from_js(value: &JsNumber) -> HostValue {
    match value {
        Either::A(number) => HostValue::Number(*number),
        Either::B(bigint) => HostValue::BigInt(bigint.get_i64().0),
    }
}

pub fn type_name(ty: ValueType) -> &'static str {
    match ty {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
        ValueType::F32 => "f32",
        ValueType::F64 => "f64",
    }
}

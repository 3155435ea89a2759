//! Calls of JavaScript functions that may throw anything, at any time: what is thrown is dropped, and
//! the caller hears only that nothing was returned.
//!
//! napi-rs looks into what was thrown, which calls JavaScript again; when the JavaScript stack is
//! exhausted, that throws again, without end.
#![expect(unsafe_code, reason = "plain calls of Node-API")]

use crate::messages::JsNumber;
use napi::bindgen_prelude::{Env, FromNapiValue, Function, JsValuesTupleIntoVec, ToNapiValue};
use napi::{JsValue, sys};
use std::cell::Cell;
use std::ptr;

/// A function that is kept until it is released.
pub struct Callback {
    /// Null once it is released.
    reference: Cell<sys::napi_ref>,
}

impl Callback {
    pub fn new<A: JsValuesTupleIntoVec, R: FromNapiValue>(
        env: &Env,
        function: &Function<'_, A, R>,
    ) -> napi::Result<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: `function` is a live value of this environment.
        napi::check_status!(unsafe {
            sys::napi_create_reference(env.raw(), function.raw(), 1, &mut reference)
        })?;
        Ok(Self {
            reference: Cell::new(reference),
        })
    }

    /// The result of a call, `None` when it threw.
    pub fn call(&self, env: &Env, args: &[sys::napi_value]) -> Option<sys::napi_value> {
        if self.reference.get().is_null() {
            return None;
        }
        let env = env.raw();
        let (mut function, mut this, mut result) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: the reference is live, and so are the arguments, which the caller has just made.
        unsafe {
            let there = sys::napi_get_reference_value(env, self.reference.get(), &mut function);
            let undefined = sys::napi_get_undefined(env, &mut this);
            if (there, undefined) != (sys::Status::napi_ok, sys::Status::napi_ok) {
                return None;
            }
            let called = sys::napi_call_function(
                env,
                this,
                function,
                args.len(),
                args.as_ptr(),
                &mut result,
            );
            if called == sys::Status::napi_ok {
                return Some(result);
            }
            let mut thrown = ptr::null_mut();
            let _ = sys::napi_get_and_clear_last_exception(env, &mut thrown);
        }
        None
    }

    /// Lets go of the function; it can't be called any more.
    pub fn release(&self, env: &Env) {
        let reference = self.reference.replace(ptr::null_mut());
        if !reference.is_null() {
            // SAFETY: the reference was live, and is deleted once, here.
            let _ = unsafe { sys::napi_delete_reference(env.raw(), reference) };
        }
    }
}

/// The arguments of a call of an import.
pub fn values(
    env: &Env,
    number: u32,
    params: Vec<JsNumber>,
    types: Vec<&'static str>,
) -> Option<[sys::napi_value; 3]> {
    let env = env.raw();
    // SAFETY: plain conversions to values of this environment.
    unsafe {
        Some([
            u32::to_napi_value(env, number).ok()?,
            Vec::to_napi_value(env, params).ok()?,
            Vec::to_napi_value(env, types).ok()?,
        ])
    }
}

/// A value as what it is meant to be.
pub fn read<T: FromNapiValue>(env: &Env, value: sys::napi_value) -> Option<T> {
    // SAFETY: `value` is a live value of this environment.
    unsafe { T::from_napi_value(env.raw(), value) }.ok()
}

//! The guest's memory as JavaScript sees it: one ArrayBuffer over the memory itself, detached when
//! the memory grows or goes away, as `WebAssembly.Memory` does.
//!
//! Where Node may not make buffers over foreign memory (Electron), the ArrayBuffer is a copy: taken
//! when the turn comes to JavaScript, put back when it goes to the guest.
//!
//! JavaScript can move an ArrayBuffer's memory elsewhere (`transfer`), and a worker that is being
//! terminated can't detach any more. Then the memory has escaped: it must stay mapped for good.
#![expect(unsafe_code, reason = "an ArrayBuffer over memory of the engine's")]

use crate::messages::Place;
use napi::bindgen_prelude::Env;
use napi::{check_status, sys};
use std::ffi::c_void;
use std::ptr;

/// Makes every buffer a copy, to test what happens in Electron.
const FORCE_COPIES: &str = "WASM_PREINIT_NO_EXTERNAL_BUFFERS";

pub struct View {
    place: Option<Place>,
    buffer: Option<Buffer>,
    escaped: bool,
}

struct Buffer {
    reference: sys::napi_ref,
    /// Whether the ArrayBuffer has bytes of its own.
    is_copy: bool,
}

impl View {
    pub const fn new() -> Self {
        Self {
            place: None,
            buffer: None,
            escaped: false,
        }
    }

    /// The turn is JavaScript's, and the memory is at `place`. `detach` detaches an ArrayBuffer.
    pub fn turn_to_js(
        &mut self,
        env: &Env,
        place: Option<Place>,
        detach: impl FnOnce(sys::napi_value) -> bool,
    ) {
        if self.place != place {
            self.drop_buffer(env, detach);
            self.place = place;
        }
        if let Some((guest, copy)) = self.copied(env) {
            // SAFETY: both are as long: `copied` has compared the lengths, and the guest's thread,
            // which waits for us, has just told the place.
            unsafe { ptr::copy_nonoverlapping(guest.address as *const u8, copy, guest.len) };
        }
    }

    /// The turn is the guest's.
    pub fn turn_to_guest(&self, env: &Env) {
        if let Some((guest, copy)) = self.copied(env) {
            // SAFETY: as in `turn_to_js`; the guest's thread does not go on before our next message.
            unsafe { ptr::copy_nonoverlapping(copy, guest.address as *mut u8, guest.len) };
        }
    }

    /// The guest's bytes and those of the copy, where there is one that is not detached.
    fn copied(&self, env: &Env) -> Option<(Place, *mut u8)> {
        let buffer = self.buffer.as_ref().filter(|buffer| buffer.is_copy)?;
        let place = self.place?;
        let (bytes, len) = buffer.bytes(env)?;
        (len == place.len).then_some((place, bytes.cast()))
    }

    /// The ArrayBuffer, made when it is first asked for; `None` while there is no memory.
    pub fn array_buffer(&mut self, env: &Env) -> napi::Result<Option<sys::napi_value>> {
        let Some(place) = self.place else {
            return Ok(None);
        };
        if self.buffer.is_none() {
            self.buffer = Some(Buffer::new(env, place)?);
        }
        Ok(self.buffer.as_ref().and_then(|buffer| buffer.value(env)))
    }

    /// The memory goes away; whether JavaScript can still reach it.
    pub fn release(&mut self, env: &Env, detach: impl FnOnce(sys::napi_value) -> bool) -> bool {
        self.place = None;
        self.drop_buffer(env, detach);
        self.escaped
    }

    fn drop_buffer(&mut self, env: &Env, detach: impl FnOnce(sys::napi_value) -> bool) {
        let Some(buffer) = self.buffer.take() else {
            return;
        };
        let is_gone = match buffer.value(env) {
            // Detached by someone else: its memory is in another ArrayBuffer.
            Some(value) => !is_detached(env, value) && detach(value),
            None => false,
        };
        self.escaped |= !is_gone && !buffer.is_copy;
        // SAFETY: the reference is live and deleted once, here.
        let _ = unsafe { sys::napi_delete_reference(env.raw(), buffer.reference) };
    }
}

/// Detaches an ArrayBuffer; whether that worked.
pub fn detach(env: &Env, buffer: sys::napi_value) -> bool {
    // SAFETY: `buffer` is a live value of this environment.
    unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer) == sys::Status::napi_ok }
}

fn is_detached(env: &Env, buffer: sys::napi_value) -> bool {
    let mut detached = false;
    // SAFETY: `buffer` is a live value of this environment.
    let status = unsafe { sys::napi_is_detached_arraybuffer(env.raw(), buffer, &mut detached) };
    detached || status != sys::Status::napi_ok
}

impl Buffer {
    fn new(env: &Env, place: Place) -> napi::Result<Self> {
        let mut value = ptr::null_mut();
        let mut is_copy = false;
        let external = if std::env::var_os(FORCE_COPIES).is_some() {
            sys::Status::napi_no_external_buffers_allowed
        } else {
            // SAFETY: the bytes stay mapped until `release` has detached the buffer, which the
            // guest's thread waits for, or for good when it has escaped; there is nothing to free.
            unsafe {
                sys::napi_create_external_arraybuffer(
                    env.raw(),
                    place.address as *mut c_void,
                    place.len,
                    None,
                    ptr::null_mut(),
                    &mut value,
                )
            }
        };
        if external == sys::Status::napi_no_external_buffers_allowed {
            let mut bytes = ptr::null_mut();
            // SAFETY: a new buffer of `place.len` bytes, filled from as many of the guest's, whose
            // thread waits for us.
            unsafe {
                check_status!(sys::napi_create_arraybuffer(
                    env.raw(),
                    place.len,
                    &mut bytes,
                    &mut value
                ))?;
                if place.len > 0 {
                    ptr::copy_nonoverlapping(place.address as *const u8, bytes.cast(), place.len);
                }
            }
            is_copy = true;
        } else {
            check_status!(external)?;
        }
        let mut reference = ptr::null_mut();
        // SAFETY: `value` is the ArrayBuffer that was just made.
        check_status!(unsafe { sys::napi_create_reference(env.raw(), value, 1, &mut reference) })?;
        Ok(Self { reference, is_copy })
    }

    fn value(&self, env: &Env) -> Option<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: the reference is live as long as `self`, and strong.
        let status =
            unsafe { sys::napi_get_reference_value(env.raw(), self.reference, &mut value) };
        (status == sys::Status::napi_ok && !value.is_null()).then_some(value)
    }

    fn bytes(&self, env: &Env) -> Option<(*mut c_void, usize)> {
        let value = self.value(env)?;
        let (mut bytes, mut len) = (ptr::null_mut(), 0);
        // SAFETY: `value` is a live ArrayBuffer.
        let status =
            unsafe { sys::napi_get_arraybuffer_info(env.raw(), value, &mut bytes, &mut len) };
        (status == sys::Status::napi_ok && len > 0).then_some((bytes, len))
    }
}

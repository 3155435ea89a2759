//! The guest's memory as JavaScript sees it: one ArrayBuffer over the memory itself, detached when
//! the memory grows or goes away, as `WebAssembly.Memory` does.
//!
//! Where Node may not make buffers over foreign memory (Electron), the ArrayBuffer is a copy: taken
//! when the turn comes to JavaScript, put back when it goes to the guest.
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
}

struct Buffer {
    reference: sys::napi_ref,
    /// The ArrayBuffer's own bytes, where it is a copy.
    copy: Option<*mut c_void>,
}

impl View {
    pub const fn new() -> Self {
        Self {
            place: None,
            buffer: None,
        }
    }

    /// The turn is JavaScript's, and the memory is at `place`.
    pub fn turn_to_js(&mut self, env: &Env, place: Option<Place>) -> napi::Result<()> {
        if self.place != place {
            self.detach(env)?;
            self.place = place;
        }
        if let Some((place, copy)) = self.copied() {
            // SAFETY: both are `place.len` bytes: the ArrayBuffer was made so long and is not
            // detached, and the guest's thread, which waits for us, has just told the place.
            unsafe { ptr::copy_nonoverlapping(place.address as *const u8, copy, place.len) };
        }
        Ok(())
    }

    /// The turn is the guest's.
    pub fn turn_to_guest(&self) {
        if let Some((place, copy)) = self.copied() {
            // SAFETY: as in `turn_to_js`; the guest's thread does not go on before the next message.
            unsafe { ptr::copy_nonoverlapping(copy, place.address as *mut u8, place.len) };
        }
    }

    fn copied(&self) -> Option<(Place, *mut u8)> {
        let copy = self.buffer.as_ref()?.copy?;
        Some((self.place?, copy.cast()))
    }

    /// The ArrayBuffer, made when it is first asked for; `None` while there is no memory.
    pub fn array_buffer(&mut self, env: &Env) -> napi::Result<Option<sys::napi_value>> {
        let Some(place) = self.place else {
            return Ok(None);
        };
        if self.buffer.is_none() {
            self.buffer = Some(Buffer::new(env, place)?);
        }
        let mut value = ptr::null_mut();
        if let Some(buffer) = &self.buffer {
            // SAFETY: the reference is live until `detach` deletes it.
            check_status!(unsafe {
                sys::napi_get_reference_value(env.raw(), buffer.reference, &mut value)
            })?;
        }
        Ok(Some(value))
    }

    /// Whether JavaScript has been given the ArrayBuffer.
    pub fn is_shown(&self) -> bool {
        self.buffer.is_some()
    }

    /// The memory goes away.
    pub fn release(&mut self, env: &Env) -> napi::Result<()> {
        self.place = None;
        self.detach(env)
    }

    fn detach(&mut self, env: &Env) -> napi::Result<()> {
        let Some(buffer) = self.buffer.take() else {
            return Ok(());
        };
        let mut value = ptr::null_mut();
        // SAFETY: the reference is live and deleted once, here; it is strong, so its value is, too.
        unsafe {
            check_status!(sys::napi_get_reference_value(
                env.raw(),
                buffer.reference,
                &mut value
            ))?;
            check_status!(sys::napi_detach_arraybuffer(env.raw(), value))?;
            check_status!(sys::napi_delete_reference(env.raw(), buffer.reference))
        }
    }
}

impl Buffer {
    fn new(env: &Env, place: Place) -> napi::Result<Self> {
        let mut value = ptr::null_mut();
        let mut copy = None;
        let external = if std::env::var_os(FORCE_COPIES).is_some() {
            sys::Status::napi_no_external_buffers_allowed
        } else {
            // SAFETY: the bytes stay mapped until `release`, which detaches the buffer and which
            // the guest's thread waits for; there is nothing to free.
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
            copy = Some(bytes);
        } else {
            check_status!(external)?;
        }
        let mut reference = ptr::null_mut();
        // SAFETY: `value` is the ArrayBuffer that was just made.
        check_status!(unsafe { sys::napi_create_reference(env.raw(), value, 1, &mut reference) })?;
        Ok(Self { reference, copy })
    }
}

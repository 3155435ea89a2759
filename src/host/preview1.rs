//! The functions of WASI preview 1 as the guest calls them: each call is counted, answered by
//! [`Wasi`] or by wasmtime's own implementation, and recorded.
//!
//! What fails for the guest's own fault becomes an error code for the guest; nothing it passes ends
//! the process.

use super::wasi::{Wasi, until_cancelled};
use crate::cancel::Cancelled;
use crate::host::Host;
use crate::host::abi::{Errno, errno};
use crate::host::imports::{Exit, HostFailed};
use wasmtime::{AsContextMut, Caller, Extern, Linker};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as preview1, WasiSnapshotPreview1};
use wiggle::{GuestError, GuestMemory};

pub const MODULE: &str = "wasi_snapshot_preview1";

/// All functions of preview 1.
pub const FUNCTIONS: [&str; 46] = [
    "args_get",
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "random_get",
    "sched_yield",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

/// The arguments that are descriptors; the first one decides whose the call is.
pub fn descriptor_positions(function: &str) -> &'static [usize] {
    match function {
        "fd_renumber" => &[0, 1],
        "path_symlink" => &[2],
        "path_link" => &[0, 4],
        "path_rename" => &[0, 3],
        _ if function.starts_with("fd_")
            || function.starts_with("path_")
            || function.starts_with("sock_") =>
        {
            &[0]
        }
        _ => &[],
    }
}

/// The arguments that point to a path; its length is the next one.
pub fn path_positions(function: &str) -> &'static [usize] {
    match function {
        "path_create_directory"
        | "path_readlink"
        | "path_remove_directory"
        | "path_unlink_file" => &[1],
        "path_filestat_get" | "path_filestat_set_times" | "path_open" => &[2],
        "path_link" => &[2, 5],
        "path_rename" => &[1, 4],
        "path_symlink" => &[0, 3],
        _ => &[],
    }
}

pub fn answered(result: Result<(), Errno>) -> i32 {
    result.err().unwrap_or(errno::SUCCESS)
}

/// What the guest is told that passed a bad pointer or value; `None` for other failures.
fn guest_error(error: &wasmtime::Error) -> Option<Errno> {
    fn errno(error: &GuestError) -> Errno {
        match error {
            GuestError::PtrOverflow | GuestError::PtrOutOfBounds(_) => errno::FAULT,
            GuestError::InvalidUtf8(_) => errno::ILSEQ,
            GuestError::InFunc { err, .. } => errno(err),
            _ => errno::INVAL,
        }
    }
    let mut causes = error.chain();
    causes.find_map(|cause| cause.downcast_ref::<GuestError>().map(errno))
}

/// One call: counted, answered here or by `inner`, recorded.
fn call<const N: usize>(
    caller: &mut Caller<'_, Host>,
    function: &'static str,
    args: [i64; N],
    inner: impl FnOnce(&mut Wasi, &mut [u8], [i64; N]) -> wasmtime::Result<i32>,
) -> wasmtime::Result<i32> {
    let failed = |message: String| HostFailed {
        module: MODULE.to_owned(),
        name: function.to_owned(),
        message,
    };
    let fuel = caller.as_context_mut().hostcall_fuel();
    // Emscripten's modules import the memory, and do not export it.
    let first = caller.data().memories.first().cloned();
    let exported = caller.get_export("memory");
    let memory = exported.or_else(|| caller.get_export(&first?));
    let Some(Extern::Memory(memory)) = memory else {
        let message = "WASI needs the guest's memory: export it as `memory`";
        return Err(failed(message.to_owned()).into());
    };
    let (memory, host) = memory.data_and_store_mut(&mut *caller);
    let Some(wasi) = host.wasi.as_mut() else {
        return Err(failed("there is no WASI".to_owned()).into());
    };
    *wasi.observed.calls.entry(function).or_default() += 1;
    if let Some(errno) = wasi.answer(function, memory, &args) {
        return Ok(errno);
    }
    wasi.inner.set_hostcall_fuel(fuel);
    let inner_args = wasi.to_inner(function, args);
    let errno = match inner(wasi, memory, inner_args) {
        Ok(errno) => errno,
        Err(error) if error.is::<Cancelled>() => return Err(error),
        Err(error) => match guest_error(&error) {
            Some(errno) => return Ok(errno),
            None => return Err(failed(error.root_cause().to_string()).into()),
        },
    };
    match errno {
        errno::SUCCESS => Ok(answered(wasi.after(function, memory, &args))),
        errno::NOENT => {
            wasi.probed(function, memory, &args);
            Ok(errno)
        }
        errno => Ok(errno),
    }
}

/// Links functions that return at once and functions that may wait.
macro_rules! link {
    ($linker:ident, $($kind:ident $function:ident($($arg:ident: $ty:ident),*);)*) => {
        $(
            $linker.func_wrap(
                MODULE,
                stringify!($function),
                |mut caller: Caller<'_, Host>, $($arg: $ty),*| -> wasmtime::Result<i32> {
                    let args = [$(i64::from($arg)),*];
                    call(&mut caller, stringify!($function), args, |wasi, memory, args| {
                        let [$($arg),*] = args;
                        let mut memory = GuestMemory::Unshared(memory);
                        link!(@$kind wasi, preview1::$function(&mut wasi.inner, &mut memory, $($arg as $ty),*))
                    })
                },
            )?;
        )*
    };
    (@now $wasi:ident, $call:expr) => {
        $call
    };
    (@wait $wasi:ident, $call:expr) => {
        $wasi.runtime.block_on(until_cancelled(&$wasi.cancel, $call))
    };
}

/// Links all of preview 1.
///
/// # Errors
///
/// What wasmtime says where it can't define a function.
#[expect(
    clippy::cast_possible_truncation,
    reason = "arguments were widened from the type they are cast to"
)]
pub fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    link! { linker,
        now args_get(a: i32, b: i32);
        now args_sizes_get(a: i32, b: i32);
        now clock_res_get(a: i32, b: i32);
        now clock_time_get(a: i32, b: i64, c: i32);
        now environ_get(a: i32, b: i32);
        now environ_sizes_get(a: i32, b: i32);
        wait fd_advise(a: i32, b: i64, c: i64, d: i32);
        now fd_allocate(a: i32, b: i64, c: i64);
        wait fd_close(a: i32);
        wait fd_datasync(a: i32);
        wait fd_fdstat_get(a: i32, b: i32);
        now fd_fdstat_set_flags(a: i32, b: i32);
        now fd_fdstat_set_rights(a: i32, b: i64, c: i64);
        wait fd_filestat_get(a: i32, b: i32);
        wait fd_filestat_set_size(a: i32, b: i64);
        wait fd_filestat_set_times(a: i32, b: i64, c: i64, d: i32);
        wait fd_pread(a: i32, b: i32, c: i32, d: i64, e: i32);
        now fd_prestat_dir_name(a: i32, b: i32, c: i32);
        now fd_prestat_get(a: i32, b: i32);
        wait fd_pwrite(a: i32, b: i32, c: i32, d: i64, e: i32);
        wait fd_read(a: i32, b: i32, c: i32, d: i32);
        wait fd_renumber(a: i32, b: i32);
        wait fd_seek(a: i32, b: i64, c: i32, d: i32);
        wait fd_sync(a: i32);
        now fd_tell(a: i32, b: i32);
        wait fd_write(a: i32, b: i32, c: i32, d: i32);
        wait path_create_directory(a: i32, b: i32, c: i32);
        wait path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32);
        wait path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32);
        wait path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32);
        wait path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32);
        wait path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
        wait path_remove_directory(a: i32, b: i32, c: i32);
        wait path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
        wait path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32);
        wait path_unlink_file(a: i32, b: i32, c: i32);
        wait poll_oneoff(a: i32, b: i32, c: i32, d: i32);
        now proc_raise(a: i32);
        now random_get(a: i32, b: i32);
        now sched_yield();
        now sock_accept(a: i32, b: i32, c: i32);
        now sock_recv(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
        now sock_send(a: i32, b: i32, c: i32, d: i32, e: i32);
        now sock_shutdown(a: i32, b: i32);
    }
    linker.func_wrap(
        MODULE,
        "fd_readdir",
        |mut caller: Caller<'_, Host>, a: i32, b: i32, c: i32, d: i64, e: i32| {
            let args = [i64::from(a), i64::from(b), i64::from(c), d, i64::from(e)];
            call(&mut caller, "fd_readdir", args, Wasi::fd_readdir)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "proc_exit",
        |mut caller: Caller<'_, Host>, status: i32| -> wasmtime::Result<()> {
            if let Some(wasi) = caller.data_mut().wasi.as_mut() {
                *wasi.observed.calls.entry("proc_exit").or_default() += 1;
            }
            Err(Exit(status).into())
        },
    )?;
    Ok(())
}

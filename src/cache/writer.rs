//! Code to keep in, files out: one thread that writes while runs go on, and then makes room.

use super::Name;
use super::file::{self, EXTENSION, TEMPORARY_PREFIX};
use std::collections::VecDeque;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::Once;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;
use wasmtime::Module;

/// A file that is being written for longer than this was left behind by a process that was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(60 * 60);

/// A disk that takes longer has other problems.
#[cfg(target_os = "linux")]
const LONGEST_WAIT_AT_EXIT: Duration = Duration::from_secs(5);

/// One piece of code to write.
pub struct Write {
    pub name: Name,
    pub module: Module,
    pub temporary: NamedTempFile,
    pub path: PathBuf,
    /// What the folder may hold.
    pub max_bytes: u64,
}

struct Writer {
    waiting: VecDeque<Write>,
    running: bool,
    /// Writes whose file is being made.
    preparing: usize,
}

static WRITER: Mutex<Writer> = Mutex::new(Writer {
    waiting: VecDeque::new(),
    running: false,
    preparing: 0,
});

static IDLE: Condvar = Condvar::new();

/// Makes a file and writes it, both in the background: even making one can wait for a disk.
pub fn write(prepare: impl FnOnce() -> Option<Write> + Send + 'static) {
    finish_at_exit();
    lock().preparing += 1;
    let spawned = Builder::new().spawn(move || {
        let write = catch_unwind(AssertUnwindSafe(prepare));
        let mut writer = lock();
        if let Ok(Some(write)) = write {
            writer.waiting.push_back(write);
            start(&mut writer);
        }
        writer.preparing -= 1;
        IDLE.notify_all();
    });
    if spawned.is_err() {
        // Out of threads: a cache is not worth waiting for.
        lock().preparing -= 1;
    }
}

/// Starts the thread that writes, if it does not run.
fn start(writer: &mut Writer) {
    if !writer.running {
        let spawned = Builder::new()
            .name("wasm-preinit cache".to_owned())
            .spawn(write_all);
        writer.running = spawned.is_ok();
        if spawned.is_err() {
            writer.waiting.clear();
        }
    }
}

/// Waits until everything is written, but no longer than `timeout`.
pub fn finish_writes(timeout: Duration) {
    // A time-out leaves the thread writing, which is all that can be done about it.
    let _ = IDLE
        .wait_timeout_while(lock(), timeout, |writer| {
            writer.running || writer.preparing > 0
        })
        .map(drop);
}

/// Lets the end of the process wait for what is being written, whichever thread has asked for it and
/// whether or not that is still there. Elsewhere, threads are gone by the time that this is called.
#[cfg(target_os = "linux")]
fn finish_at_exit() {
    extern "C" fn finish() {
        finish_writes(LONGEST_WAIT_AT_EXIT);
    }
    static ONCE: Once = Once::new();
    #[expect(unsafe_code, reason = "what the C library calls at the end")]
    // SAFETY: the function takes and returns nothing, never unwinds, and stays loaded: a Node addon
    // for Linux is linked with `-z nodelete`.
    ONCE.call_once(|| {
        let _ = unsafe { libc::atexit(finish) };
    });
}

#[cfg(not(target_os = "linux"))]
fn finish_at_exit() {}

fn lock() -> MutexGuard<'static, Writer> {
    WRITER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_all() {
    loop {
        let mut writer = lock();
        let Some(write) = writer.waiting.pop_front() else {
            writer.running = false;
            IDLE.notify_all();
            return;
        };
        drop(writer);
        // What can't be written is compiled again next time; a panic here must not end the process.
        let _ = catch_unwind(AssertUnwindSafe(|| perform(write)));
    }
}

fn perform(write: Write) -> io::Result<()> {
    let image = write.module.serialize().map_err(io::Error::other)?;
    if image.len() as u64 > write.max_bytes {
        // All others would go for one that has to go as well.
        return Ok(());
    }
    file::write(write.temporary, &write.path, &write.name, &image)?;
    if let Some(directory) = write.path.parent() {
        make_room(directory, write.max_bytes)?;
    }
    Ok(())
}

/// Removes the code that was used longest ago until the rest fits, and what killed processes left.
fn make_room(directory: &Path, max_bytes: u64) -> io::Result<()> {
    let mut total = 0;
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Another process may have removed it by now.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if is_abandoned(&entry, &metadata) {
            let _ = fs::remove_file(entry.path());
        } else if entry.path().extension().is_some_and(|e| e == EXTENSION) {
            total += metadata.len();
            files.push((used, entry.path(), metadata.len()));
        }
    }
    files.sort();
    for (_, path, len) in files {
        if total <= max_bytes {
            break;
        }
        match fs::remove_file(path) {
            Ok(()) => total -= len,
            // Another process that makes room was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => total -= len,
            Err(_) => {}
        }
    }
    Ok(())
}

fn is_abandoned(entry: &DirEntry, metadata: &Metadata) -> bool {
    let is_temporary = entry
        .file_name()
        .to_string_lossy()
        .starts_with(TEMPORARY_PREFIX);
    let age = metadata
        .modified()
        .ok()
        .and_then(|time| time.elapsed().ok());
    is_temporary && age.is_some_and(|age| age > ABANDONED_AFTER)
}

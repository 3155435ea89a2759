//! One file of compiled code: the engine's own image, then a checksum that binds it to its name.
//!
//! ```text
//! image                 ELF, mapped into memory and run
//! name      32 bytes    what the image was stored as
//! checksum  16 bytes    XXH3-128 of all before it
//! ```
//!
//! A file that was torn, damaged or renamed does not match and counts as not there. That is all that
//! the checksum is for; who could forge it could not write the file.

use super::Name;
use super::directory::distrust;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;
use tempfile::NamedTempFile;
use twox_hash::xxhash3_128::Hasher;
use wasmtime::{Engine, Module};

/// Of files that hold code.
pub const EXTENSION: &str = "code";

/// What files begin with that are being written.
pub const TEMPORARY_PREFIX: &str = ".writing-";

const CHECKSUM_BYTES: usize = size_of::<u128>();

/// Fits the cache of one core, where what was read is still when it is hashed.
const BUFFER_BYTES: usize = 256 << 10;

/// Maps the code of a file, if it is whole and nobody else could have written it.
pub fn load(path: &Path, name: &Name, engine: &Engine) -> Option<Module> {
    let mut file = open(path).ok()?;
    if !is_sound(&mut file, name).ok()? {
        return None;
    }
    set_used(&file);
    map(engine, file)
}

/// Notes that a file was used.
pub fn touch(path: &Path) {
    if let Ok(file) = open(path) {
        set_used(&file);
    }
}

/// When the folder is full, what was used last stays. It may be read-only, or another user's.
fn set_used(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}

#[expect(unsafe_code, reason = "compiled code from a file")]
fn map(engine: &Engine, file: File) -> Option<Module> {
    // SAFETY: an engine of this version has written these bytes, as the checksum has just shown, and
    // only this user can write the file. It is never written in place, only replaced.
    unsafe { Module::deserialize_open_file(engine, file) }.ok()
}

#[cfg(not(windows))]
fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    File::open(path)
}

/// Mapping a file's code on Windows wants these rights, and no one else writing.
#[cfg(windows)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    const GENERIC_READ: u32 = 0x8000_0000;
    const GENERIC_EXECUTE: u32 = 0x2000_0000;
    const FILE_SHARE_READ_AND_DELETE: u32 = 0x1 | 0x4;
    std::fs::OpenOptions::new()
        .access_mode(GENERIC_READ | GENERIC_EXECUTE)
        .share_mode(FILE_SHARE_READ_AND_DELETE)
        .open(path)
}

fn is_sound(file: &mut File, name: &Name) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let trailer_len = (name.0.len() + CHECKSUM_BYTES) as u64;
    let Some(image_len) = metadata.len().checked_sub(trailer_len) else {
        return Ok(false);
    };
    if !metadata.is_file() || distrust(&metadata).is_some() {
        return Ok(false);
    }
    let mut hasher = Hasher::new();
    // Read, not mapped: what a mapping has touched counts as this process's memory.
    let mut image = file.take(image_len);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let len = image.read(&mut buffer)?;
        if len == 0 {
            break;
        }
        hasher.write(&buffer[..len]);
    }
    let mut stored_name = [0; blake3::OUT_LEN];
    file.read_exact(&mut stored_name)?;
    hasher.write(&stored_name);
    let mut checksum = [0; CHECKSUM_BYTES];
    file.read_exact(&mut checksum)?;
    Ok(stored_name == name.0 && hasher.finish_128().to_le_bytes() == checksum)
}

/// A new file in the folder that nobody else can write.
pub fn temporary(directory: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .tempfile_in(directory)
}

/// Writes an image and moves it to its name, whole or not at all.
pub fn write(
    mut temporary: NamedTempFile,
    path: &Path,
    name: &Name,
    image: &[u8],
) -> io::Result<()> {
    let mut hasher = Hasher::new();
    hasher.write(image);
    hasher.write(&name.0);
    temporary.write_all(image)?;
    temporary.write_all(&name.0)?;
    temporary.write_all(&hasher.finish_128().to_le_bytes())?;
    temporary.persist(path)?;
    Ok(())
}

//! A path in, a folder that compiled code may be run from out.
//!
//! Whoever can write there can run machine code in this process, so a folder that other users can
//! write is refused. A folder that this process can't write still serves what it holds.

use super::writer::{self, Write};
use super::{Name, file};
use crate::error::{Error, ErrorKind, Result, Stage};
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;
use wasmtime::{Engine, Module};

/// Making a file takes microseconds, and much longer while a disk is busy: then nobody waits for it.
const LONGEST_WAIT_FOR_A_FILE: Duration = Duration::from_millis(20);

/// A folder of compiled code.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
    max_bytes: u64,
}

/// Why a folder can't be used.
enum Unusable {
    /// It is not safe to use it.
    Refused(String),
    /// It can't be made.
    Failed(io::Error),
}

impl Directory {
    /// Opens the folder, and makes it if there is none. Beside it, what keeps it from being used,
    /// where that is no error.
    ///
    /// # Errors
    ///
    /// `ERR_IO` where a folder that the user `named` is no safe one.
    pub fn open(
        path: &Path,
        named: bool,
        max_bytes: u64,
    ) -> Result<(Option<Self>, Option<String>)> {
        let message = match usable(path) {
            Ok(()) => {
                let path = path.to_owned();
                return Ok((Some(Self { path, max_bytes }), None));
            }
            Err(Unusable::Refused(message)) if named => {
                let path = path.display().to_string();
                let kind = ErrorKind::Io { path, message };
                return Err(Error::new(Stage::Options, kind));
            }
            Err(Unusable::Refused(message)) => message,
            Err(Unusable::Failed(error)) => format!("it can't be made: {error}"),
        };
        Ok((None, Some(warning(path, &message))))
    }

    /// The code of this name, if it is there and whole.
    pub fn load(&self, name: &Name, engine: &Engine) -> Option<Module> {
        file::load(&self.file(name), name, engine)
    }

    /// Writes the code beside whatever follows. Says what keeps it from being written, where that shows
    /// at once.
    pub fn store(&self, name: &Name, module: &Module) -> Option<String> {
        let (sender, receiver) = channel();
        let directory = self.path.clone();
        let path = self.file(name);
        let (name, module, max_bytes) = (*name, module.clone(), self.max_bytes);
        writer::write(move || {
            let temporary = file::temporary(&directory);
            // Nobody may listen any more.
            let _ = sender.send(temporary.as_ref().err().map(io::Error::kind));
            Some(Write {
                name,
                module,
                temporary: temporary.ok()?,
                path,
                max_bytes,
            })
        });
        // The error's own text names the temporary file, which is another one each time.
        let problem = receiver.recv_timeout(LONGEST_WAIT_FOR_A_FILE).ok()??;
        Some(warning(
            &self.path,
            &format!("it can't be written: {problem}"),
        ))
    }

    /// Notes that the code was used, wherever it was taken from.
    pub fn touch(&self, name: &Name) {
        file::touch(&self.file(name));
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.path
            .join(format!("{}.{}", name.to_hex(), file::EXTENSION))
    }
}

fn warning(path: &Path, message: &str) -> String {
    format!(
        "the cache of compiled code in {} is not used, so every build compiles again: {message}",
        path.display()
    )
}

fn usable(path: &Path) -> Result<(), Unusable> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(Unusable::Failed)?;
            fs::metadata(path)
        }
        metadata => metadata,
    };
    let metadata = metadata.map_err(Unusable::Failed)?;
    if !metadata.is_dir() {
        return Err(Unusable::Refused("it is not a folder".to_owned()));
    }
    match distrust(&metadata) {
        Some(reason) => Err(Unusable::Refused(format!(
            "{reason}, and what is in it runs as machine code; \
             use a folder of your own that only you can write (`chmod 700`)"
        ))),
        None => Ok(()),
    }
}

/// Makes the folder for this user alone, and those around it as any others.
fn make(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    match builder.create(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Why code in a file or folder like this must not run; none where only this user can write it.
#[cfg(unix)]
pub fn distrust(metadata: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let own = rustix::process::geteuid().as_raw();
    let root = 0;
    if metadata.uid() != own && metadata.uid() != root {
        Some("it belongs to another user")
    } else if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        Some("other users can write it")
    } else {
        None
    }
}

/// A user's folders are for that user alone on Windows.
#[cfg(not(unix))]
pub fn distrust(_: &Metadata) -> Option<&'static str> {
    None
}

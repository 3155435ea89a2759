//! [`Wasi`] options in, a WASI preview 1 context out, with pipes for what is captured.

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::options::{Output, Stdin, Wasi};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// What the guest writes to streams that are captured.
#[derive(Clone, Default)]
pub struct Captured {
    stdout: Option<MemoryOutputPipe>,
    stderr: Option<MemoryOutputPipe>,
}

impl Captured {
    pub fn stdout(&self) -> Option<Vec<u8>> {
        self.stdout.as_ref().map(|pipe| pipe.contents().to_vec())
    }

    pub fn stderr(&self) -> Option<Vec<u8>> {
        self.stderr.as_ref().map(|pipe| pipe.contents().to_vec())
    }
}

/// Builds what the guest sees through WASI.
///
/// # Errors
///
/// `ERR_IO` for a preopen that can't be opened.
pub fn context(options: &Wasi) -> Result<(WasiP1Ctx, Captured)> {
    let mut builder = WasiCtxBuilder::new();
    builder.args(&options.args);
    for (name, value) in &options.env {
        builder.env(name, value);
    }
    match &options.stdin {
        Stdin::Bytes(bytes) => builder.stdin(MemoryInputPipe::new(bytes.clone())),
        Stdin::Inherit => builder.inherit_stdin(),
    };
    let mut captured = Captured::default();
    match options.stdout {
        Output::Inherit => {
            builder.inherit_stdout();
        }
        Output::Ignore => {}
        Output::Capture => {
            let pipe = MemoryOutputPipe::new(usize::MAX);
            builder.stdout(pipe.clone());
            captured.stdout = Some(pipe);
        }
    }
    match options.stderr {
        Output::Inherit => {
            builder.inherit_stderr();
        }
        Output::Ignore => {}
        Output::Capture => {
            let pipe = MemoryOutputPipe::new(usize::MAX);
            builder.stderr(pipe.clone());
            captured.stderr = Some(pipe);
        }
    }
    for preopen in &options.preopens {
        builder
            .preopened_dir(&preopen.host_path, &preopen.guest_path, FsPerms::ReadWrite)
            .map_err(|error| {
                let path = preopen.host_path.display().to_string();
                let message = format!(
                    "it can't be opened as the guest's `{}`: {error:#}",
                    preopen.guest_path
                );
                Error::new(Stage::Instantiate, ErrorKind::Io { path, message })
            })?;
    }
    Ok((builder.build_p1(), captured))
}

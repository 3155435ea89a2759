//! One run, and its result as a JavaScript object: either `wasm` or `failure` is there.

use crate::report::BindingReport;
use crate::threads::catch_panic;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use wasm_preinit::{Error, ErrorKind, Initialized, Options, Stage};

/// A finished run, still on the guest's thread.
pub struct Run(Result<Initialized, Error>);

impl Run {
    /// Runs; a panic is a bug here and becomes `ERR_INTERNAL`.
    pub fn perform(wasm: &[u8], options: impl Into<Options>) -> Self {
        let options = options.into();
        let run = catch_panic(|| {
            inject_fault();
            wasm_preinit::initialize(wasm, &options)
        });
        Self(run.unwrap_or_else(|message| Err(Error::internal(Stage::Run, message))))
    }
}

/// Lets the tests see what a bug here would do, which no input must be able to.
fn inject_fault() {
    assert!(
        std::env::var_os("WASM_PREINIT_INJECT_PANIC").is_none(),
        "a panic was injected by WASM_PREINIT_INJECT_PANIC"
    );
}

#[napi(object, object_from_js = false)]
pub struct Outcome {
    pub wasm: Option<Buffer>,
    pub report: Option<BindingReport>,
    pub failure: Option<Failure>,
}

/// What `InitializeError` is made from.
#[napi(object, object_from_js = false)]
pub struct Failure {
    pub code: &'static str,
    pub stage: &'static str,
    pub message: String,
    pub offset: Option<f64>,
    pub trap: Option<FailureTrap>,
    pub exit_code: Option<i32>,
    pub limit: Option<f64>,
    pub path: Option<String>,
    pub option: Option<&'static str>,
    /// Module and name of the import that it is about.
    pub import_module: Option<String>,
    pub import_name: Option<String>,
    pub stdout: Option<Buffer>,
    pub stderr: Option<Buffer>,
}

#[napi(object, object_from_js = false)]
pub struct FailureTrap {
    pub kind: &'static str,
    pub frames: Vec<FailureFrame>,
}

#[napi(object, object_from_js = false)]
pub struct FailureFrame {
    pub func: String,
    pub offset: Option<f64>,
}

impl From<Run> for Outcome {
    fn from(run: Run) -> Self {
        match run.0 {
            Ok(done) => Self {
                wasm: Some(done.wasm.into()),
                report: done.report.map(Into::into),
                failure: None,
            },
            Err(error) => Self {
                wasm: None,
                report: None,
                failure: Some(error.into()),
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let frames = error.frames().iter().map(|frame| FailureFrame {
            func: frame.func.clone(),
            offset: frame.offset.map(number),
        });
        let frames: Vec<FailureFrame> = frames.collect();
        let mut failure = Self {
            code: error.code(),
            stage: error.stage().name(),
            message: error.to_string(),
            offset: None,
            trap: None,
            exit_code: None,
            limit: None,
            path: None,
            option: None,
            import_module: None,
            import_name: None,
            stdout: error.stdout().map(Into::into),
            stderr: error.stderr().map(Into::into),
        };
        match error.kind() {
            ErrorKind::InvalidOption { option, .. } => failure.option = Some(option),
            ErrorKind::InvalidWasm { offset, .. } => failure.offset = Some(number(*offset)),
            ErrorKind::ImportCalled { module, name, .. } => {
                failure.import_module = Some(module.clone());
                failure.import_name = Some(name.clone());
            }
            ErrorKind::Trap { kind, .. } => {
                failure.trap = Some(FailureTrap {
                    kind: kind.name(),
                    frames,
                });
            }
            ErrorKind::StackLimit { limit, .. } => failure.limit = Some(number(*limit)),
            ErrorKind::Exit(status) => failure.exit_code = Some(*status),
            ErrorKind::Io { path, .. } => failure.path = Some(path.clone()),
            _ => {}
        }
        failure
    }
}

/// Sizes and offsets as JavaScript numbers; all here are far below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "bytes of files and memories are below 2^53"
)]
pub fn number(value: usize) -> f64 {
    value as f64
}

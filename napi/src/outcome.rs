//! One run as a job for a thread, and its result as a JavaScript object: either `wasm` or `failure`
//! is there.

use crate::options::BindingOptions;
use crate::report::{BindingReport, count, paths};
use crate::session::{Bridge, Session, receive};
use crate::threads;
use napi::bindgen_prelude::{Buffer, Env};
use napi_derive::napi;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wasm_preinit::{
    Cancel, Error, ErrorKind, Initialized, Options, Reason, Stage, StageObserver, Warning,
};

/// Makes the JavaScript object, on the JavaScript thread.
pub type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Outcome> + Send>;

/// A finished run, still on the guest's thread.
pub struct Run(Result<Initialized, Error>);

/// A run that is to be performed.
pub struct Job {
    wasm: Vec<u8>,
    options: Options,
    timeout: Option<Duration>,
    cancel: Arc<Cancel>,
    bridge: Option<Arc<Bridge>>,
}

impl Job {
    /// Copies the bytes: the caller may reuse its buffer at once.
    pub fn new(
        wasm: &[u8],
        options: BindingOptions,
        cancel: Arc<Cancel>,
        session: Option<&Session>,
        on_stage: Option<StageObserver>,
    ) -> Self {
        let bridge = session.map(Session::bridge);
        let (mut options, timeout) = options.convert(bridge.clone());
        options.on_stage = on_stage;
        Self {
            wasm: wasm.to_vec(),
            options,
            timeout,
            cancel,
            bridge,
        }
    }

    /// Performs the run when a core is free for it. `settle` is called once: when it is done, or
    /// at once when it is cancelled while nothing can stop it.
    pub fn queue(self, settle: impl FnOnce(Run) + Send + 'static) {
        let stack = self.options.max_stack;
        let perform = self.prepare(settle);
        threads::queue(stack, perform);
    }

    /// Performs the run at once, on a thread that has stack enough, and serves its host functions
    /// on this one meanwhile. It does not queue behind others: this thread, which waits, may be
    /// what they wait for.
    pub fn wait(self, env: &Env, session: Option<&Session>) -> Run {
        if let Some(bridge) = &self.bridge {
            bridge.is_waited_for();
        }
        let (sender, receiver) = channel();
        let stack = self.options.max_stack;
        let cancel = Arc::clone(&self.cancel);
        let perform = self.prepare(move |run| drop(sender.send(run)));
        threads::run(stack, perform);
        if let Some(session) = session {
            session.serve_until_done(env);
        }
        let run = receive(env, &receiver, &cancel);
        run.unwrap_or_else(|| Run(Err(Reason::Aborted.error(Stage::Run))))
    }

    fn prepare(self, settle: impl FnOnce(Run) + Send + 'static) -> impl FnOnce() + Send + 'static {
        let Self {
            wasm,
            options,
            timeout,
            cancel,
            bridge,
        } = self;
        let settle = Mutex::new(Some(settle));
        let settle_once = Arc::new(move |run: Run| {
            let settle = settle.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(bridge) = &bridge {
                bridge.finish();
            }
            if let Some(settle) = settle {
                settle(run);
            }
        });
        let abandon = Arc::clone(&settle_once);
        cancel.on_abandon(move |reason: Reason| abandon(Run(Err(reason.error(Stage::Compile)))));
        if let Some(timeout) = timeout {
            cancel.after(timeout);
        }
        move || {
            let run = Run::perform(&wasm, &options, &cancel);
            drop(options);
            cancel.finish();
            settle_once(run);
            // Freeing megabytes takes a while, and nobody waits for it.
            drop(wasm);
        }
    }
}

impl Run {
    /// Runs; a panic is a bug here and becomes `ERR_INTERNAL`.
    fn perform(wasm: &[u8], options: &Options, cancel: &Arc<Cancel>) -> Self {
        let run = threads::catch_panic(|| {
            inject_fault();
            wasm_preinit::initialize_with(wasm, options, cancel)
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
    pub warnings: Vec<OutcomeWarning>,
    pub failure: Option<Failure>,
}

/// What a run that went well should still tell.
#[napi(object, object_from_js = false)]
pub struct OutcomeWarning {
    pub code: &'static str,
    pub message: String,
}

/// What `InitializeError` is made from.
#[napi(object, object_from_js = false)]
pub struct Failure {
    pub code: &'static str,
    pub stage: &'static str,
    pub message: String,
    pub offset: Option<f64>,
    pub trap: Option<FailureTrap>,
    pub frames: Option<Vec<FailureFrame>>,
    pub exit_code: Option<i32>,
    pub limit: Option<f64>,
    pub path: Option<String>,
    pub option: Option<String>,
    /// Module and name of the import that it is about.
    pub import_module: Option<String>,
    pub import_name: Option<String>,
    /// Whether the import threw.
    pub import_threw: bool,
    /// All imports that are missing.
    pub imports: Option<Vec<FailureImport>>,
    pub files_read: Option<Vec<String>>,
    pub paths_probed: Option<Vec<String>>,
    pub directories_read: Option<Vec<String>>,
    pub stdout: Option<Buffer>,
    pub stderr: Option<Buffer>,
}

#[napi(object, object_from_js = false)]
pub struct FailureImport {
    pub module: String,
    pub name: String,
}

#[napi(object, object_from_js = false)]
pub struct FailureTrap {
    pub kind: &'static str,
    pub frames: Vec<FailureFrame>,
}

#[derive(Clone)]
#[napi(object, object_from_js = false)]
pub struct FailureFrame {
    pub func: String,
    pub offset: Option<f64>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

impl From<&Warning> for OutcomeWarning {
    fn from(warning: &Warning) -> Self {
        Self {
            code: warning.code(),
            message: warning.message().to_owned(),
        }
    }
}

impl From<Run> for Outcome {
    fn from(run: Run) -> Self {
        match run.0 {
            Ok(done) => Self {
                wasm: Some(done.wasm.into()),
                report: done.report.map(Into::into),
                warnings: done.warnings.iter().map(Into::into).collect(),
                failure: None,
            },
            Err(error) => Self {
                wasm: None,
                report: None,
                warnings: Vec::new(),
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
            file: frame.file.clone(),
            line: frame.line,
        });
        let frames: Vec<FailureFrame> = frames.collect();
        let has_frames = !frames.is_empty();
        let mut failure = Self {
            code: error.code(),
            stage: error.stage().name(),
            message: error.to_string(),
            offset: None,
            trap: None,
            frames: None,
            exit_code: None,
            limit: None,
            path: None,
            option: None,
            import_module: None,
            import_name: None,
            import_threw: matches!(error.kind(), ErrorKind::ImportFailed { threw: true, .. }),
            imports: None,
            files_read: error.paths().map(|it| paths(&it.files_read)),
            paths_probed: error.paths().map(|it| paths(&it.paths_probed)),
            directories_read: error.paths().map(|it| paths(&it.directories_read)),
            stdout: error.stdout().map(Into::into),
            stderr: error.stderr().map(Into::into),
        };
        match error.kind() {
            ErrorKind::InvalidOption { option, .. } => failure.option = Some(option.clone()),
            ErrorKind::InvalidWasm { offset, .. } => failure.offset = Some(number(*offset)),
            ErrorKind::ImportCalled { module, name, .. }
            | ErrorKind::ImportFailed { module, name, .. } => {
                failure.import_module = Some(module.clone());
                failure.import_name = Some(name.clone());
            }
            ErrorKind::Trap { kind, .. } => {
                failure.trap = Some(FailureTrap {
                    kind: kind.name(),
                    frames: frames.clone(),
                });
            }
            ErrorKind::StackLimit { limit, .. } | ErrorKind::MemoryLimit { limit } => {
                failure.limit = Some(number(*limit));
            }
            ErrorKind::Timeout { limit } => failure.limit = Some(count(*limit)),
            ErrorKind::ImportMissing { imports } => {
                let imports = imports.iter().map(|(module, name)| FailureImport {
                    module: module.clone(),
                    name: name.clone(),
                });
                failure.imports = Some(imports.collect());
            }
            ErrorKind::Exit(status) => failure.exit_code = Some(*status),
            ErrorKind::Io { path, .. } => failure.path = Some(path.clone()),
            _ => {}
        }
        failure.frames = has_frames.then_some(frames);
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

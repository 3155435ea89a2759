//! What can go wrong: one boxed [`Error`] for all stages.
//!
//! A kind says the cause and, in its message, the remedy; [`Error::code`] is the stable name that
//! JavaScript sees. Offsets are byte offsets in the user's own file, never in instrumented bytes.

use crate::host::wasi::Wasi;
use crate::report::HostPaths;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One failure of one run. A single word wide, so that `Result` stays small.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    stage: Stage,
    stdout: Option<Vec<u8>>,
    stderr: Option<Vec<u8>>,
    paths: Option<HostPaths>,
}

/// Where in the pipeline it happened; the names are those of the report's timings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    Options,
    Parse,
    Instrument,
    Compile,
    Instantiate,
    Run,
    Snapshot,
    Rewrite,
    Verify,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Parse => "parse",
            Self::Instrument => "instrument",
            Self::Compile => "compile",
            Self::Instantiate => "instantiate",
            Self::Run => "run",
            Self::Snapshot => "snapshot",
            Self::Rewrite => "rewrite",
            Self::Verify => "verify",
        }
    }
}

/// The cause of a failure, with what a caller needs to act on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option has a value that can't be used with this module.
    #[error("{message} (option `{option}`)")]
    InvalidOption { option: String, message: String },

    /// The bytes are neither a valid module nor valid WAT text.
    #[error("invalid WebAssembly: {message} (at byte offset {offset:#x})")]
    InvalidWasm { message: String, offset: usize },

    /// The module has no export of the wanted name.
    #[error(
        "the module exports no function {}; {}",
        quoted_or(wanted),
        candidates_text(candidates)
    )]
    InitFuncMissing {
        wanted: Vec<String>,
        candidates: Vec<String>,
    },

    /// The export exists, but can't be called as an init function.
    #[error(
        "the export `{name}` can't be the init function: {reason}; {}",
        candidates_text(candidates)
    )]
    InitFuncType {
        name: String,
        reason: String,
        candidates: Vec<String>,
    },

    /// State or a module shape that a snapshot can't hold.
    #[error("{0}")]
    Unsupported(String),

    /// Init called a function import that nobody supplied.
    #[error(
        "the init function called the import `{module}.{name}`, which is not supplied; {}",
        remedy(module, name)
    )]
    ImportCalled {
        module: String,
        name: String,
        frames: Vec<Frame>,
    },

    /// Imports that must be there are not; as (module, name).
    #[error("{}", missing_text(imports))]
    ImportMissing { imports: Vec<(String, String)> },

    /// A host function failed otherwise than by an error code to the guest.
    #[error("the import `{module}.{name}`, which the init function called, failed: {message}")]
    ImportFailed {
        module: String,
        name: String,
        message: String,
        /// Whether it was a function of the embedder, which threw.
        threw: bool,
    },

    /// The guest trapped.
    #[error("the `{function}` function trapped: {message}{}", frames_text(frames))]
    Trap {
        function: String,
        kind: TrapKind,
        message: String,
        frames: Vec<Frame>,
    },

    /// The guest called `proc_exit` with a status other than zero.
    #[error("the guest called proc_exit with status {0}; only status 0 ends init well")]
    Exit(i32),

    /// The guest waits for another thread, and not for a time.
    #[error(
        "init waits for another thread, and there is none while it runs, so it would wait forever: \
         keep threads, and what waits for them, out of init{}",
        frames_text(frames)
    )]
    Deadlock { frames: Vec<Frame> },

    /// The guest's stack is exhausted.
    #[error(
        "the guest used more than {limit} bytes of stack, most likely in a recursion without end{}",
        frames_text(frames)
    )]
    StackLimit { limit: usize, frames: Vec<Frame> },

    /// The guest wants more memory than it may have.
    #[error(
        "the guest's memories and tables need more than the {limit} bytes that `maxMemory` allows: \
         raise it, or look for an init function that allocates without end"
    )]
    MemoryLimit { limit: usize },

    /// The host could not give the guest the memory it declares.
    #[error(
        "the guest's memories and tables can't be allocated: {message}; declare smaller minimums"
    )]
    MemoryUnavailable { message: String },

    /// The run took too long.
    #[error(
        "the run took more than {limit} ms, which `timeout` allows: \
         raise it, or look for an init function that waits or loops without end"
    )]
    Timeout { limit: u64 },

    /// The caller's signal was aborted.
    #[error("the run was aborted")]
    Aborted,

    /// A path of the host can't be used.
    #[error("can't use `{path}`: {message}")]
    Io { path: String, message: String },

    /// A bug in this package.
    #[error(
        "internal error: {0}; this is a bug in wasm-preinit: please report it, with the module if you can share it"
    )]
    Internal(String),
}

/// Why wasm execution stopped; the names are part of the public contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrapKind {
    Unreachable,
    MemoryOutOfBounds,
    TableOutOfBounds,
    NullReference,
    BadSignature,
    IntegerOverflow,
    IntegerDivideByZero,
    BadConversionToInteger,
    UnalignedAtomic,
    UncaughtException,
    Other,
}

impl TrapKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::MemoryOutOfBounds => "memory-out-of-bounds",
            Self::TableOutOfBounds => "table-out-of-bounds",
            Self::NullReference => "null-reference",
            Self::BadSignature => "bad-signature",
            Self::IntegerOverflow => "integer-overflow",
            Self::IntegerDivideByZero => "integer-divide-by-zero",
            Self::BadConversionToInteger => "bad-conversion-to-integer",
            Self::UnalignedAtomic => "unaligned-atomic",
            Self::UncaughtException => "uncaught-exception",
            Self::Other => "other",
        }
    }
}

/// One guest function on the stack when it stopped, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The name from the name section, else `wasm-function[INDEX]`.
    pub func: String,
    /// Byte offset of the instruction in the user's file, where known.
    pub offset: Option<usize>,
    /// The source file and line, where the module has debug information.
    pub file: Option<String>,
    pub line: Option<u32>,
}

impl Error {
    pub fn new(stage: Stage, kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            stage,
            stdout: None,
            stderr: None,
            paths: None,
        }))
    }

    pub fn unsupported(stage: Stage, message: impl Into<String>) -> Self {
        Self::new(stage, ErrorKind::Unsupported(message.into()))
    }

    pub fn internal(stage: Stage, message: impl Into<String>) -> Self {
        Self::new(stage, ErrorKind::Internal(message.into()))
    }

    pub fn option(option: impl Into<String>, message: impl Into<String>) -> Self {
        let (option, message) = (option.into(), message.into());
        Self::new(Stage::Options, ErrorKind::InvalidOption { option, message })
    }

    /// What reading the user's bytes with wasmparser says.
    pub fn invalid(error: &wasmparser::BinaryReaderError) -> Self {
        Self::new(
            Stage::Parse,
            ErrorKind::InvalidWasm {
                message: error.message().to_owned(),
                offset: error.offset(),
            },
        )
    }

    /// Adds what the guest did before the run failed: what it had written to captured streams, and
    /// which files it had asked for.
    #[must_use]
    pub fn with_wasi(mut self, wasi: Option<&Wasi>) -> Self {
        self.0.stdout = wasi.and_then(Wasi::stdout);
        self.0.stderr = wasi.and_then(Wasi::stderr);
        self.0.paths = wasi.map(Wasi::host_paths);
        self
    }

    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    pub fn stdout(&self) -> Option<&[u8]> {
        self.0.stdout.as_deref()
    }

    pub fn stderr(&self) -> Option<&[u8]> {
        self.0.stderr.as_deref()
    }

    pub fn paths(&self) -> Option<&HostPaths> {
        self.0.paths.as_ref()
    }

    /// The stable code that JavaScript sees.
    pub fn code(&self) -> &'static str {
        match self.kind() {
            ErrorKind::InvalidOption { .. } => "ERR_INVALID_OPTION",
            ErrorKind::InvalidWasm { .. } => "ERR_INVALID_WASM",
            ErrorKind::InitFuncMissing { .. } => "ERR_INIT_FUNC_MISSING",
            ErrorKind::InitFuncType { .. } => "ERR_INIT_FUNC_TYPE",
            ErrorKind::Unsupported(_) | ErrorKind::Deadlock { .. } => "ERR_UNSUPPORTED",
            ErrorKind::ImportCalled { .. } => "ERR_IMPORT_CALLED",
            ErrorKind::ImportFailed { .. } => "ERR_IMPORT_FAILED",
            ErrorKind::Trap { .. } => "ERR_TRAP",
            ErrorKind::Exit(_) => "ERR_EXIT",
            ErrorKind::StackLimit { .. } => "ERR_STACK_LIMIT",
            ErrorKind::ImportMissing { .. } => "ERR_IMPORT_MISSING",
            ErrorKind::MemoryLimit { .. } | ErrorKind::MemoryUnavailable { .. } => {
                "ERR_MEMORY_LIMIT"
            }
            ErrorKind::Timeout { .. } => "ERR_TIMEOUT",
            ErrorKind::Aborted => "ABORTED",
            ErrorKind::Io { .. } => "ERR_IO",
            ErrorKind::Internal(_) => "ERR_INTERNAL",
        }
    }

    /// The guest's stack, for the kinds that have one.
    pub fn frames(&self) -> &[Frame] {
        match self.kind() {
            ErrorKind::Trap { frames, .. }
            | ErrorKind::Deadlock { frames }
            | ErrorKind::StackLimit { frames, .. }
            | ErrorKind::ImportCalled { frames, .. } => frames,
            _ => &[],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for Error {}

/// How many names or frames a message shows before it says how many more there are.
const LIST_LENGTH: usize = 10;

fn quoted_or(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

fn candidates_text(candidates: &[String]) -> String {
    if candidates.is_empty() {
        return "it exports no function without parameters and results that could be one: \
                export a function of type [] -> [] from your program"
            .to_owned();
    }
    let shown: Vec<String> = candidates
        .iter()
        .take(LIST_LENGTH)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = candidates.len().saturating_sub(LIST_LENGTH);
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!(
        "exports that would fit: {}{more}; name one with the option `initFunc` (`-f` on the command line)",
        shown.join(", ")
    )
}

/// Imports by which programs start threads: those of wasi-threads and of Emscripten.
const SPAWNS: [(&str, &str); 3] = [
    ("wasi", "thread-spawn"),
    ("env", "__pthread_create_js"),
    ("env", "_emscripten_create_wasm_worker"),
];

fn remedy(import_module: &str, name: &str) -> &'static str {
    if SPAWNS.contains(&(import_module, name)) {
        "a thread can't be part of what the output starts with: let the program start its threads \
         after init; one that can do without is told so by an import that fails (option `imports`)"
    } else if import_module.starts_with("wasi_") {
        "allow WASI with the option `wasi: true` (`--allow-wasi` on the command line)"
    } else {
        "supply it with the option `imports` or `preload`, or keep the call out of init"
    }
}

fn missing_text(imports: &[(String, String)]) -> String {
    let names: Vec<String> = imports
        .iter()
        .map(|(module, name)| format!("`{module}.{name}`"))
        .collect();
    format!(
        "these imports are not supplied: {}; supply them with the option `imports` or `preload`",
        names.join(", ")
    )
}

fn frames_text(frames: &[Frame]) -> String {
    let mut text = String::new();
    for frame in frames.iter().take(LIST_LENGTH) {
        text.push_str("\n    at ");
        text.push_str(&frame.func);
        match (&frame.file, frame.line, frame.offset) {
            (Some(file), Some(line), _) => text.push_str(&format!(" ({file}:{line})")),
            (Some(file), None, _) => text.push_str(&format!(" ({file})")),
            (None, _, Some(offset)) => text.push_str(&format!(" ({offset:#x})")),
            (None, _, None) => {}
        }
    }
    if frames.len() > LIST_LENGTH {
        text.push_str(&format!("\n    … {} more", frames.len() - LIST_LENGTH));
    }
    text
}

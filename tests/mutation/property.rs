//! Any bytes go in; what became of them comes out, or what a whole run must never come to.
//!
//! A run ends with a module that is valid or with an error that has a code and is no bug. What is
//! called invalid is invalid, and nothing invalid is pre-initialized. A run takes no more time and
//! memory than it is given, as long as compiling the bytes takes little.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use wasm_preinit::{
    Cancel, DEFAULT_MAX_STACK_BYTES, EngineChoice, Options, Output, Stdin, Wasi, initialize_with,
    inspect, text,
};
use wasmparser::{Validator, WasmFeatures};

/// What the addon gives to a guest and to all else on the thread that runs it.
pub const STACK_BYTES: usize = DEFAULT_MAX_STACK_BYTES + (8 << 20);

/// What the guest may allocate.
pub const MEMORY_BYTES: usize = 64 << 20;

/// What became of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Initialized,
    /// The code of the error.
    Failed(&'static str),
}

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Setting {
    pub init_func: Option<String>,
    pub engine: EngineChoice,
    pub keep_init_func: bool,
    pub zero_dead_stack: bool,
    pub report: bool,
    /// After it, the guest is stopped.
    pub timeout: Duration,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            init_func: None,
            engine: EngineChoice::Auto,
            keep_init_func: false,
            zero_dead_stack: false,
            report: true,
            timeout: Duration::from_millis(100),
        }
    }
}

impl Setting {
    fn options(&self) -> Options {
        Options {
            init_func: self.init_func.clone(),
            keep_init_func: self.keep_init_func,
            engine: self.engine,
            zero_dead_stack: self.zero_dead_stack,
            max_memory: Some(MEMORY_BYTES),
            report: self.report,
            verify: self.report,
            wasi: Some(Wasi {
                stdin: Stdin::Bytes(b"input".to_vec()),
                stdout: Output::Ignore,
                stderr: Output::Ignore,
                files: vec![("folder/file".to_owned(), b"contents".to_vec())],
                ..Wasi::default()
            }),
            ..Options::default()
        }
    }
}

/// Looks at the bytes and runs them.
///
/// # Errors
///
/// What is wrong with the package, as a text for people.
pub fn check(wasm: &[u8], setting: &Setting) -> Result<End, String> {
    let cancel = Cancel::new();
    cancel.after(setting.timeout);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let looked = inspect(wasm).map(drop);
        (looked, initialize_with(wasm, &setting.options(), &cancel))
    }));
    cancel.finish();
    let Ok((looked, run)) = result else {
        return Err("it panicked".to_owned());
    };
    if let Err(error) = looked
        && !is_coded(error.code())
    {
        return Err(format!("looking at it: {} {error}", error.code()));
    }
    match run {
        Ok(initialized) => {
            let input = input_validity(wasm);
            input.map_err(|error| format!("an invalid module was pre-initialized: {error}"))?;
            let output = validate(&initialized.wasm);
            output.map_err(|error| format!("the output is not valid: {error}"))?;
            Ok(End::Initialized)
        }
        Err(error) if error.code() == "ERR_INVALID_WASM" && input_validity(wasm).is_ok() => {
            Err(format!("a valid module was called invalid: {error}"))
        }
        Err(error) if is_coded(error.code()) => Ok(End::Failed(error.code())),
        Err(error) => Err(format!("{} {error}", error.code())),
    }
}

fn is_coded(code: &str) -> bool {
    code.starts_with("ERR_") && code != "ERR_INTERNAL"
}

fn input_validity(wasm: &[u8]) -> Result<(), String> {
    let binary = text::to_binary(wasm).map_err(|error| error.to_string())?;
    validate(&binary)
}

fn validate(wasm: &[u8]) -> Result<(), String> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let validated = validator.validate_all(wasm);
    validated.map(drop).map_err(|error| error.to_string())
}

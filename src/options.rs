//! What a caller may choose, already checked for type by the caller's side of the binding.
//!
//! Names and defaults are those of the public JavaScript options; what depends on the module (does
//! a renamed export exist?) is checked by the stage that knows the module.

use std::path::PathBuf;

/// The most data segments an engine with the JavaScript API's implementation limits must accept.
/// <https://webassembly.github.io/spec/js-api/#limits>
pub const DATA_SEGMENTS_LIMIT: usize = 100_000;

/// The most data segments in an output that is not told otherwise: far below
/// [`DATA_SEGMENTS_LIMIT`], as every segment costs an engine time at each start.
pub const DEFAULT_MAX_DATA_SEGMENTS: usize = 10_000;

#[derive(Clone, Debug)]
pub struct Options {
    /// The init export; `None` takes the first of [`crate::module::DEFAULT_INIT_FUNCS`] there is.
    pub init_func: Option<String>,
    pub keep_init_func: bool,
    pub rename_funcs: Vec<Rename>,
    pub wasi: Option<Wasi>,
    pub engine: EngineChoice,
    pub max_data_segments: usize,
    /// Whether to make a report; it costs one more look at every live byte.
    pub report: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            init_func: None,
            keep_init_func: false,
            rename_funcs: Vec::new(),
            wasi: None,
            engine: EngineChoice::Auto,
            max_data_segments: DEFAULT_MAX_DATA_SEGMENTS,
            report: false,
        }
    }
}

/// The output exports under `destination` what the input exports under `source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    pub destination: String,
    pub source: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The baseline compiler where it can compile the module, else the optimizing one.
    #[default]
    Auto,
    Baseline,
    Optimizing,
}

/// What the guest sees through WASI preview 1.
#[derive(Clone, Debug, Default)]
pub struct Wasi {
    pub args: Vec<String>,
    /// In the order the guest reads them.
    pub env: Vec<(String, String)>,
    pub stdin: Stdin,
    pub stdout: Output,
    pub stderr: Output,
    pub preopens: Vec<Preopen>,
}

#[derive(Clone, Debug)]
pub enum Stdin {
    Bytes(Vec<u8>),
    Inherit,
}

impl Default for Stdin {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    #[default]
    Inherit,
    Ignore,
    Capture,
}

/// A host directory that the guest sees under `guest_path`.
#[derive(Clone, Debug)]
pub struct Preopen {
    pub guest_path: String,
    pub host_path: PathBuf,
}

//! What a caller may choose, already checked for type by the caller's side of the binding.
//!
//! Names and defaults are those of the public JavaScript options; what depends on the module (does
//! a renamed export exist?) is checked by the stage that knows the module.

use crate::error::Stage;
use crate::host::functions::HostFunctions;
use crate::strip::Strip;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The most data segments an engine with the JavaScript API's implementation limits must accept.
/// <https://webassembly.github.io/spec/js-api/#limits>
pub const DATA_SEGMENTS_LIMIT: usize = 100_000;

/// The most data segments in an output that is not told otherwise: far below
/// [`DATA_SEGMENTS_LIMIT`], as every segment costs an engine time at each start.
pub const DEFAULT_MAX_DATA_SEGMENTS: usize = 10_000;

/// Stack for the guest that is not told otherwise: V8 gives a tenth of it, and deep parsers want
/// more than that.
pub const DEFAULT_MAX_STACK_BYTES: usize = 8 << 20;

#[derive(Clone, Debug)]
pub struct Options {
    /// The init export; `None` takes the first of [`crate::module::DEFAULT_INIT_FUNCS`] there is.
    pub init_func: Option<String>,
    pub keep_init_func: bool,
    pub rename_funcs: Vec<Rename>,
    pub imports: Option<Imports>,
    /// Whether a function import that nobody supplies is an error before anything runs.
    pub undefined_imports_error: bool,
    /// Modules that satisfy imports during init, as (name, bytes), in the order of instantiation.
    pub preloads: Vec<(String, Vec<u8>)>,
    pub wasi: Option<Wasi>,
    pub engine: EngineChoice,
    /// Compiled code is kept here and in this process; `None` keeps none and uses none.
    pub cache: Option<Cache>,
    /// Bytes over all memories and tables.
    pub max_memory: Option<usize>,
    /// Bytes of guest stack.
    pub max_stack: usize,
    pub zero_dead_stack: bool,
    pub strip: Strip,
    /// `None` is [`DEFAULT_MAX_DATA_SEGMENTS`], or as many as the module needs.
    pub max_data_segments: Option<usize>,
    /// Proposals that the module must not use, by the names of the feature list.
    pub refused_features: Vec<String>,
    /// Which imports become definitions of the output.
    pub internalize: Internalize,
    /// Whether to compare the state that the output starts with and the guest's.
    pub verify: bool,
    /// Hears of each stage as it begins.
    pub on_stage: Option<StageObserver>,
    /// Whether to make a report; it costs one more look at every live byte.
    pub report: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            init_func: None,
            keep_init_func: false,
            rename_funcs: Vec::new(),
            imports: None,
            undefined_imports_error: false,
            preloads: Vec::new(),
            wasi: None,
            engine: EngineChoice::Auto,
            cache: None,
            max_memory: None,
            max_stack: DEFAULT_MAX_STACK_BYTES,
            zero_dead_stack: false,
            strip: Strip::default(),
            max_data_segments: None,
            refused_features: Vec::new(),
            internalize: Internalize::default(),
            verify: false,
            on_stage: None,
            report: false,
        }
    }
}

impl Options {
    /// Says that a stage begins.
    pub fn enter(&self, stage: Stage) {
        if let Some(StageObserver(observe)) = &self.on_stage {
            observe(stage);
        }
    }
}

/// All imports of a kind or none: so no index moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Internalize {
    pub memories: bool,
    pub tables: bool,
    pub globals: bool,
}

/// Called on the run's thread, and not to wait there.
#[derive(Clone)]
pub struct StageObserver(pub Arc<dyn Fn(Stage) + Send + Sync>);

impl fmt::Debug for StageObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StageObserver")
    }
}

/// The output exports under `destination` what the input exports under `source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    pub destination: String,
    pub source: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EngineChoice {
    /// The baseline compiler where it can compile the module, else the optimizing one.
    #[default]
    Auto,
    Baseline,
    Optimizing,
}

/// The folder of compiled code.
#[derive(Clone, Debug)]
pub struct Cache {
    pub directory: PathBuf,
    /// Whether the user has named it: then it is an error, not a warning, if it is not safe to use.
    pub named: bool,
    /// What it may hold; the code that was used longest ago goes first.
    pub max_bytes: u64,
}

/// What the host supplies beside WASI and preloads.
#[derive(Clone)]
pub struct Imports {
    /// (module, name) of each function, numbered by position.
    pub functions: Vec<(String, String)>,
    pub globals: Vec<ImportedGlobal>,
    pub memories: Vec<ImportedMemory>,
    pub tables: Vec<ImportedTable>,
    pub host: Arc<dyn HostFunctions>,
}

impl fmt::Debug for Imports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imports")
            .field("functions", &self.functions)
            .field("globals", &self.globals)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub struct ImportedGlobal {
    pub module: String,
    pub name: String,
    pub value: GlobalValue,
}

/// What the guest's memory holds at first where it imports one.
#[derive(Clone, Debug)]
pub struct ImportedMemory {
    pub module: String,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// How many elements, all null, the guest's table has at first where it imports one.
#[derive(Clone, Debug)]
pub struct ImportedTable {
    pub module: String,
    pub name: String,
    pub size: u64,
}

/// A JavaScript value for a global: i64 globals take a bigint, all other numeric ones a number, and those
/// of references null, or whatever there is where they take any value of the host.
#[derive(Clone, Copy, Debug)]
pub enum GlobalValue {
    Number(f64),
    BigInt(i64),
    Null,
    /// A value that the guest can't look into.
    Host,
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
    /// A read-only tree in memory, as (guest path, contents).
    pub files: Vec<(String, Vec<u8>)>,
    pub random: Random,
    pub clock: Clock,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Random {
    /// Bytes that depend on the module alone.
    #[default]
    Deterministic,
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Time begins at these nanoseconds since 1970 and advances by calls, not by time.
    Fixed(u64),
    Host,
}

impl Default for Clock {
    fn default() -> Self {
        Self::Fixed(0)
    }
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

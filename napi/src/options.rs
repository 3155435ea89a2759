//! The options as `index.js` hands them over, checked and normalized there, to the core's options.

use crate::messages::JsNumber;
use crate::session::Bridge;
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wasm_preinit::{
    Cache, Clock, EngineChoice, GlobalValue, ImportedGlobal, ImportedMemory, ImportedTable,
    Imports, Internalize, Options, Output, Preopen, Random, Rename, Stdin, Strip, Wasi,
};

#[napi(object, object_to_js = false)]
pub struct BindingOptions {
    pub init_func: Option<String>,
    pub keep_init_func: bool,
    pub rename_funcs: Vec<Pair>,
    pub imports: Option<BindingImports>,
    pub undefined_imports_error: bool,
    pub preload: Vec<NamedBytes>,
    pub wasi: Option<BindingWasi>,
    #[napi(ts_type = "'auto' | 'baseline' | 'optimizing'")]
    pub engine: String,
    pub cache: Option<BindingCache>,
    /// Milliseconds.
    pub timeout: Option<f64>,
    /// Bytes.
    pub max_memory: Option<f64>,
    /// Bytes.
    pub max_stack: f64,
    pub zero_dead_stack: bool,
    /// Names of custom sections; absent to drop all.
    pub strip: Option<Vec<String>>,
    pub max_data_segments: Option<u32>,
    pub refuse_features: Vec<String>,
    #[napi(ts_type = "Array<'memory' | 'table' | 'global'>")]
    pub internalize: Vec<String>,
    pub verify: bool,
    pub report: bool,
}

/// The folder of compiled code.
#[napi(object, object_to_js = false)]
pub struct BindingCache {
    pub directory: String,
    /// Whether the user has chosen the folder.
    pub named: bool,
    /// What the folder may hold.
    pub max_bytes: f64,
}

/// One entry of a record, in the record's order.
#[napi(object, object_to_js = false)]
pub struct Pair {
    pub key: String,
    pub value: String,
}

#[napi(object, object_to_js = false)]
pub struct NamedBytes {
    pub name: String,
    pub bytes: Uint8Array,
}

/// What JavaScript supplies; functions are called by their position.
#[napi(object, object_to_js = false)]
pub struct BindingImports {
    pub functions: Vec<ImportName>,
    pub globals: Vec<ImportValue>,
    pub memories: Vec<ImportBytes>,
    pub tables: Vec<ImportSize>,
}

/// How many elements a table has at first.
#[napi(object, object_to_js = false)]
pub struct ImportSize {
    pub module: String,
    pub name: String,
    pub size: u32,
}

/// What a memory holds at first.
#[napi(object, object_to_js = false)]
pub struct ImportBytes {
    pub module: String,
    pub name: String,
    pub bytes: Uint8Array,
}

#[napi(object, object_to_js = false)]
pub struct ImportName {
    pub module: String,
    pub name: String,
}

#[napi(object, object_to_js = false)]
pub struct ImportValue {
    pub module: String,
    pub name: String,
    /// Absent for a reference.
    #[napi(ts_type = "number | bigint")]
    pub value: Option<JsNumber>,
    /// Whether the reference is null.
    pub null: bool,
}

#[napi(object, object_to_js = false)]
pub struct BindingWasi {
    pub args: Vec<String>,
    pub env: Vec<Pair>,
    /// Bytes to read; absent to inherit the process's.
    pub stdin: Option<Uint8Array>,
    #[napi(ts_type = "'inherit' | 'ignore' | 'capture'")]
    pub stdout: String,
    #[napi(ts_type = "'inherit' | 'ignore' | 'capture'")]
    pub stderr: String,
    pub preopens: Vec<Pair>,
    pub files: Vec<NamedBytes>,
    pub host_random: bool,
    /// Milliseconds since 1970; absent for the host's clocks.
    pub clock: Option<f64>,
}

impl BindingOptions {
    /// The core's options, and the time that the run may take.
    pub fn convert(self, bridge: Option<Arc<Bridge>>) -> (Options, Option<Duration>) {
        let timeout = self.timeout.map(milliseconds);
        (self.without_timeout(bridge), timeout)
    }

    fn without_timeout(self, bridge: Option<Arc<Bridge>>) -> Options {
        Options {
            init_func: self.init_func,
            keep_init_func: self.keep_init_func,
            rename_funcs: self
                .rename_funcs
                .into_iter()
                .map(|pair| Rename {
                    destination: pair.key,
                    source: pair.value,
                })
                .collect(),
            imports: self.imports.zip(bridge).map(|(imports, bridge)| Imports {
                functions: imports
                    .functions
                    .into_iter()
                    .map(|import| (import.module, import.name))
                    .collect(),
                globals: imports.globals.into_iter().map(Into::into).collect(),
                memories: imports.memories.into_iter().map(Into::into).collect(),
                tables: imports.tables.into_iter().map(Into::into).collect(),
                host: bridge,
            }),
            undefined_imports_error: self.undefined_imports_error,
            preloads: named_bytes(self.preload),
            wasi: self.wasi.map(Into::into),
            engine: match self.engine.as_str() {
                "baseline" => EngineChoice::Baseline,
                "optimizing" => EngineChoice::Optimizing,
                _ => EngineChoice::Auto,
            },
            cache: self.cache.map(|cache| Cache {
                directory: PathBuf::from(cache.directory),
                named: cache.named,
                max_bytes: whole(cache.max_bytes),
            }),
            max_memory: self.max_memory.map(bytes),
            max_stack: bytes(self.max_stack),
            zero_dead_stack: self.zero_dead_stack,
            strip: match self.strip {
                Some(names) => Strip::names(names),
                None => Strip::all(),
            },
            max_data_segments: self
                .max_data_segments
                .map(|max| usize::try_from(max).unwrap_or(usize::MAX)),
            refused_features: self.refuse_features,
            internalize: Internalize {
                memories: self.internalize.iter().any(|kind| kind == "memory"),
                tables: self.internalize.iter().any(|kind| kind == "table"),
                globals: self.internalize.iter().any(|kind| kind == "global"),
            },
            verify: self.verify,
            on_stage: None,
            report: self.report,
        }
    }
}

impl From<ImportValue> for ImportedGlobal {
    fn from(import: ImportValue) -> Self {
        Self {
            module: import.module,
            name: import.name,
            value: match import.value {
                Some(Either::A(number)) => GlobalValue::Number(number),
                Some(Either::B(bigint)) => GlobalValue::BigInt(bigint.get_i64().0),
                None if import.null => GlobalValue::Null,
                None => GlobalValue::Host,
            },
        }
    }
}

impl From<ImportBytes> for ImportedMemory {
    fn from(import: ImportBytes) -> Self {
        Self {
            module: import.module,
            name: import.name,
            bytes: import.bytes.to_vec(),
        }
    }
}

impl From<ImportSize> for ImportedTable {
    fn from(import: ImportSize) -> Self {
        Self {
            module: import.module,
            name: import.name,
            size: u64::from(import.size),
        }
    }
}

fn named_bytes(named: Vec<NamedBytes>) -> Vec<(String, Vec<u8>)> {
    let copies = named.into_iter();
    copies
        .map(|named| (named.name, named.bytes.to_vec()))
        .collect()
}

/// `index.js` lets only whole numbers from 0 to 2^53 through.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "see above"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

fn bytes(value: f64) -> usize {
    usize::try_from(whole(value)).unwrap_or(usize::MAX)
}

pub fn milliseconds(value: f64) -> Duration {
    Duration::from_millis(whole(value))
}

impl From<BindingWasi> for Wasi {
    fn from(wasi: BindingWasi) -> Self {
        let pairs = |pairs: Vec<Pair>| pairs.into_iter().map(|pair| (pair.key, pair.value));
        Self {
            args: wasi.args,
            env: pairs(wasi.env).collect(),
            stdin: match wasi.stdin {
                Some(bytes) => Stdin::Bytes(bytes.to_vec()),
                None => Stdin::Inherit,
            },
            stdout: output(&wasi.stdout),
            stderr: output(&wasi.stderr),
            preopens: pairs(wasi.preopens)
                .map(|(guest_path, host_path)| Preopen {
                    guest_path,
                    host_path: PathBuf::from(host_path),
                })
                .collect(),
            files: named_bytes(wasi.files),
            random: if wasi.host_random {
                Random::Host
            } else {
                Random::Deterministic
            },
            clock: wasi.clock.map_or(Clock::Host, |start| {
                Clock::Fixed(whole(start).saturating_mul(NANOSECONDS_PER_MILLISECOND))
            }),
        }
    }
}

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

fn output(name: &str) -> Output {
    match name {
        "ignore" => Output::Ignore,
        "capture" => Output::Capture,
        _ => Output::Inherit,
    }
}

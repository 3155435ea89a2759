//! The options as `index.js` hands them over, checked and normalized there, to the core's options.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::path::PathBuf;
use wasm_preinit::{EngineChoice, Options, Output, Preopen, Rename, Stdin, Wasi};

#[napi(object, object_to_js = false)]
pub struct BindingOptions {
    pub init_func: Option<String>,
    pub keep_init_func: bool,
    pub rename_funcs: Vec<Pair>,
    pub wasi: Option<BindingWasi>,
    #[napi(ts_type = "'auto' | 'baseline' | 'optimizing'")]
    pub engine: String,
    pub max_data_segments: u32,
    pub report: bool,
}

/// One entry of a record, in the record's order.
#[napi(object, object_to_js = false)]
pub struct Pair {
    pub key: String,
    pub value: String,
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
}

impl From<BindingOptions> for Options {
    fn from(options: BindingOptions) -> Self {
        Self {
            init_func: options.init_func,
            keep_init_func: options.keep_init_func,
            rename_funcs: options
                .rename_funcs
                .into_iter()
                .map(|pair| Rename {
                    destination: pair.key,
                    source: pair.value,
                })
                .collect(),
            wasi: options.wasi.map(Into::into),
            engine: match options.engine.as_str() {
                "baseline" => EngineChoice::Baseline,
                "optimizing" => EngineChoice::Optimizing,
                _ => EngineChoice::Auto,
            },
            max_data_segments: usize::try_from(options.max_data_segments).unwrap_or(usize::MAX),
            report: options.report,
        }
    }
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
        }
    }
}

fn output(name: &str) -> Output {
    match name {
        "ignore" => Output::Ignore,
        "capture" => Output::Capture,
        _ => Output::Inherit,
    }
}

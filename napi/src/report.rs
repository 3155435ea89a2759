//! The core's report as a JavaScript object: times in milliseconds, sizes in bytes.

use crate::outcome::number;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use wasm_preinit::{Report, Timings};

#[napi(object, object_from_js = false)]
pub struct BindingReport {
    pub init_func: String,
    #[napi(ts_type = "'baseline' | 'optimizing'")]
    pub engine: &'static str,
    #[napi(ts_type = "'hit' | 'miss' | 'off'")]
    pub cache: &'static str,
    pub timings: BindingTimings,
    pub sizes: BindingSizes,
    pub memories: Vec<BindingMemory>,
    pub globals: BindingGlobals,
    pub tables: Vec<BindingTable>,
    pub assumed_globals: Vec<BindingImportName>,
    pub wasi: BindingWasiReport,
    pub files_read: Vec<String>,
    pub paths_probed: Vec<String>,
    pub directories_read: Vec<String>,
    pub stdout: Option<Buffer>,
    pub stderr: Option<Buffer>,
}

#[napi(object, object_from_js = false)]
pub struct BindingImportName {
    pub module: String,
    pub name: String,
}

#[napi(object, object_from_js = false)]
pub struct BindingWasiReport {
    #[napi(ts_type = "Record<string, number>")]
    pub calls: BTreeMap<String, f64>,
    pub baked: Vec<String>,
}

#[napi(object, object_from_js = false)]
pub struct BindingTimings {
    pub parse: f64,
    pub instrument: f64,
    pub compile: f64,
    pub instantiate: f64,
    pub run: f64,
    pub snapshot: f64,
    pub rewrite: f64,
    pub verify: Option<f64>,
    pub total: f64,
}

#[napi(object, object_from_js = false)]
pub struct BindingSizes {
    pub input: f64,
    pub output: f64,
    pub sections: Vec<BindingSection>,
}

#[napi(object, object_from_js = false)]
pub struct BindingSection {
    pub name: String,
    pub before: f64,
    pub after: f64,
}

#[napi(object, object_from_js = false)]
pub struct BindingMemory {
    pub index: f64,
    pub pages_before: f64,
    pub pages_after: f64,
    pub non_zero_bytes: f64,
    pub segments: f64,
    pub segment_bytes: f64,
}

#[napi(object, object_from_js = false)]
pub struct BindingGlobals {
    pub total: f64,
    pub changed: f64,
}

#[napi(object, object_from_js = false)]
pub struct BindingTable {
    pub index: f64,
    pub before: f64,
    pub after: f64,
    pub changed: bool,
}

impl From<Report> for BindingReport {
    fn from(report: Report) -> Self {
        Self {
            init_func: report.init_func,
            engine: report.tier.name(),
            cache: report.cache.name(),
            timings: report.timings.into(),
            sizes: BindingSizes {
                input: number(report.sizes.input),
                output: number(report.sizes.output),
                sections: report
                    .sizes
                    .sections
                    .into_iter()
                    .map(|section| BindingSection {
                        name: section.name,
                        before: number(section.before),
                        after: number(section.after),
                    })
                    .collect(),
            },
            memories: report
                .memories
                .into_iter()
                .map(|memory| BindingMemory {
                    index: number(memory.index),
                    pages_before: count(memory.pages_before),
                    pages_after: count(memory.pages_after),
                    non_zero_bytes: number(memory.non_zero_bytes),
                    segments: number(memory.segments),
                    segment_bytes: number(memory.segment_bytes),
                })
                .collect(),
            globals: BindingGlobals {
                total: number(report.globals.total),
                changed: number(report.globals.changed),
            },
            tables: report
                .tables
                .into_iter()
                .map(|table| BindingTable {
                    index: number(table.index),
                    before: count(table.before),
                    after: count(table.after),
                    changed: table.changed,
                })
                .collect(),
            assumed_globals: report
                .assumed_globals
                .into_iter()
                .map(|(module, name)| BindingImportName { module, name })
                .collect(),
            wasi: BindingWasiReport {
                calls: report
                    .wasi_calls
                    .into_iter()
                    .map(|(name, calls)| (name, count(calls)))
                    .collect(),
                baked: report.baked,
            },
            files_read: paths(&report.paths.files_read),
            paths_probed: paths(&report.paths.paths_probed),
            directories_read: paths(&report.paths.directories_read),
            stdout: report.stdout.map(Into::into),
            stderr: report.stderr.map(Into::into),
        }
    }
}

pub fn paths(paths: &[PathBuf]) -> Vec<String> {
    let paths = paths.iter();
    paths
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}

impl From<Timings> for BindingTimings {
    fn from(timings: Timings) -> Self {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        Self {
            parse: milliseconds(timings.parse),
            instrument: milliseconds(timings.instrument),
            compile: milliseconds(timings.compile),
            instantiate: milliseconds(timings.instantiate),
            run: milliseconds(timings.run),
            snapshot: milliseconds(timings.snapshot),
            rewrite: milliseconds(timings.rewrite),
            verify: timings.verify.map(milliseconds),
            total: milliseconds(timings.total),
        }
    }
}

/// Pages and elements as JavaScript numbers; the host's memory keeps them below 2^53.
#[expect(clippy::cast_precision_loss, reason = "what fits memory is below 2^53")]
pub fn count(value: u64) -> f64 {
    value as f64
}

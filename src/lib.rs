//! Pre-initializes WebAssembly modules: runs the init function now and writes a module that starts
//! where it left off.
//!
//! Data flows one way, and no stage changes what an earlier one has made:
//!
//! ```text
//! text -> module -> instrument -> compile -> execute -> snapshot -> segments -> rewrite
//! ```
//!
//! No input makes this crate panic; every failure is an [`Error`] with a stable code.

pub mod cache;
pub mod cancel;
pub mod compile;
pub mod data_uses;
pub mod error;
pub mod execute;
pub mod features;
pub mod host;
pub mod inspect;
pub mod instrument;
pub mod limits;
pub mod module;
pub mod options;
pub mod referable;
pub mod report;
pub mod rewrite;
pub mod segments;
pub mod snapshot;
pub mod strip;
pub mod symbolize;
pub mod text;
pub mod verify;
pub mod warning;

pub use cache::finish_writes;
pub use cancel::{Cancel, Reason};
pub use compile::{CacheUse, Tier};
pub use error::{Error, ErrorKind, Frame, Result, Stage, TrapKind};
pub use host::functions::{
    CallError, Callee, Failed, Guest, HostFunctions, HostValue, Slot, TableView, Value, ValueType,
};
pub use inspect::{
    ExportInfo, Extern, ImportInfo, MemoryInfo, ModuleInfo, Problem, TableInfo, externs, inspect,
};
pub use module::{DEFAULT_INIT_FUNCS, REACTOR_INIT};
pub use options::{
    Cache, Clock, DATA_SEGMENTS_LIMIT, DEFAULT_MAX_DATA_SEGMENTS, DEFAULT_MAX_STACK_BYTES,
    EngineChoice, GlobalValue, ImportedGlobal, ImportedMemory, ImportedTable, Imports, Internalize,
    Options, Output, Preopen, Random, Rename, StageObserver, Stdin, Wasi,
};
pub use report::{
    GlobalsReport, HostPaths, MemoryReport, Report, SectionSize, Sizes, TableReport, Timings,
};
pub use strip::Strip;
pub use warning::Warning;

use module::Module;
use report::Stopwatch;
use snapshot::dead_stack;
use std::sync::Arc;

/// The finished module, and what happened where [`Options::report`] asked for it.
#[derive(Debug)]
pub struct Initialized {
    pub wasm: Vec<u8>,
    pub report: Option<Report>,
    pub warnings: Vec<Warning>,
}

/// Runs the module's init function and returns a module that starts where it left off.
///
/// `wasm` is a binary module or WAT text. The same bytes and options give the same output, however
/// many threads work on it.
///
/// # Errors
///
/// Every code of [`ErrorKind`]; nothing is left behind in any case.
pub fn initialize(wasm: &[u8], options: &Options) -> Result<Initialized> {
    initialize_with(wasm, options, &Cancel::new())
}

/// Like [`initialize`], and stops when the run is cancelled.
///
/// # Errors
///
/// As [`initialize`], and the reason of the cancellation.
pub fn initialize_with(
    wasm: &[u8],
    options: &Options,
    cancel: &Arc<Cancel>,
) -> Result<Initialized> {
    let result = run(wasm, options, cancel);
    cancel.finish();
    result
}

/// The stages, one after the other.
fn run(wasm: &[u8], options: &Options, cancel: &Arc<Cancel>) -> Result<Initialized> {
    let mut watch = Stopwatch::start();
    cancel.check(Stage::Parse)?;
    options.enter(Stage::Parse);
    let wasm = text::to_binary(wasm)?;
    let module = Module::parse(&wasm)?;
    let init_func = module.init_func(options.init_func.as_deref())?;
    features::check_refused(module.bytes, &options.refused_features)?;
    rewrite::check_renames(&module, init_func, options)?;
    host::imports::check_kinds(&module, options)?;
    host::imports::check_supplied(&module, options)?;
    let dead_stack = options
        .zero_dead_stack
        .then(|| dead_stack::find(&module))
        .transpose()?;
    watch.timings.parse = watch.lap();

    options.enter(Stage::Instrument);
    let instrumented = instrument::instrument(&module)?;
    watch.timings.instrument = watch.lap();

    options.enter(Stage::Compile);
    let compiled = compile::compile(&module, &instrumented, options)?;
    watch.timings.compile = watch.lap();

    options.enter(Stage::Instantiate);
    let mut finished = execute::execute(
        &module,
        &instrumented,
        &compiled,
        init_func,
        options,
        cancel,
    )?;
    watch.timings.instantiate = watch.lap_until(finished.run_started);
    watch.timings.run = watch.lap();

    let mut result = (|| {
        options.enter(Stage::Snapshot);
        let snapshot = snapshot::snapshot(
            &module,
            &instrumented,
            &mut finished,
            dead_stack.as_ref(),
            options.internalize,
        )?;
        watch.timings.snapshot = watch.lap();

        options.enter(Stage::Rewrite);
        let layout = segments::layout(&module, &snapshot, options.max_data_segments)?;
        let output = rewrite::rewrite(&module, &snapshot, &layout, init_func, options)?;
        watch.timings.rewrite = watch.lap();

        let report = options.report.then(|| {
            let timings = watch.stop();
            Report::new(
                &module, &output, init_func, &compiled, timings, &snapshot, &layout,
            )
        });
        let warning = warning::of_shared_memory(&module, &snapshot, options.internalize);
        Ok((output, report.transpose()?, warning))
    })();
    if let (true, Ok((output, report, _))) = (options.verify, &mut result) {
        options.enter(Stage::Verify);
        watch.lap();
        let verified = verify::verify(&module, &instrumented, &mut finished, output);
        if let Some(report) = report {
            report.timings.add_verify(watch.lap());
        }
        if let Err(error) = verified {
            result = Err(error);
        }
    }
    // Whatever a run that is cancelled ends with, it ends because of that.
    let mut result = match cancel.reason() {
        Some(reason) => Err(reason.error(Stage::Snapshot)),
        None => result,
    };
    if let (Ok((_, Some(report), _)), Some(wasi)) = (&mut result, &finished.store.data().wasi) {
        report.add_wasi(wasi);
    }
    let result = result.map_err(|error| error.with_wasi(finished.store.data().wasi.as_ref()));
    execute::drop_store(finished.store, options);
    let (output, report, warning) = result?;
    let cache_warning = compiled.warning.map(Warning::Cache);
    Ok(Initialized {
        wasm: output,
        report,
        warnings: cache_warning.into_iter().chain(warning).collect(),
    })
}

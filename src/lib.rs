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

pub mod compile;
pub mod error;
pub mod execute;
pub mod host;
pub mod inspect;
pub mod instrument;
pub mod module;
pub mod options;
pub mod report;
pub mod rewrite;
pub mod segments;
pub mod snapshot;
pub mod text;

pub use compile::{MAX_STACK_BYTES, Tier};
pub use error::{Error, ErrorKind, Frame, Result, Stage, TrapKind};
pub use inspect::{ExportInfo, ImportInfo, MemoryInfo, ModuleInfo, Problem, TableInfo, inspect};
pub use module::{DEFAULT_INIT_FUNCS, REACTOR_INIT};
pub use options::{
    DATA_SEGMENTS_LIMIT, DEFAULT_MAX_DATA_SEGMENTS, EngineChoice, Options, Output, Preopen, Rename,
    Stdin, Wasi,
};
pub use report::{GlobalsReport, MemoryReport, Report, SectionSize, Sizes, TableReport, Timings};

use module::Module;
use report::Clock;

/// The finished module, and what happened where [`Options::report`] asked for it.
#[derive(Debug)]
pub struct Initialized {
    pub wasm: Vec<u8>,
    pub report: Option<Report>,
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
    let mut clock = Clock::start();
    let wasm = text::to_binary(wasm)?;
    let module = Module::parse(&wasm)?;
    let init_func = module.init_func(options.init_func.as_deref())?;
    rewrite::check_renames(&module, init_func, options)?;
    host::imports::check(&module)?;
    snapshot::memories::check(&module)?;
    clock.timings.parse = clock.lap();

    let instrumented = instrument::instrument(&module)?;
    clock.timings.instrument = clock.lap();

    let compiled = compile::compile(&module, &instrumented, options.engine)?;
    clock.timings.compile = clock.lap();

    let mut finished = execute::execute(&module, &instrumented, &compiled, init_func, options)?;
    clock.timings.instantiate = clock.lap_until(finished.run_started);
    clock.timings.run = clock.lap();

    let captured = finished.captured.clone();
    let snapshot = snapshot::snapshot(&module, &instrumented, &mut finished)?;
    clock.timings.snapshot = clock.lap();

    let layout = segments::layout(&module, &snapshot, options.max_data_segments)?;
    let output = rewrite::rewrite(&module, &snapshot, &layout, init_func, options)?;
    clock.timings.rewrite = clock.lap();

    let report = options.report.then(|| {
        let sizes = Sizes::compare(&module, &output)?;
        let timings = clock.stop();
        Ok(Report::new(
            &module,
            init_func,
            compiled.tier,
            timings,
            sizes,
            &snapshot,
            &layout,
            &captured,
        ))
    });
    Ok(Initialized {
        wasm: output,
        report: report.transpose()?,
    })
}

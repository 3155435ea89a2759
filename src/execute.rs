//! [`Compiled`] in, [`Finished`] out: the guest after the start function, `_initialize` and the init
//! function have run, in this order, with the references it held before any of them.
//!
//! A `proc_exit(0)` ends the run well, wherever it happens; everything else that stops the guest is
//! an error.

use crate::compile::{Compiled, MAX_STACK_BYTES};
use crate::error::{Error, ErrorKind, Frame, Result, Stage, TrapKind};
use crate::host::Host;
use crate::host::imports::{self, Exit, NotSupplied};
use crate::host::wasi::{self, Captured};
use crate::instrument::Instrumented;
use crate::module::{Module, REACTOR_INIT};
use crate::options::Options;
use crate::snapshot::InitialState;
use std::time::Instant;
use wasmtime::{Instance, Store, ThrownException, Trap, WasmBacktrace};

/// The guest, stopped.
pub struct Finished {
    pub store: Store<Host>,
    pub instance: Instance,
    /// What there was before any code had run.
    pub initial: InitialState,
    pub captured: Captured,
    /// When instantiation was done and code began to run.
    pub run_started: Instant,
}

/// Instantiates and runs.
///
/// # Errors
///
/// Every code that a running guest can cause, and `ERR_IO` for preopens.
pub fn execute(
    module: &Module<'_>,
    instrumented: &Instrumented,
    compiled: &Compiled,
    init_func: &str,
    options: &Options,
) -> Result<Finished> {
    let (wasi, captured) = match &options.wasi {
        Some(wasi) => {
            let (context, captured) = wasi::context(wasi)?;
            (Some(context), captured)
        }
        None => (None, Captured::default()),
    };
    let mut store = Store::new(compiled.module.engine(), Host { wasi });
    let imports = imports::resolve(&mut store, &compiled.module)?;
    let instance = Instance::new(&mut store, &compiled.module, &imports)
        .map_err(|error| not_instantiated(&error))?;
    let initial = InitialState::read(module, instrumented, &mut store, instance)?;

    let run_started = Instant::now();
    for (export, function) in calls(module, instrumented, init_func) {
        let called = instance
            .get_typed_func::<(), ()>(&mut store, &export)
            .and_then(|func| func.call(&mut store, ()));
        if let Err(error) = called {
            if let Some(Exit(0)) = error.downcast_ref() {
                break;
            }
            return Err(stopped(instrumented, &function, &error)
                .with_output(captured.stdout(), captured.stderr()));
        }
    }
    Ok(Finished {
        store,
        instance,
        initial,
        captured,
        run_started,
    })
}

/// What to call, as (export of the instrumented module, name for messages).
fn calls(
    module: &Module<'_>,
    instrumented: &Instrumented,
    init_func: &str,
) -> Vec<(String, String)> {
    let mut calls = Vec::new();
    if module.start.is_some() {
        calls.push((instrumented.names.start(), "start".to_owned()));
    }
    if module.has_reactor_init() {
        calls.push((REACTOR_INIT.to_owned(), REACTOR_INIT.to_owned()));
    }
    if !(module.has_reactor_init() && init_func == REACTOR_INIT) {
        calls.push((init_func.to_owned(), init_func.to_owned()));
    }
    calls
}

fn not_instantiated(error: &wasmtime::Error) -> Error {
    let kind = match error.downcast_ref::<Trap>() {
        // The only code that instantiation runs is active segments.
        Some(trap) => ErrorKind::Trap {
            function: "instantiate".to_owned(),
            kind: trap_kind(*trap),
            message: format!(
                "{} while the module's own segments were written",
                trap_message(*trap)
            ),
            frames: Vec::new(),
        },
        None => ErrorKind::MemoryLimit {
            message: format!("{error:#}"),
        },
    };
    Error::new(Stage::Instantiate, kind)
}

/// Says why the guest stopped.
fn stopped(instrumented: &Instrumented, function: &str, error: &wasmtime::Error) -> Error {
    let frames = || frames(instrumented, error);
    let kind = if let Some(Exit(status)) = error.downcast_ref() {
        ErrorKind::Exit(*status)
    } else if let Some(missing) = error.downcast_ref::<NotSupplied>() {
        ErrorKind::ImportCalled {
            module: missing.module.clone(),
            name: missing.name.clone(),
            frames: frames(),
        }
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        match trap {
            Trap::StackOverflow => ErrorKind::StackLimit {
                limit: MAX_STACK_BYTES,
                frames: frames(),
            },
            trap => ErrorKind::Trap {
                function: function.to_owned(),
                kind: trap_kind(*trap),
                message: trap_message(*trap),
                frames: frames(),
            },
        }
    } else if error.downcast_ref::<ThrownException>().is_some() {
        ErrorKind::Trap {
            function: function.to_owned(),
            kind: TrapKind::UncaughtException,
            message: "an exception was thrown and not caught".to_owned(),
            frames: frames(),
        }
    } else {
        ErrorKind::ImportFailed {
            message: error.root_cause().to_string(),
        }
    };
    Error::new(Stage::Run, kind)
}

fn frames(instrumented: &Instrumented, error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let frames = backtrace.frames().iter().map(|frame| Frame {
        func: match frame.func_name() {
            Some(name) => name.to_owned(),
            None => format!("wasm-function[{}]", frame.func_index()),
        },
        offset: frame
            .module_offset()
            .and_then(|offset| instrumented.original_offset(offset)),
    });
    frames.collect()
}

fn trap_message(trap: Trap) -> String {
    let text = trap.to_string();
    match text.strip_prefix("wasm trap: ") {
        Some(message) => message.to_owned(),
        None => text,
    }
}

fn trap_kind(trap: Trap) -> TrapKind {
    match trap {
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::NullReference => TrapKind::NullReference,
        Trap::BadSignature => TrapKind::BadSignature,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapKind::IntegerDivideByZero,
        Trap::BadConversionToInteger => TrapKind::BadConversionToInteger,
        Trap::HeapMisaligned => TrapKind::UnalignedAtomic,
        _ => TrapKind::Other,
    }
}

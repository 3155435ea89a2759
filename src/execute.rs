//! [`Compiled`] in, [`Finished`] out: the guest after the start function, `_initialize` and the init
//! function have run, in this order, with the state it had before any of them.
//!
//! A `proc_exit(0)` ends the run well, wherever it happens; everything else that stops the guest is
//! an error. Preloaded modules are instantiated first.

use crate::cancel::{Cancel, Cancelled};
use crate::compile::Compiled;
use crate::error::{Error, ErrorKind, Frame, Result, Stage, TrapKind};
use crate::host::imports::{self, Exit, HostFailed, NotSupplied, Supply, Threw};
use crate::host::wasi::Wasi;
use crate::host::{Host, preload};
use crate::instrument::Instrumented;
use crate::limits::{Limits, MemoryLimitHit};
use crate::module::{Module, REACTOR_INIT};
use crate::options::Options;
use crate::snapshot::InitialState;
use crate::snapshot::private::Private;
use crate::symbolize::symbolize;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::{Extern, Instance, Store, ThrownException, Trap, WasmBacktrace};

/// The guest, stopped.
pub struct Finished {
    pub store: Store<Host>,
    pub instance: Instance,
    /// What it was instantiated with, in the order of its imports.
    pub imports: Vec<Extern>,
    /// What there was before any code had run.
    pub initial: InitialState,
    /// When instantiation was done and code began to run.
    pub run_started: Instant,
}

/// Instantiates and runs.
///
/// # Errors
///
/// Every code that a running guest can cause, `ERR_IO` for preopens and preloads, and the reason
/// when the run is cancelled.
pub fn execute(
    module: &Module<'_>,
    instrumented: &Instrumented<'_>,
    compiled: &Compiled,
    init_func: &str,
    options: &Options,
    cancel: &Arc<Cancel>,
) -> Result<Finished> {
    let wasi = options.wasi.as_ref();
    let wasi = wasi
        .map(|wasi| Wasi::new(wasi, instrumented.hash(), cancel))
        .transpose()?;
    let functions = options
        .imports
        .as_ref()
        .map(|imports| Arc::clone(&imports.host));
    let host = Host {
        wasi,
        limits: Limits::new(options.max_memory, functions),
        memories: (0..module.memories.len())
            .map(|index| instrumented.names.memory(index))
            .collect(),
        max_stack: options.max_stack,
        ended: None,
    };
    let mut store = Store::new(compiled.module.engine(), host);
    store.limiter(|host| &mut host.limits);
    cancel.watch(&mut store)?;
    let guest = Guest {
        module,
        instrumented,
        options,
        cancel,
    };
    let ran = guest.run(&mut store, compiled, init_func);
    match ran {
        Ok(ran) => Ok(Finished {
            store,
            instance: ran.instance,
            imports: ran.imports,
            initial: ran.initial,
            run_started: ran.run_started,
        }),
        Err(error) => {
            let error = error.with_wasi(store.data().wasi.as_ref());
            drop_store(store, options);
            Err(error)
        }
    }
}

/// Frees the guest, after the embedder has heard that its memory goes away. Memory that the embedder
/// can't let go of is never freed.
pub fn drop_store(store: Store<Host>, options: &Options) {
    let imports = options.imports.as_ref();
    if imports.is_some_and(|imports| imports.host.release_memory()) {
        std::mem::forget(store);
    }
}

/// What it takes to run one guest and to say what stopped it.
struct Guest<'g> {
    module: &'g Module<'g>,
    instrumented: &'g Instrumented<'g>,
    options: &'g Options,
    cancel: &'g Cancel,
}

/// What [`Finished`] tells beside the store.
struct Ran {
    instance: Instance,
    imports: Vec<Extern>,
    initial: InitialState,
    run_started: Instant,
}

impl Guest<'_> {
    fn run(&self, store: &mut Store<Host>, compiled: &Compiled, init_func: &str) -> Result<Ran> {
        let preloaded =
            preload::instantiate(store, &compiled.preloads, self.options).map_err(|error| {
                match self.cancel.reason() {
                    Some(reason) => reason.error(Stage::Instantiate),
                    None => error,
                }
            })?;
        let supply = Supply {
            options: self.options,
            preloaded: &preloaded,
        };
        let imports = imports::resolve(store, &compiled.module, &supply)?;
        let instance = Instance::new(&mut *store, &compiled.module, &imports)
            .map_err(|error| not_instantiated(&error))?;
        let initial = InitialState::read(&mut Private {
            module: self.module,
            instrumented: self.instrumented,
            store: &mut *store,
            instance,
        })?;

        let run_started = Instant::now();
        self.options.enter(Stage::Run);
        for (export, function) in calls(self.module, self.instrumented, init_func) {
            self.cancel.check(Stage::Run)?;
            let called = instance
                .get_typed_func::<(), ()>(&mut *store, &export)
                .and_then(|func| func.call(&mut *store, ()));
            match called {
                Ok(()) => {}
                Err(error) if matches!(error.downcast_ref(), Some(Exit(0))) => break,
                Err(error) => return Err(self.stopped(&function, &error)),
            }
        }
        self.cancel.check(Stage::Run)?;
        Ok(Ran {
            instance,
            imports,
            initial,
            run_started,
        })
    }

    /// Says why the guest stopped.
    fn stopped(&self, function: &str, error: &wasmtime::Error) -> Error {
        let frames = || symbolize(self.module, frames(Some(self.instrumented), error));
        // Whatever a run that is cancelled ends with, it ends because of that.
        if let Some(reason) = self.cancel.reason() {
            return reason.error(Stage::Run);
        }
        let kind = if let Some(Exit(status)) = error.downcast_ref() {
            ErrorKind::Exit(*status)
        } else if let Some(MemoryLimitHit { limit }) = error.downcast_ref() {
            ErrorKind::MemoryLimit { limit: *limit }
        } else if let Some(missing) = error.downcast_ref::<NotSupplied>() {
            ErrorKind::ImportCalled {
                module: missing.module.clone(),
                name: missing.name.clone(),
                frames: frames(),
            }
        } else if let Some(Threw(failed)) = error.downcast_ref() {
            import_failed(failed, true)
        } else if let Some(failed) = error.downcast_ref::<HostFailed>() {
            import_failed(failed, false)
        } else if self.waits_for_nobody(error) {
            ErrorKind::Deadlock { frames: frames() }
        } else if let Some(Trap::StackOverflow) = error.downcast_ref() {
            ErrorKind::StackLimit {
                limit: self.options.max_stack,
                frames: frames(),
            }
        } else {
            trapped(function, error, frames())
        };
        Error::new(Stage::Run, kind)
    }

    /// Whether what takes the place of waiting at a shared memory has stopped the guest.
    fn waits_for_nobody(&self, error: &wasmtime::Error) -> bool {
        let innermost = error
            .downcast_ref::<WasmBacktrace>()
            .and_then(|backtrace| backtrace.frames().first());
        matches!(error.downcast_ref(), Some(Trap::AtomicWaitNonSharedMemory))
            && innermost.is_some_and(|it| !self.instrumented.is_original(it.func_index()))
    }
}

fn not_instantiated(error: &wasmtime::Error) -> Error {
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return imports::unavailable(error);
    };
    // The only code that instantiation runs is active segments.
    let kind = ErrorKind::Trap {
        function: "instantiate".to_owned(),
        kind: trap_kind(*trap),
        message: format!(
            "{} while the module's own segments were written",
            trap_message(*trap)
        ),
        frames: Vec::new(),
    };
    Error::new(Stage::Instantiate, kind)
}

fn import_failed(failed: &HostFailed, threw: bool) -> ErrorKind {
    ErrorKind::ImportFailed {
        module: failed.module.clone(),
        name: failed.name.clone(),
        message: failed.message.clone(),
        threw,
    }
}

/// A trap, or an exception that nothing caught.
fn trapped(function: &str, error: &wasmtime::Error, frames: Vec<Frame>) -> ErrorKind {
    let (kind, message) = if let Some(trap) = error.downcast_ref::<Trap>() {
        (trap_kind(*trap), trap_message(*trap))
    } else if error.is::<ThrownException>() {
        let message = "an exception was thrown and not caught";
        (TrapKind::UncaughtException, message.to_owned())
    } else {
        (TrapKind::Other, error.root_cause().to_string())
    };
    ErrorKind::Trap {
        function: function.to_owned(),
        kind,
        message,
        frames,
    }
}

/// Whether no host function may go on after this.
pub fn ends_the_run(error: &wasmtime::Error) -> bool {
    error.is::<Exit>()
        || error.is::<Cancelled>()
        || error.is::<MemoryLimitHit>()
        || error.is::<NotSupplied>()
}

/// What a host function is told of a guest function that it called and that trapped.
pub fn stopped_text(function: &str, limit: usize, error: &wasmtime::Error) -> Error {
    let frames = frames(None, error);
    let kind = match error.downcast_ref() {
        Some(Trap::StackOverflow) => ErrorKind::StackLimit { limit, frames },
        _ => trapped(function, error, frames),
    };
    Error::new(Stage::Run, kind)
}

/// What to call, as (export of the instrumented module, name for messages).
fn calls(
    module: &Module<'_>,
    instrumented: &Instrumented<'_>,
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

/// The guest's stack; without the instrumented module, places are not known.
fn frames(instrumented: Option<&Instrumented<'_>>, error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let frames = backtrace.frames().iter().filter(|frame| {
        instrumented.is_none_or(|instrumented| instrumented.is_original(frame.func_index()))
    });
    let frames = frames.map(|frame| Frame {
        func: match frame.func_name() {
            Some(name) => name.to_owned(),
            None => format!("wasm-function[{}]", frame.func_index()),
        },
        offset: frame
            .module_offset()
            .zip(instrumented)
            .and_then(|(offset, instrumented)| instrumented.original_offset(offset)),
        file: None,
        line: None,
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

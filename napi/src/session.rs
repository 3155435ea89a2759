//! One run's host functions: the guest's thread asks, the JavaScript thread that started the run
//! answers, and may call the guest's exports before it does, to any depth.
//!
//! While JavaScript waits for the guest (inside `initializeSync`, or inside a call of an export) it
//! takes messages itself; otherwise it is woken through Node's event loop.

use crate::Canceller;
use crate::javascript::{self, Callback};
use crate::messages::{JsNumber, Place, ToGuest, ToJs, from_js, to_js, type_name};
use crate::outcome::Failure;
use crate::view::{self, View};
use napi::bindgen_prelude::{Env, FnArgs, Function, Object, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Status, sys};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wasm_preinit::{
    CallError, Callee, Cancel, Failed, Guest, HostFunctions, Reason, Slot, Value, ValueType,
};

type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// Calls function number 0 with an array of numbers, wanting results of the given types.
type CallImport = FnArgs<(u32, Vec<JsNumber>, Vec<&'static str>)>;

/// What a host function came to: `values`, or a `message` when it threw.
#[napi(object, object_to_js = false)]
pub struct Returned {
    #[napi(ts_type = "Array<number | bigint>")]
    pub values: Option<Vec<JsNumber>>,
    pub message: Option<String>,
}

/// What a call of an export came to: one of these is there.
#[napi(object, object_from_js = false)]
pub struct Called {
    #[napi(ts_type = "Array<number | bigint>")]
    pub values: Option<Vec<JsNumber>>,
    /// It trapped.
    pub failure: Option<Failure>,
    /// A host function that it called threw.
    pub threw: Option<bool>,
    /// The run is over, or there is no run.
    pub ended: Option<String>,
    /// It can't be called so.
    pub refused: Option<String>,
}

/// What an exported table says of itself and one of its slots.
#[napi(object, object_from_js = false)]
pub struct TableSlot {
    pub size: f64,
    #[napi(ts_type = "'out-of-bounds' | 'null' | 'function' | 'other'")]
    pub kind: &'static str,
    /// Of the function's parameters, where all are numbers.
    pub types: Option<Vec<&'static str>>,
}

/// The JavaScript thread's side.
#[napi]
pub struct Session {
    call_import: Callback,
    /// Detaches an ArrayBuffer.
    detach: Callback,
    from_guest: Receiver<ToJs>,
    to_guest: Sender<ToGuest>,
    /// By memory index.
    views: RefCell<Vec<View>>,
    /// How many host functions are on this thread's stack.
    serving: Cell<usize>,
    done: Cell<bool>,
    bridge: Arc<Bridge>,
}

/// The guest's thread's side.
pub struct Bridge {
    to_js: Mutex<Sender<ToJs>>,
    from_js: Mutex<Receiver<ToGuest>>,
    wake: Mutex<Option<Wake>>,
    /// How many waits of the JavaScript thread for the guest are on its stack.
    waits: AtomicUsize,
    /// Whether JavaScript has an ArrayBuffer over the guest's memory.
    shown: AtomicBool,
    cancel: Arc<Cancel>,
}

/// How often a thread that waits looks whether its worker is being terminated.
const TERMINATION_CHECK: Duration = Duration::from_millis(50);

/// Waits on the JavaScript thread for a message of the guest's. `None` when none comes any more, or
/// when the worker that waits is being terminated: then the run is cancelled, as Node would wait
/// for the worker, and the worker for the guest.
pub fn receive<T>(env: &Env, from_guest: &Receiver<T>, cancel: &Arc<Cancel>) -> Option<T> {
    loop {
        match from_guest.recv_timeout(TERMINATION_CHECK) {
            Ok(message) => return Some(message),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if is_terminated(env) => {
                cancel.cancel(Reason::Aborted);
                return None;
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Whether this thread may run no JavaScript any more.
fn is_terminated(env: &Env) -> bool {
    env.run_script::<_, Unknown<'_>>("0").is_err()
}

#[napi]
impl Session {
    /// `wake` is called on this thread when there is a message; it is to call `serve`.
    #[napi(constructor)]
    pub fn new(
        env: &Env,
        #[napi(
            ts_arg_type = "(number: number, params: Array<number | bigint>, types: Array<string>) => Returned"
        )]
        call_import: Function<'_, CallImport, Returned>,
        #[napi(ts_arg_type = "() => void")] wake: Function<'_, (), ()>,
        #[napi(ts_arg_type = "(buffer: ArrayBuffer) => boolean")] detach: Function<
            '_,
            Unknown<'_>,
            (),
        >,
        canceller: &Canceller,
    ) -> napi::Result<Self> {
        let (to_js, from_guest) = channel();
        let (to_guest, from_js) = channel();
        let wake = wake
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build()?;
        Ok(Self {
            call_import: Callback::new(env, &call_import)?,
            detach: Callback::new(env, &detach)?,
            from_guest,
            to_guest,
            views: RefCell::new(Vec::new()),
            serving: Cell::new(0),
            done: Cell::new(false),
            bridge: Arc::new(Bridge {
                to_js: Mutex::new(to_js),
                from_js: Mutex::new(from_js),
                wake: Mutex::new(Some(wake)),
                waits: AtomicUsize::new(0),
                shown: AtomicBool::new(false),
                cancel: canceller.cancel_handle(),
            }),
        })
    }

    /// Lets go of the functions; what they hold would keep this alive, and this them.
    #[napi(catch_unwind)]
    pub fn close(&self, env: &Env) {
        self.call_import.release(env);
        self.detach.release(env);
    }

    /// Takes the messages that are there.
    #[napi(catch_unwind)]
    pub fn serve(&self, env: &Env) -> napi::Result<()> {
        while let Ok(message) = self.from_guest.try_recv() {
            self.answer(env, message)?;
        }
        Ok(())
    }

    /// The ArrayBuffer over a memory, or `null` while there is none.
    #[napi(catch_unwind, ts_return_type = "ArrayBuffer | null")]
    pub fn memory<'env>(&self, env: &'env Env, index: u32) -> napi::Result<Option<Object<'env>>> {
        let mut views = self.views.borrow_mut();
        let view = usize::try_from(index)
            .ok()
            .and_then(|index| views.get_mut(index));
        let buffer = match view {
            Some(view) => view.array_buffer(env)?,
            None => None,
        };
        self.bridge
            .shown
            .fetch_or(buffer.is_some(), Ordering::SeqCst);
        Ok(buffer.map(|value| Object::from_raw(env.raw(), value)))
    }

    /// Calls an exported function of the guest, which waits for a host function; the function at
    /// `slot` of an exported table where there is a slot.
    #[napi(catch_unwind)]
    pub fn call(
        &self,
        env: &Env,
        name: String,
        #[napi(ts_arg_type = "Array<number | bigint>")] params: Vec<JsNumber>,
        slot: Option<f64>,
    ) -> napi::Result<Called> {
        let callee = match slot {
            None => Callee::Export(name),
            Some(slot) => Callee::Element {
                table: name,
                slot: index(slot),
            },
        };
        let params = params.iter().map(from_js).collect();
        let answer = self.ask(env, ToGuest::Call { callee, params })?;
        let Some(ToJs::Called { result, memories }) = answer else {
            return Ok(Called::ended("the run is over"));
        };
        self.turn_to_js(env, memories);
        Ok(match result {
            Ok(values) => Called {
                values: Some(values.into_iter().map(to_js).collect()),
                ..Called::nothing()
            },
            Err(CallError::Trapped(error)) => Called {
                failure: Some(error.into()),
                ..Called::nothing()
            },
            Err(CallError::Threw) => Called {
                threw: Some(true),
                ..Called::nothing()
            },
            Err(CallError::Ended(text)) => Called::ended(&text),
            Err(CallError::NotCallable(text)) => Called {
                refused: Some(text),
                ..Called::nothing()
            },
        })
    }

    /// The value of an exported global, or `null`.
    #[napi(catch_unwind, ts_return_type = "number | bigint | null")]
    pub fn global(&self, env: &Env, name: String) -> napi::Result<Option<JsNumber>> {
        let answer = self.ask(env, ToGuest::Global(name))?;
        Ok(match answer {
            Some(ToJs::Global(value)) => value.map(to_js),
            _ => None,
        })
    }

    /// Sets an exported global; whether there is one that takes the value.
    #[napi(catch_unwind)]
    pub fn set_global(
        &self,
        env: &Env,
        name: String,
        #[napi(ts_arg_type = "number | bigint")] value: JsNumber,
    ) -> napi::Result<bool> {
        let answer = self.ask(env, ToGuest::SetGlobal(name, from_js(&value)))?;
        Ok(matches!(answer, Some(ToJs::GlobalSet(true))))
    }

    /// How large an exported table is and what stands at a slot, or `null`.
    #[napi(catch_unwind)]
    pub fn table(&self, env: &Env, name: String, slot: f64) -> napi::Result<Option<TableSlot>> {
        let answer = self.ask(env, ToGuest::Table(name, index(slot)))?;
        let Some(ToJs::Table(Some(view))) = answer else {
            return Ok(None);
        };
        let kind = match view.slot {
            Slot::OutOfBounds => "out-of-bounds",
            Slot::Null => "null",
            Slot::Function(_) => "function",
            Slot::Other => "other",
        };
        let params = match view.slot {
            Slot::Function(params) => params,
            _ => None,
        };
        #[expect(clippy::cast_precision_loss, reason = "tables end far below 2^53")]
        let size = view.size as f64;
        Ok(Some(TableSlot {
            size,
            kind,
            types: params.map(|params| params.into_iter().map(type_name).collect()),
        }))
    }

    /// Asks the guest, which waits for a host function, and serves what it asks meanwhile; `None`
    /// when the guest does not wait or is gone.
    fn ask(&self, env: &Env, question: ToGuest) -> napi::Result<Option<ToJs>> {
        if self.serving.get() == 0 || self.done.get() {
            return Ok(None);
        }
        self.turn_to_guest(env);
        if self.to_guest.send(question).is_err() {
            return Ok(None);
        }
        self.bridge.waits.fetch_add(1, Ordering::SeqCst);
        let answer = self.wait(env);
        self.bridge.waits.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    fn wait(&self, env: &Env) -> napi::Result<Option<ToJs>> {
        loop {
            match receive(env, &self.from_guest, &self.bridge.cancel) {
                Some(message @ (ToJs::Call { .. } | ToJs::Release)) => self.answer(env, message)?,
                Some(ToJs::Done) | None => {
                    self.done.set(true);
                    return Ok(None);
                }
                Some(answer) => return Ok(Some(answer)),
            }
        }
    }

    /// Serves the guest until its run is over.
    pub fn serve_until_done(&self, env: &Env) {
        while !self.done.get() {
            let message = receive(env, &self.from_guest, &self.bridge.cancel);
            if message.is_none_or(|message| self.answer(env, message).is_err()) {
                return;
            }
        }
    }

    fn answer(&self, env: &Env, message: ToJs) -> napi::Result<()> {
        let answer = match message {
            ToJs::Call {
                function,
                params,
                results,
                memories,
            } => {
                self.turn_to_js(env, memories);
                self.serving.set(self.serving.get() + 1);
                let answer = self.call_import(env, function, params, &results);
                self.serving.set(self.serving.get() - 1);
                self.turn_to_guest(env);
                answer
            }
            ToJs::Release => {
                let escaped = self.release(env);
                self.bridge.shown.store(escaped, Ordering::SeqCst);
                ToGuest::Released { escaped }
            }
            ToJs::Done => {
                self.done.set(true);
                return Ok(());
            }
            // An answer to nobody: the wait for it has ended.
            ToJs::Called { .. } | ToJs::Global(_) | ToJs::GlobalSet(_) | ToJs::Table(_) => {
                return Ok(());
            }
        };
        // A guest that is gone needs no answer.
        let _ = self.to_guest.send(answer);
        Ok(())
    }

    fn call_import(
        &self,
        env: &Env,
        function: usize,
        params: Vec<Value>,
        results: &[ValueType],
    ) -> ToGuest {
        let number = u32::try_from(function).unwrap_or(u32::MAX);
        let params: Vec<JsNumber> = params.into_iter().map(to_js).collect();
        let types = results.iter().map(|ty| type_name(*ty)).collect();
        let returned = self.returned(env, number, params, types);
        match returned {
            Some(Returned {
                values: Some(values),
                ..
            }) if values.len() == results.len() => {
                let values = values.iter().zip(results);
                let values: Option<Vec<Value>> =
                    values.map(|(value, ty)| from_js(value).to(*ty)).collect();
                values.map_or_else(
                    || ToGuest::Failed("it returned values of the wrong type".to_owned()),
                    ToGuest::Returned,
                )
            }
            Some(returned) => ToGuest::Failed(returned.message.unwrap_or_default()),
            None => ToGuest::Failed("the JavaScript stack is exhausted".to_owned()),
        }
    }

    fn returned(
        &self,
        env: &Env,
        number: u32,
        params: Vec<JsNumber>,
        types: Vec<&'static str>,
    ) -> Option<Returned> {
        let args = javascript::values(env, number, params, types)?;
        javascript::read(env, self.call_import.call(env, &args)?)
    }

    fn turn_to_js(&self, env: &Env, memories: Vec<Place>) {
        let mut views = self.views.borrow_mut();
        let known = views.len();
        views.resize_with(known.max(memories.len()), View::new);
        for (view, place) in views.iter_mut().zip(memories) {
            view.turn_to_js(env, Some(place), |buffer| self.detach(env, buffer));
        }
    }

    fn turn_to_guest(&self, env: &Env) {
        for view in &*self.views.borrow() {
            view.turn_to_guest(env);
        }
    }

    /// Whether JavaScript can still reach a memory after all are released.
    fn release(&self, env: &Env) -> bool {
        let mut escaped = false;
        for view in &mut *self.views.borrow_mut() {
            escaped |= view.release(env, |buffer| self.detach(env, buffer));
        }
        escaped
    }

    /// Whether an ArrayBuffer could be detached.
    fn detach(&self, env: &Env, buffer: sys::napi_value) -> bool {
        let detached = self.detach.call(env, &[buffer]);
        match detached.and_then(|detached| javascript::read(env, detached)) {
            Some(true) => true,
            // Detaching while JavaScript may not run would end the process.
            Some(false) => !is_terminated(env) && view::detach(env, buffer),
            None => false,
        }
    }

    /// The guest's thread's side.
    pub fn bridge(&self) -> Arc<Bridge> {
        Arc::clone(&self.bridge)
    }
}

impl Called {
    fn nothing() -> Self {
        Self {
            values: None,
            failure: None,
            threw: None,
            ended: None,
            refused: None,
        }
    }

    fn ended(text: &str) -> Self {
        Self {
            ended: Some(text.to_owned()),
            ..Self::nothing()
        }
    }
}

impl Bridge {
    /// JavaScript waits for this run from the beginning.
    pub fn is_waited_for(&self) {
        self.waits.fetch_add(1, Ordering::SeqCst);
    }

    /// The run is over: JavaScript need not wait for anything any more.
    pub fn finish(&self) {
        self.send(ToJs::Done);
        // The event loop must not be woken for a run that is over.
        lock(&self.wake).take();
    }

    fn send(&self, message: ToJs) {
        // A JavaScript thread that is gone hears nothing.
        if lock(&self.to_js).send(message).is_err() {
            return;
        }
        if self.waits.load(Ordering::SeqCst) == 0
            && let Some(wake) = &*lock(&self.wake)
        {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// The next message of the JavaScript thread; `None` when it is gone.
    fn receive(&self) -> Option<ToGuest> {
        lock(&self.from_js).recv().ok()
    }
}

impl HostFunctions for Bridge {
    fn call(
        &self,
        function: usize,
        params: &[Value],
        results: &[ValueType],
        guest: &mut dyn Guest,
    ) -> Result<Vec<Value>, Failed> {
        self.send(ToJs::Call {
            function,
            params: params.to_vec(),
            results: results.to_vec(),
            memories: places(guest),
        });
        loop {
            let answer = match self.receive() {
                Some(ToGuest::Returned(values)) => return Ok(values),
                Some(ToGuest::Failed(message)) => return Err(Failed { message }),
                Some(ToGuest::Call { callee, params }) => {
                    let result = guest.call(&callee, &params);
                    let memories = places(guest);
                    ToJs::Called { result, memories }
                }
                Some(ToGuest::Global(export)) => ToJs::Global(guest.global(&export)),
                Some(ToGuest::SetGlobal(export, value)) => {
                    ToJs::GlobalSet(guest.set_global(&export, value))
                }
                Some(ToGuest::Table(export, slot)) => ToJs::Table(guest.table(&export, slot)),
                Some(ToGuest::Released { .. }) => continue,
                None => {
                    let message = "the JavaScript thread has ended".to_owned();
                    return Err(Failed { message });
                }
            };
            self.send(answer);
        }
    }

    fn release_memory(&self) -> bool {
        if !self.shown.load(Ordering::SeqCst) {
            return false;
        }
        self.send(ToJs::Release);
        loop {
            match self.receive() {
                Some(ToGuest::Released { escaped }) => return escaped,
                Some(_) => {}
                // Nobody has detached it; the thread is gone, and its heap with it.
                None => return false,
            }
        }
    }
}

/// A slot as JavaScript names it; one that is no index is out of bounds of every table.
fn index(slot: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be one"
    )]
    match slot >= 0.0 && slot.fract() == 0.0 {
        true => slot as u64,
        false => u64::MAX,
    }
}

fn places(guest: &mut dyn Guest) -> Vec<Place> {
    let memories = guest.memories().into_iter();
    memories
        .map(|(address, len)| Place {
            address: address.addr(),
            len,
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Stops a run from outside: abort and timeout in, and the guest, a blocking host call or a caller
//! that waits for its turn hears of it.
//!
//! The first reason counts. A running guest is stopped through the engine's epoch; work that can't
//! be stopped (waiting for a core, compiling) is abandoned: the caller is told at once, and what
//! still runs ends without a result.

use crate::error::{Error, ErrorKind, Result, Stage};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use wasmtime::{Engine, Store, UpdateDeadline};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Aborted,
    /// The limit, in milliseconds.
    Timeout(u64),
}

impl Reason {
    pub fn error(self, stage: Stage) -> Error {
        Error::new(
            stage,
            match self {
                Self::Aborted => ErrorKind::Aborted,
                Self::Timeout(limit) => ErrorKind::Timeout { limit },
            },
        )
    }
}

/// Says to the caller that its run is abandoned.
type Abandon = Box<dyn FnOnce(Reason) + Send>;

/// One run's handle, shared by all who may stop it and all who must hear of it.
pub struct Cancel {
    state: Mutex<State>,
    changed: Condvar,
    notify: Notify,
}

struct State {
    reason: Option<Reason>,
    engine: Option<Engine>,
    abandon: Option<Abandon>,
    can_stop: bool,
    finished: bool,
}

/// The guest was stopped; the reason is with the [`Cancel`].
#[derive(Debug)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was cancelled")
    }
}

impl std::error::Error for Cancelled {}

impl Cancel {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                reason: None,
                engine: None,
                abandon: None,
                can_stop: false,
                finished: false,
            }),
            changed: Condvar::new(),
            notify: Notify::new(),
        })
    }

    /// Who is to be told when the run is cancelled while it can't be stopped.
    pub fn on_abandon(&self, abandon: impl FnOnce(Reason) + Send + 'static) {
        self.lock().abandon = Some(Box::new(abandon));
    }

    /// Stops the run.
    pub fn cancel(self: &Arc<Self>, reason: Reason) {
        let mut state = self.lock();
        if state.reason.is_some() || state.finished {
            return;
        }
        state.reason = Some(reason);
        let engine = state.engine.clone();
        let abandon = if state.can_stop {
            None
        } else {
            state.abandon.take()
        };
        drop(state);
        self.notify.notify_one();
        if let Some(engine) = engine {
            self.interrupt(engine);
        }
        if let Some(abandon) = abandon {
            abandon(reason);
        }
    }

    /// Raises the epoch until the guest has stopped. Once is not enough: a guest that has just looked
    /// for a reason, on behalf of another run, and found none, sets its next deadline after that.
    fn interrupt(self: &Arc<Self>, engine: Engine) {
        engine.increment_epoch();
        let this = Arc::clone(self);
        let again = move || {
            let mut state = this.lock();
            while !state.finished {
                let waited = this.changed.wait_timeout(state, INTERRUPT_INTERVAL);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                engine.increment_epoch();
            }
        };
        // Without a thread, once has to do.
        let _ = thread::Builder::new()
            .name("wasm-preinit timer".to_owned())
            .stack_size(TIMER_STACK_BYTES)
            .spawn(again);
    }

    /// Cancels the run when `limit` has passed since now and it has not finished.
    pub fn after(self: &Arc<Self>, limit: Duration) {
        let this = Arc::clone(self);
        let end = Instant::now().checked_add(limit);
        let wait = move || {
            let mut state = this.lock();
            while !state.finished && state.reason.is_none() {
                let now = Instant::now();
                let Some(left) = end.map(|end| end.saturating_duration_since(now)) else {
                    return;
                };
                if left.is_zero() {
                    drop(state);
                    let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                    this.cancel(Reason::Timeout(limit));
                    return;
                }
                let waited = this.changed.wait_timeout(state, left);
                (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
        };
        // Without a thread there is no timeout, which is better than no run.
        let _ = thread::Builder::new()
            .name("wasm-preinit timer".to_owned())
            .stack_size(TIMER_STACK_BYTES)
            .spawn(wait);
    }

    /// Ends the timer; cancelling has no effect from here on.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.finished = true;
        state.engine = None;
        state.abandon = None;
        drop(state);
        self.changed.notify_all();
    }

    pub fn reason(&self) -> Option<Reason> {
        self.lock().reason
    }

    /// # Errors
    ///
    /// The reason, when the run is cancelled.
    pub fn check(&self, stage: Stage) -> Result<()> {
        match self.reason() {
            Some(reason) => Err(reason.error(stage)),
            None => Ok(()),
        }
    }

    /// From here on, the guest stops when the run is cancelled: nobody needs to abandon it.
    ///
    /// # Errors
    ///
    /// The reason, when the run is cancelled already.
    pub fn watch<T>(self: &Arc<Self>, store: &mut Store<T>) -> Result<()> {
        {
            let mut state = self.lock();
            state.engine = Some(store.engine().clone());
            state.can_stop = true;
        }
        let this = Arc::clone(self);
        store.epoch_deadline_callback(move |_| match this.reason() {
            Some(_) => Err(Cancelled.into()),
            None => Ok(UpdateDeadline::Continue(1)),
        });
        store.set_epoch_deadline(1);
        self.check(Stage::Instantiate)
    }

    /// Waits until the run is cancelled.
    pub async fn cancelled(&self) {
        while self.reason().is_none() {
            self.notify.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Far below the time in which an abort is to be heard of.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(5);

/// The timer only waits.
const TIMER_STACK_BYTES: usize = 64 << 10;

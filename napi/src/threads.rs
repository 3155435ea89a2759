//! Jobs in, each run on a thread of its own with the stack that its guest may use.
//!
//! At most as many queued jobs run at once as there are cores, first come first served. Not libuv's
//! pool: its four threads serve files and names, and their stacks are too small.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};

/// What host functions, the compiler and the snapshot need beside the guest.
const HOST_STACK_BYTES: usize = 8 << 20;

struct Job {
    guest_stack_bytes: usize,
    work: Box<dyn FnOnce() + Send>,
}

struct Queue {
    waiting: VecDeque<Job>,
    running: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    running: 0,
});

/// Runs a job when a core is free for it.
pub fn queue(guest_stack_bytes: usize, work: impl FnOnce() + Send + 'static) {
    let mut queue = lock();
    queue.waiting.push_back(Job {
        guest_stack_bytes,
        work: Box::new(work),
    });
    if queue.running < cores() {
        queue.running += 1;
        drop(queue);
        start_next();
    }
}

/// Starts the job that has waited longest, on behalf of one that `running` counts.
fn start_next() {
    let mut queue = lock();
    let Some(job) = queue.waiting.pop_front() else {
        queue.running -= 1;
        return;
    };
    drop(queue);
    run(job.guest_stack_bytes, move || {
        (job.work)();
        start_next();
    });
}

/// Runs a job at once on a thread of its own.
pub fn run(guest_stack_bytes: usize, work: impl FnOnce() + Send + 'static) {
    let work = Arc::new(Mutex::new(Some(work)));
    let on_thread = Arc::clone(&work);
    let spawned = Builder::new()
        .name("wasm-preinit".to_owned())
        .stack_size(guest_stack_bytes.saturating_add(HOST_STACK_BYTES))
        .spawn(move || perform(&on_thread));
    if spawned.is_err() {
        // Out of threads: better on this one than never.
        perform(&work);
    }
}

/// Performs work that is still to be done.
fn perform<F: FnOnce()>(work: &Mutex<Option<F>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        // What the job owns is dropped with it; a panic there must not end the process.
        drop(catch_panic(work));
    }
}

/// Runs `job` and turns a panic into its message.
pub fn catch_panic<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

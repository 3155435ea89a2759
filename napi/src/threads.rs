//! Jobs in, each run on a thread of our own with stack enough for a guest.
//!
//! At most as many queued jobs run at once as there are cores, first come first served; a thread
//! ends when the queue is empty. Not libuv's pool: its four threads serve files and names, and
//! their stacks are too small.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use wasm_preinit::MAX_STACK_BYTES;

/// The guest's share, and as much again for host functions and the compiler.
const STACK_BYTES: usize = 2 * MAX_STACK_BYTES;

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    waiting: VecDeque<Job>,
    running: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    running: 0,
});

/// Runs a job when a core is free for it. Jobs do not panic.
pub fn queue(job: impl FnOnce() + Send + 'static) {
    let mut queue = lock();
    queue.waiting.push_back(Box::new(job));
    if queue.running >= cores() {
        return;
    }
    let spawned = guest_thread().spawn(work);
    match spawned {
        Ok(_) => queue.running += 1,
        // Threads that run already will come to it.
        Err(_) if queue.running > 0 => {}
        Err(_) => {
            let job = queue.waiting.pop_back();
            drop(queue);
            // Out of threads: better on this one than never.
            if let Some(job) = job {
                job();
            }
        }
    }
}

/// Runs a job at once on a guest thread and waits for it.
pub fn run_now<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    let mut job = Some(job);
    let mut run = || job.take().map(|job| job());
    let done = thread::scope(|scope| {
        let spawned = guest_thread().spawn_scoped(scope, &mut run);
        spawned.ok().map(|thread| thread.join())
    });
    match done {
        Some(Ok(Some(result))) => result,
        Some(Err(panic)) => resume_unwind(panic),
        // Out of threads: better on this one than never.
        _ => run().expect("a job that was not spawned is still there"),
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

fn work() {
    loop {
        let job = {
            let mut queue = lock();
            let Some(job) = queue.waiting.pop_front() else {
                queue.running -= 1;
                return;
            };
            job
        };
        // What the job owns is dropped with it; a panic there must not end the thread's count.
        let _ = catch_panic(job);
    }
}

fn guest_thread() -> Builder {
    Builder::new()
        .name("wasm-preinit".to_owned())
        .stack_size(STACK_BYTES)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Generated modules go through a whole run, and both the original and the output through an oracle:
//! V8 with all that it has of WebAssembly, wasmtime with all proposals that the package takes.
//!
//! *Init, then run* must be what *run the output* is: every bit of globals, memories, tables and passive
//! segments, every result, every trap and every exception. Where init fails here it must fail there, in
//! the same way. And all that refers to something by its index means the same in the output.
//!
//! `DIFFERENTIAL_SEEDS` sets how many modules each oracle gets (7,500 by default), `DIFFERENTIAL_SEED`
//! runs one.

#[path = "differential/append.rs"]
mod append;
#[path = "differential/canonical.rs"]
mod canonical;
#[path = "differential/case.rs"]
mod case;
#[path = "differential/confirm.rs"]
mod confirm;
#[path = "differential/generate.rs"]
mod generate;
#[expect(dead_code, reason = "the corpus compares without imports")]
#[path = "differential/native.rs"]
mod native;
#[path = "differential/oracle.rs"]
mod oracle;
#[path = "differential/rng.rs"]
mod rng;
#[path = "differential/shape.rs"]
mod shape;
#[path = "differential/structure.rs"]
mod structure;
#[path = "differential/supply.rs"]
mod supply;
#[path = "differential/totals.rs"]
mod totals;
#[path = "differential/uses.rs"]
mod uses;
#[path = "differential/values.rs"]
mod values;

use case::{Case, Setting, Verdict, original, run};
use generate::{ALL_FEATURES, Features};
use oracle::Oracle;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use totals::{MANY_SEEDS, Totals, keep};
use wasm_preinit::{EngineChoice, Tier};

const DEFAULT_SEEDS: u64 = 7_500;

/// Cases that are judged together: in one process, where the oracle is one.
const BATCH_CASES: u64 = 100;

/// What a guest may use of the stack, and as much again for the engine.
const STACK_BYTES: usize = 2 * wasm_preinit::DEFAULT_MAX_STACK_BYTES;

#[test]
fn running_the_output_in_v8_is_init_then_run_in_v8() {
    let oracle = Oracle::find();
    let setting = Setting {
        features: oracle.features.clone(),
        other_engine: true,
    };
    let totals = judge_all(&setting, &|cases| oracle.judge(cases));
    totals.assert("V8", &LEAST_IN_V8);
}

#[test]
fn running_the_output_in_wasmtime_is_init_then_run_in_wasmtime_whatever_the_proposals() {
    let setting = Setting {
        features: ALL_FEATURES.map(String::from).into(),
        other_engine: false,
    };
    let totals = judge_all(&setting, &|cases| {
        cases.iter().map(confirm::judge).collect()
    });
    totals.assert("wasmtime", &LEAST_IN_WASMTIME);
}

/// Runs all seeds, and has the oracle judge what comes out.
fn judge_all(setting: &Setting, judge: &(dyn Fn(&[Case]) -> Vec<Verdict> + Sync)) -> Totals {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let totals = Mutex::new(Totals::default());
    let work = || {
        loop {
            let start = next.fetch_add(BATCH_CASES, Ordering::Relaxed);
            let end = seeds.end.min(start + BATCH_CASES);
            if start >= end {
                break;
            }
            let batch = judge_batch(start..end, setting, judge);
            let mut totals = totals.lock().expect("no worker panics with the lock");
            totals.add(batch);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            spawn(scope, work);
        }
    });
    totals.into_inner().expect("no worker panics with the lock")
}

fn judge_batch(
    seeds: Range<u64>,
    setting: &Setting,
    judge: &(dyn Fn(&[Case]) -> Vec<Verdict> + Sync),
) -> Totals {
    let mut totals = Totals::default();
    let mut cases = Vec::new();
    for seed in seeds {
        totals.seeds += 1;
        let (original, supply) = original(seed, setting);
        match catch_unwind(AssertUnwindSafe(|| Case::new(seed, &original, supply))) {
            Ok(Ok(case)) => cases.push(case),
            Ok(Err(problem)) => totals.fail(seed, &original, &problem),
            Err(_) => totals.fail(seed, &original, "it panicked"),
        }
    }
    let verdicts = judge(&cases);
    for (case, verdict) in cases.into_iter().zip(verdicts) {
        totals.count(case, verdict);
    }
    totals
}

#[test]
fn both_compilers_leave_the_same_bytes_whatever_nans_the_module_makes() {
    // Not all seeds, as each is compiled by the slower compiler as well.
    const ONE_IN: usize = 10;
    // The baseline compiler takes no module with `externref`.
    let features = ["extended_const", "memory64", "multi_memory", "tail_call"];
    let setting = Setting {
        features: Features::from(features.map(String::from)),
        other_engine: false,
    };
    let compare = || {
        let seeds = seeds().step_by(ONE_IN);
        let compared = seeds.map(|seed| usize::from(compilers_agree(seed, &setting)));
        compared.fold((0, 0), |(all, same), one| (all + 1, same + one))
    };
    let compared = std::thread::scope(|scope| spawn(scope, compare).join());
    let (seeds, compared) = compared.expect("both compilers leave the same bytes");
    println!("{compared} of {seeds} modules pre-initialized by both compilers");
    assert!(seeds < MANY_SEEDS / ONE_IN || compared * 2 >= seeds);
}

/// Whether both compilers have run init to its end; it panics where that or the output depends on the
/// compiler.
fn compilers_agree(seed: u64, setting: &Setting) -> bool {
    let (original, supply) = original(seed, setting);
    let run = |engine| run(&original, &supply, engine);
    let (auto, optimizing) = (run(EngineChoice::Auto), run(EngineChoice::Optimizing));
    // The optimizing compiler moves some traps, so frames may differ.
    let agree = match (&auto, &optimizing) {
        (Ok(one), Ok(other)) => one.wasm == other.wasm,
        (Err(one), Err(other)) => one.code() == other.code(),
        _ => false,
    };
    if !agree {
        let place = keep(seed, "original", &original);
        panic!("seed {seed}: the compilers differ on {}", place.display());
    }
    let report = auto.ok().and_then(|initialized| initialized.report);
    report.is_some_and(|report| report.tier == Tier::Baseline)
}

/// A thread with a stack that is large enough for any guest.
fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let spawned = thread.spawn_scoped(scope, work);
    spawned.expect("threads can be started")
}

fn seeds() -> Range<u64> {
    let number = |name: &str| {
        let value = std::env::var(name).ok()?;
        Some(
            value
                .parse::<u64>()
                .unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
        )
    };
    match number("DIFFERENTIAL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DIFFERENTIAL_SEEDS").unwrap_or(DEFAULT_SEEDS),
    }
}

/// Of a thousand modules, how many must have used what at least: some two fifths of what they do.
const LEAST_IN_V8: [(&str, usize); 30] = [
    ("added element segment", 23),
    ("baseline compiler", 52),
    ("changed numeric global", 238),
    ("changed reference global", 7),
    ("changed table", 52),
    ("data.drop", 86),
    ("dropped data segment", 31),
    ("dropped element segment", 12),
    ("elem.drop", 60),
    ("grown memory", 63),
    ("grown table", 65),
    ("imported global", 26),
    ("imported memory", 6),
    ("imported reference", 12),
    ("imported table", 28),
    ("internalized global", 15),
    ("internalized memory", 3),
    ("internalized table", 14),
    ("kept value of an import", 1),
    ("memory.copy", 64),
    ("memory.fill", 65),
    ("memory.init", 140),
    ("memory64", 22),
    ("ref.func", 58),
    ("table.copy", 47),
    ("table.fill", 41),
    ("table.grow", 44),
    ("table.init", 85),
    ("table.set", 83),
    ("tail call", 11),
];

const LEAST_IN_WASMTIME: [(&str, usize); 47] = [
    ("added element segment", 22),
    ("array.new", 5),
    ("atomic", 26),
    ("baseline compiler", 14),
    ("call_ref", 13),
    ("changed numeric global", 196),
    ("changed reference global", 6),
    ("changed table", 51),
    ("custom page sizes", 151),
    ("data.drop", 65),
    ("dropped data segment", 25),
    ("dropped element segment", 12),
    ("elem.drop", 53),
    ("global of a typed reference", 69),
    ("grown memory", 89),
    ("grown table", 63),
    ("imported global", 17),
    ("imported memory", 22),
    ("imported reference", 8),
    ("imported table", 26),
    ("imported tag", 6),
    ("internalized global", 9),
    ("internalized memory", 12),
    ("internalized table", 13),
    ("memory.copy", 78),
    ("memory.fill", 83),
    ("memory.init", 105),
    ("memory64", 25),
    ("object type", 13),
    ("ref.func", 43),
    ("relaxed simd", 8),
    ("several memories", 127),
    ("struct.new", 8),
    ("table of typed references", 136),
    ("table.copy", 40),
    ("table.fill", 42),
    ("table.grow", 44),
    ("table.init", 82),
    ("table.set", 86),
    ("table64", 22),
    ("tag", 50),
    ("tail call", 43),
    ("throw", 50),
    ("throw_ref", 24),
    ("try_table", 81),
    ("uncaught exception", 33),
    ("wide arithmetic", 4),
];

//! Generated modules go through a whole run, and both the original and the output through V8.
//!
//! *Init, then run* in V8 must be what *run the output* in V8 is: every bit of globals, memories,
//! tables and passive segments, every result and every trap. Where init fails here it must fail
//! there, in the same way.
//!
//! `DIFFERENTIAL_SEEDS` sets how many modules (2,000 by default), `DIFFERENTIAL_SEED` runs one.

#[path = "differential/append.rs"]
mod append;
#[path = "differential/canonical.rs"]
mod canonical;
#[path = "differential/generate.rs"]
mod generate;
#[path = "differential/native.rs"]
mod native;
#[path = "differential/oracle.rs"]
mod oracle;
#[path = "differential/rng.rs"]
mod rng;
#[path = "differential/shape.rs"]
mod shape;
#[path = "differential/values.rs"]
mod values;

use generate::{Features, generate};
use oracle::{Case, Expected, Oracle, Verdict};
use rng::Rng;
use shape::Shape;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use wasm_preinit::module::{Module, section_id};
use wasm_preinit::{EngineChoice, Error, ErrorKind, Options, Stage};

const DEFAULT_SEEDS: u64 = 2_000;

/// Cases that one process of the other engine gets.
const BATCH_CASES: u64 = 100;

/// What a guest may use of the stack, and as much again for the engine.
const STACK_BYTES: usize = 2 * wasm_preinit::DEFAULT_MAX_STACK_BYTES;

/// The share of modules that must have been pre-initialized and compared, so that no mistake in
/// generating them turns the test into one that tests nothing.
const LEAST_EFFECTIVE_PERCENT: usize = 60;

#[test]
fn running_the_output_in_v8_is_init_then_run_in_v8() {
    let seeds = seeds();
    let oracle = Oracle::find();
    let next = AtomicU64::new(seeds.start);
    let totals = Mutex::new(Totals::default());
    let work = || {
        loop {
            let start = next.fetch_add(BATCH_CASES, Ordering::Relaxed);
            let end = seeds.end.min(start + BATCH_CASES);
            if start >= end {
                break;
            }
            let batch = Totals::of(start..end, &oracle);
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
    let totals = totals.into_inner().expect("no worker panics with the lock");
    println!("{}", totals.summary());
    assert!(
        totals.failures.is_empty(),
        "{} of {} modules:\n{}",
        totals.failures.len(),
        totals.seeds,
        totals.failures.join("\n")
    );
    assert_enough(totals.compared, totals.seeds);
}

#[test]
fn running_the_output_in_wasmtime_is_init_then_run_in_wasmtime_whatever_the_proposals() {
    let seeds = seeds();
    let features = [
        "custom_page_sizes",
        "extended_const",
        "memory64",
        "multi_memory",
        "table64",
        "tail_call",
        "wide_arithmetic",
    ];
    let features: Features = features.map(String::from).into();
    // A fifth of the seeds, as each is compiled three times, mostly by the slower compiler.
    let seeds = seeds.step_by(5);
    let count = || {
        seeds
            .clone()
            .filter(|&seed| outputs_agree(seed, &features))
            .count()
    };
    let compared = std::thread::scope(|scope| spawn(scope, count).join());
    let compared = compared.expect("all outputs are right");
    println!("{compared} modules with more proposals pre-initialized and compared");
    assert_enough(compared, seeds.count());
}

/// Whether init ends well; it panics where the output is wrong.
fn outputs_agree(seed: u64, features: &Features) -> bool {
    let original = original(seed, features, false);
    let problem = match run(&original, EngineChoice::Auto) {
        Ok(output) => check_output(&original, &output).err().or_else(|| {
            native::compare(&original, &output).unwrap_or_else(|e| Some(e.to_string()))
        }),
        Err(error) => match expected_end(&original, &error) {
            Ok(_) => return false,
            Err(problem) => Some(problem),
        },
    };
    if let Some(problem) = problem {
        let place = keep(seed, "original", &original);
        panic!("seed {seed}: {problem} ({})", place.display());
    }
    true
}

#[test]
fn both_compilers_leave_the_same_bytes_whatever_nans_the_module_makes() {
    let seeds = seeds();
    let features = ["extended_const", "memory64", "multi_memory", "tail_call"];
    let features: Features = features.map(String::from).into();
    let compare = || {
        // A tenth of the seeds, as each is compiled by the slower compiler as well.
        let seeds = seeds.step_by(10);
        seeds
            .filter(|&seed| compilers_agree(seed, &features))
            .count()
    };
    let compared = std::thread::scope(|scope| spawn(scope, compare).join());
    let compared = compared.expect("both compilers leave the same bytes");
    println!("{compared} modules pre-initialized by both compilers");
}

/// Whether init ends well; it panics where that or the output depends on the compiler.
fn compilers_agree(seed: u64, features: &Features) -> bool {
    let original = original(seed, features, false);
    // The optimizing compiler moves some traps, so frames may differ.
    let run = |engine| run(&original, engine).map_err(|failure| failure.code());
    let baseline = run(EngineChoice::Auto);
    if baseline != run(EngineChoice::Optimizing) {
        let place = keep(seed, "original", &original);
        panic!("seed {seed}: the compilers differ on {}", place.display());
    }
    baseline.is_ok()
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

fn assert_enough(compared: usize, seeds: usize) {
    let enough = compared * 100 >= seeds * LEAST_EFFECTIVE_PERCENT;
    // A few seeds may all be bad ones.
    assert!(
        enough || seeds < 100,
        "only {compared} of {seeds} modules were compared"
    );
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

fn original(seed: u64, features: &Features, canonical_nans: bool) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let generated = generate(&mut rng, features, canonical_nans);
    append::append(&generated, canonical_nans, &mut rng)
}

fn run(original: &[u8], engine: EngineChoice) -> Result<Vec<u8>, Error> {
    let options = Options {
        engine,
        verify: true,
        ..Options::default()
    };
    wasm_preinit::initialize(original, &options).map(|initialized| initialized.wasm)
}

/// What became of a number of seeds.
#[derive(Default)]
struct Totals {
    seeds: usize,
    compared: usize,
    /// Init ended as the original does in V8, by how it ended.
    confirmed: BTreeMap<String, usize>,
    stack_exhausted: usize,
    failures: Vec<String>,
}

impl Totals {
    fn of(seeds: Range<u64>, oracle: &Oracle) -> Self {
        let mut totals = Self::default();
        let mut cases = Vec::new();
        for seed in seeds {
            totals.seeds += 1;
            let original = original(seed, &oracle.features, true);
            match catch_unwind(AssertUnwindSafe(|| case(seed, &original))) {
                Ok(Ok(case)) => cases.push(case),
                Ok(Err(problem)) => totals.fail(seed, &original, &problem),
                Err(_) => totals.fail(seed, &original, "it panicked"),
            }
        }
        let verdicts = oracle.judge(&cases);
        for (case, verdict) in cases.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Same if matches!(case.expected, Expected::Initialized(_)) => {
                    totals.compared += 1;
                }
                Verdict::Same => {
                    *totals
                        .confirmed
                        .entry(case.expected.to_string())
                        .or_default() += 1
                }
                Verdict::StackExhausted => totals.stack_exhausted += 1,
                Verdict::Different(detail) => {
                    if let Expected::Initialized(output) = &case.expected {
                        keep(case.seed, "output", output);
                    }
                    totals.fail(case.seed, &case.original, &detail);
                }
            }
        }
        totals
    }

    fn fail(&mut self, seed: u64, original: &[u8], problem: &str) {
        let place = keep(seed, "original", original);
        self.failures
            .push(format!("seed {seed}: {problem} ({})", place.display()));
    }

    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.compared += other.compared;
        self.stack_exhausted += other.stack_exhausted;
        for (end, count) in other.confirmed {
            *self.confirmed.entry(end).or_default() += count;
        }
        self.failures.extend(other.failures);
    }

    fn summary(&self) -> String {
        let confirmed: Vec<String> = self
            .confirmed
            .iter()
            .map(|(end, count)| format!("{count} {end}"))
            .collect();
        format!(
            "{} modules: {} pre-initialized and compared; init ended as in V8 with: {}; \
             stack of V8 exhausted: {}; different: {}",
            self.seeds,
            self.compared,
            confirmed.join(", "),
            self.stack_exhausted,
            self.failures.len()
        )
    }
}

/// Runs one module and says what V8 must find.
fn case(seed: u64, original: &[u8]) -> Result<Case, String> {
    let engine = if seed.is_multiple_of(2) {
        EngineChoice::Auto
    } else {
        EngineChoice::Optimizing
    };
    let expected = match run(original, engine) {
        Ok(output) => {
            check_output(original, &output)?;
            Expected::Initialized(output)
        }
        Err(error) => expected_end(original, &error)?,
    };
    Ok(Case {
        seed,
        host_results: Shape::read(original).host_results(),
        original: original.to_vec(),
        expected,
    })
}

/// How init must end in V8, given how it ended here.
fn expected_end(original: &[u8], error: &Error) -> Result<Expected, String> {
    match error.kind() {
        ErrorKind::Trap { kind, .. } => Ok(Expected::Trap(kind.name())),
        ErrorKind::StackLimit { .. } => Ok(Expected::Stack),
        ErrorKind::ImportCalled { module, name, .. } => {
            let original = Module::parse(original).map_err(|error| error.to_string())?;
            let mut imports = original.imports.iter();
            let position = imports.position(|known| known.module == module && known.name == name);
            let position = position.ok_or_else(|| format!("there is no import {module}.{name}"))?;
            Ok(Expected::Import(position))
        }
        // Init has run to its end, and left something that the output can't hold.
        ErrorKind::Unsupported(_) if error.stage() == Stage::Snapshot => Ok(Expected::Returns),
        _ => Err(format!("{} {error}", error.code())),
    }
}

/// What holds of every output: it is valid, and code and custom sections are as they were.
fn check_output(original: &[u8], output: &[u8]) -> Result<(), String> {
    let features = wasmparser::WasmFeatures::all();
    wasmparser::Validator::new_with_features(features)
        .validate_all(output)
        .map_err(|error| format!("the output is not valid: {error}"))?;
    let kept = |wasm: &[u8]| {
        let module = Module::parse(wasm).map_err(|error| error.to_string())?;
        let sections = module.sections.iter();
        let kept =
            sections.filter(|section| matches!(section.id, section_id::CUSTOM | section_id::CODE));
        Ok::<_, String>(
            kept.map(|section| wasm[section.range.clone()].to_vec())
                .collect::<Vec<_>>(),
        )
    };
    if kept(original)? == kept(output)? {
        Ok(())
    } else {
        Err("a custom section or the code section has changed".to_owned())
    }
}

/// Writes bytes where a person can look at them.
fn keep(seed: u64, what: &str, wasm: &[u8]) -> PathBuf {
    let name = format!("differential-{seed}-{what}.wasm");
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&place, wasm).expect("the target directory can be written to");
    place
}

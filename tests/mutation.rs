//! Broken modules go into whole runs: every one must end in a valid module or a coded error, in
//! bounded time and memory.
//!
//! The modules are the golden ones, one that calls all of WASI, a C++ program and a JavaScript
//! engine, with bytes, numbers, lists, nesting and sections changed. `MUTATIONS` sets how many
//! (20,000 by default) and `MUTATION_SEED` runs one. Where the process itself ends,
//! `target/tmp/mutation-running-*.wasm` are what was being worked on.

#[path = "mutation/binary.rs"]
mod binary;
#[path = "mutation/mutate.rs"]
mod mutate;
#[path = "mutation/property.rs"]
mod property;
#[expect(dead_code, reason = "the differential test uses all of it")]
#[path = "differential/rng.rs"]
mod rng;

use mutate::mutate;
use property::{End, STACK_BYTES, Setting, check};
use rng::Rng;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{Builder, scope};
use std::time::{Duration, Instant};
use wasm_preinit::{EngineChoice, text};

const DEFAULT_MUTATIONS: u64 = 20_000;

/// One in so many mutations is of a real program, whose compilation takes longer.
const REAL_ONE_IN: usize = 100;

/// One in so many of the others is of the module that calls WASI.
const WASI_ONE_IN: usize = 6;

/// Ends in so many hundredths of all runs, so that no mistake in mutating makes all of them alike.
const LEAST_INITIALIZED_PERCENT: usize = 5;
const LEAST_INVALID_PERCENT: usize = 20;

/// A run that takes so long will not end; the test is ended instead, as it would hang.
const WATCHDOG: Duration = Duration::from_secs(120);

/// How many of the slowest runs are told.
const SLOWEST_SHOWN: usize = 5;

/// What the process may take at most: guests of all workers, and a compiler's work on each.
#[cfg(target_os = "linux")]
const PEAK_BYTES: usize = 2 << 30;

#[test]
fn every_mutation_of_a_module_ends_in_a_valid_module_or_a_coded_error() {
    let seeds = seeds();
    let subjects = Subjects::read();
    let next = AtomicU64::new(seeds.start);
    let totals = Mutex::new(BTreeMap::<End, usize>::new());
    let failures = Mutex::new(Vec::new());
    let slowest = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let running: Vec<Mutex<Option<(u64, Instant)>>> = std::iter::repeat_with(Mutex::default)
        .take(workers)
        .collect();

    let work = |worker: usize| {
        let seeds = &seeds;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                break;
            }
            let case = subjects.case(seed);
            keep(&running_name(worker), &case.wasm);
            *running[worker].lock().expect("it holds no panic") = Some((seed, Instant::now()));
            let started = Instant::now();
            let end = check(&case.wasm, &case.setting);
            *running[worker].lock().expect("it holds no panic") = None;
            let mut slowest_now = slowest.lock().expect("it holds no panic");
            slowest_now.push((started.elapsed(), seed));
            slowest_now.sort_unstable_by(|a, b| b.cmp(a));
            slowest_now.truncate(SLOWEST_SHOWN);
            drop(slowest_now);
            match end {
                Ok(end) => {
                    let mut totals = totals.lock().expect("it holds no panic");
                    *totals.entry(end).or_default() += 1;
                }
                Err(problem) => {
                    let place = keep(&format!("mutation-{seed}.wasm"), &case.wasm);
                    let failure = format!(
                        "MUTATION_SEED={seed}, made from {}: {problem} ({})",
                        case.name,
                        place.display()
                    );
                    failures.lock().expect("it holds no panic").push(failure);
                }
            }
        }
        // The input of a single run is what somebody wants to see.
        if seeds.end - seeds.start > 1 {
            let _ = std::fs::remove_file(path(&running_name(worker)));
        }
    };

    scope(|scope| {
        let (done, watched) = channel::<()>();
        let running = &running;
        scope.spawn(move || {
            while watched.recv_timeout(WATCHDOG / 4) == Err(RecvTimeoutError::Timeout) {
                end_if_hung(running);
            }
        });
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let thread = Builder::new().stack_size(STACK_BYTES);
                let spawned = thread.spawn_scoped(scope, move || work(worker));
                spawned.expect("threads can be started")
            })
            .collect();
        for thread in threads {
            thread.join().expect("a run that panics is caught");
        }
        drop(done);
    });

    let totals = totals.into_inner().expect("it holds no panic");
    println!("{totals:?}");
    for (time, seed) in slowest.into_inner().expect("it holds no panic") {
        println!("{time:?}: MUTATION_SEED={seed}");
    }
    let failures = failures.into_inner().expect("it holds no panic");
    assert!(
        failures.is_empty(),
        "{} mutations:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_various(&totals);
    #[cfg(target_os = "linux")]
    assert_peak_memory();
}

/// Says which input does not end, and ends the process.
fn end_if_hung(running: &[Mutex<Option<(u64, Instant)>>]) {
    for (worker, slot) in running.iter().enumerate() {
        let slot = *slot.lock().expect("it holds no panic");
        if let Some((seed, since)) = slot
            && since.elapsed() > WATCHDOG
        {
            let place = path(&running_name(worker));
            // Not captured, as a panic's message is: nobody would see that before the end.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("MUTATION_SEED={seed} does not end ({})\n", place.display()).as_bytes(),
            );
            std::process::abort();
        }
    }
}

fn assert_various(totals: &BTreeMap<End, usize>) {
    let all: usize = totals.values().sum();
    if all < 1000 {
        return;
    }
    let percent = |end| totals.get(&end).copied().unwrap_or(0) * 100 / all;
    let initialized = percent(End::Initialized);
    assert!(
        initialized >= LEAST_INITIALIZED_PERCENT,
        "only {initialized} % of the mutations could be pre-initialized"
    );
    let invalid = percent(End::Failed("ERR_INVALID_WASM"));
    assert!(
        invalid >= LEAST_INVALID_PERCENT,
        "only {invalid} % of the mutations are invalid"
    );
    for code in [
        "ERR_INIT_FUNC_MISSING",
        "ERR_INIT_FUNC_TYPE",
        "ERR_MEMORY_LIMIT",
        "ERR_TIMEOUT",
        "ERR_TRAP",
        "ERR_UNSUPPORTED",
    ] {
        assert!(
            totals.contains_key(&End::Failed(code)),
            "no mutation ends with {code}"
        );
    }
}

/// The most memory that the process has had at any time.
#[cfg(target_os = "linux")]
fn assert_peak_memory() {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is a status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    let kib: usize = kib
        .and_then(|kib| kib.parse().ok())
        .expect("it is a number");
    println!("{} MiB at most", kib >> 10);
    assert!(kib << 10 < PEAK_BYTES, "{} MiB of memory", kib >> 10);
}

fn seeds() -> Range<u64> {
    let number = |name: &str| {
        let value = std::env::var(name).ok()?;
        let number = value.parse::<u64>();
        Some(number.unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
    };
    match number("MUTATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MUTATIONS").unwrap_or(DEFAULT_MUTATIONS),
    }
}

/// The modules before they are mutated.
struct Subjects {
    names: Vec<String>,
    modules: Vec<Vec<u8>>,
    /// How many of them are small, with the one that calls WASI as the last; real programs follow.
    small: usize,
}

struct Case {
    name: String,
    wasm: Vec<u8>,
    setting: Setting,
}

impl Subjects {
    fn read() -> Self {
        let mut small = golden_modules();
        small.sort();
        let wasi = text::to_binary(include_bytes!("mutation/wasi.wat"));
        let wasi = wasi.expect("it is valid text").into_owned();
        small.push(("wasi.wat".to_owned(), wasi));
        let real = [
            "__test__/fixtures/reactor/reactor.wasm",
            "node_modules/@chainlink/cre-sdk-javy-plugin/dist/javy-chainlink-sdk.plugin.wasm",
        ];
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut names, mut modules): (Vec<String>, Vec<Vec<u8>>) = small.into_iter().unzip();
        let small = modules.len();
        for path in real {
            let Ok(wasm) = std::fs::read(root.join(path)) else {
                println!("{path} is not there; it comes with `npm ci`");
                continue;
            };
            names.push(path.to_owned());
            modules.push(wasm);
        }
        Self {
            names,
            modules,
            small,
        }
    }

    fn case(&self, seed: u64) -> Case {
        let mut rng = Rng::new(seed);
        let real = self.modules.len() - self.small;
        let at = if real > 0 && rng.one_in(REAL_ONE_IN) {
            self.small + rng.below(real)
        } else {
            match rng.below(WASI_ONE_IN) {
                0 => self.small - 1,
                _ => rng.below(self.small),
            }
        };
        let candidates = wasm_preinit::inspect(&self.modules[at]).map(|info| info.init_funcs);
        let init_func = candidates.ok().and_then(|names| names.first().cloned());
        let is_real = at >= self.small;
        let setting = Setting {
            init_func,
            engine: match rng.below(8) {
                0 if !is_real => EngineChoice::Optimizing,
                1 => EngineChoice::Baseline,
                _ => EngineChoice::Auto,
            },
            keep_init_func: rng.one_in(4),
            // Most small modules have no stack of their own in memory, which it needs.
            zero_dead_stack: rng.one_in(if is_real { 2 } else { 64 }),
            report: rng.one_in(4),
            timeout: Duration::from_millis(if is_real { 2_000 } else { 60 }),
        };
        Case {
            name: self.names[at].clone(),
            wasm: mutate(&self.modules, at, &mut rng),
            setting,
        }
    }
}

fn golden_modules() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(folder).expect("the golden modules can be listed");
    let mut modules = Vec::new();
    for file in files {
        let path = file.expect("the golden modules can be listed").path();
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.expect("a file has a name").into_owned();
        if !name.ends_with(".wat")
            || name.ends_with(".output.wat")
            || name.ends_with(".instrumented.wat")
        {
            continue;
        }
        let text = std::fs::read(&path).expect("the golden modules can be read");
        let wasm = text::to_binary(&text).expect("the golden modules are valid text");
        modules.push((name, wasm.into_owned()));
    }
    assert!(!modules.is_empty(), "there are no golden modules");
    modules
}

fn running_name(worker: usize) -> String {
    format!("mutation-running-{worker}.wasm")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Writes bytes where a person can look at them.
fn keep(name: &str, wasm: &[u8]) -> PathBuf {
    let place = path(name);
    std::fs::write(&place, wasm).expect("the target directory can be written to");
    place
}

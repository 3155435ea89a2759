//! Verdicts go in, what became of all seeds comes out, and whether that is enough to call it a test.

use crate::case::{Case, Expected, Verdict};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The share of modules that must have been pre-initialized and compared, so that no mistake in
/// generating them turns the test into one that tests nothing.
const LEAST_EFFECTIVE_PERCENT: usize = 60;

/// From this many seeds on, shares mean something.
pub const MANY_SEEDS: usize = 1000;

#[derive(Default)]
pub struct Totals {
    pub seeds: usize,
    pub compared: usize,
    /// Init ended as the original does with the oracle, by how it ended.
    confirmed: BTreeMap<String, usize>,
    stack_exhausted: usize,
    failures: Vec<String>,
    /// How many of the compared modules have used something.
    uses: BTreeMap<&'static str, usize>,
}

impl Totals {
    pub fn count(&mut self, case: Case, verdict: Verdict) {
        match verdict {
            Verdict::Same(ends) => match case.expected {
                Expected::Initialized(_) => {
                    self.compared += 1;
                    for name in case.uses.into_iter().chain(ends) {
                        *self.uses.entry(name).or_default() += 1;
                    }
                }
                other => *self.confirmed.entry(other.to_string()).or_default() += 1,
            },
            Verdict::StackExhausted => self.stack_exhausted += 1,
            Verdict::Different(detail) => {
                if let Expected::Initialized(output) = &case.expected {
                    keep(case.seed, "output", output);
                }
                self.fail(case.seed, &case.original, &detail);
            }
        }
    }

    pub fn fail(&mut self, seed: u64, original: &[u8], problem: &str) {
        let place = keep(seed, "original", original);
        let place = place.display();
        self.failures
            .push(format!("seed {seed}: {problem} ({place})"));
    }

    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.compared += other.compared;
        self.stack_exhausted += other.stack_exhausted;
        for (end, count) in other.confirmed {
            *self.confirmed.entry(end).or_default() += count;
        }
        for (name, count) in other.uses {
            *self.uses.entry(name).or_default() += count;
        }
        self.failures.extend(other.failures);
    }

    /// Panics where something is wrong, or where too few modules have used one of the features:
    /// `least` is as (feature, of a thousand modules).
    pub fn assert(&self, oracle: &str, least: &[(&str, usize)]) {
        println!("{}", self.summary(oracle));
        assert!(
            self.failures.is_empty(),
            "{} of {} modules:\n{}",
            self.failures.len(),
            self.seeds,
            self.failures.join("\n")
        );
        if self.seeds < MANY_SEEDS {
            return;
        }
        let (compared, seeds) = (self.compared, self.seeds);
        assert!(
            compared * 100 >= seeds * LEAST_EFFECTIVE_PERCENT,
            "only {compared} of {seeds} modules were compared"
        );
        for (name, least) in least {
            let used = self.uses.get(name).copied().unwrap_or(0);
            assert!(
                used * 1000 >= seeds * least,
                "{name}: only in {used} of {seeds} modules"
            );
        }
    }

    fn summary(&self, oracle: &str) -> String {
        fn list<N: AsRef<str>>(counts: &BTreeMap<N, usize>) -> String {
            let counts = counts.iter();
            let texts = counts.map(|(name, count)| format!("{count} {}", name.as_ref()));
            texts.collect::<Vec<_>>().join(", ")
        }
        format!(
            "{} modules: {} pre-initialized and compared; init ended as in {oracle} with: {}; \
             stack of {oracle} exhausted: {}; different: {}\nof those compared: {}",
            self.seeds,
            self.compared,
            list(&self.confirmed),
            self.stack_exhausted,
            self.failures.len(),
            list(&self.uses)
        )
    }
}

/// Writes bytes where a person can look at them.
pub fn keep(seed: u64, what: &str, wasm: &[u8]) -> PathBuf {
    let name = format!("differential-{seed}-{what}.wasm");
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&place, wasm).expect("the target directory can be written to");
    place
}

//! Randomness and time that depend on the module alone, so that the output does.

use crate::options::Clock;
use blake3::OutputReader;

/// Random bytes without end, the same for the same module.
pub struct SeededRandom(OutputReader);

impl SeededRandom {
    /// `module` is the hash of the module's bytes.
    pub fn new(module: &blake3::Hash) -> Self {
        let mut hasher =
            blake3::Hasher::new_derive_key("wasm-preinit random bytes for the guest, version 1");
        hasher.update(module.as_bytes());
        Self(hasher.finalize_xof())
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// How far time goes at each look at a clock: far enough for a loop that waits to end, and near
/// enough for times of day to stay what they are.
const STEP_NANOSECONDS: u64 = 1000;

/// A clock that advances by being read and by waiting, never by time.
pub struct FixedClock {
    start: u64,
    elapsed: u64,
}

impl FixedClock {
    /// `None` when the guest sees the host's clocks.
    pub fn new(clock: Clock) -> Option<Self> {
        match clock {
            Clock::Fixed(start) => Some(Self { start, elapsed: 0 }),
            Clock::Host => None,
        }
    }

    /// Nanoseconds since 1970.
    pub fn realtime(&mut self) -> u64 {
        self.start.saturating_add(self.monotonic())
    }

    /// Nanoseconds since the run began.
    pub fn monotonic(&mut self) -> u64 {
        let now = self.elapsed;
        self.wait(STEP_NANOSECONDS);
        now
    }

    /// What files say of their times.
    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn wait(&mut self, nanoseconds: u64) {
        self.elapsed = self.elapsed.saturating_add(nanoseconds);
    }
}

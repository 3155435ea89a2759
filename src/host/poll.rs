//! `poll_oneoff` under a clock that only advances by calls: waiting ends at once, and the clock
//! says that the time has passed.

use crate::host::abi::{self, Errno, address, errno};
use crate::host::deterministic::FixedClock;
use crate::host::wasi::Wasi;

/// Bytes of a subscription and of an event.
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;

/// The tag of a subscription to a clock; the other two are to a descriptor.
const CLOCK: u8 = 0;

/// Standard streams, which wasmtime's implementation can wait for.
const STREAMS: std::ops::RangeInclusive<i32> = 0..=2;

/// [`errno::BADF`] in an event's field.
const BADF: u8 = 8;

struct Subscription {
    userdata: u64,
    tag: u8,
    /// Nanoseconds from now.
    delay: u64,
    is_absolute: bool,
    descriptor: i32,
}

/// Answers a poll; `None` where it takes the host's clock or its streams.
pub fn poll_oneoff(wasi: &mut Wasi, memory: &mut [u8], args: &[i64]) -> Option<i32> {
    let result = perform(wasi, memory, args);
    match result {
        Ok(answered) => answered.then_some(errno::SUCCESS),
        Err(errno) => Some(errno),
    }
}

fn perform(wasi: &mut Wasi, memory: &mut [u8], args: &[i64]) -> Result<bool, Errno> {
    let (from, to, count) = (address(args[0]), address(args[1]), address(args[2]));
    if count == 0 {
        return Err(errno::INVAL);
    }
    abi::slice(memory, from, count.saturating_mul(SUBSCRIPTION_BYTES))?;
    let mut subscriptions = Vec::new();
    for index in 0..count {
        let at = from + index * SUBSCRIPTION_BYTES;
        subscriptions.push(subscription(wasi.clock.as_mut(), memory, at)?);
    }
    let mut files = subscriptions.iter().filter(|s| s.tag != CLOCK).peekable();
    // Files of the tree are always ready, and so are those of the host.
    let has_files = files.peek().is_some();
    let waits =
        |s: &Subscription| STREAMS.contains(&s.descriptor) && !wasi.is_in_tree(s.descriptor);
    let only_relative = !has_files && subscriptions.iter().all(|s| !s.is_absolute);
    if wasi.clock.is_none() && !only_relative && (!has_files || files.any(waits)) {
        return Ok(false);
    }
    let soonest = subscriptions.iter().map(|s| s.delay).min().unwrap_or(0);
    let soonest = if has_files { 0 } else { soonest };
    match wasi.clock.as_mut() {
        Some(clock) => clock.wait(soonest),
        None => wasi.sleep(soonest),
    }
    let mut events: u32 = 0;
    for subscription in &subscriptions {
        let is_due = match subscription.tag {
            CLOCK => !has_files && subscription.delay <= soonest,
            _ => true,
        };
        if is_due {
            let mut event = [0; EVENT_BYTES];
            event[0..8].copy_from_slice(&subscription.userdata.to_le_bytes());
            event[10] = subscription.tag;
            if subscription.tag != CLOCK {
                match wasi.is_open(subscription.descriptor) {
                    // Bytes that can be read or written: at least one.
                    true => event[16] = 1,
                    false => event[8] = BADF,
                }
            }
            abi::write(memory, to + events as usize * EVENT_BYTES, &event)?;
            events += 1;
        }
    }
    abi::write(memory, address(args[3]), &events.to_le_bytes())?;
    Ok(true)
}

fn subscription(
    clock: Option<&mut FixedClock>,
    memory: &[u8],
    at: usize,
) -> Result<Subscription, Errno> {
    /// The flag that says that a time is not from now on, but on the clock.
    const ABSOLUTE: u16 = 1;
    const REALTIME: u32 = 0;
    let tag = abi::read_u8(memory, at + 8)?;
    let timeout = abi::read_u64(memory, at + 24)?;
    let is_absolute = abi::read_u16(memory, at + 40)? & ABSOLUTE != 0;
    let delay = match clock {
        Some(clock) if tag == CLOCK && is_absolute => {
            let now = match abi::read_u32(memory, at + 16)? {
                REALTIME => clock.realtime(),
                _ => clock.monotonic(),
            };
            timeout.saturating_sub(now)
        }
        _ => timeout,
    };
    Ok(Subscription {
        userdata: abi::read_u64(memory, at)?,
        tag,
        delay: if tag == CLOCK { delay } else { u64::MAX },
        is_absolute,
        descriptor: abi::read_u32(memory, at + 16)?.cast_signed(),
    })
}

//! The real clock and the real source of randomness.

use std::sync::Arc;

use meta::Timestamp;
use meta::host::{Clock, Host, Random};
use rustix::rand::{GetRandomFlags, getrandom};

/// What every room with effects is given on a real machine.
pub(crate) fn real() -> Host {
    Host {
        clock: Arc::new(WallClock),
        random: Arc::new(Kernel),
    }
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct Kernel;

impl Random for Kernel {
    fn fill(&self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            // Fails only when a signal interrupts the wait for entropy at boot: try again.
            let filled = getrandom(&mut *bytes, GetRandomFlags::empty()).unwrap_or(0);
            bytes = &mut bytes[filled..];
        }
    }
}

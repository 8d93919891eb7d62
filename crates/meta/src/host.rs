//! What a room with effects is given from outside: the time of day and fresh identifiers.
//!
//! The real ones live at the edge (`plimsoll`), the deterministic ones in `world`. Planners get neither:
//! for them time and identifiers are plain arguments.

use std::sync::Arc;

use crate::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The current time of day.
    fn now(&self) -> Timestamp;
}

/// A source of randomness: cryptographic at the edge, seeded in simulation.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Everything a room with effects is given, cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
}

impl Host {
    /// The current time of day.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh random (version 4) UUID, as in `metadata.uid`.
    pub fn uid(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.random.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }

    /// A fresh suffix of five characters for `metadata.generateName`.
    pub fn name_suffix(&self) -> String {
        let mut bytes = [0_u8; crate::names::SUFFIX_LENGTH];
        self.random.fill(&mut bytes);
        crate::names::suffix(&bytes)
    }

    /// A fresh name for an Event about an object of this name: as client-go's recorder makes it, the object's name and
    /// sixteen digits, within a name's length.
    pub fn event_name(&self, object: &str) -> String {
        let mut bytes = [0_u8; 8];
        self.random.fill(&mut bytes);
        let longest = crate::names::SUBDOMAIN_MAX - 17;
        let object = object.get(..longest.min(object.len())).unwrap_or("event");
        format!("{object}.{:016x}", u64::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    #[test]
    fn a_uid_is_a_version_4_uuid() {
        let host = Host {
            clock: Arc::new(Fixed),
            random: Arc::new(Fixed),
        };
        assert_eq!(host.uid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(host.name_suffix().len(), 5);
    }
}

//! Times as Kubernetes writes them.

pub use jiff::{SignedDuration, Timestamp};

/// RFC 3339 in UTC with whole seconds: `metav1.Time`, as in `creationTimestamp`.
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 in UTC with microseconds: `metav1.MicroTime`, as in `Lease`.
pub fn micros(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Reads RFC 3339, as any Kubernetes time field holds it.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let time = parse("2026-11-24T06:07:08.123456Z").unwrap();
        assert_eq!(seconds(time), "2026-11-24T06:07:08Z");
        assert_eq!(micros(time), "2026-11-24T06:07:08.123456Z");
        assert_eq!(parse("2026-11-24T07:07:08+01:00"), parse("2026-11-24T06:07:08Z"));
    }
}

//! How long something takes, as people who watch it want to know. Ages as kubectl prints them are `meta::duration::human`.

use jiff::SignedDuration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A duration with the precision that watching needs: `0.3s`, `12.3s`, `4m05s`, `3h02m`.
#[must_use]
pub fn precise(duration: SignedDuration) -> String {
    let millis = duration.as_millis().max(0);
    let seconds = duration.as_secs().max(0);
    if millis < 60_000 {
        format!("{}.{}s", seconds, millis % 1000 / 100)
    } else if seconds < HOUR {
        format!("{}m{:02}s", seconds / MINUTE, seconds % MINUTE)
    } else {
        format!("{}h{:02}m", seconds / HOUR, seconds % HOUR / MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precise_durations_keep_tenths_below_a_minute() {
        let check = |millis, expected: &str| {
            assert_eq!(precise(SignedDuration::from_millis(millis)), expected, "{millis}");
        };
        check(-10, "0.0s");
        check(340, "0.3s");
        check(59_999, "59.9s");
        check(65_000, "1m05s");
        check(3_725_000, "1h02m");
    }
}

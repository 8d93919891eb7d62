//! How long ago, how long: the short forms that kubectl and Argo's command line print.

use jiff::SignedDuration;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A duration as kubectl's AGE column shows it: about two significant units.
///
/// The steps are those of `k8s.io/apimachinery/pkg/util/duration.HumanDuration`.
#[must_use]
pub fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1..=0 => "0s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..600 => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two(seconds / YEAR, "y", seconds % YEAR / DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

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
    fn ages_are_those_of_kubectl() {
        let check = |seconds, expected: &str| {
            assert_eq!(human(SignedDuration::from_secs(seconds)), expected, "{seconds}");
        };
        check(-5, "<invalid>");
        check(-1, "0s");
        check(0, "0s");
        check(119, "119s");
        check(120, "2m");
        check(121, "2m1s");
        check(599, "9m59s");
        check(600, "10m");
        check(10_799, "179m");
        check(10_800, "3h");
        check(10_860, "3h1m");
        check(28_800, "8h");
        check(172_800, "2d");
        check(176_400, "2d1h");
        check(691_200, "8d");
        check(2 * YEAR + 3 * DAY, "2y3d");
        check(9 * YEAR, "9y");
    }

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

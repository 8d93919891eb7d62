//! Durations as Go writes them (`time.ParseDuration`): `300ms`, `1h30m`, `-1.5h`; and as kubectl shows ages: `3m20s`.

use crate::time::SignedDuration;

/// Nanoseconds in each unit, longest spelling first where one is a prefix of another.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads a Go duration.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let quoted = quote(text);
    let invalid = || format!("time: invalid duration {quoted}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        if rest.is_empty() {
            return Err(format!("time: missing unit in duration {quoted}"));
        }
        let end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = &rest[..end];
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("time: unknown unit {} in duration {quoted}", quote(unit)));
        };
        nanos += number * scale;
        rest = &rest[end..];
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked against the bounds of i64 first"
    )]
    if nanos <= i64::MAX as f64 {
        let nanos = nanos.round() as i64;
        Ok(SignedDuration::from_nanos(if negative { -nanos } else { nanos }))
    } else {
        Err(invalid())
    }
}

/// A text as Go's `time` package quotes it in its messages: every byte beyond ASCII by its number.
fn quote(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' | 0x7f => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    format!("\"{}\"", text.bytes().map(byte).collect::<String>())
}

/// Reads what Argo accepts for a duration: Go's form, or a bare number of seconds.
pub fn parse_or_seconds(text: &str) -> Result<SignedDuration, String> {
    match text.trim().parse::<i64>() {
        Ok(seconds) => Ok(SignedDuration::from_secs(seconds)),
        Err(_) => parse(text.trim()),
    }
}

/// Writes a duration as Go's `Duration.String` does, as `1m30s` or `1.5s`.
pub fn format(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos().unsigned_abs();
    let sign = if duration.is_negative() { "-" } else { "" };
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000_000_000 {
        let (scale, unit) = match nanos {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{unit}", decimal(nanos, scale));
    }
    let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
    let seconds = decimal(rest, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, m) => format!("{sign}{m}m{seconds}s"),
        (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
    }
}

/// `value / scale` without trailing zeros.
fn decimal(value: u128, scale: u128) -> String {
    let (whole, rest) = (value / scale, value % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Writes a duration as kubectl's AGE column shows it: about two significant units.
///
/// Rule: apimachinery's `duration.HumanDuration`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_as_go_does() {
        for (text, nanos, back) in [
            ("0", 0, "0s"),
            ("5s", 5_000_000_000, "5s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
            ("2m3.5s", 123_500_000_000, "2m3.5s"),
            ("100ms", 100_000_000, "100ms"),
            ("1us", 1_000, "1µs"),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration.as_nanos(), nanos, "{text}");
            assert_eq!(format(duration), back, "{text}");
        }
        for bad in ["", "3", "-", "s", "1x", ".s", "1h-2m"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_or_seconds("90"), parse("1m30s"));
        assert_eq!(
            parse("5é\"").unwrap_err(),
            r#"time: unknown unit "\xc3\xa9\"" in duration "5\xc3\xa9\"""#
        );
    }

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
}

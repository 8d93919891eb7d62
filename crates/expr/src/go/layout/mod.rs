//! Go's time layouts: times written and read by the example `Mon Jan 2 15:04:05 MST 2006`.

mod read;
mod write;

use jiff::Zoned;
use jiff::tz::TimeZone;

pub(crate) use read::parse;
pub(crate) use write::{format, rfc3339, string};

/// The zone with a name of the time zone database.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        _ => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}")),
    }
}

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    LongMonth,
    Month,
    NumericMonth {
        zero: bool,
    },
    LongWeekday,
    Weekday,
    Day {
        pad: &'static str,
    },
    YearDay {
        pad: &'static str,
    },
    Hour,
    Hour12 {
        zero: bool,
    },
    Minute {
        zero: bool,
    },
    Second {
        zero: bool,
    },
    LongYear,
    Year,
    Half {
        upper: bool,
    },
    ZoneName,
    Offset {
        z: bool,
        colon: bool,
        minutes: bool,
        seconds: bool,
    },
    /// Digits after the second; `trim` leaves out trailing zeros.
    Fraction {
        digits: usize,
        trim: bool,
        separator: char,
    },
}

/// The elements as Go spells them, longer spellings before their own beginnings.
const PARTS: &[(&str, Part<'static>)] = &[
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::ZoneName),
    ("2006", Part::LongYear),
    ("002", Part::YearDay { pad: "0" }),
    ("__2", Part::YearDay { pad: " " }),
    ("_2", Part::Day { pad: " " }),
    ("01", Part::NumericMonth { zero: true }),
    ("02", Part::Day { pad: "0" }),
    ("03", Part::Hour12 { zero: true }),
    ("04", Part::Minute { zero: true }),
    ("05", Part::Second { zero: true }),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("PM", Part::Half { upper: true }),
    ("pm", Part::Half { upper: false }),
    ("-07:00:00", offset(false, true, true, true)),
    ("-070000", offset(false, false, true, true)),
    ("-07:00", offset(false, true, true, false)),
    ("-0700", offset(false, false, true, false)),
    ("-07", offset(false, false, false, false)),
    ("Z07:00:00", offset(true, true, true, true)),
    ("Z070000", offset(true, false, true, true)),
    ("Z07:00", offset(true, true, true, false)),
    ("Z0700", offset(true, false, true, false)),
    ("Z07", offset(true, false, false, false)),
    ("1", Part::NumericMonth { zero: false }),
    ("2", Part::Day { pad: "" }),
    ("3", Part::Hour12 { zero: false }),
    ("4", Part::Minute { zero: false }),
    ("5", Part::Second { zero: false }),
];

const fn offset(z: bool, colon: bool, minutes: bool, seconds: bool) -> Part<'static> {
    Part::Offset {
        z,
        colon,
        minutes,
        seconds,
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

fn parts(layout: &str) -> Vec<(Part<'_>, &str)> {
    let mut parts = Vec::new();
    let (mut rest, mut text) = (layout, layout);
    while let Some(c) = rest.chars().next() {
        match next_part(rest) {
            Some((length, part)) => {
                let before = &text[..text.len() - rest.len()];
                if !before.is_empty() {
                    parts.push((Part::Text(before), before));
                }
                parts.push((part, &rest[..length]));
                rest = &rest[length..];
                text = rest;
            }
            None => rest = &rest[c.len_utf8()..],
        }
    }
    if !text.is_empty() {
        parts.push((Part::Text(text), text));
    }
    parts
}

fn next_part(rest: &str) -> Option<(usize, Part<'static>)> {
    if let Some(fraction) = fraction(rest) {
        return Some(fraction);
    }
    // `Jan` and `Mon` do not begin longer words; `_2006` is a blank and a year.
    let (spelling, part) = PARTS.iter().find(|(spelling, _)| rest.starts_with(spelling))?;
    let after = rest[spelling.len()..].chars().next();
    let word = matches!(part, Part::Month | Part::Weekday) && after.is_some_and(|c| c.is_ascii_lowercase());
    if word || rest.starts_with("_2006") {
        return None;
    }
    Some((spelling.len(), *part))
}

/// `.000`, `,999` and their like, which no digit may follow.
fn fraction(rest: &str) -> Option<(usize, Part<'static>)> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = rest[1..].chars().take_while(|c| *c == digit).count();
    if rest[1 + digits..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let part = Part::Fraction {
        digits,
        trim: digit == '9',
        separator,
    };
    Some((1 + digits, part))
}

/// Go's zero time, the first day of the year one.
pub(crate) fn zero() -> Zoned {
    let zero = jiff::Timestamp::from_second(-62_135_596_800).unwrap_or_default();
    zero.to_zoned(TimeZone::UTC)
}

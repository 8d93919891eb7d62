//! Writing times by a layout.

use std::fmt::Write as _;

use jiff::Zoned;

use super::{MONTHS, Part, WEEKDAYS, parts};

/// `time.Format`.
pub(crate) fn format(layout: &str, time: &Zoned) -> String {
    let mut out = String::new();
    for (part, _) in parts(layout) {
        // Writing to a string does not fail.
        let _ = write_part(&mut out, part, time);
    }
    out
}

fn write_part(out: &mut String, part: Part<'_>, time: &Zoned) -> std::fmt::Result {
    let zeroed = |zero: bool, value: i8| {
        if zero {
            format!("{value:02}")
        } else {
            value.to_string()
        }
    };
    let twelve = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let month = MONTHS[usize::try_from(time.month() - 1).unwrap_or(0) % 12];
    let weekday = WEEKDAYS[usize::try_from(time.weekday().to_sunday_zero_offset()).unwrap_or(0) % 7];
    match part {
        Part::Text(text) => out.write_str(text),
        Part::LongMonth => out.write_str(month),
        Part::Month => out.write_str(&month[..3]),
        Part::NumericMonth { zero } => out.write_str(&zeroed(zero, time.month())),
        Part::LongWeekday => out.write_str(weekday),
        Part::Weekday => out.write_str(&weekday[..3]),
        Part::Day { pad } => write!(out, "{}{}", if time.day() < 10 { pad } else { "" }, time.day()),
        Part::YearDay { pad: "0" } => write!(out, "{:03}", time.day_of_year()),
        Part::YearDay { .. } => write!(out, "{:>3}", time.day_of_year()),
        Part::Hour => write!(out, "{:02}", time.hour()),
        Part::Hour12 { zero } => out.write_str(&zeroed(zero, twelve)),
        Part::Minute { zero } => out.write_str(&zeroed(zero, time.minute())),
        Part::Second { zero } => out.write_str(&zeroed(zero, time.second())),
        Part::LongYear => write!(out, "{:04}", time.year()),
        Part::Year => write!(out, "{:02}", time.year().rem_euclid(100)),
        Part::Half { upper } => out.write_str(match (time.hour() >= 12, upper) {
            (true, true) => "PM",
            (true, false) => "pm",
            (false, true) => "AM",
            (false, false) => "am",
        }),
        Part::ZoneName => out.write_str(&zone_name(time)),
        Part::Offset {
            z,
            colon,
            minutes,
            seconds,
        } => write_offset(out, time.offset().seconds(), z, colon, minutes, seconds),
        Part::Fraction {
            digits,
            trim,
            separator,
        } => write_fraction(out, time.subsec_nanosecond(), digits, trim, separator),
    }
}

/// The zone's abbreviation, or its offset where it has none.
fn zone_name(time: &Zoned) -> String {
    let info = time.time_zone().to_offset_info(time.timestamp());
    let name = info.abbreviation();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return name.to_owned();
    }
    let mut out = String::new();
    let _ = write_offset(&mut out, time.offset().seconds(), false, false, true, false);
    out
}

fn write_offset(
    out: &mut String,
    total: i32,
    z: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
) -> std::fmt::Result {
    if z && total == 0 {
        return out.write_char('Z');
    }
    let sign = if total < 0 { '-' } else { '+' };
    let total = total.unsigned_abs();
    let colon = if colon { ":" } else { "" };
    write!(out, "{sign}{:02}", total / 3600)?;
    if minutes {
        write!(out, "{colon}{:02}", total / 60 % 60)?;
    }
    if seconds {
        write!(out, "{colon}{:02}", total % 60)?;
    }
    Ok(())
}

fn write_fraction(
    out: &mut String,
    nanos: i32,
    digits: usize,
    trim: bool,
    separator: char,
) -> std::fmt::Result {
    let text = format!("{nanos:09}");
    let mut shown = text[..digits.min(9)].to_owned();
    if trim {
        shown.truncate(shown.trim_end_matches('0').len());
        if shown.is_empty() {
            return Ok(());
        }
    }
    write!(out, "{separator}{shown}")
}

/// `time.Time.String`, as `%v` prints a time.
pub(crate) fn string(time: &Zoned) -> String {
    format("2006-01-02 15:04:05.999999999 -0700 MST", time)
}

/// RFC 3339 with as many digits of a second as there are, as JSON holds a time.
pub(crate) fn rfc3339(time: &Zoned) -> String {
    format("2006-01-02T15:04:05.999999999Z07:00", time)
}

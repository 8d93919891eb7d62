//! Go's time layouts: times written and read by the example `Mon Jan 2 15:04:05 MST 2006`.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Zoned};

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

/// Go's zero time, the first day of the year one.
pub(crate) fn zero() -> Zoned {
    let zero = jiff::Timestamp::from_second(-62_135_596_800).unwrap_or_default();
    zero.to_zoned(TimeZone::UTC)
}

/// `time.Time.String`, as `%v` prints a time.
pub(crate) fn string(time: &Zoned) -> String {
    format("2006-01-02 15:04:05.999999999 -0700 MST", time)
}

/// RFC 3339 with as many digits of a second as there are, as JSON holds a time.
pub(crate) fn rfc3339(time: &Zoned) -> String {
    format("2006-01-02T15:04:05.999999999Z07:00", time)
}

/// What has been read of a time so far.
#[derive(Default)]
struct Fields {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    afternoon: Option<bool>,
    offset: Option<i32>,
}

/// `time.ParseInLocation`: a time without an offset is one of `zone`.
pub(crate) fn parse(layout: &str, text: &str, zone: &TimeZone) -> Result<Zoned, String> {
    let (quoted, quoted_layout) = (super::quote(text), super::quote(layout));
    let mut fields = Fields::default();
    let mut rest = text;
    let parts = parts(layout);
    for (index, (part, written)) in parts.iter().enumerate() {
        rest = read_part(&mut fields, *part, rest).ok_or_else(|| {
            let (rest, written) = (super::quote(rest), super::quote(written));
            format!("parsing time {quoted} as {quoted_layout}: cannot parse {rest} as {written}")
        })?;
        // A fraction of a second is read even where the layout has none.
        let fraction_next = matches!(parts.get(index + 1), Some((Part::Fraction { .. }, _)));
        if matches!(part, Part::Second { .. }) && !fraction_next {
            rest = read_optional_fraction(&mut fields, rest);
        }
    }
    if !rest.is_empty() {
        let rest = super::quote(rest);
        return Err(format!("parsing time {quoted}: extra text: {rest}"));
    }
    fields
        .build(zone)
        .map_err(|what| format!("parsing time {quoted}: {what} out of range"))
}

fn digits(rest: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((rest[..count].parse().ok()?, &rest[count..]))
}

fn small(rest: &str, zero: bool) -> Option<(i8, &str)> {
    let (value, rest) = digits(rest, if zero { 2 } else { 1 }, 2)?;
    Some((i8::try_from(value).ok()?, rest))
}

/// The index of the name that `rest` begins with, whole or by its first three letters, in any case.
fn named<'a>(rest: &'a str, names: &[&str], long: bool) -> Option<(usize, &'a str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if long { name } else { &name[..3] };
        let head = rest.get(..name.len())?;
        head.eq_ignore_ascii_case(name)
            .then(|| (index, &rest[name.len()..]))
    })
}

fn read_part<'a>(fields: &mut Fields, part: Part<'_>, rest: &'a str) -> Option<&'a str> {
    match part {
        Part::Text(text) => read_text(text, rest),
        Part::LongMonth | Part::Month => {
            let (index, rest) = named(rest, &MONTHS, part == Part::LongMonth)?;
            fields.month = i8::try_from(index + 1).ok();
            Some(rest)
        }
        Part::LongWeekday | Part::Weekday => {
            named(rest, &WEEKDAYS, part == Part::LongWeekday).map(|(_, rest)| rest)
        }
        Part::NumericMonth { zero } => set(&mut fields.month, small(rest, zero)?),
        Part::Day { pad } => {
            let rest = if pad == " " {
                rest.strip_prefix(' ').unwrap_or(rest)
            } else {
                rest
            };
            set(&mut fields.day, small(rest, pad == "0")?)
        }
        Part::YearDay { .. } => {
            let (value, rest) = digits(rest.trim_start_matches(' '), 1, 3)?;
            set(&mut fields.year_day, (i16::try_from(value).ok()?, rest))
        }
        Part::Hour => put(&mut fields.hour, small(rest, false)?),
        Part::Hour12 { zero } => put(&mut fields.hour, small(rest, zero)?),
        Part::Minute { zero } => put(&mut fields.minute, small(rest, zero)?),
        Part::Second { zero } => put(&mut fields.second, small(rest, zero)?),
        Part::LongYear => {
            let (value, rest) = digits(rest, 4, 4)?;
            set(&mut fields.year, (i16::try_from(value).ok()?, rest))
        }
        Part::Year => {
            let (value, rest) = digits(rest, 2, 2)?;
            let century = if value >= 69 { 1900 } else { 2000 };
            set(&mut fields.year, (i16::try_from(century + value).ok()?, rest))
        }
        Part::Half { .. } => {
            let afternoon = rest.get(..2)?.eq_ignore_ascii_case("pm");
            let morning = rest.get(..2)?.eq_ignore_ascii_case("am");
            fields.afternoon = (afternoon || morning).then_some(afternoon);
            fields.afternoon.map(|_| &rest[2..])
        }
        Part::ZoneName => {
            let length = rest.bytes().take_while(u8::is_ascii_uppercase).count();
            // An abbreviation alone fixes no offset, but these two.
            if matches!(&rest[..length], "UTC" | "GMT") {
                fields.offset = Some(0);
            }
            (3..=5).contains(&length).then(|| &rest[length..])
        }
        Part::Offset {
            z,
            colon,
            minutes,
            seconds,
        } => read_offset(fields, rest, z, colon, minutes, seconds),
        Part::Fraction { digits, trim, .. } => read_fraction(fields, rest, (!trim).then_some(digits)),
    }
}

fn set<'a, T>(field: &mut Option<T>, (value, rest): (T, &'a str)) -> Option<&'a str> {
    *field = Some(value);
    Some(rest)
}

fn put<'a>(field: &mut i8, (value, rest): (i8, &'a str)) -> Option<&'a str> {
    *field = value;
    Some(rest)
}

/// Text must be the same; a run of blanks matches any run.
fn read_text<'a>(text: &str, mut rest: &'a str) -> Option<&'a str> {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ' ' {
            while chars.next_if_eq(&' ').is_some() {}
            rest = rest.trim_start_matches(' ');
        } else {
            rest = rest.strip_prefix(c)?;
        }
    }
    Some(rest)
}

fn read_offset<'a>(
    fields: &mut Fields,
    rest: &'a str,
    z: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
) -> Option<&'a str> {
    if z && let Some(rest) = rest.strip_prefix('Z') {
        fields.offset = Some(0);
        return Some(rest);
    }
    let sign = match rest.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = digits(&rest[1..], 2, 2)?;
    let mut total = hours * 3600;
    for (wanted, scale) in [(minutes, 60), (seconds, 1)] {
        if wanted {
            let after = if colon { rest.strip_prefix(':')? } else { rest };
            let (value, after) = digits(after, 2, 2)?;
            total += value * scale;
            rest = after;
        }
    }
    fields.offset = Some(sign * total);
    Some(rest)
}

fn read_optional_fraction<'a>(fields: &mut Fields, rest: &'a str) -> &'a str {
    let digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if !rest.starts_with(['.', ',']) || !digit {
        return rest;
    }
    read_fraction(fields, rest, None).unwrap_or(rest)
}

/// A fraction: of exactly `wanted` digits, or of any number, or none at all.
fn read_fraction<'a>(fields: &mut Fields, rest: &'a str, wanted: Option<usize>) -> Option<&'a str> {
    let Some(after) = rest.strip_prefix(['.', ',']) else {
        return wanted.is_none().then_some(rest);
    };
    let count = after.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 || wanted.is_some_and(|wanted| wanted != count) {
        return None;
    }
    let kept: String = after[..count]
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    fields.nanos = kept.parse().ok()?;
    Some(&after[count..])
}

impl Fields {
    /// The time, or which part of it there is none of.
    fn build(&self, zone: &TimeZone) -> Result<Zoned, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let time = Time::new(hour, 0, 0, 0).map_err(|_| "hour")?;
        let time = time.with().minute(self.minute).build().map_err(|_| "minute")?;
        let time = time.with().second(self.second).build().map_err(|_| "second")?;
        let time = time
            .with()
            .subsec_nanosecond(self.nanos)
            .build()
            .map_err(|_| "second")?;
        let civil = DateTime::from_parts(self.date()?, time);
        let zone = match self.offset {
            Some(0) => TimeZone::UTC,
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).map_err(|_| "time zone offset")?),
            None => zone.clone(),
        };
        civil.to_zoned(zone).map_err(|_| "time")
    }

    fn date(&self) -> Result<Date, &'static str> {
        let year = self.year.unwrap_or(0);
        if let (Some(day), None, None) = (self.year_day, self.month, self.day) {
            let start = Date::new(year, 1, 1).map_err(|_| "day-of-year")?;
            let moved = start.checked_add(SignedDuration::from_hours(24 * i64::from(day - 1)));
            return moved.map_err(|_| "day-of-year");
        }
        let first = Date::new(year, self.month.unwrap_or(1), 1).map_err(|_| "month")?;
        first.with().day(self.day.unwrap_or(1)).build().map_err(|_| "day")
    }
}

//! Reading times by a layout.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::{MONTHS, Part, WEEKDAYS, parts};

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
    /// The hour was read from a twelve-hour clock.
    twelve: bool,
    afternoon: Option<bool>,
    offset: Option<i32>,
}

/// `time.ParseInLocation`: a time without an offset is one of `zone`.
pub(crate) fn parse(layout: &str, text: &str, zone: &TimeZone) -> Result<Zoned, String> {
    let (quoted, quoted_layout) = (crate::go::quote(text), crate::go::quote(layout));
    let mut fields = Fields::default();
    let mut rest = text;
    let parts = parts(layout);
    for (index, (part, written)) in parts.iter().enumerate() {
        rest = read_part(&mut fields, *part, rest).ok_or_else(|| {
            let (rest, written) = (crate::go::quote(rest), crate::go::quote(written));
            format!("parsing time {quoted} as {quoted_layout}: cannot parse {rest} as {written}")
        })?;
        if let Some(what) = fields.out_of_range() {
            return Err(format!("parsing time {quoted}: {what} out of range"));
        }
        // A fraction of a second is read even where the layout has none.
        let fraction_next = matches!(parts.get(index + 1), Some((Part::Fraction { .. }, _)));
        if matches!(part, Part::Second { .. }) && !fraction_next {
            rest = read_optional_fraction(&mut fields, rest);
        }
    }
    if !rest.is_empty() {
        let rest = crate::go::quote(rest);
        return Err(format!("parsing time {quoted}: extra text: {rest}"));
    }
    fields
        .build(zone)
        .map_err(|what| format!("parsing time {quoted}: {what}"))
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
        Part::YearDay { pad } => {
            let blanks = rest.len() - rest.trim_start_matches(' ').len();
            let blanks = if pad == " " { blanks.min(2) } else { 0 };
            let (value, rest) = digits(&rest[blanks..], if pad == " " { 1 } else { 3 }, 3)?;
            set(&mut fields.year_day, (i16::try_from(value).ok()?, rest))
        }
        Part::Hour => put(&mut fields.hour, small(rest, false)?),
        Part::Hour12 { zero } => {
            fields.twelve = true;
            put(&mut fields.hour, small(rest, zero)?)
        }
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
        Part::ZoneName => zone_name(fields, rest),
        Part::Offset {
            z,
            colon,
            minutes,
            seconds,
        } => read_offset(fields, rest, z, colon, minutes, seconds),
        Part::Fraction { digits, trim, .. } => read_fraction(fields, rest, (!trim).then_some(digits)),
    }
}

/// An abbreviation of a zone. Alone it fixes no offset, but for `UTC` and `GMT+3`.
fn zone_name<'a>(fields: &mut Fields, rest: &'a str) -> Option<&'a str> {
    fields.offset = Some(0);
    if let Some(rest) = rest.strip_prefix("UTC") {
        return Some(rest);
    }
    if let Some(rest) = ["ChST", "MeST"].iter().find_map(|name| rest.strip_prefix(name)) {
        return Some(rest);
    }
    if let Some(after) = rest.strip_prefix("GMT") {
        let Some((hours, length)) = signed_hours(after) else {
            return Some(after);
        };
        fields.offset = Some(hours * 3600);
        return Some(&after[length..]);
    }
    if let Some((_, length)) = signed_hours(rest) {
        return Some(&rest[length..]);
    }
    let name = &rest[..rest.bytes().take(6).take_while(u8::is_ascii_uppercase).count()];
    let known = match name.len() {
        3 => true,
        4 => name.ends_with('T') || name == "WITA",
        5 => name.ends_with('T'),
        _ => false,
    };
    known.then(|| &rest[name.len()..])
}

/// A sign and up to 23 hours, with the length of the text.
fn signed_hours(text: &str) -> Option<(i32, usize)> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let length = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    let hours: i32 = text[1..=length].parse().ok()?;
    (hours <= 23).then_some((sign * hours, length + 1))
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
    let count = after
        .bytes()
        .take(wanted.unwrap_or(usize::MAX))
        .take_while(u8::is_ascii_digit)
        .count();
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
    /// What has been read so far and is none of its kind. Days are known with the month alone.
    fn out_of_range(&self) -> Option<&'static str> {
        match self {
            _ if self.month.is_some_and(|month| !(1..=12).contains(&month)) => Some("month"),
            _ if self.hour > if self.twelve { 12 } else { 23 } => Some("hour"),
            _ if self.minute > 59 => Some("minute"),
            _ if self.second > 59 => Some("second"),
            _ => None,
        }
    }

    /// The time, or why there is none.
    fn build(&self, zone: &TimeZone) -> Result<Zoned, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let time = Time::new(hour, self.minute, self.second, self.nanos).map_err(|_| "hour out of range")?;
        let civil = DateTime::from_parts(self.date()?, time);
        let zone = match self.offset {
            Some(0) => TimeZone::UTC,
            Some(seconds) => {
                TimeZone::fixed(Offset::from_seconds(seconds).map_err(|_| "time zone offset out of range")?)
            }
            None => zone.clone(),
        };
        civil.to_zoned(zone).map_err(|_| "time out of range")
    }

    fn date(&self) -> Result<Date, &'static str> {
        let year = self.year.unwrap_or(0);
        let Some(number) = self.year_day else {
            let first = Date::new(year, self.month.unwrap_or(1), 1).map_err(|_| "month out of range")?;
            let day = first.with().day(self.day.unwrap_or(1)).build();
            return day.map_err(|_| "day out of range");
        };
        let first = Date::new(year, 1, 1).map_err(|_| "year out of range")?;
        let date = first.with().day_of_year(number).build();
        let date = date.map_err(|_| "day-of-year out of range")?;
        if self.month.is_some_and(|month| month != date.month()) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|day| day != date.day()) {
            return Err("day-of-year does not match day");
        }
        Ok(date)
    }
}

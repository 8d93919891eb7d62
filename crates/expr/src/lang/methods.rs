//! The methods of Go's `time.Time` and `time.Duration` that expressions can call, as in `date("2026-01-01").Year()`.

use std::sync::Arc;

use super::function::{Answer, Function};
use super::types::GoType;
use super::types::GoType::{Bool, Duration, Float, Int, Int64, String, Time, Version};
use super::value::Value;
use super::vm::Context;
use crate::go::layout;
use meta::time::SignedDuration;

/// The method of a type with this name.
pub(crate) fn find(of: GoType, name: &str) -> Option<&'static Function> {
    let table = match of {
        Time => TIMES,
        Duration => DURATIONS,
        GoType::Version => VERSIONS,
        _ => return None,
    };
    table.iter().find(|method| method.name == name)
}

/// The method of a value, bound to it.
pub(crate) fn bind(value: &Value, name: &str) -> Option<Value> {
    let method = find(super::types::go_type(value), name)?;
    Some(Value::Method(Arc::new((value.clone(), method))))
}

const fn method(
    name: &'static str,
    parameters: &'static [GoType],
    result: GoType,
    call: fn(&mut Context<'_>, &[Value]) -> Answer,
) -> Function {
    Function {
        name,
        parameters,
        variadic: false,
        result,
        call,
    }
}

fn on_time(arguments: &[Value], read: impl Fn(&jiff::Zoned) -> Value) -> Answer {
    match arguments.first() {
        Some(Value::Time(time)) => Ok(read(time)),
        _ => Err("not a time".to_owned()),
    }
}

fn on_duration(arguments: &[Value], read: impl Fn(SignedDuration) -> Value) -> Answer {
    match arguments.first() {
        Some(Value::Duration(duration)) => Ok(read(*duration)),
        _ => Err("not a duration".to_owned()),
    }
}

fn two_times(arguments: &[Value], read: impl Fn(&jiff::Zoned, &jiff::Zoned) -> Value) -> Answer {
    match arguments {
        [Value::Time(a), Value::Time(b)] => Ok(read(a, b)),
        _ => Err("not a time".to_owned()),
    }
}

/// A whole number of `scale` nanoseconds in a duration, as a float.
fn units(arguments: &[Value], scale: f64) -> Answer {
    on_duration(arguments, |duration| {
        Value::Float(duration.as_secs_f64() * 1e9 / scale)
    })
}

static TIMES: &[Function] = &[
    method("Year", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.year().into()))
    }),
    method("Month", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.month().into()))
    }),
    method("Day", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.day().into()))
    }),
    method("YearDay", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.day_of_year().into()))
    }),
    method("Hour", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.hour().into()))
    }),
    method("Minute", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.minute().into()))
    }),
    method("Second", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.second().into()))
    }),
    method("Nanosecond", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.subsec_nanosecond().into()))
    }),
    method("Weekday", &[Time], Int, |_, a| {
        on_time(a, |t| Value::Int(t.weekday().to_sunday_zero_offset().into()))
    }),
    method("Unix", &[Time], Int64, |_, a| {
        on_time(a, |t| Value::Int64(t.timestamp().as_second()))
    }),
    method("UnixMilli", &[Time], Int64, |_, a| {
        on_time(a, |t| Value::Int64(t.timestamp().as_millisecond()))
    }),
    method("UnixMicro", &[Time], Int64, |_, a| {
        on_time(a, |t| Value::Int64(t.timestamp().as_microsecond()))
    }),
    method("UnixNano", &[Time], Int64, |_, a| {
        on_time(a, |t| {
            Value::Int64(i64::try_from(t.timestamp().as_nanosecond()).unwrap_or(i64::MIN))
        })
    }),
    method("String", &[Time], String, |_, a| {
        on_time(a, |t| layout::string(t).into())
    }),
    method("UTC", &[Time], Time, |_, a| {
        on_time(a, |t| {
            Value::Time(Box::new(t.with_time_zone(jiff::tz::TimeZone::UTC)))
        })
    }),
    method("Format", &[Time, String], String, |_, a| {
        let pattern = a.get(1).and_then(Value::as_str).unwrap_or_default();
        on_time(a, |t| layout::format(pattern, t).into())
    }),
    method("Before", &[Time, Time], Bool, |_, a| {
        two_times(a, |a, b| (a.timestamp() < b.timestamp()).into())
    }),
    method("After", &[Time, Time], Bool, |_, a| {
        two_times(a, |a, b| (a.timestamp() > b.timestamp()).into())
    }),
    method("Equal", &[Time, Time], Bool, |_, a| {
        two_times(a, |a, b| (a.timestamp() == b.timestamp()).into())
    }),
    method("Compare", &[Time, Time], Int, |_, a| {
        two_times(a, |a, b| Value::Int(a.timestamp().cmp(&b.timestamp()) as i64))
    }),
    method("Sub", &[Time, Time], Duration, |_, a| {
        two_times(a, |a, b| Value::Duration(super::arithmetic::since(a, b)))
    }),
    method("Add", &[Time, Duration], Time, |_, a| match a {
        [time, by] => super::arithmetic::add(time, by),
        _ => Err("not a time".to_owned()),
    }),
    method("AddDate", &[Time, Int, Int, Int], Time, |_, a| match a {
        [
            Value::Time(time),
            Value::Int(years),
            Value::Int(months),
            Value::Int(days),
        ] => add_date(time, *years, *months, *days),
        _ => Err("not a time".to_owned()),
    }),
];

static DURATIONS: &[Function] = &[
    method("Hours", &[Duration], Float, |_, a| units(a, 3600e9)),
    method("Minutes", &[Duration], Float, |_, a| units(a, 60e9)),
    method("Seconds", &[Duration], Float, |_, a| units(a, 1e9)),
    method("Milliseconds", &[Duration], Int64, |_, a| {
        on_duration(a, |d| {
            Value::Int64(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
        })
    }),
    method("Microseconds", &[Duration], Int64, |_, a| {
        on_duration(a, |d| {
            Value::Int64(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
        })
    }),
    method("Nanoseconds", &[Duration], Int64, |_, a| {
        on_duration(a, |d| {
            Value::Int64(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
        })
    }),
    method("Abs", &[Duration], Duration, |_, a| {
        on_duration(a, |d| Value::Duration(d.abs()))
    }),
    method("String", &[Duration], String, |_, a| {
        on_duration(a, |d| meta::duration::format(d).into())
    }),
];

fn on_version(arguments: &[Value], read: impl Fn(&crate::sprig::Version) -> Value) -> Answer {
    match arguments.first() {
        Some(Value::Version(version)) => Ok(read(version)),
        _ => Err("not a version".to_owned()),
    }
}

/// Go's `uint64`, which the language shows as any other integer.
fn unsigned(value: u64) -> Value {
    Value::Int64(value.cast_signed())
}

static VERSIONS: &[Function] = &[
    method("Major", &[Version], Int64, |_, a| {
        on_version(a, |v| unsigned(v.major))
    }),
    method("Minor", &[Version], Int64, |_, a| {
        on_version(a, |v| unsigned(v.minor))
    }),
    method("Patch", &[Version], Int64, |_, a| {
        on_version(a, |v| unsigned(v.patch))
    }),
    method("Prerelease", &[Version], String, |_, a| {
        on_version(a, |v| v.pre.as_str().into())
    }),
    method("Metadata", &[Version], String, |_, a| {
        on_version(a, |v| v.metadata.as_str().into())
    }),
    method("Original", &[Version], String, |_, a| {
        on_version(a, |v| v.original.as_str().into())
    }),
    method("String", &[Version], String, |_, a| {
        on_version(a, |v| v.to_string().into())
    }),
    method("Compare", &[Version, Version], Int, |_, a| match a {
        [Value::Version(version), other] => crate::sprig::compare_versions(version, other),
        _ => Err("not a version".to_owned()),
    }),
];

/// Moves a date; a day that a month lacks runs over into the next, as Go has it.
fn add_date(time: &jiff::Zoned, years: i64, months: i64, days: i64) -> Answer {
    let moved = || {
        let months =
            i64::from(time.year()) * 12 + i64::from(time.month()) - 1 + years.checked_mul(12)? + months;
        let first = jiff::civil::Date::new(
            i16::try_from(months.div_euclid(12)).ok()?,
            i8::try_from(months.rem_euclid(12) + 1).ok()?,
            1,
        );
        let days = days.checked_add(i64::from(time.day()) - 1)?;
        let date = first
            .ok()?
            .checked_add(SignedDuration::from_hours(days.checked_mul(24)?))
            .ok()?;
        date.to_datetime(time.time())
            .to_zoned(time.time_zone().clone())
            .ok()
    };
    moved()
        .map(|time| Value::Time(Box::new(time)))
        .ok_or_else(|| "time out of range".to_owned())
}

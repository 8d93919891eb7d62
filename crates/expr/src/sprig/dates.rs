//! Sprig's functions of dates, in Go's layouts. The local zone is UTC: what a manifest means does not depend on
//! where it is read.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{any, fixed, text};
use crate::go::{layout, parse_int, zone};
use crate::lang::GoType::{Any, String as Str, Time};
use crate::lang::{Answer, Context, Function, Value};
use meta::time::SignedDuration;

pub(super) static TABLE: &[Function] = &[
    fixed("now", &[], |context, _| now(context).map(time)),
    fixed("date", &[Str, Any], |context, a| {
        written(context, text(a, 0), any(a, 1), "UTC")
    }),
    fixed("dateInZone", &[Str, Any, Str], |context, a| {
        written(context, text(a, 0), any(a, 1), text(a, 2))
    }),
    fixed("date_in_zone", &[Str, Any, Str], |context, a| {
        written(context, text(a, 0), any(a, 1), text(a, 2))
    }),
    fixed("htmlDate", &[Any], |context, a| {
        written(context, "2006-01-02", any(a, 0), "UTC")
    }),
    fixed("htmlDateInZone", &[Any, Str], |context, a| {
        written(context, "2006-01-02", any(a, 0), text(a, 1))
    }),
    fixed("dateModify", &[Str, Time], |_, a| {
        Ok(modified(a).unwrap_or_else(|_| any(a, 1).clone()))
    }),
    fixed("date_modify", &[Str, Time], |_, a| {
        Ok(modified(a).unwrap_or_else(|_| any(a, 1).clone()))
    }),
    fixed("mustDateModify", &[Str, Time], |_, a| modified(a)),
    fixed("must_date_modify", &[Str, Time], |_, a| modified(a)),
    fixed("ago", &[Any], ago),
    fixed("duration", &[Any], duration),
    fixed("durationRound", &[Any], duration_round),
    fixed("toDate", &[Str, Str], |_, a| {
        Ok(time(read(a).unwrap_or_else(|_| layout::zero())))
    }),
    fixed("mustToDate", &[Str, Str], |_, a| read(a).map(time)),
    fixed("unixEpoch", &[Time], |_, a| match any(a, 0) {
        Value::Time(time) => Ok(time.timestamp().as_second().to_string().into()),
        _ => Err("not a time".to_owned()),
    }),
];

fn time(time: Zoned) -> Value {
    Value::Time(Box::new(time))
}

fn now(context: &Context<'_>) -> Result<Zoned, String> {
    let now = context.now.ok_or("the current time is not available here")?;
    Ok(now.to_zoned(TimeZone::UTC))
}

/// A time, or seconds since the epoch, or now for anything else.
fn instant(context: &Context<'_>, value: &Value) -> Result<Zoned, String> {
    match value {
        Value::Time(time) => Ok(time.as_ref().clone()),
        Value::Int(seconds) | Value::Int64(seconds) => Timestamp::from_second(*seconds)
            .map(|time| time.to_zoned(TimeZone::UTC))
            .map_err(|_| "time out of range".to_owned()),
        _ => now(context),
    }
}

fn written(context: &mut Context<'_>, pattern: &str, value: &Value, name: &str) -> Answer {
    let zone = if name == "Local" {
        TimeZone::UTC
    } else {
        zone(name).unwrap_or(TimeZone::UTC)
    };
    let time = instant(context, value)?.with_time_zone(zone);
    Ok(layout::format(pattern, &time).into())
}

fn modified(arguments: &[Value]) -> Answer {
    let by = meta::duration::parse(text(arguments, 0))?;
    match any(arguments, 1) {
        Value::Time(moved) => moved
            .checked_add(by)
            .map(time)
            .map_err(|_| "time out of range".to_owned()),
        _ => Err("not a time".to_owned()),
    }
}

fn ago(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let since = now(context)?
        .timestamp()
        .duration_since(instant(context, any(arguments, 0))?.timestamp());
    let seconds = (since.as_nanos() + 500_000_000).div_euclid(1_000_000_000);
    let rounded = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0));
    Ok(meta::duration::format(rounded).into())
}

/// Seconds as a duration; only text and `int64` are seconds.
fn duration(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let seconds = match any(arguments, 0) {
        Value::String(text) => parse_int(text).unwrap_or(0),
        Value::Int64(seconds) => *seconds,
        _ => 0,
    };
    let nanos = SignedDuration::from_nanos(seconds.wrapping_mul(1_000_000_000));
    Ok(meta::duration::format(nanos).into())
}

/// The largest unit of a duration: `2h`, `3mo`.
fn duration_round(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let nanos = match any(arguments, 0) {
        Value::String(text) => meta::duration::parse(text).map_or(0, |d| d.as_nanos()),
        Value::Int64(nanos) => i128::from(*nanos),
        Value::Time(time) => now(context)?
            .timestamp()
            .duration_since(time.timestamp())
            .as_nanos(),
        _ => 0,
    };
    let nanos = nanos.unsigned_abs();
    const HOUR: u128 = 3_600_000_000_000;
    let units = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (HOUR / 60, "m"),
        (HOUR / 3600, "s"),
    ];
    let largest = units.into_iter().find(|(unit, _)| nanos > *unit);
    Ok(largest.map_or("0s".into(), |(unit, name)| {
        format!("{}{name}", nanos / unit).into()
    }))
}

fn read(arguments: &[Value]) -> Result<Zoned, String> {
    layout::parse(text(arguments, 0), text(arguments, 1), &TimeZone::UTC)
}

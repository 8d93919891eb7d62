//! `now`, `duration`, `date`, `timezone`. The time of day is given to the evaluation, never read here.

use jiff::tz::TimeZone;

use super::{Entry, argument, text};
use crate::go::{layout, zone};
use crate::lang::function::Answer;
use crate::lang::value::Value;
use crate::lang::vm::Context;

pub(super) const TABLE: &[Entry] = &[
    ("now", now),
    ("duration", |_, arguments| {
        Ok(Value::Duration(meta::duration::parse(text(arguments, 0)?)?))
    }),
    ("date", date),
    ("timezone", |_, arguments| {
        Ok(Value::Location(zone(text(arguments, 0)?)?))
    }),
];

/// What `date` tries, in this order, when it is given no layout.
const LAYOUTS: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

fn now(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let now = context
        .now
        .ok_or_else(|| "the current time is not available here".to_owned())?;
    let zone = match argument(arguments, 0) {
        Value::Location(zone) => zone.clone(),
        _ => TimeZone::UTC,
    };
    Ok(Value::Time(Box::new(now.to_zoned(zone))))
}

fn date(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let (location, arguments) = match arguments {
        [Value::Location(zone), rest @ ..] => (zone.clone(), rest),
        all => (TimeZone::UTC, all),
    };
    let subject = text(arguments, 0)?;
    let parsed = match arguments.len() {
        1 => {
            let found = LAYOUTS
                .iter()
                .find_map(|layout| layout::parse(layout, subject, &location).ok());
            found.ok_or_else(|| format!("invalid date {subject}"))?
        }
        2 => layout::parse(text(arguments, 1)?, subject, &location)?,
        _ => layout::parse(text(arguments, 1)?, subject, &zone(text(arguments, 2)?)?)?,
    };
    Ok(Value::Time(Box::new(parsed)))
}

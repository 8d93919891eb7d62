//! Sprig's functions of regular expressions, in Go's syntax.

use regex::{NoExpand, Regex};

use super::strings::strings_or_nil;
use super::{fixed, int, text};
use crate::go::regexp;
use crate::lang::GoType::{Int, String as Str};
use crate::lang::{Answer, Context, Function, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("regexMatch", &[Str, Str], |_, a| {
        Ok(regexp(text(a, 0))
            .is_ok_and(|pattern| pattern.is_match(text(a, 1)))
            .into())
    }),
    fixed("mustRegexMatch", &[Str, Str], |_, a| {
        Ok(regexp(text(a, 0))?.is_match(text(a, 1)).into())
    }),
    fixed("regexFindAll", &[Str, Str, Int], find_all),
    fixed("mustRegexFindAll", &[Str, Str, Int], find_all),
    fixed("regexFind", &[Str, Str], find),
    fixed("mustRegexFind", &[Str, Str], find),
    fixed("regexReplaceAll", &[Str, Str, Str], |context, a| {
        replace(context, a, false)
    }),
    fixed("mustRegexReplaceAll", &[Str, Str, Str], |context, a| {
        replace(context, a, false)
    }),
    fixed("regexReplaceAllLiteral", &[Str, Str, Str], |context, a| {
        replace(context, a, true)
    }),
    fixed("mustRegexReplaceAllLiteral", &[Str, Str, Str], |context, a| {
        replace(context, a, true)
    }),
    fixed("regexSplit", &[Str, Str, Int], split),
    fixed("mustRegexSplit", &[Str, Str, Int], split),
    fixed("regexQuoteMeta", &[Str], |_, a| Ok(quote_meta(text(a, 0)).into())),
];

fn find(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let pattern = regexp(text(arguments, 0))?;
    Ok(pattern
        .find(text(arguments, 1))
        .map_or("", |found| found.as_str())
        .into())
}

/// The first `count` matches, all for a negative count.
fn found<'a>(
    context: &mut Context<'_>,
    pattern: &Regex,
    subject: &'a str,
    count: i64,
) -> Result<Vec<regex::Match<'a>>, String> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let found: Vec<_> = pattern.find_iter(subject).take(count).collect();
    context.grow(found.len())?;
    Ok(found)
}

fn find_all(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let pattern = regexp(text(arguments, 0))?;
    let found = found(context, &pattern, text(arguments, 1), int(arguments, 2))?;
    Ok(strings_or_nil(found.iter().map(regex::Match::as_str).collect()))
}

fn replace(context: &mut Context<'_>, arguments: &[Value], literal: bool) -> Answer {
    let pattern = regexp(text(arguments, 0))?;
    let (subject, with) = (text(arguments, 1), text(arguments, 2));
    let matches = found(context, &pattern, subject, -1)?.len();
    // Each `$1` of the replacement may be all of the subject.
    let references = if literal { 0 } else { with.matches('$').count() };
    let each = with
        .len()
        .saturating_add(references.saturating_mul(subject.len()));
    context.grow_bytes(matches.saturating_mul(each.min(with.len() + subject.len())))?;
    Ok(match literal {
        true => pattern.replace_all(subject, NoExpand(with)),
        false => pattern.replace_all(subject, with),
    }
    .into_owned()
    .into())
}

/// The parts between matches, as Go splits: an empty match at the beginning makes no part.
fn split(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let pattern = regexp(text(arguments, 0))?;
    let (subject, count) = (text(arguments, 1), int(arguments, 2));
    if count == 0 {
        return Ok(strings_or_nil(Vec::new()));
    }
    if !text(arguments, 0).is_empty() && subject.is_empty() {
        return Ok(Value::strings([""]));
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in found(context, &pattern, subject, count)? {
        if parts.len() + 1 == most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&subject[begin..end]);
        }
        begin = found.end();
    }
    if end != subject.len() {
        parts.push(&subject[begin..]);
    }
    Ok(strings_or_nil(parts))
}

fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

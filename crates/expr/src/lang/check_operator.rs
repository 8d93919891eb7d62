//! The type checker's rules for operators: which natures each takes, and what it answers.

use super::ast::Binary;
use super::types::{GoType, Nature};

/// Go's `reflect.Kind`, which tells fewer types apart than types do.
pub(super) fn kind(go: GoType) -> u8 {
    match go {
        GoType::Unknown | GoType::Nil => 0,
        GoType::Int64 | GoType::Duration => 1,
        _ if go == GoType::Pair => 2,
        _ if go.is_array() => 3,
        _ if go.is_map() => 4,
        _ => 5 + go as u8,
    }
}

pub(super) fn coalesce(l: Nature, r: Nature) -> Nature {
    match (l.is_nil(), r.is_nil()) {
        (true, _) => r,
        (false, true) => l,
        (false, false) if r.assignable_to(&l) => l,
        (false, false) => Nature::UNKNOWN,
    }
}

/// Both unknown, or one unknown and the other of a fitting type.
pub(super) fn maybe(l: &Nature, r: &Nature, fits: impl Fn(&Nature) -> bool) -> bool {
    let (unknown_l, unknown_r) = (l.is_unknown(), r.is_unknown());
    unknown_l && (unknown_r || fits(r)) || unknown_r && fits(l)
}

pub(super) fn matches_text(l: &Nature, r: &Nature) -> bool {
    (l.is_string() || l.go == GoType::Bytes) && r.is_string() || maybe(l, r, Nature::is_string)
}

/// The nature of an operation whose result depends on its operands' natures alone; `None` where they do not fit.
pub(super) fn operation(operator: Binary, l: &Nature, r: &Nature) -> Option<Nature> {
    let numbers = l.is_number() && r.is_number();
    let durations = l.is_duration() && r.is_duration();
    let comparable = |nature: &Nature| {
        nature.is_number() || nature.is_string() || nature.is_time() || nature.is_duration()
    };
    let (fits, result) = match operator {
        Binary::Equal | Binary::NotEqual => (l.comparable_to(r), GoType::Bool.into()),
        Binary::Or | Binary::And => (
            l.is_bool() && r.is_bool() || maybe(l, r, Nature::is_bool),
            GoType::Bool.into(),
        ),
        Binary::Less | Binary::Greater | Binary::GreaterOrEqual | Binary::LessOrEqual => (
            numbers
                || durations
                || l.is_string() && r.is_string()
                || l.is_time() && r.is_time()
                || maybe(l, r, comparable),
            GoType::Bool.into(),
        ),
        Binary::Contains | Binary::StartsWith | Binary::EndsWith => (
            l.is_string() && r.is_string() || maybe(l, r, Nature::is_string),
            GoType::Bool.into(),
        ),
        Binary::Divide | Binary::Power => (numbers || maybe(l, r, Nature::is_number), GoType::Float.into()),
        Binary::Modulo => (
            l.is_integer() && r.is_integer() || maybe(l, r, Nature::is_integer),
            GoType::Int.into(),
        ),
        _ if numbers => (true, promote(l, r)),
        _ => return arithmetic(operator, l, r),
    };
    fits.then_some(result)
}

fn promote(l: &Nature, r: &Nature) -> Nature {
    if l.go == GoType::Float || r.go == GoType::Float {
        return GoType::Float.into();
    }
    GoType::Int.into()
}

/// `+`, `-` and `*` of strings, times, durations and unknowns.
fn arithmetic(operator: Binary, l: &Nature, r: &Nature) -> Option<Nature> {
    let durations = l.is_duration() && r.is_duration();
    let (unknown, result) = match operator {
        Binary::Add => {
            let fits = |n: &Nature| n.is_number() || n.is_string() || n.is_time() || n.is_duration();
            let moved = l.is_time() && r.is_duration() || l.is_duration() && r.is_time();
            let result = match () {
                () if l.is_string() && r.is_string() => Some(GoType::String),
                () if moved => Some(GoType::Time),
                () => durations.then_some(GoType::Duration),
            };
            (maybe(l, r, fits), result)
        }
        Binary::Subtract => {
            let fits = |n: &Nature| n.is_number() || n.is_time() || n.is_duration();
            let result = match () {
                () if durations || l.is_time() && r.is_time() => Some(GoType::Duration),
                () => (l.is_time() && r.is_duration()).then_some(GoType::Time),
            };
            (maybe(l, r, fits), result)
        }
        Binary::Multiply => {
            let fits = |n: &Nature| n.is_number() || n.is_duration();
            let scaled = l.is_number() && r.is_duration() || l.is_duration() && r.is_number();
            (
                maybe(l, r, fits),
                (durations || scaled).then_some(GoType::Duration),
            )
        }
        _ => return None,
    };
    result
        .map(Nature::from)
        .or_else(|| unknown.then_some(Nature::UNKNOWN))
}

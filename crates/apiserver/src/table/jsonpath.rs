//! The paths of `additionalPrinterColumns`: `.status.phase`, `.a.b\.c`, `.list[0].x`, `.c[?(@.type=="Ready")].status`.
//!
//! Rule: client-go's JSONPath without templates. What does not parse selects nothing.

use serde_json::Value;

/// One step.
enum Step<'p> {
    Field(String),
    Index(usize),
    Last(usize),
    All,
    Equal(&'p str, &'p str),
}

/// The values that a path selects.
pub(super) fn select<'v>(root: &'v Value, path: &str) -> Vec<&'v Value> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}');
    let Some(steps) = steps(path.trim_start_matches('$')) else {
        return Vec::new();
    };
    steps.iter().fold(vec![root], |values, step| {
        values.into_iter().flat_map(|value| step.apply(value)).collect()
    })
}

impl Step<'_> {
    fn apply<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(at) => list.get(*at).into_iter().collect(),
            Self::Last(from_end) => list
                .iter()
                .rev()
                .nth(from_end.saturating_sub(1))
                .into_iter()
                .collect(),
            Self::All => match value {
                Value::Object(map) => map.values().collect(),
                _ => list.iter().collect(),
            },
            Self::Equal(field, wanted) => list.iter().filter(|item| item[*field] == *wanted).collect(),
        }
    }
}

fn steps(mut rest: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('[') {
            let (inside, tail) = tail.split_once(']')?;
            steps.push(bracket(inside)?);
            rest = tail;
        } else {
            let (name, tail) = field(rest.strip_prefix('.')?);
            if name == "*" {
                steps.push(Step::All);
            } else if !name.is_empty() {
                steps.push(Step::Field(name));
            }
            rest = tail;
        }
    }
    Some(steps)
}

/// A field's name up to the next step; a backslash makes the next character part of it.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(c),
        }
    }
    (name, "")
}

fn bracket(inside: &str) -> Option<Step<'_>> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(condition) = inside.strip_prefix("?(@.").and_then(|c| c.strip_suffix(')')) {
        let (field, value) = condition.split_once("==")?;
        return Some(Step::Equal(field.trim(), unquote(value.trim())?));
    }
    if let Some(name) = unquote(inside) {
        return Some(Step::Field(name.to_owned()));
    }
    match inside.strip_prefix('-') {
        Some(from_end) => from_end.parse().ok().map(Step::Last),
        None => inside.parse().ok().map(Step::Index),
    }
}

fn unquote(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.strip_prefix(quote)?.strip_suffix(quote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths() {
        let object =
            json!({"a": {"b.c": 1, "list": [{"type": "Ready", "s": "True"}, {"type": "X", "s": "?"}]}});
        for (path, expected) in [
            (".a.b\\.c", json!([1])),
            (".a['b.c']", json!([1])),
            (".a.list[0].s", json!(["True"])),
            (".a.list[-1].s", json!(["?"])),
            (".a.list[*].s", json!(["True", "?"])),
            (".a.list[?(@.type==\"Ready\")].s", json!(["True"])),
            ("{.a.list[?(@.type == 'X')].s}", json!(["?"])),
            (".a.none", json!([])),
            (".a[", json!([])),
        ] {
            assert_eq!(json!(select(&object, path)), expected, "{path}");
        }
    }
}

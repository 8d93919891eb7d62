//! What names may look like.

/// The longest name of a template, step or task.
const MAX: usize = 128;

/// Whether the text has a tag, so that it is not known before the workflow runs.
pub(super) fn has_tag(text: &str) -> bool {
    text.contains("{{")
}

/// The text with each tag replaced by a letter: what is left must still look like a name.
fn without_tags(text: &str) -> String {
    let mut plain = String::new();
    let mut at = 0;
    for tag in expr::template::tags(text).tags {
        plain.push_str(&text[at..tag.span.start]);
        plain.push('x');
        at = tag.span.end;
    }
    plain.push_str(&text[at..]);
    plain
}

/// Why the text cannot be the name of a template, step or task (letters, digits and `-`).
pub(super) fn bad_name(name: &str) -> Option<String> {
    let plain = without_tags(name);
    if plain.is_empty() {
        return Some("it is empty".to_owned());
    }
    if plain.len() > MAX {
        return Some(format!("it is longer than {MAX} characters"));
    }
    let begins = plain.starts_with(|c: char| c.is_ascii_alphanumeric());
    let only = plain.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (!begins || !only).then(|| "only letters, digits and `-` are allowed, the first not a `-`".to_owned())
}

/// Why the text cannot be the name of a parameter or artifact (also `_`, and dots for artifacts' sake).
pub(super) fn bad_value_name(name: &str) -> Option<String> {
    let plain = without_tags(name);
    if plain.is_empty() {
        return Some("it is empty".to_owned());
    }
    let only = plain
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    (!only).then(|| "only letters, digits, `-` and `_` are allowed".to_owned())
}

/// The first name of `names` that occurs before, with its index.
pub(super) fn repeated<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<(usize, &'n str)> {
    let mut seen = std::collections::BTreeSet::new();
    names
        .into_iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty() && !seen.insert(*name))
        .collect()
}

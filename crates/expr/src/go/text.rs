//! `strings.Split`, `SplitAfter`, `ToUpper` and `ToLower`.

/// `strings.SplitN`: at most `limit` parts, all for a negative limit, a nil slice (`None`) for zero.
pub(crate) fn split<'a>(text: &'a str, separator: &str, limit: i64) -> Option<Vec<&'a str>> {
    pieces(text, separator, limit, 0)
}

/// `strings.SplitAfterN`: as [`split`], each part keeping its separator.
pub(crate) fn split_after<'a>(text: &'a str, separator: &str, limit: i64) -> Option<Vec<&'a str>> {
    pieces(text, separator, limit, separator.len())
}

fn pieces<'a>(text: &'a str, separator: &str, limit: i64, keep: usize) -> Option<Vec<&'a str>> {
    if limit == 0 {
        return None;
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if separator.is_empty() {
        return Some(characters(text, limit));
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit
        && let Some(at) = rest.find(separator)
    {
        parts.push(&rest[..at + keep]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    Some(parts)
}

/// One part for each character, the last one taking what is left.
fn characters(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = if parts.len() + 1 < limit {
            c.len_utf8()
        } else {
            rest.len()
        };
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts
}

/// `strings.ToUpper`: character by character, so that no character becomes several.
pub(crate) fn to_upper(text: &str) -> String {
    text.chars().map(|c| single(c, c.to_uppercase())).collect()
}

/// `strings.ToLower`: character by character.
pub(crate) fn to_lower(text: &str) -> String {
    text.chars().map(|c| single(c, c.to_lowercase())).collect()
}

fn single(c: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    match (mapped.len(), mapped.next()) {
        (1, Some(mapped)) => mapped,
        _ => c,
    }
}

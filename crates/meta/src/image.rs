//! References of container images, and patterns of them.

/// Whether a pattern stands for an image: `*` is any text, and the reference may be given with its tag or digest or
/// without.
#[must_use]
pub fn matches(pattern: &str, reference: &str) -> bool {
    glob(pattern, reference) || glob(pattern, untagged(reference))
}

/// A reference without its tag and digest.
fn untagged(reference: &str) -> &str {
    let reference = reference.split_once('@').map_or(reference, |(name, _)| name);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    (0..=text.len()).any(|at| text.is_char_boundary(at) && glob(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_references() {
        for (pattern, reference, expected) in [
            ("plimsoll", "plimsoll", true),
            ("plimsoll", "plimsoll:0.1.0", true),
            ("plimsoll", "other/plimsoll", false),
            ("argoproj/argosay", "argoproj/argosay:v2", true),
            ("argoproj/argosay:v2", "argoproj/argosay:v2", true),
            ("argoproj/argosay:v1", "argoproj/argosay:v2", false),
            ("*argosay*", "quay.io/argoproj/argosay@sha256:00", true),
            ("host:5000/a", "host:5000/a:1", true),
            ("python*", "python:3.12-slim", true),
        ] {
            assert_eq!(matches(pattern, reference), expected, "{pattern} {reference}");
        }
    }
}

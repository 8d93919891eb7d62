//! Whether an image reference is one: the grammar of `distribution/reference`, as kubelet applies it before all else.

/// Checks a reference; the error is kubelet's sentence.
pub(crate) fn check(reference: &str) -> Result<(), String> {
    let why = |why: &str| {
        format!(
            "Failed to apply default image tag {reference:?}: couldn't parse image name {reference:?}: \
             invalid reference format{why}"
        )
    };
    let (name, digest) = reference
        .split_once('@')
        .map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let path = without_domain(name);
    let (path, tag) = path
        .rsplit_once(':')
        .map_or((path, None), |(path, tag)| (path, Some(tag)));
    if path.chars().any(char::is_uppercase) {
        return Err(why(&format!(": repository name ({path}) must be lowercase")));
    }
    let is_whole =
        path.split('/').all(is_component) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
    if is_whole { Ok(()) } else { Err(why("")) }
}

/// A first part counts as a registry if it looks like a host, or cannot be a repository.
fn without_domain(name: &str) -> &str {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.chars().any(char::is_uppercase) =>
        {
            rest
        }
        _ => name,
    }
}

fn is_component(component: &str) -> bool {
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let mut chars = component.chars();
    alphanumeric(component.chars().next())
        && alphanumeric(component.chars().next_back())
        && chars.all(|c| alphanumeric(Some(c)) || matches!(c, '.' | '_' | '-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=128).contains(&tag.len())
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty() && hex.len() >= 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_others() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for good in [
            "a",
            "a/b",
            "docker.io/library/a-b_c.d:1.2-x",
            "localhost:5000/a",
            "Host/a",
            digest.as_str(),
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a//b", "a:", "a b", "-a", "a@sha256:1", "UPPER", "a/B"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        let sentence = check("Bad//Name").unwrap_err();
        assert!(
            sentence.ends_with("repository name (/Name) must be lowercase"),
            "{sentence}"
        );
    }
}

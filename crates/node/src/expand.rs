//! `$(NAME)` in commands, arguments and environment values, as Kubernetes expands it.

/// Replaces `$(NAME)` by what `lookup` knows; `$$` is one `$`, and what is unknown or unclosed stays.
pub(crate) fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            match lookup(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_as_kubernetes_does() {
        let lookup = |name: &str| match name {
            "A" => Some("x".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("$(A)-$(A)", "x-x"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$x"),
            ("$(NOPE)", "$(NOPE)"),
            ("$(A", "$(A"),
            ("$A", "$A"),
            ("a$", "a$"),
            ("$(EMPTY)|", "|"),
            ("$()", "$()"),
            ("kill $$", "kill $"),
            ("x$(A)y", "xxy"),
        ] {
            assert_eq!(expand(text, lookup), expected, "{text}");
        }
    }
}

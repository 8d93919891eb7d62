//! Names as Kubernetes allows them (RFC 1123) and the suffixes it generates.

/// Longest DNS label: a name of a namespace or a container.
pub const LABEL_MAX: usize = 63;
/// Longest DNS subdomain: a name of most objects.
pub const SUBDOMAIN_MAX: usize = 253;
/// Characters that `generateName` appends.
pub const SUFFIX_LENGTH: usize = 5;
/// The annotation of a pod whose executor acts on the API for whoever made the pod: with the value `"true"` the
/// embedded server lets its token do everything, as they may: who may make pods may do everything already, and other
/// pods have no need to. On a cluster the roles of its service account decide.
pub const ACTS_ANNOTATION: &str = "plimsoll.dev/acts";
/// kube-apiserver's alphabet for suffixes: no vowels and no look-alikes.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The suffix that random `bytes` stand for.
pub fn suffix(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]))
        .collect()
}

/// Why `name` is no DNS label (RFC 1123), in kube-apiserver's words.
pub fn check_label(name: &str) -> Result<(), String> {
    if name.len() > LABEL_MAX {
        return Err(format!("must be no more than {LABEL_MAX} characters"));
    }
    if is_label(name) {
        return Ok(());
    }
    if name.split('.').all(is_label) {
        return Err("must not contain dots".to_owned());
    }
    Err("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
         and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        .to_owned())
}

/// Why `name` is no DNS label that begins with a letter (RFC 1035), in kube-apiserver's words.
pub fn check_dns_1035(name: &str) -> Result<(), String> {
    if name.len() > LABEL_MAX {
        return Err(format!("must be no more than {LABEL_MAX} characters"));
    }
    if is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(());
    }
    Err("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
         character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
         '[a-z]([-a-z0-9]*[a-z0-9])?')"
        .to_owned())
}

/// Why `name` is no DNS subdomain (RFC 1123), in kube-apiserver's words.
pub fn check_subdomain(name: &str) -> Result<(), String> {
    if name.len() > SUBDOMAIN_MAX {
        return Err(format!("must be no more than {SUBDOMAIN_MAX} characters"));
    }
    if name.split('.').all(is_label) {
        return Ok(());
    }
    Err("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
         start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        .to_owned())
}

/// Why `key` is no qualified name (`[subdomain/]word`, as the keys of labels are), in kube-apiserver's words.
pub fn check_qualified(key: &str) -> Vec<String> {
    let (prefix, name) = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => (None, *name),
        [prefix, name] => (Some(*prefix), *name),
        _ => {
            return vec![format!(
                "a valid label key {WORD_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    let mut mistakes = Vec::new();
    match prefix.map(|prefix| (prefix, check_subdomain(prefix))) {
        Some(("", _)) => mistakes.push("prefix part must be non-empty".to_owned()),
        Some((_, Err(why))) => mistakes.push(format!("prefix part {why}")),
        Some((_, Ok(()))) | None => {}
    }
    if name.is_empty() {
        mistakes.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        mistakes.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !is_word(name) {
        mistakes.push(format!("name part {WORD_RULE}"));
    }
    mistakes
}

/// Why `value` cannot be a label's, in kube-apiserver's words.
pub fn check_label_value(value: &str) -> Result<(), String> {
    if value.len() > LABEL_MAX {
        return Err(format!("must be no more than {LABEL_MAX} bytes"));
    }
    if value.is_empty() || is_word(value) {
        return Ok(());
    }
    Err("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
         and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation \
         is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        .to_owned())
}

/// What the name part of a qualified name is made of.
const WORD_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
     alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_label(name: &str) -> bool {
    let bytes = name.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_subdomains() {
        for good in ["a", "a-b", "0a", "my-name"] {
            assert_eq!(check_label(good), Ok(()), "{good}");
            assert_eq!(check_subdomain(good), Ok(()), "{good}");
        }
        assert_eq!(check_subdomain("a.b-c.d"), Ok(()));
        for bad in ["", "-a", "a-", "A", "a_b", "a.b"] {
            assert!(check_label(bad).is_err(), "{bad}");
        }
        for bad in ["", ".", "a..b", "a.", "A.b"] {
            assert!(check_subdomain(bad).is_err(), "{bad}");
        }
        assert!(check_label(&"a".repeat(64)).is_err());
    }

    #[test]
    fn suffixes_use_the_alphabet_only() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(suffix(&all).bytes().all(|b| ALPHABET.contains(&b)));
    }
}

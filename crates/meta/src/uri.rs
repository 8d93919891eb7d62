//! Text in addresses (RFC 3986).

/// Text with what is not unreserved (section 2.3) escaped byte by byte, but for the signs in `allowed`.
pub fn escape(text: &str, allowed: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c) || allowed.contains(c);
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut escaped, byte| {
            match char::from(byte) {
                c if is_plain(c) => escaped.push(c),
                _ => escaped.push_str(&format!("%{byte:02X}")),
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_escaped() {
        let check = |text: &str, allowed: &str, expected: &str| assert_eq!(escape(text, allowed), expected);
        check("avg_over_time(A[3600s])", "", "avg_over_time%28A%5B3600s%5D%29");
        check("a/b+ü~", "", "a%2Fb%2B%C3%BC~");
        check("a/b", "/", "a/b");
    }
}

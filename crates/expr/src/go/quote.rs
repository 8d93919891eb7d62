//! `strconv.Quote`: a string as a Go literal.

use std::fmt::Write as _;

/// Quotes `text` with double quotes, escaping what does not print.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push(&mut quoted, c);
    }
    quoted.push('"');
    quoted
}

fn push(quoted: &mut String, c: char) {
    match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        _ if is_printable(c) => quoted.push(c),
        _ => {
            // Writing to a string does not fail.
            let _ = match u32::from(c) {
                code @ 0..=0x7f => write!(quoted, "\\x{code:02x}"),
                code @ 0x80..=0xffff => write!(quoted, "\\u{code:04x}"),
                code => write!(quoted, "\\U{code:08x}"),
            };
        }
    }
}

/// Go's `unicode.IsPrint`, near enough: no controls, no spaces but the ASCII one, no invisible formatting.
pub(crate) fn is_printable(c: char) -> bool {
    c == ' '
        || !(c.is_control()
            || c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}'
                    | '\u{f0000}'..='\u{10ffff}' | '\u{fff9}'..='\u{fffb}'))
}

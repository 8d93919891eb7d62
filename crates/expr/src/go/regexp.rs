//! Go's regular expressions (RE2 syntax) on the `regex` crate, which also runs in linear time.
//!
//! The syntaxes differ in small ways that this rewrites: `\d`, `\w`, `\s` and `\b` are ASCII in Go, `\Q...\E`
//! quotes, and inside of a class `[`, `&&`, `--` and `~~` mean themselves.

use crate::lang::limits::MAX_REGEX_SIZE;
use regex::{Regex, RegexBuilder};

/// Compiles a Go regular expression, or answers Go's kind of message.
pub(crate) fn regexp(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(MAX_REGEX_SIZE)
        .dfa_size_limit(MAX_REGEX_SIZE)
        .nest_limit(200)
        .build()
        .map_err(|problem| format!("error parsing regexp: {}", reason(&problem)))
}

/// The last line of the crate's message, which says what is wrong.
fn reason(problem: &regex::Error) -> String {
    let text = problem.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// Rewrites Go's syntax into the crate's.
pub(crate) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut class = None;
    while let Some(c) = chars.next() {
        match (c, class) {
            ('\\', _) => escape(&mut chars, &mut out, class.is_some()),
            ('[', None) => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A bracket right after the opening one is a member of the class.
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
                class = Some(());
            }
            ('[', Some(())) if chars.peek() == Some(&':') => out.push('['),
            ('[' | '&' | '~', Some(())) => {
                out.push('\\');
                out.push(c);
            }
            (']', Some(())) => {
                out.push(']');
                // The end of `[:alpha:]` does not end the class around it.
                if !out.ends_with(":]") {
                    class = None;
                }
            }
            _ => out.push(c),
        }
    }
    out
}

fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String, in_class: bool) {
    let Some(c) = chars.next() else {
        out.push('\\');
        return;
    };
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str(r"[\t\n\f\r ]"),
        'S' => out.push_str(r"[^\t\n\f\r ]"),
        'b' if !in_class => out.push_str(r"(?-u:\b)"),
        'B' if !in_class => out.push_str(r"(?-u:\B)"),
        'Q' => quoted(chars, out),
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
}

/// What stands between `\Q` and `\E`, or the end.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

//! Go's regular expressions (RE2 syntax) on the `regex` crate, which also runs in linear time.
//!
//! The syntaxes differ in small ways that this rewrites: `\d`, `\w`, `\s` and `\b` are ASCII in Go, `\Q...\E`
//! quotes, and inside of a class `[`, `&&`, `--` and `~~` mean themselves.

use crate::lang::limits::MAX_REGEX_SIZE;
use regex::{Regex, RegexBuilder};

/// The most often that Go lets something repeat by number.
const MAX_REPEAT: u32 = 1_000;

/// Compiles a Go regular expression, or answers Go's kind of message.
pub(crate) fn regexp(pattern: &str) -> Result<Regex, String> {
    let failed = |reason: String| format!("error parsing regexp: {reason}");
    RegexBuilder::new(&translate(pattern).map_err(failed)?)
        .size_limit(MAX_REGEX_SIZE)
        .dfa_size_limit(MAX_REGEX_SIZE)
        .nest_limit(200)
        .build()
        .map_err(|problem| failed(reason(&problem)))
}

/// The last line of the crate's message, which says what is wrong.
fn reason(problem: &regex::Error) -> String {
    let text = problem.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Rewrites Go's syntax into the crate's.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut repeated = false;
    while let Some(c) = chars.next() {
        let mut repeats = false;
        match c {
            '\\' => escape(&mut chars, &mut out, false),
            '[' => class(&mut chars, &mut out),
            '{' => match repetition(&chars)? {
                Some(text) => {
                    repeats = true;
                    for _ in text.chars().skip(1) {
                        chars.next();
                    }
                    out.push_str(&text);
                }
                None => out.push_str("\\{"),
            },
            '*' | '+' | '?' => {
                repeats = true;
                out.push(c);
            }
            _ => out.push(c),
        }
        if repeats {
            if repeated {
                return Err(format!("invalid nested repetition operator: `{c}`"));
            }
            out.extend(chars.next_if_eq(&'?'));
        }
        repeated = repeats;
    }
    Ok(out)
}

/// `{2}`, `{2,}` or `{2,5}` after its brace; any other brace is a character.
fn repetition(rest: &Chars<'_>) -> Result<Option<String>, String> {
    let inner: String = rest.clone().take_while(|c| *c != '}').take(12).collect();
    let closed = rest.clone().nth(inner.chars().count()) == Some('}');
    let (least, most) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !closed || least.is_empty() || !digits(least) || !digits(most) {
        return Ok(None);
    }
    let text = format!("{{{inner}}}");
    let bound = |text: &str| text.parse::<u32>().unwrap_or(MAX_REPEAT + 1);
    let too_many = bound(least) > MAX_REPEAT || (!most.is_empty() && bound(most) > MAX_REPEAT);
    if too_many || (!most.is_empty() && bound(most) < bound(least)) {
        return Err(format!("invalid repeat count: `{text}`"));
    }
    Ok(Some(text))
}

/// A class, after its opening bracket.
fn class(chars: &mut Chars<'_>, out: &mut String) {
    out.push('[');
    out.extend(chars.next_if_eq(&'^'));
    // A bracket right after the opening one is a member of the class.
    if chars.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(chars, out, true),
            '[' if chars.peek() == Some(&':') => {
                // `[:alpha:]`, up to its own end.
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            ']' => {
                out.push(']');
                return;
            }
            _ => out.push(c),
        }
    }
}

fn escape(chars: &mut Chars<'_>, out: &mut String, in_class: bool) {
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
fn quoted(chars: &mut Chars<'_>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next_if_eq(&'E').is_some() {
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_what_go_means() {
        for (pattern, text, matches) in [
            (r"^\d+$", "42", true),
            (r"^\d+$", "\u{664}\u{662}", false),
            (r"^\w+$", "é", false),
            (r"^[^\s]+$", "a\u{a0}b", true),
            (r"{not a count}", "x {not a count}", true),
            (r"a{2,3}", "baab", true),
            (r"a{,3}", "a{,3}", true),
            (r"[[a]", "[", true),
            (r"[a&&b]", "&", true),
            (r"[[:alpha:]]+[]]", "x]", true),
            (r"\Qa.b\E+", "a.bb", true),
            (r"\bfoo\b", "a foo b", true),
            (r"(?i)HELLO", "hello", true),
        ] {
            assert_eq!(regexp(pattern).unwrap().is_match(text), matches, "{pattern}");
        }
        for bad in ["a**", "a{1001}", "a{3,2}", "(", "[a", r"(?=a)", "*", r"\1"] {
            assert!(regexp(bad).is_err(), "{bad}");
        }
    }
}

//! Words and letters: abbreviation, cases, wrapping. Rules of the Go packages that sprig borrows them from.

use super::bytes_text;
use crate::go;
use crate::lang::{Answer, Context, Value};

/// Cuts a text to `width` bytes with dots at its end.
pub(super) fn abbreviate(text: &str, width: i64) -> Value {
    if width < 4 {
        return text.into();
    }
    bytes_text(&abbreviated(text.as_bytes(), 0, width))
}

/// Cuts to `width` bytes and keeps what stands at `offset`; nothing, where that leaves no room.
fn abbreviated(bytes: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    if bytes.len() <= width {
        return bytes.to_vec();
    }
    let kept = width.saturating_sub(3);
    let offset = usize::try_from(offset).unwrap_or(0).min(bytes.len() - kept);
    if offset <= 4 {
        return [&bytes[..kept], b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + kept < bytes.len() {
        return [b"...", &bytes[offset..offset + kept - 3], b"..."].concat();
    }
    [b"...", &bytes[bytes.len() - kept..]].concat()
}

/// Cuts a text on both sides.
pub(super) fn abbreviate_both(text: &str, left: i64, right: i64) -> Value {
    if right < 4 || left > 0 && right < 7 {
        return text.into();
    }
    bytes_text(&abbreviated(text.as_bytes(), left, right))
}

fn upper(c: char) -> char {
    go::to_upper(c.encode_utf8(&mut [0; 4]))
        .chars()
        .next()
        .unwrap_or(c)
}

fn lower(c: char) -> char {
    go::to_lower(c.encode_utf8(&mut [0; 4]))
        .chars()
        .next()
        .unwrap_or(c)
}

/// `strings.Title`: a letter after a separator in upper case.
pub(super) fn title(text: &str) -> String {
    let mut previous = ' ';
    text.chars()
        .map(|c| {
            let start = is_separator(previous);
            previous = c;
            if start { upper(c) } else { c }
        })
        .collect()
}

fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        return !(c.is_ascii_alphanumeric() || c == '_');
    }
    !c.is_alphanumeric() && c.is_whitespace()
}

/// The first letter of each word in lower case.
pub(super) fn untitle(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let changed = if start { lower(c) } else { c };
            start = c.is_whitespace();
            if start { c } else { changed }
        })
        .collect()
}

/// The first letter of each word; a letter of several bytes is taken for as many, and its first one for all.
pub(super) fn initials(text: &str) -> String {
    let mut gap = true;
    let mut out = String::new();
    for c in text.bytes().map(char::from) {
        if c.is_whitespace() {
            gap = true;
        } else if std::mem::take(&mut gap) {
            out.push(c);
        }
    }
    out
}

/// Upper case becomes lower and the other way round.
pub(super) fn swap_case(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_uppercase() { lower(c) } else { upper(c) })
        .collect()
}

fn is_connector(c: char) -> bool {
    matches!(c, '-' | '_') || c.is_whitespace()
}

/// `some words` as `SomeWords`, `HTTPServer` as `Httpserver`; connectors at the beginning stay, and so does all but
/// one of several.
pub(super) fn pascal(text: &str) -> String {
    let start = text.find(|c| !is_connector(c)).unwrap_or(text.len());
    let mut out = text[..start].to_owned();
    let mut chars = text[start..].chars();
    let Some(first) = chars.next() else { return out };
    if chars.as_str().is_empty() {
        out.push(upper(first));
        return out;
    }
    let (mut current, mut shouting) = (upper(first), first.is_uppercase());
    for c in chars {
        let previous = std::mem::replace(&mut current, c);
        match (is_connector(previous), is_connector(c)) {
            (true, true) => out.push(previous),
            (true, false) => {
                shouting = c.is_uppercase();
                current = upper(c);
            }
            (false, _) => {
                shouting &= c.is_uppercase();
                if shouting {
                    current = lower(c);
                }
                out.push(previous);
            }
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// A letter that has an upper or lower case.
fn is_letter(c: char) -> bool {
    c.is_uppercase() || c.is_lowercase()
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}

/// The next word of a text, its kind, and the rest.
fn next_word(text: &str) -> (Word, &str, &str) {
    let Some(first) = text.chars().next() else {
        return (Word::None, "", "");
    };
    let run = |belongs: &dyn Fn(char) -> bool| {
        let rest = &text[first.len_utf8()..];
        text.len() - rest.len() + rest.find(|c| !belongs(c)).unwrap_or(rest.len())
    };
    let small = |c: char| is_letter(c) && !c.is_uppercase();
    let (kind, length) = match first {
        _ if is_connector(first) => (Word::Connector, run(&is_connector)),
        _ if is_punctuation(first) => (Word::Punctuation, run(&is_punctuation)),
        _ if first.is_uppercase() => (Word::Upper, upper_word(text, first)),
        _ if is_letter(first) => (Word::Alphabet, run(&small)),
        _ if first.is_numeric() => (Word::Number, run(&char::is_numeric)),
        _ => {
            let known = |c: char| is_connector(c) || is_letter(c) || c.is_numeric() || is_punctuation(c);
            (Word::Other, run(&|c| !known(c)))
        }
    };
    (kind, &text[..length], &text[length..])
}

/// `Status` of `StatusCode`, `HTTP` of `HTTPStatus`.
fn upper_word(text: &str, first: char) -> usize {
    let rest = &text[first.len_utf8()..];
    let second = rest.chars().next();
    if second.is_some_and(char::is_uppercase) {
        let length = text.find(|c: char| !c.is_uppercase()).unwrap_or(text.len());
        let next = text[length..].chars().next();
        let last = text[..length].chars().next_back().map_or(0, char::len_utf8);
        return if next.is_some_and(is_letter) {
            length - last
        } else {
            length
        };
    }
    let end = rest.find(|c: char| !is_letter(c) || c.is_uppercase());
    text.len() - rest.len() + end.unwrap_or(rest.len())
}

/// `FirstName` as `first_name`, `HTTP20xOK` as `http_20x_ok`.
pub(super) fn separated(text: &str, connector: char) -> String {
    let mut out = String::new();
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                (kind, word, rest) = push_run(&mut out, (kind, word, rest), connector);
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Alphabet {
                    out.push(connector);
                    push_lower(&mut out, Word::Number, number, connector);
                    (kind, word, rest) = push_run(&mut out, (kind, word, rest), connector);
                } else {
                    push_lower(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

/// Small letters and numbers that go on with a number, and a connector before what follows.
fn push_run<'a>(
    out: &mut String,
    next: (Word, &'a str, &'a str),
    connector: char,
) -> (Word, &'a str, &'a str) {
    let (mut kind, mut word, mut rest) = next;
    while matches!(kind, Word::Alphabet | Word::Number) {
        push_lower(out, kind, word, connector);
        (kind, word, rest) = next_word(rest);
    }
    if !matches!(kind, Word::None | Word::Connector | Word::Punctuation) {
        out.push(connector);
    }
    (kind, word, rest)
}

fn push_lower(out: &mut String, kind: Word, word: &str, connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.push_str(word);
        return;
    }
    out.extend(word.chars().map(|c| match c {
        _ if is_connector(c) => connector,
        _ if c.is_uppercase() => lower(c),
        _ => c,
    }));
}

/// Wraps a line at blanks so that no line is longer than `width`, but for longer words unless they are cut.
pub(super) fn wrap(context: &mut Context<'_>, text: &str, width: i64, newline: &str, cut: bool) -> Answer {
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let newline = if newline.is_empty() { "\n" } else { newline };
    let bytes = text.as_bytes();
    context.grow_bytes((bytes.len() / width).saturating_mul(newline.len()))?;
    let mut out = Vec::new();
    let mut at = 0;
    while bytes.len() - at > width {
        if bytes[at] == b' ' {
            at += 1;
            continue;
        }
        let window = &bytes[at..=at + width];
        let (end, next) = match window.iter().rposition(|byte| *byte == b' ') {
            Some(blank) => (at + blank, at + blank + 1),
            None if cut => (at + width, at + width),
            None => match bytes[at + width..].iter().position(|byte| *byte == b' ') {
                Some(blank) => (at + width + blank, at + width + blank + 1),
                None => break,
            },
        };
        out.extend_from_slice(&bytes[at..end]);
        out.extend_from_slice(newline.as_bytes());
        at = next;
    }
    out.extend_from_slice(&bytes[at..]);
    Ok(bytes_text(&out))
}

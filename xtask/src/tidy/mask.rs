//! Rust source with the content of comments, strings and characters blanked out, line by line as before:
//! enough of a lexer for rules that look for words and braces.

/// The masked text: same lines, same columns.
pub(crate) fn mask(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let length = skip_length(&chars, at);
        if length == 0 {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(
                chars[at..at + length]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            at += length;
        }
    }
    out
}

/// How many characters from `at` are a comment, string or character; 0 for code.
fn skip_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let fresh = at == 0 || !(chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, 1),
        ['r', '"' | '#', ..] if fresh => raw_string(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if fresh => raw_string(rest, 2),
        ['b' | 'c', '"', ..] if fresh => quoted(rest, 2),
        ['b', '\'', ..] if fresh => character(&rest[1..]).map_or(0, |length| length + 1),
        ['\'', ..] => character(rest).unwrap_or(0),
        _ => 0,
    }
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// A string whose opening quote ends at `start`.
fn quoted(chars: &[char], start: usize) -> usize {
    let mut at = start;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A raw string whose hashes start at `start`; 0 for a raw identifier.
fn raw_string(chars: &[char], start: usize) -> usize {
    let hashes = chars[start..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + hashes) != Some(&'"') {
        return 0;
    }
    let body = start + hashes + 1;
    let end = (body..chars.len()).find(|at| {
        chars[*at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    });
    end.map_or(chars.len(), |end| end + 1 + hashes)
}

/// A character literal; `None` for a lifetime.
fn character(chars: &[char]) -> Option<usize> {
    match chars {
        ['\'', '\\', _, ..] => chars[3..].iter().position(|c| *c == '\'').map(|end| end + 4),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn only_code_is_left() {
        // `_` stands for a blanked character.
        let check =
            |source: &str, expected: &str| assert_eq!(mask(source), expected.replace('_', " "), "{source}");
        check("a // b {\nc", "a ______\nc");
        check("a /* { /* } */ */ b", "a _______________ b");
        check(r#"f("{ \" }") + 1"#, "f(________) + 1");
        check(r##"f(r#"{ " }"#, 'a)"##, "f(__________, 'a)");
        check(
            r"m { '{' => '\'', '\u{7b}' => b'}' }",
            "m { ___ => ____, ________ => ____ }",
        );
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        check("r#type var\"x\"", "r#type var___");
    }
}

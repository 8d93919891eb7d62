//! Where the documents of a file begin and end.
//!
//! A line that begins with `---` ends one document and begins the next, as kubectl has it. Each document is then read
//! by itself, so that a broken one does not hide the problems of the others.

use std::ops::Range;

/// The byte ranges of the documents in `text`, in order, without those that hold only comments and directives.
#[must_use]
pub fn documents(text: &str) -> Vec<Range<usize>> {
    let mut starts = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_separator(line) && at > 0 {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| start..end)
        .filter(|range| has_content(&text[range.clone()]))
        .collect()
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

fn has_content(document: &str) -> bool {
    document.lines().any(|line| {
        let line = line
            .strip_prefix("---")
            .unwrap_or(line)
            .trim_start_matches('\u{feff}')
            .trim();
        !(line.is_empty() || line.starts_with('#') || line.starts_with('%') || line == "...")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = documents(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn documents_begin_at_separator_lines() {
        check("", &[]);
        check("# only a comment\n---\n", &[]);
        check("a: 1\n", &["a: 1\n"]);
        check(
            "a: 1\n---\nb: 2\n---\n# none\n---\nc: 3",
            &["a: 1\n", "---\nb: 2\n", "---\nc: 3"],
        );
        check(
            "---\na: 1\n--- # second\nb: 2\n",
            &["---\na: 1\n", "--- # second\nb: 2\n"],
        );
        check(
            "a: |\n  ---\n  text\nb: ---x\n",
            &["a: |\n  ---\n  text\nb: ---x\n"],
        );
        check("%YAML 1.1\n---\na: 1\n...\n", &["---\na: 1\n...\n"]);
    }
}

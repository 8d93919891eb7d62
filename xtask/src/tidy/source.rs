//! Rules on single files.

use super::Problem;
use super::mask::mask;
use super::rules::{
    BANNED_WORDS, ENVIRONMENT_ROOMS, IMPURE_PATHS, MAX_FILE_LINES, MAX_FUNCTION_LINES, PRINTING_ROOMS,
    PURE_ROOMS,
};
use super::tree::File;

/// Everything wrong with `file`.
pub(crate) fn check(file: &File) -> Vec<Problem> {
    let mut problems = words(file);
    if file.path.ends_with(".rs") {
        let code = mask(&file.text);
        problems.extend(opening(file));
        problems.extend(length(file));
        problems.extend(functions(file, &code));
        if !file.is_test() {
            problems.extend(reach(file, without_tests(&code)));
        }
    }
    problems
}

fn problem(file: &File, line: usize, rule: &'static str, what: String) -> Problem {
    Problem {
        file: file.path.clone(),
        line,
        rule,
        what,
    }
}

fn words(file: &File) -> Vec<Problem> {
    let found = file.text.lines().enumerate().flat_map(|(index, line)| {
        let banned = BANNED_WORDS.iter().filter(move |word| line.contains(**word));
        banned.map(move |word| (index + 1, *word))
    });
    found
        .map(|(line, word)| problem(file, line, "words", format!("{word:?} does not belong here")))
        .collect()
}

fn opening(file: &File) -> Option<Problem> {
    let opens = file.text.starts_with("//!");
    (!opens).then(|| {
        problem(
            file,
            1,
            "opening",
            "a file opens with `//!`: what it is for".into(),
        )
    })
}

fn length(file: &File) -> Option<Problem> {
    let lines = file.text.lines().count();
    let what = format!("{lines} lines; a file has at most {MAX_FILE_LINES}");
    (lines > MAX_FILE_LINES).then(|| problem(file, 0, "file-length", what))
}

fn functions(file: &File, code: &str) -> Vec<Problem> {
    let long = function_lengths(code)
        .into_iter()
        .filter(|(_, _, lines)| *lines > MAX_FUNCTION_LINES);
    let say = |name: String, lines| {
        format!("{name} has {lines} lines; a function has at most {MAX_FUNCTION_LINES}")
    };
    long.map(|(line, name, lines)| problem(file, line, "function-length", say(name, lines)))
        .collect()
}

/// Line, name and number of lines of every function with a body in masked code.
fn function_lengths(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let fresh = code[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let name: String = code[at + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if !fresh || name.is_empty() {
            continue;
        }
        let Some(open) = code[at..].find(['{', ';']).map(|open| at + open) else {
            continue;
        };
        let Some(end) = closing(code, open) else { continue };
        let line = |at: usize| code[..at].matches('\n').count() + 1;
        found.push((line(at), name, line(end) - line(at) + 1));
    }
    found
}

/// Where the brace at `open` is closed; `None` if a semicolon stands there.
fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(open + at);
        }
    }
    None
}

/// Code up to a file's module of tests, which the house puts last.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |at| &code[..at])
}

/// What the file's room must not touch.
fn reach(file: &File, code: &str) -> Vec<Problem> {
    let Some(room) = file.room() else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let mut forbid = |rule: &'static str, needles: &[&str], why: &str| {
        for (index, line) in code.lines().enumerate() {
            for needle in needles.iter().filter(|needle| contains_path(line, needle)) {
                problems.push(problem(
                    file,
                    index + 1,
                    rule,
                    format!("`{needle}` in `{room}`: {why}"),
                ));
            }
        }
    };
    if PURE_ROOMS.contains(&room) {
        forbid("purity", IMPURE_PATHS, "a pure room is given what it needs");
    }
    if !PRINTING_ROOMS.contains(&room) {
        let macros = ["println!", "print!", "eprintln!", "eprint!"];
        forbid("printing", &macros, "only the command line prints");
    }
    if !ENVIRONMENT_ROOMS.contains(&room) {
        let calls = [
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
            "env::args",
            "env::args_os",
        ];
        forbid(
            "environment",
            &calls,
            "only the command line reads the environment",
        );
    }
    problems
}

/// Whether `line` holds `needle` as whole words.
fn contains_path(line: &str, needle: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_none_or(|c| !word(c));
        let after = line[at + needle.len()..].chars().next().is_none_or(|c| !word(c));
        before && after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(path: &str, text: &str) -> Vec<&'static str> {
        let file = File {
            path: path.into(),
            text: text.into(),
        };
        check(&file).into_iter().map(|problem| problem.rule).collect()
    }

    #[test]
    fn each_rule_finds_its_case() {
        let check =
            |path: &str, text: &str, expected: &[&str]| assert_eq!(rules_of(path, text), expected, "{text}");
        check("crates/meta/src/lib.rs", "//! Fine.\n", &[]);
        check("crates/meta/src/lib.rs", "use x;\n", &["opening"]);
        check("crates/meta/src/lib.rs", "//! A.\nuse std::fs;\n", &["purity"]);
        check(
            "crates/meta/src/lib.rs",
            "//! A.\n#[cfg(test)]\nmod tests { use std::fs; }\n",
            &[],
        );
        check("crates/meta/tests/a.rs", "//! A.\nuse std::fs;\n", &[]);
        check("crates/node/src/lib.rs", "//! A.\nuse std::fs;\n", &[]);
        check(
            "crates/node/src/lib.rs",
            "//! A.\nfn f() { println!(\"x\"); }\n",
            &["printing"],
        );
        check(
            "crates/node/src/lib.rs",
            "//! A.\nfn f() { std::env::var(\"x\"); }\n",
            &["environment"],
        );
        check(
            "crates/cli/src/lib.rs",
            "//! A.\nfn f() { println!(\"{:?}\", std::env::args()); }\n",
            &[],
        );
        check("README.md", concat!("TO", "DO: more\n"), &["words"]);
    }

    #[test]
    fn functions_are_measured_by_their_braces() {
        let body = "    x();\n".repeat(70);
        let code = format!("trait T {{ fn no(); }}\nfn long() {{\n{body}}}\nfn short() {{ f() }}\n");
        let lengths: Vec<_> = function_lengths(&code)
            .into_iter()
            .map(|(_, name, lines)| (name, lines))
            .collect();
        assert_eq!(lengths, [("long".to_owned(), 72), ("short".to_owned(), 1)]);
    }
}

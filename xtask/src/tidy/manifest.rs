//! Rules on manifests, and on the map of the house.

use super::Problem;
use super::rules::{MAX_ARCHITECTURE_LINES, UNSAFE_ROOM};
use super::tree::File;

/// Everything wrong with the manifests.
pub(crate) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        if file.path == "Cargo.toml" {
            problems.extend(commented(file));
            problems.extend(forbids_unsafe(file));
        } else {
            problems.extend(lints(file));
        }
    }
    problems
}

fn problem(file: &File, line: usize, rule: &'static str, what: &str) -> Problem {
    Problem {
        file: file.path.clone(),
        line,
        rule,
        what: what.to_owned(),
    }
}

/// Each block of dependencies in the root manifest opens with a comment that says what it is for.
fn commented(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut inside, mut explained) = (false, false);
    for (index, line) in file.text.lines().enumerate() {
        match line.trim() {
            "" => explained = false,
            header if header.starts_with('[') => inside = header == "[workspace.dependencies]",
            comment if comment.starts_with('#') => explained = true,
            _ if inside && !explained => {
                problems.push(problem(
                    file,
                    index + 1,
                    "dependencies",
                    "say in a comment what it is for",
                ));
            }
            _ => {}
        }
    }
    problems
}

fn forbids_unsafe(file: &File) -> Option<Problem> {
    let forbids = file.text.contains("unsafe_code = \"forbid\"");
    (!forbids).then(|| problem(file, 0, "unsafe", "the workspace forbids unsafe code"))
}

fn lints(file: &File) -> Option<Problem> {
    let shared = file.text.contains("[lints]\nworkspace = true");
    let excused = file.room() == Some(UNSAFE_ROOM) && file.text.contains("unsafe_op_in_unsafe_fn = \"deny\"");
    (!shared && !excused).then(|| problem(file, 0, "lints", "a crate takes the workspace's lints"))
}

/// ARCHITECTURE.md is short, and its map names every crate.
pub(crate) fn check_architecture(files: &[File], rooms: &[&str]) -> Vec<Problem> {
    const NAME: &str = "ARCHITECTURE.md";
    let Some(file) = files.iter().find(|file| file.path == NAME) else {
        let what = "the house has a map".to_owned();
        return vec![Problem {
            file: NAME.to_owned(),
            line: 0,
            rule: "architecture",
            what,
        }];
    };
    let lines = file.text.lines().count();
    let mut problems = Vec::new();
    if lines > MAX_ARCHITECTURE_LINES {
        let what = format!("{lines} lines; the map has at most {MAX_ARCHITECTURE_LINES}");
        problems.push(problem(file, 0, "architecture", &what));
    }
    for room in rooms
        .iter()
        .filter(|room| !file.text.contains(&format!("`{room}`")))
    {
        problems.push(problem(
            file,
            0,
            "architecture",
            &format!("the map lacks `{room}`"),
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text =
            "[workspace.dependencies]\n# data\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n[profile.dev]\nd = 1\n";
        let lines: Vec<usize> = commented(&file("Cargo.toml", text))
            .iter()
            .map(|problem| problem.line)
            .collect();
        assert_eq!(lines, [6]);
    }

    #[test]
    fn only_one_room_has_lints_of_its_own() {
        let check = |path: &str, text: &str, fine: bool| {
            assert_eq!(lints(&file(path, text)).is_none(), fine, "{path} {text}");
        };
        check("crates/a/Cargo.toml", "[lints]\nworkspace = true\n", true);
        check("crates/a/Cargo.toml", "[package]\n", false);
        check(
            "crates/spawner/Cargo.toml",
            "[lints.rust]\nunsafe_op_in_unsafe_fn = \"deny\"\n",
            true,
        );
        check(
            "crates/a/Cargo.toml",
            "[lints.rust]\nunsafe_op_in_unsafe_fn = \"deny\"\n",
            false,
        );
    }

    #[test]
    fn the_map_names_every_room() {
        let map = file("ARCHITECTURE.md", "- `meta`: words\n");
        assert_eq!(check_architecture(&[map], &["meta", "argo"]).len(), 1);
        assert_eq!(check_architecture(&[], &["meta"]).len(), 1);
    }
}

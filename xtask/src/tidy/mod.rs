//! `cargo xtask tidy`: the rules of the house that a compiler does not check. `cargo test` runs it too.
//!
//! ```text
//!   cargo metadata --> layers    who may depend on whom
//!   every file     --> source    openings, lengths, words, and what a room must not touch
//!   Cargo.toml     --> manifest  comments and lints
//!   ARCHITECTURE.md -> map       short, and with every crate
//! ```
//!
//! A rule is a row of [`rules`]; an exception is a row too, with a date and a reason, and one that is no
//! longer needed is a problem itself.

mod layers;
mod manifest;
mod mask;
mod rules;
mod source;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::Result;

/// Something to put right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// The file, from the workspace's root.
    pub(crate) file: String,
    /// The line, from 1; 0 for the whole file.
    pub(crate) line: usize,
    /// Which rule.
    pub(crate) rule: &'static str,
    /// What is wrong, and what would be right.
    pub(crate) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} [{}]", self.file, self.what, self.rule),
            line => write!(f, "{}:{line}: {} [{}]", self.file, self.what, self.rule),
        }
    }
}

/// Everything that is not as it should be in the workspace at `root`, sorted.
pub(crate) fn check(root: &Path) -> Result<Vec<Problem>> {
    let files = tree::read(root)?;
    let mut problems = layers::check(root)?;
    for file in &files {
        problems.extend(source::check(file));
    }
    problems.extend(manifest::check(&files));
    problems.extend(manifest::check_architecture(&files, &layers::room_names()));
    let mut problems = rules::except(problems);
    problems.sort();
    Ok(problems)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_tidy() {
        let root = crate::workspace_root();
        let problems = super::check(&root).expect("the workspace can be read");
        let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "\n{}\n", list.join("\n"));
    }
}

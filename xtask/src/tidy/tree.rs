//! The project's own text files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What is looked at, by the end of its name.
const TEXT: &[&str] = &[".rs", ".md", ".toml", ".yaml", ".yml", ".sh", ".py", "run"];
/// Folders that hold no text of ours.
const PASSED_OVER: &[&str] = &["target", ".git", "node_modules"];

/// A file of the project.
pub(crate) struct File {
    /// From the workspace's root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl File {
    /// The crate it belongs to, if any.
    pub(crate) fn room(&self) -> Option<&str> {
        match self.path.split('/').collect::<Vec<_>>().as_slice() {
            ["crates", room, _, ..] => Some(room),
            ["xtask", ..] => Some("xtask"),
            _ => None,
        }
    }

    /// Whether it holds tests, or programs of its own beside the crate.
    pub(crate) fn is_test(&self) -> bool {
        ["/tests/", "/benches/", "/examples/"]
            .iter()
            .any(|folder| self.path.contains(folder))
            || self.path.ends_with("tests.rs")
    }
}

/// All text files under `root`, sorted by path.
pub(crate) fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    walk(root, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !PASSED_OVER.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() && TEXT.iter().any(|end| name.ends_with(end)) {
            let text =
                fs::read_to_string(entry.path()).with_context(|| format!("{prefix}{name} is no text"))?;
            files.push(File {
                path: format!("{prefix}{name}"),
                text,
            });
        }
    }
    Ok(())
}

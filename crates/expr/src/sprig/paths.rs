//! Slash-separated paths, by Go's `path`. Nothing is looked up anywhere.

use super::{fixed, text};
use crate::lang::Function;
use crate::lang::GoType::String as Str;

pub(super) static TABLE: &[Function] = &[
    fixed("base", &[Str], |_, a| Ok(base(text(a, 0)).into())),
    fixed("dir", &[Str], |_, a| Ok(dir(text(a, 0)).into())),
    fixed("clean", &[Str], |_, a| Ok(clean(text(a, 0)).into())),
    fixed("ext", &[Str], |_, a| Ok(ext(text(a, 0)).into())),
    fixed("isAbs", &[Str], |_, a| Ok(text(a, 0).starts_with('/').into())),
    fixed("osBase", &[Str], |_, a| Ok(base(text(a, 0)).into())),
    fixed("osDir", &[Str], |_, a| Ok(dir(text(a, 0)).into())),
    fixed("osClean", &[Str], |_, a| Ok(clean(text(a, 0)).into())),
    fixed("osExt", &[Str], |_, a| Ok(ext(text(a, 0)).into())),
    fixed("osIsAbs", &[Str], |_, a| Ok(text(a, 0).starts_with('/').into())),
];

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

fn dir(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    clean(&path[..end])
}

/// The shortest equal path, by its text alone.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, expected) in [
            ("", "."),
            ("/", "/"),
            ("a/../b//c/.", "b/c"),
            ("../../a", "../../a"),
            ("/../a", "/a"),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
        assert_eq!((base("/a/b.c/"), base("//"), base("")), ("b.c", "/", "."));
        assert_eq!(
            (dir("/a/b"), dir("b"), ext("a.b/c.tar.gz"), ext("a.b/c")),
            ("/a".into(), ".".into(), ".gz", "")
        );
    }
}

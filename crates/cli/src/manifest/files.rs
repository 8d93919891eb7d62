//! The texts that the arguments name.

use std::io::Read;
use std::path::{Path, PathBuf};

use meta::suggest;

use crate::diagnostic::{Diagnostic, Source};

/// How deep folders are followed; beyond it, most likely, a link goes round in a circle.
const MAX_DEPTH: usize = 32;

/// The texts of one argument, or why each cannot be read.
pub(super) fn read(path: &Path, stdin: &mut dyn Read) -> Vec<Result<Source, Diagnostic>> {
    if path == Path::new("-") {
        return vec![read_from("<stdin>", stdin)];
    }
    if !path.is_dir() {
        return vec![read_file(path)];
    }
    let mut found = Vec::new();
    match walk(path, 0, &mut found) {
        Ok(()) if found.is_empty() => {
            let problem = Diagnostic::general(format!("there is no manifest in `{}`", path.display()));
            vec![Err(
                problem.hint("files that end in .yaml, .yml or .json are read")
            )]
        }
        Ok(()) => found.iter().map(|file| read_file(file)).collect(),
        Err(error) => vec![Err(Diagnostic::general(format!(
            "cannot read `{}`: {error}",
            path.display()
        )))],
    }
}

fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() && depth < MAX_DEPTH {
            walk(&path, depth + 1, found)?;
        } else if is_manifest(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

fn read_file(path: &Path) -> Result<Source, Diagnostic> {
    let name = path.display().to_string();
    match std::fs::File::open(path) {
        Ok(mut file) => read_from(&name, &mut file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(path)),
        Err(error) => Err(Diagnostic::general(format!("cannot read `{name}`: {error}"))),
    }
}

fn read_from(name: &str, from: &mut dyn Read) -> Result<Source, Diagnostic> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)
        .map_err(|error| Diagnostic::general(format!("cannot read `{name}`: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Diagnostic::general(format!("`{name}` is not UTF-8 text: byte {at} is not")).hint("is it a manifest?")
    })?;
    Ok(Source {
        name: name.to_owned(),
        text,
    })
}

/// A file that is not there: perhaps one beside it was meant.
fn missing(path: &Path) -> Diagnostic {
    let problem = Diagnostic::general(format!("the file `{}` does not exist", path.display()));
    let parent = path.parent().unwrap_or(Path::new(""));
    let folder = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let Some(names) = names_in(folder) else {
        return problem.hint(format!("there is no folder `{}` either", folder.display()));
    };
    let wanted = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    match suggest::nearest(wanted, names.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{}`?", parent.join(near).display())),
        None => problem.hint(manifests(folder, &names)),
    }
}

/// The names in a folder, in order; none if it cannot be read.
fn names_in(folder: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Some(names)
}

/// The manifests there are instead.
fn manifests(folder: &Path, names: &[String]) -> String {
    const MANY: usize = 8;
    let found: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| is_manifest(Path::new(name)))
        .collect();
    match found.len() {
        0 => format!("there is no manifest in `{}`", folder.display()),
        1..=MANY => format!("the manifests in `{}` are {}", folder.display(), found.join(", ")),
        many => format!(
            "`{}` holds {many} manifests, none of a similar name",
            folder.display()
        ),
    }
}

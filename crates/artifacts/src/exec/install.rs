//! The binary, copied where the other containers of a pod find it: where a cluster has no image volumes, an init
//! container does this.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::authorities;

/// Copies this program to `FOLDER/plimsoll`, with the certificates beside it. Under another name first: whoever finds it finds all of it.
pub(super) fn install(folder: Option<OsString>) -> Result<i32, Failure> {
    let folder = folder
        .map(PathBuf::from)
        .ok_or_else(|| Failure("--install needs a folder".into()))?;
    let program = std::env::current_exe();
    let copied = program.and_then(|program| copy(&program, &folder));
    copied.map_err(|error| Failure(format!("cannot install into {}: {error}", folder.display())))?;
    Ok(0)
}

fn copy(program: &Path, folder: &Path) -> std::io::Result<()> {
    let authorities = program.with_file_name(authorities::FILE);
    if authorities.is_file() {
        fs::copy(authorities, folder.join(authorities::FILE))?;
    }
    let fresh = folder.join(".plimsoll.new");
    fs::copy(program, &fresh)?;
    fs::rename(fresh, folder.join("plimsoll"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_copied_with_its_rights() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            assert_eq!(install(Some(folder.path().into())).unwrap(), 0);
        }
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["plimsoll"]);
        let size = |path: PathBuf| fs::metadata(path).unwrap().len();
        let copied = folder.path().join("plimsoll");
        assert_eq!(size(copied), size(std::env::current_exe().unwrap()));
        assert!(install(None).is_err() && install(Some("/nowhere".into())).is_err());
    }
}

//! Certificates of authorities that come with the program: the image of a step may have none, and stores elsewhere are
//! reached from there.

use std::fs;
use std::path::Path;

/// The file beside the program, in PEM. Our image has it, and `exec --install` takes it along.
pub(crate) const FILE: &str = "ca-certificates.crt";

/// What lies beside this program, if anything.
pub(crate) fn beside_this_program() -> Option<Vec<u8>> {
    std::env::current_exe().ok().and_then(|program| beside(&program))
}

fn beside(program: &Path) -> Option<Vec<u8>> {
    fs::read(program.with_file_name(FILE)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_lie_beside_the_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("plimsoll");
        assert_eq!(beside(&program), None);
        fs::write(folder.path().join(FILE), "PEM").expect("written");
        assert_eq!(beside(&program).as_deref(), Some(b"PEM".as_slice()));
    }
}

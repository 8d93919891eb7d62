//! Reading text files, gzipped or not.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A file is there, but not what it should be.
    #[error("{}:{line}: {what}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A file has no line for a seed.
    #[error("{} has no line for seed {seed}", path.display())]
    NoSeed {
        /// The file.
        path: PathBuf,
        /// The seed.
        seed: u64,
    },
}

/// The text of a file, or of the same file with `.gz` after its name.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let fail = |cause| Error::Read {
        path: path.to_owned(),
        cause,
    };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(missing) => std::fs::read(gzipped(path)).map_err(|_| fail(missing))?,
    };
    let mut text = String::new();
    if bytes.starts_with(&[0x1F, 0x8B]) {
        MultiGzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .map_err(fail)?;
    } else {
        (&bytes[..]).read_to_string(&mut text).map_err(fail)?;
    }
    Ok(text)
}

fn gzipped(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

//! Counting and hashing what passes by.

use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::store::Saved;

/// A writer or reader that remembers the size and the SHA-256 of what passed through it.
pub(crate) struct Checksum<T> {
    inner: T,
    hasher: Sha256,
    size: u64,
}

impl<T> Checksum<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    /// What passed through, and the inner stream.
    pub(crate) fn finish(self) -> (Saved, T) {
        let saved = Saved {
            digest: digest_text(self.hasher),
            size: self.size,
        };
        (saved, self.inner)
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }
}

/// What a tree of files holds: its size, and the digest of the sorted list of names and digests.
#[derive(Default)]
pub(crate) struct Listing {
    list: Sha256,
    size: u64,
}

impl Listing {
    /// One more file, by its path in the tree, in order; or a link and where it leads.
    pub(crate) fn note(&mut self, name: &Path, content: &str, size: u64) {
        self.list.update(name.to_string_lossy().as_bytes());
        self.list.update([0]);
        self.list.update(content.as_bytes());
        self.list.update([b'\n']);
        self.size += size;
    }

    /// The whole.
    pub(crate) fn saved(self) -> Saved {
        Saved {
            digest: digest_text(self.list),
            size: self.size,
        }
    }
}

/// `sha256:<hex>`, as registries write digests.
fn digest_text(hasher: Sha256) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl<W: Write> Write for Checksum<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.passed(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Checksum<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.passed(&buffer[..read]);
        Ok(read)
    }
}

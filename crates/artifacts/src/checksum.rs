//! Counting and hashing what passes by.

use std::io::{self, Read, Write};

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

/// `sha256:<hex>`, as registries write digests.
pub(crate) fn digest_text(hasher: Sha256) -> String {
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

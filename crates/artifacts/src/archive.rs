//! Packing a file or folder into one stream, and unpacking it without leaving the destination.
//!
//! The form is Argo's: a gzipped tar with the file or folder at its top, under its own name. On unpacking, a
//! single top entry becomes the destination itself, whatever its name; several become its content.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::directory::{beside, folder_of, remove};
use crate::error::{Error, Result};

/// How many raw bytes are looked at to tell what a stream is.
const PEEK: usize = 8 * 1024;
/// The size of a tar header.
const TAR_HEADER: usize = 512;
/// Where a tar header says `ustar`.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// Writes `path` to `out` as a gzipped tar; `level` is gzip's (0 to 9), its usual one by default.
///
/// # Errors
/// When a file cannot be read, is neither file, folder nor link, or `out` refuses.
pub fn pack(path: &Path, level: Option<u32>, out: &mut dyn Write) -> Result<()> {
    let level = level.map_or_else(Compression::default, |level| Compression::new(level.min(9)));
    let mut tar = tar::Builder::new(GzEncoder::new(out, level));
    tar.follow_symlinks(false);
    let name = path
        .file_name()
        .map_or_else(|| PathBuf::from("root"), PathBuf::from);
    // The path itself may be a link to the real thing; links inside stay links.
    let real = fs::canonicalize(path).map_err(Error::io("read", path))?;
    let added = if real.is_dir() {
        tar.append_dir_all(&name, &real)
    } else {
        tar.append_path_with_name(&real, &name)
    };
    added.map_err(Error::io("pack", path))?;
    let finished = tar.into_inner().and_then(GzEncoder::finish);
    finished.map(|_| ()).map_err(Error::io("pack", path))
}

/// A stream, and whether it is a gzipped tar. Nothing is lost: the stream still starts at its start.
///
/// # Errors
/// When the stream cannot be read.
pub fn sniff(mut stream: Box<dyn Read>) -> io::Result<(bool, Box<dyn Read>)> {
    let mut start = Vec::with_capacity(PEEK);
    (&mut stream).take(PEEK as u64).read_to_end(&mut start)?;
    let mut header = Vec::with_capacity(TAR_HEADER);
    // An error here only says that it is no gzip, or that the peek ended inside it.
    let _ = MultiGzDecoder::new(start.as_slice())
        .take(TAR_HEADER as u64)
        .read_to_end(&mut header);
    let is_tar = header.get(TAR_MAGIC).is_some_and(|magic| magic == b"ustar");
    Ok((is_tar, Box::new(Cursor::new(start).chain(stream))))
}

/// Unpacks a gzipped tar so that its content is at `to`, which must not exist.
///
/// # Errors
/// [`Error::BadArchive`] for entries that would leave the destination or are neither files, folders nor
/// links; otherwise what the system says. Nothing is left at `to` then.
pub fn unpack(stream: Box<dyn Read>, to: &Path) -> Result<()> {
    let staging = beside(to);
    remove(&staging)?;
    fs::create_dir_all(&staging).map_err(Error::io("create", &staging))?;
    let done = unpack_entries(stream, &staging).and_then(|()| settle(&staging, to));
    let _ = fs::remove_dir_all(&staging);
    done
}

fn unpack_entries(stream: Box<dyn Read>, staging: &Path) -> Result<()> {
    let broken = |error: io::Error| Error::BadArchive {
        reason: error.to_string(),
    };
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(stream)));
    archive.set_overwrite(true);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        check_entry(&entry)?;
        // `unpack_in` refuses to write through links that leave the folder.
        if !entry
            .unpack_in(staging)
            .map_err(Error::io("unpack into", staging))?
        {
            return Err(Error::BadArchive {
                reason: "an entry leaves the destination".into(),
            });
        }
    }
    Ok(())
}

fn check_entry<R: Read>(entry: &tar::Entry<'_, R>) -> Result<()> {
    let path = entry.path().map_err(|error| Error::BadArchive {
        reason: error.to_string(),
    })?;
    let refuse = |what: &str| {
        Err(Error::BadArchive {
            reason: format!("{what}: {}", path.display()),
        })
    };
    if !path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return refuse("an entry leaves the destination");
    }
    let kind = entry.header().entry_type();
    let plain =
        kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link() || kind.is_gnu_sparse();
    if plain || kind.is_contiguous() {
        Ok(())
    } else {
        refuse("an entry is neither file, folder nor link")
    }
}

/// Moves what was unpacked to its place: a single entry itself, several as a folder.
fn settle(staging: &Path, to: &Path) -> Result<()> {
    let mut entries = fs::read_dir(staging).map_err(Error::io("list", staging))?;
    let first = entries.next().transpose().map_err(Error::io("list", staging))?;
    let source = match (first, entries.next()) {
        (Some(only), None) => only.path(),
        _ => staging.to_owned(),
    };
    fs::rename(&source, to).map_err(Error::io("create", to))
}

/// Writes a stream as the file `to`, whole or not at all.
///
/// # Errors
/// What the system says.
pub fn write_file(mut stream: Box<dyn Read>, to: &Path) -> Result<()> {
    let staging = beside(to);
    let folder = folder_of(to);
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let written = File::create(&staging).and_then(|mut file| io::copy(&mut stream, &mut file));
    written.map_err(Error::io("write", to))?;
    fs::rename(&staging, to).map_err(Error::io("create", to))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn packed(path: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(path, None, &mut bytes).unwrap();
        bytes
    }

    fn tar_with(edit: impl FnOnce(&mut tar::Builder<&mut GzEncoder<Vec<u8>>>)) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut builder = tar::Builder::new(&mut gzip);
        edit(&mut builder);
        builder.finish().unwrap();
        drop(builder);
        gzip.finish().unwrap()
    }

    /// An entry whose name is written as it is, past the builder's own checks.
    fn raw_entry(name: &str, kind: tar::EntryType, link: &str, content: &[u8]) -> (tar::Header, Vec<u8>) {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        (header, content.to_vec())
    }

    #[test]
    fn what_is_packed_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("tree/sub/empty")).unwrap();
        fs::write(at("tree/sub/tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("tree/sub/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("sub/tool", at("tree/link")).unwrap();

        unpack(Box::new(Cursor::new(packed(&at("tree")))), &at("copy")).unwrap();
        assert_eq!(
            fs::metadata(at("copy/sub/tool")).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(fs::read_link(at("copy/link")).unwrap(), Path::new("sub/tool"));
        assert!(at("copy/sub/empty").is_dir());

        unpack(
            Box::new(Cursor::new(packed(&at("tree/sub/tool")))),
            &at("renamed"),
        )
        .unwrap();
        assert_eq!(fs::read_to_string(at("renamed")).unwrap(), "#!/bin/sh\n");
    }

    #[test]
    fn several_top_entries_become_a_folder_and_none_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let two = tar_with(|tar| {
            for name in ["a", "b"] {
                let (header, content) = raw_entry(name, tar::EntryType::Regular, "", b"x");
                tar.append(&header, content.as_slice()).unwrap();
            }
        });
        unpack(Box::new(Cursor::new(two)), &folder.path().join("two")).unwrap();
        assert!(folder.path().join("two/a").is_file() && folder.path().join("two/b").is_file());
        unpack(
            Box::new(Cursor::new(tar_with(|_| ()))),
            &folder.path().join("none"),
        )
        .unwrap();
        assert!(folder.path().join("none").is_dir());
    }

    #[test]
    fn hostile_entries_are_refused() {
        use tar::EntryType::{Char, Fifo, Link, Regular, Symlink};
        let check = |entries: &[(&str, tar::EntryType, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            let inside = folder.path().join("in");
            fs::create_dir(&inside).unwrap();
            let bytes = tar_with(|tar| {
                for (name, kind, link) in entries {
                    let (header, content) = raw_entry(name, *kind, link, b"");
                    tar.append(&header, content.as_slice()).unwrap();
                }
            });
            unpack(Box::new(Cursor::new(bytes)), &inside.join("to")).expect_err(&format!("{entries:?}"));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{entries:?}");
            assert_eq!(fs::read_dir(&inside).unwrap().count(), 0, "{entries:?}");
        };
        check(&[("../out", Regular, "")]);
        check(&[("a/../../out", Regular, "")]);
        check(&[("/etc/plimsoll-out", Regular, "")]);
        check(&[("link", Symlink, "../.."), ("link/out", Regular, "")]);
        check(&[("hard", Link, "../../out")]);
        check(&[("pipe", Fifo, "")]);
        check(&[("device", Char, "")]);
    }

    #[test]
    fn a_stream_is_told_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text".repeat(100_000)).unwrap();
        let gzip_only = {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(b"just text").unwrap();
            gzip.finish().unwrap()
        };
        let check = |bytes: Vec<u8>, expected: bool| {
            let (is_tar, mut stream) = sniff(Box::new(Cursor::new(bytes.clone()))).unwrap();
            let mut again = Vec::new();
            stream.read_to_end(&mut again).unwrap();
            assert_eq!((is_tar, again), (expected, bytes));
        };
        check(packed(&file), true);
        check(gzip_only, false);
        check(b"plain".to_vec(), false);
        check(Vec::new(), false);
    }

    #[test]
    fn a_broken_archive_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(
            &file,
            (0..50_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>(),
        )
        .unwrap();
        let mut bytes = packed(&file);
        bytes.truncate(bytes.len() / 2);
        assert!(unpack(Box::new(Cursor::new(bytes)), &folder.path().join("to")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

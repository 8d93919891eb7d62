//! The segments of a log on the disk, and where its last lines begin.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use spawner::{log, segment_path};

/// Bytes looked at first from the end of a segment.
const WINDOW: u64 = 32 << 10;
/// Bytes from a log's end in which its last words are looked for.
const LAST_WORDS: u64 = 128 << 10;

/// A place in a log: the segment's number, and the offset of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) number: u32,
    pub(super) offset: u64,
}

/// The numbers of the segments of the log at `path`, lowest first.
pub(crate) fn numbers(path: &Path) -> Vec<u32> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let number = |entry: std::fs::DirEntry| match entry.file_name().to_str()?.strip_prefix(name)? {
        "" => Some(0),
        rest => rest.strip_prefix('.')?.parse().ok(),
    };
    let mut numbers: Vec<u32> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// The number of the segment after `number`, if there is one.
pub(super) fn after(path: &Path, number: u32) -> Option<u32> {
    let next = number.checked_add(1)?;
    if segment_path(path, next).exists() {
        return Some(next);
    }
    // A reader that is far behind finds its next segments removed.
    numbers(path).into_iter().find(|found| *found > number)
}

/// Where the last `lines` lines begin.
pub(super) fn tail(path: &Path, numbers: &[u32], lines: u64) -> io::Result<Position> {
    let mut wanted = usize::try_from(lines).unwrap_or(usize::MAX);
    for number in numbers.iter().rev().copied() {
        let mut file = File::open(segment_path(path, number))?;
        let (found, offset) = tail_of(&mut file, wanted)?;
        if found == wanted {
            return Ok(Position { number, offset });
        }
        wanted -= found;
    }
    let number = numbers.first().copied().unwrap_or(0);
    Ok(Position { number, offset: 0 })
}

/// How many lines, at most `wanted`, begin in a segment, counted from its end, and where the first of them does.
fn tail_of(file: &mut File, wanted: usize) -> io::Result<(usize, u64)> {
    let length = file.metadata()?.len();
    if wanted == 0 {
        return Ok((0, length));
    }
    let mut window = WINDOW;
    loop {
        let start = length.saturating_sub(window);
        let begins = line_begins(&read(file, start, length)?, start == 0);
        if let Some(index) = begins.len().checked_sub(wanted) {
            return Ok((wanted, start + begins[index] as u64));
        }
        if start == 0 {
            return Ok((begins.len(), 0));
        }
        window *= 4;
    }
}

/// Where lines begin in a part of a log; in one that is not `whole` the first line has no known beginning.
fn line_begins(part: &[u8], whole: bool) -> Vec<usize> {
    let (mut begins, mut offset, mut begin) = (Vec::new(), 0, whole);
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        if begin {
            begins.push(offset);
        }
        let entry = line.strip_suffix(b"\n").and_then(log::decode);
        begin = entry.is_some_and(|entry| entry.ends_line);
        offset += line.len();
    }
    begins
}

fn read(file: &mut File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(end - start).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The end of what a process wrote: at most so many lines, and bytes.
pub(crate) fn last_words(path: &Path, lines: usize, bytes: usize) -> io::Result<String> {
    let number = numbers(path).last().copied().unwrap_or(0);
    let mut file = File::open(segment_path(path, number))?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(LAST_WORDS);
    let part = read(&mut file, start, length)?;
    let skipped = if start == 0 {
        0
    } else {
        part.iter()
            .position(|byte| *byte == b'\n')
            .map_or(part.len(), |at| at + 1)
    };
    let text = log::text(&part[skipped..]);
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(bytes)..]).into_owned();
    let all: Vec<_> = text.split_inclusive('\n').collect();
    Ok(all[all.len().saturating_sub(lines)..].concat())
}

#[cfg(test)]
mod tests {
    use meta::Timestamp;

    use super::*;

    /// A log whose segments hold these texts, each piece written at once.
    fn log(segments: &[&[&str]]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.0.log");
        for (number, pieces) in segments.iter().enumerate() {
            let mut bytes = Vec::new();
            for piece in *pieces {
                log::encode(piece.as_bytes(), Timestamp::UNIX_EPOCH, &mut bytes);
            }
            std::fs::write(segment_path(&path, u32::try_from(number).unwrap()), bytes).unwrap();
        }
        (dir, path)
    }

    #[test]
    fn the_tail_is_counted_in_lines() {
        let check = |segments: &[&[&str]], lines, expected: &str| {
            let (_dir, path) = log(segments);
            let at = tail(&path, &numbers(&path), lines).unwrap();
            let mut rest = Vec::new();
            for number in at.number..=u32::try_from(segments.len()).unwrap() - 1 {
                let all = std::fs::read(segment_path(&path, number)).unwrap();
                let from = if number == at.number {
                    at.offset as usize
                } else {
                    0
                };
                rest.extend(log::text(&all[from..]));
            }
            assert_eq!(String::from_utf8(rest).unwrap(), expected, "{segments:?} {lines}");
        };
        check(&[&["a\nb\nc\n"]], 2, "b\nc\n");
        check(&[&["a\nb\nc"]], 2, "b\nc");
        check(&[&["a\nb", "b\nc"]], 2, "bb\nc");
        check(&[&["a\nb\n"]], 5, "a\nb\n");
        check(&[&["a\n"]], 0, "");
        check(&[&[]], 3, "");
        check(&[&["\n\n\n"]], 1, "\n");
        check(&[&["a\nb\n"], &["c\n"]], 2, "b\nc\n");
        check(&[&["a\nb\n"], &["c\nd\n"]], 1, "d\n");
        check(&[&["a\n"], &["b\n"], &["c\n"]], 9, "a\nb\nc\n");
        let long: String = (0..10_000).map(|number| format!("{number}\n")).collect();
        check(&[&[&long]], 2, "9998\n9999\n");
        check(&[&[&long]], 20_000, &long);
        assert_eq!(line_begins(&[], true), [] as [usize; 0]);
    }

    #[test]
    fn last_words_are_few() {
        let (_dir, path) = log(&[&["old\n"], &["a\nb\nc\n", "d"]]);
        assert_eq!(last_words(&path, 3, 100).unwrap(), "b\nc\nd");
        assert_eq!(last_words(&path, 3, 2).unwrap(), "\nd");
        assert_eq!(numbers(&path), [0, 1]);
    }
}

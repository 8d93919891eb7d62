//! How files and records look on the disk. Numbers are little-endian.
//!
//! ```text
//!   file:    magic (8) version (4) zero (4) number (8) first revision (8) epoch (8) crc (4) zero (20)
//!   record:  length of payload (4) crc (4) epoch (8) payload, then zeros up to a multiple of 8
//! ```
//!
//! A record's CRC covers the file's number and the record's place in it as well, so that nothing left over
//! from a file's earlier life, or from elsewhere, is taken for a record. A length of zero is the end.

use crate::{Error, ErrorKind, Result, Revision};

/// The format that this version writes, and the only one it reads.
const VERSION: u32 = 1;

/// Size of a file's header.
pub(super) const HEADER_BYTES: usize = 64;
/// Size of a record's header.
const FRAME_BYTES: usize = 16;
/// Records begin at multiples of this.
const ALIGN: usize = 8;

/// The sorts of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Segment,
    Snapshot,
}

impl Kind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Segment => b"plimslog",
            Self::Snapshot => b"plimssnp",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Segment => ".log",
            Self::Snapshot => ".snap",
        }
    }

    /// The number in a file's name, if it is of this kind.
    pub(super) fn number(self, name: &str) -> Option<u64> {
        name.strip_suffix(self.suffix())?.parse().ok()
    }

    fn name(self, number: u64) -> String {
        format!("{number:020}{}", self.suffix())
    }
}

pub(super) fn segment_name(sequence: u64) -> String {
    Kind::Segment.name(sequence)
}

pub(super) fn snapshot_name(start: Revision) -> String {
    Kind::Snapshot.name(start.0)
}

/// The head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// A segment's place in the sequence, a snapshot's revision.
    pub(super) number: u64,
    /// The revision of a segment's first write.
    pub(super) first: Revision,
    /// The epoch of a segment's first record.
    pub(super) epoch: u64,
}

impl Header {
    pub(super) fn encode(self, kind: Kind) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(kind.magic());
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.epoch.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the head of the file `name`.
    pub(super) fn decode(bytes: &[u8], kind: Kind, name: &str) -> Result<Self> {
        let damaged = || Error::corrupt(format!("{name} is damaged: its header is not whole"));
        if bytes.len() < HEADER_BYTES || &bytes[..8] != kind.magic() {
            return Err(damaged());
        }
        match number4(bytes, 8) {
            Some(VERSION) => {}
            version => {
                let found = version.unwrap_or_default();
                let message = format!("{name} has format {found}; this version reads format {VERSION}");
                return Err(Error::new(ErrorKind::Format, message));
            }
        }
        if number4(bytes, 40) != Some(crc32fast::hash(&bytes[..40])) {
            return Err(damaged());
        }
        let number = |at| number8(bytes, at).ok_or_else(damaged);
        let header = Self {
            number: number(16)?,
            first: Revision(number(24)?),
            epoch: number(32)?,
        };
        if kind.number(name) != Some(header.number) {
            return Err(Error::corrupt(format!(
                "{name} is damaged: it is another file's content"
            )));
        }
        Ok(header)
    }
}

/// Where records are about to be put.
pub(super) struct Place {
    /// The file's number.
    pub(super) number: u64,
    /// Where in the file the buffer of records begins.
    pub(super) start: usize,
    pub(super) epoch: u64,
}

impl Place {
    /// Adds a record to `out`, whose payload `fill` adds.
    pub(super) fn frame(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
        let at = out.len();
        out.extend_from_slice(&[0; FRAME_BYTES]);
        fill(out);
        let payload = &out[at + FRAME_BYTES..];
        debug_assert!(!payload.is_empty(), "a length of zero is the end");
        let length = payload.len() as u32;
        let crc = checksum(self.number, self.start + at, self.epoch, payload);
        out[at..at + 4].copy_from_slice(&length.to_le_bytes());
        out[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
        out[at + 8..at + 16].copy_from_slice(&self.epoch.to_le_bytes());
        out.resize(out.len().next_multiple_of(ALIGN), 0);
    }
}

/// What a record of a payload of `bytes` takes.
pub(super) fn frame_bytes(bytes: usize) -> usize {
    (FRAME_BYTES + bytes).next_multiple_of(ALIGN)
}

/// A record that is whole.
pub(super) struct Frame<'a> {
    pub(super) epoch: u64,
    pub(super) payload: &'a [u8],
    /// Where the next record begins.
    pub(super) end: usize,
}

impl<'a> Frame<'a> {
    /// The record at `at` in the content of the file `number`, if it is whole.
    pub(super) fn read(file: &'a [u8], number: u64, at: usize) -> Option<Self> {
        let length = number4(file, at).filter(|length| *length > 0)? as usize;
        let crc = number4(file, at + 4)?;
        let epoch = number8(file, at + 8)?;
        let payload = file.get(at + FRAME_BYTES..)?.get(..length)?;
        let end = at + frame_bytes(length);
        (checksum(number, at, epoch, payload) == crc).then_some(Self { epoch, payload, end })
    }

    /// The whole records after `at`, at any place where one may begin.
    ///
    /// `epochs` are those that can occur: what says otherwise is no record and its checksum not worth taking.
    pub(super) fn search(
        file: &'a [u8],
        number: u64,
        at: usize,
        epochs: std::ops::RangeInclusive<u64>,
    ) -> impl Iterator<Item = Self> {
        let places = (at..file.len()).step_by(BLOCK).flat_map(move |from| {
            let block = &file[from..file.len().min(from + BLOCK)];
            let end = if is_zero(block) { from } else { from + block.len() };
            (from..end).step_by(ALIGN)
        });
        places
            .filter(move |at| number8(file, at + 8).is_some_and(|epoch| epochs.contains(&epoch)))
            .filter_map(move |at| Self::read(file, number, at))
    }
}

/// Zeros are skipped in blocks of this size.
const BLOCK: usize = 4096;

fn is_zero(block: &[u8]) -> bool {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    block == &ZEROS[..block.len()]
}

fn checksum(number: u64, at: usize, epoch: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&(at as u64).to_le_bytes());
    hasher.update(&epoch.to_le_bytes());
    hasher.update(&(payload.len() as u64).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn number4(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn number8(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_and_a_damaged_one_is_not() {
        let header = Header {
            number: 7,
            first: Revision(42),
            epoch: 3,
        };
        let name = segment_name(7);
        let bytes = header.encode(Kind::Segment);
        assert_eq!(Header::decode(&bytes, Kind::Segment, &name).ok(), Some(header));
        for (index, kind) in [
            (0, ErrorKind::Corrupt),
            (8, ErrorKind::Format),
            (24, ErrorKind::Corrupt),
        ] {
            let mut bytes = bytes;
            bytes[index] ^= 1;
            let error = Header::decode(&bytes, Kind::Segment, &name).err();
            assert_eq!(error.map(|error| error.kind()), Some(kind), "byte {index}");
        }
        let other = Header::decode(&bytes, Kind::Segment, &segment_name(8)).err();
        assert_eq!(other.map(|error| error.kind()), Some(ErrorKind::Corrupt));
    }

    #[test]
    fn a_record_is_read_only_where_it_was_put() {
        let mut file = vec![0; HEADER_BYTES];
        let place = Place {
            number: 7,
            start: 0,
            epoch: 3,
        };
        place.frame(&mut file, |out| out.extend_from_slice(b"hello"));
        place.frame(&mut file, |out| out.extend_from_slice(b"world"));
        let first = Frame::read(&file, 7, HEADER_BYTES).expect("it is whole");
        assert_eq!((first.payload, first.epoch), (&b"hello"[..], 3));
        let second = Frame::read(&file, 7, first.end).expect("it is whole");
        assert_eq!((second.payload, second.end), (&b"world"[..], file.len()));
        assert!(Frame::read(&file, 8, HEADER_BYTES).is_none(), "another file");
        assert!(Frame::read(&file, 7, HEADER_BYTES + 8).is_none(), "another place");
        let found: Vec<_> = Frame::search(&file, 7, HEADER_BYTES + 8, 3..=3)
            .map(|frame| frame.payload)
            .collect();
        assert_eq!(found, [b"world"]);
        file[HEADER_BYTES + FRAME_BYTES] ^= 1;
        assert!(Frame::read(&file, 7, HEADER_BYTES).is_none(), "changed");
    }
}

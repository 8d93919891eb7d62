//! Frames: a length of four bytes, little endian, and as many bytes of JSON.
//!
//! Pure: bytes in, bytes out. Who reads and writes them, blocking or not, is not known here.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::FRAME_MAX;

const HEADER: usize = 4;

/// A frame that cannot be read: the connection is of no more use.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than [`FRAME_MAX`], in bytes.
    TooLong(usize),
    /// Not the JSON expected.
    Malformed(String),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong(length) => write!(f, "a frame of {length} bytes is longer than {FRAME_MAX}"),
            Self::Malformed(reason) => write!(f, "a frame is malformed: {reason}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends `value` to `buffer` as one frame.
pub fn encode<T: Serialize>(value: &T, buffer: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER]);
    let written =
        serde_json::to_writer(&mut *buffer, value).map_err(|e| FrameError::Malformed(e.to_string()));
    let length = buffer.len() - start - HEADER;
    let result = written.and(if length > FRAME_MAX {
        Err(FrameError::TooLong(length))
    } else {
        Ok(())
    });
    match result {
        Ok(()) => buffer[start..start + HEADER].copy_from_slice(&(length as u32).to_le_bytes()),
        Err(_) => buffer.truncate(start),
    }
    result
}

/// Bytes received and not yet understood.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    read: usize,
}

impl Inbox {
    /// Adds what a read returned.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next whole frame, if there is one.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let rest = &self.bytes[self.read..];
        let Some((header, body)) = rest.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*header) as usize;
        if length > FRAME_MAX {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = body.get(..length) else {
            return Ok(None);
        };
        let value = serde_json::from_slice(body).map_err(|e| FrameError::Malformed(e.to_string()))?;
        self.read += HEADER + length;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_split() {
        let mut wire = Vec::new();
        for value in ["", "one", "a longer one"] {
            encode(&value, &mut wire).unwrap();
        }
        for cut in 0..=wire.len() {
            let mut inbox = Inbox::default();
            let mut seen: Vec<String> = Vec::new();
            for part in [&wire[..cut], &wire[cut..]] {
                inbox.extend(part);
                while let Some(value) = inbox.take().unwrap() {
                    seen.push(value);
                }
            }
            assert_eq!(seen, ["", "one", "a longer one"], "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let mut inbox = Inbox::default();
        inbox.extend(&[0xff; 8]);
        assert_eq!(inbox.take::<String>(), Err(FrameError::TooLong(0xffff_ffff)));
        let mut inbox = Inbox::default();
        inbox.extend(&[1, 0, 0, 0, b'!']);
        assert!(matches!(inbox.take::<String>(), Err(FrameError::Malformed(_))));
    }
}

//! The form of a container's log: kubelet's, an entry a line, so that tools which read a node's logs read these.
//!
//! ```text
//!     2026-11-24T10:00:00.000000000Z stdout F the text of a line, or its end
//!     2026-11-24T10:00:00.000000000Z stdout P the beginning of a line
//! ```
//!
//! Both streams of a container come through one pipe, which keeps their order; the price is that every entry says
//! `stdout`. Pure: bytes in, bytes out.

use meta::Timestamp;

/// A line of output, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When it was read: RFC 3339 with nine digits, so that later ones are greater as texts.
    pub time: &'a str,
    /// Whether the line ends with it.
    pub ends_line: bool,
    /// The text, without the line's end.
    pub text: &'a [u8],
}

/// A time as entries have it.
pub fn stamp(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// Appends what a process wrote at one time to `log`.
pub fn encode(output: &[u8], time: Timestamp, log: &mut Vec<u8>) {
    let time = stamp(time);
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        let (text, tag) = match line.strip_suffix(b"\n") {
            Some(text) => (text, b" stdout F "),
            None => (line, b" stdout P "),
        };
        log.extend_from_slice(time.as_bytes());
        log.extend_from_slice(tag);
        log.extend_from_slice(text);
        log.push(b'\n');
    }
}

/// The entry on a line of a log, given without its end; nothing if it is none.
pub fn decode(line: &[u8]) -> Option<Entry<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let (time, _stream, tag) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Entry {
        time: std::str::from_utf8(time).ok()?,
        ends_line: tag == b"F",
        text: parts.next()?,
    })
}

/// The whole entries in a log, or a part of one that begins with an entry.
pub fn entries(log: &[u8]) -> impl DoubleEndedIterator<Item = Entry<'_>> {
    log.split_inclusive(|byte| *byte == b'\n')
        .filter_map(|line| decode(line.strip_suffix(b"\n")?))
}

/// What the process wrote, byte for byte.
pub fn text(log: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(log.len());
    for entry in entries(log) {
        text.extend_from_slice(entry.text);
        text.extend(entry.ends_line.then_some(b'\n'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        for output in [
            "",
            "a\n",
            "a",
            "a\nb",
            "\n\n",
            "a\r\n",
            "two words \n",
            " \n",
            "F P\n",
        ] {
            for cut in 0..=output.len() {
                let mut log = Vec::new();
                encode(&output.as_bytes()[..cut], Timestamp::UNIX_EPOCH, &mut log);
                encode(&output.as_bytes()[cut..], Timestamp::UNIX_EPOCH, &mut log);
                assert_eq!(text(&log), output.as_bytes(), "{output:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_form_is_kubelets() {
        let mut log = Vec::new();
        encode(b"a b\nc", Timestamp::UNIX_EPOCH, &mut log);
        let expected =
            "1970-01-01T00:00:00.000000000Z stdout F a b\n1970-01-01T00:00:00.000000000Z stdout P c\n";
        assert_eq!(String::from_utf8(log).unwrap(), expected);
        for damaged in ["", "x", "a b c", "\u{1}"] {
            assert_eq!(decode(damaged.as_bytes()), None);
        }
    }
}

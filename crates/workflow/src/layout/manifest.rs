//! Which chunks count: ranges of numbers, as `offloadNodeStatusVersion` holds them.
//!
//! That field of Argo's is made for it: a text without meaning to others which says that nodes are elsewhere.
//! It survives clients that write only fields they know.

use std::fmt;
use std::ops::RangeInclusive;

use super::Unreadable;

/// What tells our versions from those of Argo's database.
const PREFIX: &str = "plimsoll.dev/v1:";

/// The numbers of the chunks that count, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest(Vec<RangeInclusive<u32>>);

impl Manifest {
    /// Reads `offloadNodeStatusVersion`; empty means that there are none.
    ///
    /// # Errors
    /// The version is not one of ours.
    pub fn of(version: &str) -> Result<Self, Unreadable> {
        if version.is_empty() {
            return Ok(Self::default());
        }
        let ranges = version.strip_prefix(PREFIX).and_then(parse);
        ranges
            .map(Self)
            .ok_or_else(|| Unreadable::Foreign(version.to_owned()))
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().cloned().flatten()
    }

    /// Whether a number is named.
    pub fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|range| range.contains(&number))
    }
}

impl FromIterator<u32> for Manifest {
    /// From ascending numbers.
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some(last) if last.end().checked_add(1) == Some(number) => *last = *last.start()..=number,
                _ => ranges.push(number..=number),
            }
        }
        Self(ranges)
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { PREFIX } else { "," })?;
            match (range.start(), range.end()) {
                (start, end) if start == end => write!(f, "{start}")?,
                (start, end) => write!(f, "{start}-{end}")?,
            }
        }
        Ok(())
    }
}

/// Ranges in ascending order; nothing else is one of ours.
fn parse(text: &str) -> Option<Vec<RangeInclusive<u32>>> {
    let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
    for range in text.split(',') {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        let (start, end): (u32, u32) = (start.parse().ok()?, end.parse().ok()?);
        let ascends = ranges.last().is_none_or(|last| *last.end() < start);
        if start > end || !ascends {
            return None;
        }
        ranges.push(start..=end);
    }
    Some(ranges)
}

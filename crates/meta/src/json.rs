//! Helpers for reading other people's JSON leniently.

use serde::{Deserialize, Deserializer};

/// Reads a field whose `null` means the same as its absence, as Go's decoder has it.
///
/// Use with `#[serde(default, deserialize_with = "meta::json::null_as_default")]`.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

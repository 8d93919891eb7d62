//! Sprig's functions, as `sprig.trim("x")`.

use crate::lang::Map;

/// The functions by name.
pub(crate) fn functions() -> Map {
    Map::from_iter([])
}

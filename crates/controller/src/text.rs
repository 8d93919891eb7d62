//! Objects as text, from which views are read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::metadata::Metadata;

/// An object's text, from which several views are read. A view that cannot be read is empty: only its own
/// planner misses it, and says so where it matters.
pub(crate) struct Text(Box<RawValue>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl Text {
    pub(crate) fn metadata<E: serde::de::Error>(&self) -> Result<Metadata, E> {
        up_to_metadata(self.0.get())
    }

    /// What placement reads of the metadata; nothing of what cannot be read.
    pub(crate) fn notes(&self) -> scheduler::Notes {
        up_to_metadata::<_, serde_json::Error>(self.0.get()).unwrap_or_default()
    }

    pub(crate) fn view<T: DeserializeOwned + Default>(&self) -> T {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }

    pub(crate) fn spec<T: DeserializeOwned + Default>(&self) -> T {
        #[derive(Deserialize, Default)]
        struct Raw<T> {
            #[serde(default = "Option::default")]
            spec: Option<T>,
        }
        let raw: Result<Raw<T>, _> = serde_json::from_str(self.0.get());
        raw.ok().and_then(|raw| raw.spec).unwrap_or_default()
    }
}

/// The `metadata` of an object's text. What comes after it is not read: it comes early, and a large status late.
pub(crate) fn up_to_metadata<'de, T: Deserialize<'de>, E: serde::de::Error>(text: &'de str) -> Result<T, E> {
    let mut found = None;
    let mut text = serde_json::Deserializer::from_str(text);
    // That something comes after is the error that is ignored here.
    let ended = text.deserialize_map(UpToMetadata(&mut found, PhantomData));
    found.ok_or_else(|| match ended {
        Ok(()) => E::missing_field("metadata"),
        Err(error) => E::custom(error),
    })
}

/// Reads a map up to its `metadata`.
struct UpToMetadata<'a, 'de, T>(&'a mut Option<T>, PhantomData<&'de ()>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for UpToMetadata<'_, 'de, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == "metadata" {
                *self.0 = Some(map.next_value()?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

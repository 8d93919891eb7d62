//! Keys that occur twice in one JSON object: decoding keeps the last in silence, strict validation says so.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use schema::Path;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The paths of keys that occur again, in document order. What is no JSON has none.
pub(crate) fn find(body: &[u8]) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let walk = Walk {
        path: &Path::Root,
        found: &found,
    };
    let _ = walk.deserialize(&mut serde_json::Deserializer::from_slice(body));
    found.into_inner()
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    path: &'a Path<'a>,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = Path::Field(self.path, &key);
            if seen.contains(&key) {
                self.found.borrow_mut().push(path.to_string());
            }
            map.next_value_seed(Walk { path: &path, ..self })?;
            seen.insert(key);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for at in 0.. {
            let path = Path::Index(self.path, at);
            if items.next_element_seed(Walk { path: &path, ..self })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_that_occur_again() {
        for (body, expected) in [
            (
                r#"{"a": 1, "b": [{"c": 1.5, "c": null}], "a": true}"#,
                vec!["b[0].c", "a"],
            ),
            (r#"{"a": {"b": 1}, "b": -1}"#, vec![]),
            (r#"{"a": "#, vec![]),
        ] {
            assert_eq!(super::find(body.as_bytes()), expected, "{body}");
        }
    }
}

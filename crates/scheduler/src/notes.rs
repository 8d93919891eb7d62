//! What placement reads of a pod's `metadata`, beside who the pod is.

use std::collections::BTreeMap;

use meta::devices::{ANNOTATION, Grant};
use serde::{Deserialize, Deserializer};

use crate::devices::Part;

/// Devices that a pod asks for or got by annotation, and its age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// When the pod was made, in seconds.
    pub created: i64,
    /// The part of devices that it asks for.
    pub part: Option<Part>,
    /// The devices that it got. A record that cannot be read is none.
    pub devices: Option<Grant>,
}

impl<'de> Deserialize<'de> for Notes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            #[serde(default)]
            creation_timestamp: Option<String>,
            #[serde(default)]
            annotations: Option<BTreeMap<String, String>>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let annotations = raw.annotations.unwrap_or_default();
        let created = raw
            .creation_timestamp
            .and_then(|text| text.parse::<meta::Timestamp>().ok());
        Ok(Self {
            created: created.map_or(0, meta::Timestamp::as_second),
            part: Part::of(&annotations),
            devices: annotations.get(ANNOTATION).and_then(|text| text.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Amount;

    #[test]
    fn what_is_absent_or_makes_no_sense_is_none() {
        let check = |text: &str, expected: Notes| {
            let found: Notes = serde_json::from_str(text).unwrap();
            assert_eq!(found, expected, "{text}");
        };
        check("{}", Notes::default());
        check(
            r#"{"creationTimestamp":null,"annotations":null,"name":"a"}"#,
            Notes::default(),
        );
        check(
            r#"{"creationTimestamp":"long ago","annotations":{"gpu-fraction":"x","plimsoll.dev/devices":"all"}}"#,
            Notes::default(),
        );
        check(
            r#"{"creationTimestamp":"1970-01-01T00:01:00Z",
                "annotations":{"gpu-fraction":"0.5","plimsoll.dev/devices":"2:500"}}"#,
            Notes {
                created: 60,
                part: Some(Part {
                    amount: Amount::Share(500),
                    devices: 1,
                }),
                devices: Some("2:500".parse().unwrap()),
            },
        );
    }
}

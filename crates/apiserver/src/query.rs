//! Query parameters: read once, asked for by name, refused with the real server's words where they make no sense.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::path::decode;
use crate::status::ApiError;

/// The parameters of one request.
#[derive(Debug, Default)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Reads what follows the `?`.
    pub(crate) fn parse(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (plus(key), plus(value))
        });
        Self(pairs.collect())
    }

    /// The names of all parameters.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(name, _)| name.as_ref()).collect()
    }

    /// The first value of `key`; an empty value counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(name, _)| name == key)?;
        Some(pair.1.as_ref()).filter(|value| !value.is_empty())
    }

    /// Every value of `key`.
    pub(crate) fn all(&self, key: &str) -> Vec<String> {
        let pairs = self.0.iter().filter(|(name, _)| name == key);
        pairs.map(|(_, value)| value.clone().into_owned()).collect()
    }

    /// Whether `key` is set: to anything but `false` and `0`, as Kubernetes reads flags.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    /// `key` as a whole number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
        })
    }

    /// `resourceVersion`: absent, or a revision.
    pub(crate) fn revision(&self) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get("resourceVersion") else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            ApiError::bad_request(format!(
                "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
            ))
        })
    }

    /// Whether nothing is to be changed (`dryRun=All`).
    pub(crate) fn dry_run(&self) -> bool {
        self.get("dryRun") == Some("All")
    }
}

/// Decodes one side of a pair, where `+` is a space.
fn plus(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        Cow::Owned(decode(&text.replace('+', " ")).into_owned())
    } else {
        decode(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs() {
        let query = Query::parse("labelSelector=a%3Db%2Cc&watch=true&limit=500&empty=&x=a+b");
        assert_eq!(query.get("labelSelector"), Some("a=b,c"));
        assert_eq!(query.get("x"), Some("a b"));
        assert_eq!(query.get("empty"), None);
        assert!(query.flag("watch"));
        assert_eq!(query.number("limit").unwrap(), Some(500));
        assert!(query.number("x").is_err());
        assert!(Query::parse("dryRun=All").dry_run());
        assert!(!Query::parse("watch=False").flag("watch"));
        assert!(Query::parse("watch=yes").flag("watch"));
        assert!(Query::parse("resourceVersion=x").revision().is_err());
    }
}

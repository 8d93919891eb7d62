//! Secrets that artifacts name: files of a volume in the step's pod, as Argo's executor finds them.

use std::fs;
use std::path::PathBuf;

use argo::core::SecretKeySelector;
use argo::exec::SECRETS;

use crate::error::{Error, Result};

/// Where they lie: the value of a key is the file `NAME/KEY`.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(PathBuf);

impl Default for Secrets {
    fn default() -> Self {
        Self(PathBuf::from(SECRETS))
    }
}

impl Secrets {
    /// Those in another folder.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The value that a selector names; none if it names none, or an optional one that is not there.
    pub(crate) fn value(&self, selector: Option<&SecretKeySelector>) -> Result<Option<String>> {
        let Some((name, key)) = selector.and_then(SecretKeySelector::named) else {
            return Ok(None);
        };
        match fs::read_to_string(self.0.join(name).join(key)) {
            Ok(value) => Ok(Some(value)),
            Err(_) if selector.is_some_and(SecretKeySelector::is_optional) => Ok(None),
            Err(source) => Err(Error::Secret {
                name: name.to_owned(),
                key: key.to_owned(),
                source,
            }),
        }
    }
}

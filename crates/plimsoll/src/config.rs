//! The platform's settings: `D/config.yaml`, or the file that `--config` names.
//!
//! ```yaml
//! images:                      # what stands for an image on this machine; the first match counts, these before the built-in ones
//!   - image: "argoproj/argosay*"
//!     programs: ./images/argosay   # folder looked up before PATH; relative to this file
//!     entrypoint: [argosay]        # for containers without a command
//! node:
//!   name: laptop               # default: the machine's host name
//!   cpu: "4"                   # what the node offers; default: what the machine has
//!   memory: 8Gi
//!   sandbox: true              # a private /tmp and mounts for each pod, where the machine lets us
//! ```

use std::path::{Path, PathBuf};

use meta::Quantity;
use serde::Deserialize;

/// Everything a user may set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) images: Vec<Image>,
    pub(crate) node: Node,
}

/// What stands for an image on this machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Image {
    pub(crate) image: String,
    #[serde(default)]
    pub(crate) programs: Option<PathBuf>,
    #[serde(default)]
    pub(crate) entrypoint: Vec<String>,
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
}

/// The machine as a node.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Node {
    pub(crate) name: Option<String>,
    pub(crate) cpu: Option<Quantity>,
    pub(crate) memory: Option<Quantity>,
    pub(crate) pods: Option<i64>,
    pub(crate) sandbox: bool,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            name: None,
            cpu: None,
            memory: None,
            pods: None,
            sandbox: true,
        }
    }
}

impl Config {
    /// Reads `file`; one that is absent sets nothing.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(anyhow::Error::new(error).context(format!("cannot read {}", file.display())));
            }
        };
        let mut config =
            Self::parse(&text).map_err(|error| error.context(format!("in {}", file.display())))?;
        // Absolute, for those who use these paths work elsewhere.
        let file = std::path::absolute(file)?;
        let base = file.parent().unwrap_or(Path::new("/"));
        for image in &mut config.images {
            image.programs = image.programs.take().map(|programs| base.join(programs));
        }
        Ok(config)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        Ok(serde_saphyr::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_are_refused() {
        let text = "images:\n  - image: argosay*\n    programs: bin\n    entrypoint: [argosay]\nnode: {cpu: 500m, sandbox: false}\n";
        let config = Config::parse(text).expect("it is right");
        assert_eq!(config.images[0].entrypoint, ["argosay"]);
        assert_eq!(config.node.cpu, Some(Quantity::millis(500)));
        assert!(!config.node.sandbox);
        assert!(Config::parse("").expect("empty is fine").node.sandbox);
        let error = Config::parse("node: {cpus: 2}").expect_err("a mistyped field");
        assert!(error.to_string().contains("cpus"), "{error}");
    }
}

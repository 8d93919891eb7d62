//! Emptiness and look-up by name, for groups that are left out of JSON when nothing is in them.

use crate::values::{Arguments, Artifact, Inputs, Outputs, Parameter};

macro_rules! groups {
    ($($name:ident),*) => {$(
        impl $name {
            /// The parameter of this name.
            pub fn parameter(&self, name: &str) -> Option<&Parameter> {
                self.parameters.iter().find(|p| p.name == name)
            }

            /// The artifact of this name.
            pub fn artifact(&self, name: &str) -> Option<&Artifact> {
                self.artifacts.iter().find(|a| a.name == name)
            }
        }
    )*};
}

groups!(Arguments, Inputs, Outputs);

impl Arguments {
    /// Whether nothing is passed.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.artifacts.is_empty()
    }
}

impl Inputs {
    /// Whether nothing is taken.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.artifacts.is_empty()
    }
}

impl Outputs {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
            && self.artifacts.is_empty()
            && self.result.is_none()
            && self.exit_code.is_none()
    }
}

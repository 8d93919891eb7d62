//! What Plimsoll is on a cluster: which objects it consists of, which of those that are there are its own, and what
//! would change. It never touches what is somebody else's.
//!
//! ```text
//!   Settings + Rights --pieces--> Piece: object, what it is for, why each right
//!                                   |
//!              live: absent, ours, others' --> create, bring up to date, leave
//! ```

mod cluster;
mod deployment;
mod difference;
mod pieces;
mod render;
mod version;

use kinds::kube::Client;
use kinds::own::{INSTANCE, MANAGED_BY, OWNER};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;
use crate::error::Result;
use crate::platform::Leases;

pub use cluster::{Applied, Cluster, State};
pub use difference::differences;
pub use pieces::pieces;
pub(crate) use pieces::{CONTROLLER, SCHEDULER, role};
pub use render::yaml;
pub use version::{Support, check_version};

/// The annotation of the Deployment that keeps the settings it was installed with.
pub const SETTINGS: &str = "plimsoll.dev/settings";

/// The instance id of a controller that is told no other.
pub(crate) const INSTANCE_ID: &str = "plimsoll";
/// The `schedulerName` of pods that the scheduler places, if it is told no other.
pub(crate) const SCHEDULER_NAME: &str = "plimsoll";
/// The label and the taint by which nodes are given to a scheduler, its name being the value.
pub(crate) const GIVEN: &str = "plimsoll.dev/scheduler";
/// The Leases of an installation.
pub(crate) const LEASES: Leases<'static> = Leases {
    controller: CONTROLLER,
    scheduler: SCHEDULER,
};

/// A part that can be installed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// The definitions of the kinds. Those that are there, Argo's own for example, are used as they are
    Definitions,
    /// The workflow controller: its account with its rights, its Deployment and its disruption budget
    Controller,
    /// The right of a step's pod to report its outputs
    Steps,
    /// The scheduler: its account with its rights, its Deployment and its disruption budget
    Scheduler,
}

/// How to install. What is left out has a default; `upgrade` takes what was given at installation.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The parts to install [default: all but the scheduler]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// The image that holds this program [default: plimsoll and its version]
    #[arg(long, value_name = "IMAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Drive the workflows with this instance id [default: plimsoll]
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Replicas of each program, of which one leads [default: 2]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Namespaces in whose pods steps may report their outputs, with the account `default` [default: the namespace of
    /// the installation]
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workflows_in: Vec<String>,
    /// Give steps this program by an image volume instead of copying it: needs nodes that have image volumes
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub image_volumes: bool,
}

impl Settings {
    /// Whether a part is wanted.
    pub fn has(&self, component: Component) -> bool {
        if self.components.is_empty() {
            return component != Component::Scheduler;
        }
        self.components.contains(&component)
    }

    /// The workflows that the controller drives.
    pub(crate) fn instance_id(&self) -> &str {
        self.instance_id.as_deref().unwrap_or(INSTANCE_ID)
    }

    /// These settings, with those of `before` where they say nothing.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        fn given<T>(now: Vec<T>, before: Vec<T>) -> Vec<T> {
            if now.is_empty() { before } else { now }
        }
        Self {
            components: given(self.components, before.components),
            image: self.image.or(before.image),
            instance_id: self.instance_id.or(before.instance_id),
            replicas: self.replicas.or(before.replicas),
            workflows_in: given(self.workflows_in, before.workflows_in),
            image_volumes: self.image_volumes || before.image_volumes,
        }
    }
}

/// One object of an installation.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The object as it should be.
    pub object: Value,
    /// What it is for.
    pub purpose: &'static str,
    /// Why each of its rules is needed, in their order; empty for what is no role.
    pub reasons: Vec<&'static str>,
}

impl Piece {
    /// Whether an object of this name that is somebody else's serves as well: kinds and namespaces are shared.
    pub fn is_shared(&self) -> bool {
        matches!(text(&self.object, "/kind"), cluster::DEFINITION | "Namespace")
    }
}

/// How an object is called: `deployment/plimsoll-controller`, with ` in NAMESPACE` where it has one.
#[must_use]
pub fn title(object: &Value) -> String {
    let title = crate::objects::title(object);
    match text(object, "/metadata/namespace") {
        "" => title,
        namespace => format!("{title} in {namespace}"),
    }
}

/// Says if the cluster is of a version on which nothing was tried.
///
/// # Errors
/// The cluster cannot be asked.
pub async fn warn_of_version(context: &Context, client: &Client) -> Result<()> {
    if let Support::Untried(what) = check_version(client).await? {
        context.ui.warn(&what);
    }
    Ok(())
}

/// A piece of text of an object, empty if it has none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_keeps_what_it_is_not_told() {
        let before = Settings {
            replicas: Some(3),
            instance_id: Some("a".to_owned()),
            workflows_in: vec!["team".to_owned()],
            ..Settings::default()
        };
        let told = Settings {
            replicas: Some(1),
            ..Settings::default()
        };
        let expected = Settings {
            replicas: Some(1),
            ..before.clone()
        };
        assert_eq!(told.or(before), expected);
    }

    #[test]
    fn settings_survive_their_annotation() {
        let settings = Settings {
            components: vec![Component::Controller],
            image_volumes: true,
            ..Settings::default()
        };
        let text = serde_json::to_string(&settings).expect("JSON");
        assert_eq!(text, r#"{"components":["controller"],"imageVolumes":true}"#);
        assert_eq!(
            serde_json::from_str::<Settings>(&text).expect("settings"),
            settings
        );
    }
}

//! `plimsoll explain`: why a pod waits, and what would let it run; read and never written.

use std::sync::Arc;

use audit::Cluster;
use scheduler::{Explanation, Identity, Machine, Settings, State};
use serde::Serialize;

use crate::connect::connect;
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::inventory;

/// The scheduler of pods that name none.
const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// Say why a pod waits, and what would let it run
///
/// Lists nodes, pods and namespaces, and looks for a place by the rules of kube-scheduler, whichever scheduler the pod
/// names. Nothing is written: the ClusterRole that `plimsoll audit --rights` prints is enough.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pod, as pod/NAME or NAME
    #[arg(value_name = "POD", value_parser = pod_name)]
    pod: String,
    /// Print all of it as JSON
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Form>,
}

/// How the answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// JSON
    Json,
}

/// The name in `pod/NAME`, in the forms that kubectl takes, or `NAME`.
fn pod_name(text: &str) -> Result<String, String> {
    let name = match text.split_once('/') {
        None => text,
        Some(("pod" | "pods" | "po", name)) => name,
        Some((kind, _)) => {
            return Err(format!(
                "only pods are placed, and `{kind}` are none: it is pod/NAME"
            ));
        }
    };
    meta::names::check_subdomain(name).map_err(|error| format!("`{name}` is no name of a pod: {error}"))?;
    Ok(name.to_owned())
}

/// Where a pod stands.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
enum Standing {
    /// It has ended, with this phase.
    Ended { phase: String },
    /// It is on a machine.
    Placed { node: String },
    /// Others have to lift these gates first.
    Gated { gates: Vec<String> },
    /// It waits, and this is why; or there is room, and its scheduler has not placed it yet.
    Waits {
        /// Which scheduler it waits for.
        scheduler: String,
        #[serde(flatten)]
        why: Explanation,
    },
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    /// Namespace and name.
    pod: String,
    #[serde(flatten)]
    standing: Standing,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let cluster = inventory::of_cluster(context, &connection.client).await?;
    let of =
        |pod: &&audit::Pod| pod.metadata.namespace == connection.namespace && pod.metadata.name == args.pod;
    let pod = cluster.pods.iter().find(of).ok_or_else(|| {
        let (name, namespace) = (&args.pod, &connection.namespace);
        CommandError::failed(format!("there is no pod `{name}` in the namespace `{namespace}`"))
            .hint("-n names another namespace")
    })?;
    let answer = Answer {
        pod: pod.title(),
        standing: standing(&cluster, pod),
    };
    match args.output {
        None => context.ui.print(&text(&answer))?,
        Some(Form::Json) => {
            let text = serde_json::to_string_pretty(&answer)?;
            context.ui.print(&format!("{text}\n"))?;
        }
    }
    Ok(Exit::Success)
}

fn standing(cluster: &Cluster, pod: &audit::Pod) -> Standing {
    let spec = &pod.spec.placement;
    if pod.has_ended() {
        return Standing::Ended {
            phase: pod.status.phase.clone(),
        };
    }
    if let Some(node) = pod.node() {
        return Standing::Placed {
            node: node.to_owned(),
        };
    }
    if !spec.scheduling_gates.is_empty() {
        let gates = spec.scheduling_gates.iter().map(|gate| gate.name.clone());
        return Standing::Gated {
            gates: gates.collect(),
        };
    }
    Standing::Waits {
        scheduler: scheduler_of(pod).to_owned(),
        why: state(cluster).explain(&placement(pod)),
    }
}

fn scheduler_of(pod: &audit::Pod) -> &str {
    let name = pod.spec.placement.scheduler_name.as_str();
    if name.is_empty() { DEFAULT_SCHEDULER } else { name }
}

/// The cluster as placement sees it, with the pods that are on machines. Those that wait too take no room.
fn state(cluster: &Cluster) -> State {
    let mut state = State::new(Settings::default());
    for namespace in &cluster.namespaces {
        state.namespace_applied(&namespace.metadata.name, namespace.metadata.labels.clone());
    }
    for node in &cluster.nodes {
        let (metadata, status) = (&node.metadata, node.status.placement.clone());
        state.machine_applied(Machine::new(
            &metadata.name,
            metadata.labels.clone(),
            node.spec.clone(),
            status,
        ));
    }
    for pod in cluster.pods.iter().filter(|pod| pod.node().is_some()) {
        state.pod_applied(placement(pod));
    }
    state
}

/// A pod as placement sees it, under its namespace and name.
fn placement(pod: &audit::Pod) -> scheduler::Pod {
    let identity = Identity {
        namespace: Arc::from(pod.metadata.namespace.as_str()),
        labels: Arc::new(pod.metadata.labels.clone()),
        leaving: pod.metadata.deletion_timestamp.is_some(),
    };
    let spec = &pod.spec.placement;
    scheduler::Pod::new(&pod.title(), identity, spec, pod.has_ended(), scheduler_of(pod))
}

fn text(answer: &Answer) -> String {
    let pod = &answer.pod;
    match &answer.standing {
        Standing::Ended { phase } => format!("Pod {pod} has ended ({phase}): it waits for nothing.\n"),
        Standing::Placed { node } => format!("Pod {pod} is on {node}.\n"),
        Standing::Gated { gates } => {
            format!(
                "Pod {pod} waits for its scheduling gates to be lifted: {}.\n",
                gates.join(", ")
            )
        }
        Standing::Waits { scheduler, why } => match &why.fits {
            Some(node) => format!("Pod {pod} fits on {node}: it waits for the scheduler `{scheduler}`.\n"),
            None => format!("Pod {pod} waits: {}\n\n{why}", why.message),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pods_are_explained() {
        for (text, expected) in [
            ("pod/a", Some("a")),
            ("pods/a.b", Some("a.b")),
            ("po/a", Some("a")),
            ("a", Some("a")),
            ("job/a", None),
            ("pod/", None),
            ("A", None),
        ] {
            assert_eq!(pod_name(text).ok().as_deref(), expected, "{text}");
        }
    }
}

//! `plimsoll logs`: what the steps of a workflow said, each line after its pod's name.

use std::collections::BTreeSet;

use futures::AsyncBufReadExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::api::{ListParams, LogParams};
use kinds::kube::runtime::{WatchStreamExt as _, watcher};
use kinds::kube::{Api, Client, ResourceExt as _};

use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};
use crate::exit::Exit;
use crate::pods;
use crate::ui::style;
use crate::watch::{self, Sight};

/// The label that names a pod's workflow.
const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";
/// The annotation that names a pod's node.
const NODE_ANNOTATION: &str = "workflows.argoproj.io/node-name";

/// Show what the steps of a workflow said
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workflow; `@latest` is the one created last
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// Only this pod or node
    #[arg(value_name = "POD")]
    pod: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Which lines are shown, and how.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Which {
    /// Show new lines as they come, until the workflow is over
    #[arg(long, short)]
    follow: bool,
    /// The container
    #[arg(long, short, default_value = pods::MAIN, value_name = "NAME")]
    container: String,
    /// Only the last lines
    #[arg(long, value_name = "LINES")]
    tail: Option<i64>,
    /// Only lines that are not older, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<SignedDuration>,
    /// Only lines since then (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    since_time: Option<Timestamp>,
    /// Begin each line with its time
    #[arg(long)]
    timestamps: bool,
    /// Those of the container's previous run
    #[arg(long, short)]
    previous: bool,
    /// Only pods with these labels
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// Only lines that contain this text
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// No colour
    #[arg(long)]
    no_color: bool,
}

fn duration(text: &str) -> std::result::Result<SignedDuration, String> {
    meta::duration::parse_or_seconds(text)
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let workflow = workflows::name_of(&workflows::get(&connection, &args.workflow).await?);
    let source = Source {
        context,
        client: &connection.client,
        namespace: &connection.namespace,
        workflow: &workflow,
        pod: args.pod.as_deref(),
        which: &args.which,
    };
    if args.which.follow {
        source.follow().await?;
    } else {
        source.once().await?;
    }
    Ok(Exit::Success)
}

/// Shows the logs of a whole workflow until it is over.
pub(super) async fn follow_workflow(
    context: &Context,
    client: &Client,
    namespace: &str,
    workflow: &str,
) -> Result<()> {
    let which = Which {
        follow: true,
        container: pods::MAIN.to_owned(),
        ..Which::default()
    };
    let source = Source {
        context,
        client,
        namespace,
        workflow,
        pod: None,
        which: &which,
    };
    source.follow().await
}

/// Whose logs are shown.
struct Source<'a> {
    context: &'a Context,
    client: &'a Client,
    namespace: &'a str,
    workflow: &'a str,
    pod: Option<&'a str>,
    which: &'a Which,
}

impl Source<'_> {
    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    fn labels(&self) -> String {
        let own = format!("{WORKFLOW_LABEL}={}", self.workflow);
        self.which
            .selector
            .as_ref()
            .map_or(own.clone(), |more| format!("{own},{more}"))
    }

    /// The logs as they are, the pods in the order in which they started.
    async fn once(&self) -> Result<()> {
        let mut pods = self
            .api()
            .list(&ListParams::default().labels(&self.labels()))
            .await?
            .items;
        pods.retain(|pod| self.wants(pod));
        if pods.is_empty() {
            return Err(self.none());
        }
        pods.sort_by_cached_key(|pod| {
            let started = pod.status.as_ref().and_then(|status| status.start_time.clone());
            (started.map(|time| time.0), pod.name_any())
        });
        for pod in pods {
            self.show(pod.name_any()).await?;
        }
        Ok(())
    }

    /// The logs as they come: of each pod from when its containers have started, until the workflow is over.
    async fn follow(&self) -> Result<()> {
        let config = watcher::Config::default().labels(&self.labels());
        let mut pods = watcher(self.api(), config)
            .default_backoff()
            .applied_objects()
            .boxed();
        let mut workflow = watch::changes(self.client, self.namespace, self.workflow);
        let mut shown = BTreeSet::new();
        let mut showing = FuturesUnordered::new();
        let mut over = false;
        while !over || !showing.is_empty() {
            tokio::select! {
                // Pods first: those of a workflow that has just ended are still shown.
                biased;
                Some(Ok(pod)) = pods.next() => {
                    if self.wants(&pod) && has_started(&pod) && shown.insert(pod.name_any()) {
                        showing.push(self.show(pod.name_any()));
                    }
                }
                Some(result) = showing.next() => result?,
                Some(Ok(sight)) = workflow.next(), if !over => over = sight != Sight::Changed,
            }
        }
        Ok(())
    }

    fn wants(&self, pod: &Pod) -> bool {
        self.pod.is_none_or(|wanted| {
            let node = pod
                .annotations()
                .get(NODE_ANNOTATION)
                .map(String::as_str)
                .unwrap_or_default();
            pod.name_any() == wanted
                || node == wanted
                || crate::tree::plain::short(self.workflow, node) == wanted
        })
    }

    fn none(&self) -> CommandError {
        match self.pod {
            Some(pod) => {
                CommandError::failed(format!("workflow {} has no pod or node `{pod}`", self.workflow))
                    .hint(format!("`plimsoll get {}` shows those it has", self.workflow))
            }
            None => CommandError::failed(format!("workflow {} has no pods", self.workflow)),
        }
    }

    fn params(&self) -> LogParams {
        LogParams {
            container: Some(self.which.container.clone()),
            follow: self.which.follow,
            previous: self.which.previous,
            since_seconds: self.which.since.map(|since| since.as_secs().max(1)),
            since_time: self.which.since_time,
            tail_lines: self.which.tail,
            timestamps: self.which.timestamps,
            ..LogParams::default()
        }
    }

    /// Prints the lines of one pod as they come.
    async fn show(&self, pod: String) -> Result<()> {
        let stream = match self.api().log_stream(&pod, &self.params()).await {
            Ok(stream) => stream,
            // Deleted meanwhile, or without such a container.
            Err(error) if self.pod.is_none() && matches!(status_code(&error), Some(400 | 404)) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let mut lines = std::pin::pin!(stream.lines());
        while let Some(line) = lines.next().await {
            self.print(&pod, &line?)?;
        }
        Ok(())
    }

    fn print(&self, pod: &str, line: &str) -> Result<()> {
        if self
            .which
            .grep
            .as_ref()
            .is_some_and(|text| !line.contains(text.as_str()))
        {
            return Ok(());
        }
        let name = if self.which.no_color {
            pod.to_owned()
        } else {
            style::paint(style::named(pod), pod)
        };
        self.context.ui.print(&format!("{name}: {line}\n"))
    }
}

/// Whether there can be logs.
fn has_started(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Running" | "Succeeded" | "Failed"))
}

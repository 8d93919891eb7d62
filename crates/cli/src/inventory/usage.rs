//! The use of a cluster's GPUs, from where `--metrics` says.

use std::path::Path;

use audit::{Cluster, Pod, Usage};
use futures::StreamExt as _;
use kinds::kube::{self, Client};

use super::{FORBIDDEN, Source, get, prometheus, refused};
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};

/// Labels of the exporter's pods: of NVIDIA's operator, and of its own chart.
const EXPORTERS: [(&str, &str); 2] = [
    ("app", "nvidia-dcgm-exporter"),
    ("app.kubernetes.io/name", "dcgm-exporter"),
];
/// Where the exporter serves its page.
const PAGE: &str = "9400/proxy/metrics";
/// Pages that are read at the same time.
const AT_ONCE: usize = 16;

/// What the GPUs were doing, if anything says; a Prometheus is asked about so many seconds.
pub(crate) async fn usage(
    context: &Context,
    client: Option<&Client>,
    source: &Source,
    cluster: &Cluster,
    seconds: i64,
) -> Result<Option<Usage>> {
    let connected = || {
        client.ok_or_else(|| CommandError::input("--from reads no cluster, so none can be asked for metrics"))
    };
    match source {
        Source::Nothing => Ok(None),
        Source::Auto => match client {
            Some(client) => automatic(context, client, cluster).await,
            None => Ok(None),
        },
        Source::Exporters => exporters(context, connected()?, cluster).await.map_err(refused),
        Source::File(path) => file(path).map(Some),
        Source::Prometheus(address) => prometheus::at(address, seconds).await.map(Some),
        Source::Service { namespace, service } => {
            let path = format!("/api/v1/namespaces/{namespace}/services/{service}/proxy");
            let name = format!("{namespace}/{service}");
            prometheus::ask(connected()?, &path, seconds, &name)
                .await
                .map(Some)
        }
    }
}

/// Reads the exporters if that is allowed; says so if it is not.
async fn automatic(context: &Context, client: &Client, cluster: &Cluster) -> Result<Option<Usage>> {
    match exporters(context, client, cluster).await {
        Err(error) if status_code(&error) == Some(FORBIDDEN) => {
            context.ui.warn(
                "there are DCGM exporters, and no right to read them: how many GPUs are idle is not known",
            );
            context.ui.hint("`plimsoll audit --rights --metrics exporters` prints the right, `--metrics none` does without");
            Ok(None)
        }
        found => found.map_err(refused),
    }
}

/// Reads the page of each exporter. One that does not answer is left out, unless that is a matter of rights.
async fn exporters(
    context: &Context,
    client: &Client,
    cluster: &Cluster,
) -> Result<Option<Usage>, kube::Error> {
    let pods: Vec<&Pod> = cluster.pods.iter().filter(|pod| is_exporter(pod)).collect();
    if pods.is_empty() {
        return Ok(None);
    }
    let paths: Vec<String> = pods
        .iter()
        .map(|pod| {
            let audit::cluster::Metadata { namespace, name, .. } = &pod.metadata;
            format!("/api/v1/namespaces/{namespace}/pods/{name}:{PAGE}")
        })
        .collect();
    let mut pages = futures::stream::iter(paths.iter().map(|path| get(client, path))).buffered(AT_ONCE);
    let mut usage = Usage::new(format!("one reading of {} DCGM exporters", pods.len()));
    let mut silent = 0;
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => usage.read_page(&page),
            Err(error) if status_code(&error) == Some(FORBIDDEN) => return Err(error),
            Err(_) => silent += 1,
        }
    }
    if silent > 0 {
        context.ui.warn(&format!(
            "{silent} of {} DCGM exporters did not answer",
            pods.len()
        ));
    }
    Ok(Some(usage))
}

fn is_exporter(pod: &Pod) -> bool {
    let labels = &pod.metadata.labels;
    let labelled = EXPORTERS
        .iter()
        .any(|(key, value)| labels.get(*key).is_some_and(|found| found == value));
    labelled && pod.status.phase == "Running"
}

fn file(path: &Path) -> Result<Usage> {
    let cannot = || CommandError::input(format!("cannot read `{}`", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| cannot().because(&error))?;
    let mut usage = Usage::new(path.display().to_string());
    if text.trim_start().starts_with('{') {
        usage
            .read_answer("", &text)
            .map_err(|error| cannot().because(&error))?;
    } else {
        usage.read_page(&text);
    }
    if usage.is_empty() {
        return Err(
            cannot().hint("it holds a page of a DCGM exporter, or a Prometheus' answer with metric names")
        );
    }
    Ok(usage)
}

//! The bare loop: makes pods and waits until they have succeeded, and does nothing else. It is what the cluster itself
//! can do.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context as _, Result};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::api::{PartialObjectMeta, PostParams};
use kinds::kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use crate::place::Place;

/// Requests under way at once: as many as a workflow's.
const AT_ONCE: usize = 64;
/// The label of the loop's pods.
const MARK: &str = "bench.plimsoll.dev/bare";

type Events = BoxStream<'static, watcher::Result<watcher::Event<PartialObjectMeta<Pod>>>>;

/// A pod to make many of.
pub(crate) struct Loop<'a> {
    place: &'a Place,
    pod: Value,
}

/// A pod of a workflow as it was made, but for what ties it to the workflow and its controller.
pub(crate) fn like(pod: &Pod) -> Result<Value> {
    let pod = serde_json::to_value(pod)?;
    let metadata = &pod["metadata"];
    let mut spec = pod["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("nodeName");
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"annotations": metadata["annotations"], "labels": {MARK: "true"}},
        "spec": spec,
    }))
}

impl<'a> Loop<'a> {
    /// A loop that makes pods like this one.
    pub(crate) fn new(place: &'a Place, pod: Value) -> Self {
        Self { place, pod }
    }

    /// Makes so many at once; pods a second until all have succeeded.
    pub(crate) async fn all_at_once(&self, pods: usize) -> Result<f64> {
        let mut succeeded = self.succeeded();
        let began = Instant::now();
        let make = futures::stream::iter(0..pods)
            .map(|number| self.make(number))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>();
        futures::try_join!(make, wait_for(&mut succeeded, pods))?;
        Ok(pods as f64 / began.elapsed().as_secs_f64())
    }

    /// Makes so many, each when the last has succeeded; how long each took, in milliseconds.
    pub(crate) async fn one_by_one(&self, pods: usize) -> Result<Vec<f64>> {
        let mut succeeded = self.succeeded();
        let mut took = Vec::with_capacity(pods);
        for number in 0..pods {
            let began = Instant::now();
            self.make(number).await?;
            wait_for(&mut succeeded, 1).await?;
            took.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(took)
    }

    async fn make(&self, number: usize) -> Result<()> {
        let mut pod = self.pod.clone();
        pod["metadata"]["name"] = format!("bare-{number}").into();
        let pod: Pod = serde_json::from_value(pod)?;
        self.place.pods().create(&PostParams::default(), &pod).await?;
        Ok(())
    }

    /// Names and no more of the loop's pods that have succeeded, as they do.
    fn succeeded(&self) -> Events {
        let which = watcher::Config::default()
            .labels(MARK)
            .fields("status.phase=Succeeded");
        watcher(self.place.pods_in_brief(), which)
            .default_backoff()
            .boxed()
    }
}

/// Waits for so many more pods.
async fn wait_for(events: &mut Events, pods: usize) -> Result<()> {
    let mut seen = BTreeSet::new();
    while seen.len() < pods {
        let event = events.try_next().await?.context("a watch does not end")?;
        if let watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) = event {
            seen.insert(pod.metadata.name);
        }
    }
    Ok(())
}

//! One case: the bare loop, then the workflows, and the difference of all accounts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use kinds::kube::api::{DynamicObject, ListParams};
use kinds::kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::accounts::{self, Amounts};
use crate::bare::{self, Loop};
use crate::cases::Case;
use crate::controller::Controller;
use crate::line::{Line, median, round};
use crate::place::Place;
use crate::processes;
use crate::reports;

/// Bare pods, one after the other, that tell what one takes.
const ALONE: usize = 30;

/// What a bare loop came to.
struct Bare {
    per_second: f64,
    /// Of one pod, where they came one after the other.
    ms: Option<f64>,
    cluster: Spent,
    pods: usize,
}

/// What everyone but the controller spent.
struct Spent {
    writes: Amounts,
    cpu: Amounts,
}

impl Spent {
    /// Up to now, since the programs started.
    async fn so_far(place: &Place) -> Result<Self> {
        Ok(Self {
            writes: accounts::everyones(&place.client).await?,
            cpu: processes::of_rig(&place.admin)?,
        })
    }

    /// From then to now.
    async fn since(place: &Place, then: &Self) -> Result<Self> {
        let now = Self::so_far(place).await?;
        Ok(Self {
            writes: accounts::between(&then.writes, &now.writes),
            cpu: accounts::between(&then.cpu, &now.cpu),
        })
    }
}

/// Measures a case.
pub(crate) async fn case(place: &Place, case: &Case) -> Result<Line> {
    let bare = bare(place, case).await.context("the bare loop")?;
    place.clear().await?;
    let line = workflows(place, case, &bare).await?;
    place.clear().await?;
    Ok(line)
}

/// The bare loop over as many pods as the case has steps, or one after the other where its steps are.
async fn bare(place: &Place, case: &Case) -> Result<Bare> {
    let pod = pod_of(place, case).await.context("a workflow of one step")?;
    let bare = Loop::new(place, pod);
    let before = Spent::so_far(place).await?;
    let (pods, per_second, ms) = if case.serial {
        let took = bare.one_by_one(ALONE).await?;
        let all: f64 = took.iter().sum();
        (ALONE, ALONE as f64 * 1000.0 / all, median(took))
    } else {
        let pods = case.all_steps();
        (pods, bare.all_at_once(pods).await?, None)
    };
    Ok(Bare {
        per_second,
        ms,
        cluster: Spent::since(place, &before).await?,
        pods,
    })
}

/// What the controller makes of a step of this case.
async fn pod_of(place: &Place, case: &Case) -> Result<Value> {
    let instance = format!("{}-one", case.name);
    let controller = Controller::start(place, &instance).await?;
    let reports = reports::of_all_pods(place.pods(), place.of_argo("WorkflowTaskResult"));
    place.submit(&instance, &instance, &case.of_one_step()).await?;
    all_succeeded(place, &instance, 1).await?;
    drop(reports);
    let pods = place.pods().list(&ListParams::default()).await?;
    let pod = bare::like(pods.items.first().context("a step has a pod")?)?;
    controller.end()?;
    place.clear().await?;
    Ok(pod)
}

async fn workflows(place: &Place, case: &Case, bare: &Bare) -> Result<Line> {
    let controller = Controller::start(place, case.name).await?;
    let _reports = reports::of_all_pods(place.pods(), place.of_argo("WorkflowTaskResult"));
    let births = case.serial.then(|| Births::watch(place));
    let (before, used) = (Spent::so_far(place).await?, controller.used()?);
    let began = Instant::now();
    for number in 0..case.workflows {
        let name = format!("{}-{number}", case.name);
        place.submit(&name, case.name, &case.spec).await?;
    }
    all_succeeded(place, case.name, case.workflows).await?;
    let seconds = began.elapsed().as_secs_f64();
    // What follows the end is part of the price.
    until_released(place).await?;
    let (cluster, now_used) = (Spent::since(place, &before).await?, controller.used()?);
    let step_ms = births.and_then(|births| median(births.distances()));
    let largest = largest_object(place).await?;
    controller.end()?;
    let steps = case.all_steps() as f64;
    let per_second = steps / seconds;
    Ok(Line {
        name: case.name,
        workflows: case.workflows,
        steps: case.all_steps(),
        steps_per_second: round(per_second),
        bare_per_second: round(bare.per_second),
        ratio_to_bare: round(per_second / bare.per_second),
        step_ms: step_ms.map(round),
        bare_ms: bare.ms.map(round),
        writes_per_step: round((now_used.writes - used.writes) / steps),
        everyones_writes_per_step: round(cluster.writes.values().sum::<f64>() / steps),
        bare_writes_per_pod: round(bare.cluster.writes.values().sum::<f64>() / bare.pods as f64),
        everyones: accounts::for_each(&cluster.writes, case.all_steps()),
        cpu_ms_per_step: round((now_used.cpu_ms - used.cpu_ms) / steps),
        cluster_cpu_ms_per_step: accounts::for_each(&cluster.cpu, case.all_steps()),
        bare_cluster_cpu_ms_per_pod: accounts::for_each(&bare.cluster.cpu, bare.pods),
        mib: round(now_used.mib),
        largest_object_kib: round(largest as f64 / 1024.0),
    })
}

/// Waits until so many workflows of an instance id are over, and have succeeded.
async fn all_succeeded(place: &Place, instance: &str, workflows: usize) -> Result<()> {
    let over = format!(
        "workflows.argoproj.io/completed=true,workflows.argoproj.io/controller-instanceid={instance}"
    );
    let which = watcher::Config::default().labels(&over);
    let mut events = watcher(place.workflows_in_brief(), which)
        .default_backoff()
        .boxed();
    let mut seen = BTreeSet::new();
    while seen.len() < workflows {
        let event = events.try_next().await?.context("a watch does not end")?;
        if let watcher::Event::Apply(workflow) | watcher::Event::InitApply(workflow) = event {
            let labels = workflow.metadata.labels.unwrap_or_default();
            let phase = labels.get("workflows.argoproj.io/phase");
            ensure!(
                phase.is_some_and(|phase| phase == "Succeeded"),
                "a workflow ended as {phase:?}"
            );
            seen.insert(workflow.metadata.name);
        }
    }
    Ok(())
}

/// Waits until the controller has let go of every pod.
async fn until_released(place: &Place) -> Result<()> {
    loop {
        let pods = place.pods_in_brief().list(&ListParams::default()).await?;
        if pods.iter().all(|pod| pod.metadata.finalizers.is_none()) {
            return Ok(());
        }
        tokio::time::sleep(crate::place::LOOK_EVERY).await;
    }
}

/// When each pod was first seen.
struct Births {
    times: Arc<Mutex<Vec<Instant>>>,
    _watching: AbortOnDropHandle<()>,
}

impl Births {
    fn watch(place: &Place) -> Self {
        let mut events = watcher(place.pods_in_brief(), watcher::Config::default())
            .default_backoff()
            .boxed();
        let times = Arc::<Mutex<Vec<Instant>>>::default();
        let noted = Arc::clone(&times);
        let watching = async move {
            let mut seen = BTreeSet::new();
            while let Ok(Some(event)) = events.try_next().await {
                if let watcher::Event::Apply(pod) = event
                    && seen.insert(pod.metadata.name)
                {
                    noted
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(Instant::now());
                }
            }
        };
        Self {
            times,
            _watching: AbortOnDropHandle::new(tokio::spawn(watching)),
        }
    }

    /// From each pod to the next, in milliseconds.
    fn distances(&self) -> Vec<f64> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = times.windows(2);
        pairs
            .map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1000.0)
            .collect()
    }
}

/// The size of the largest object that workflows are stored in, in bytes of JSON.
async fn largest_object(place: &Place) -> Result<usize> {
    let all = ListParams::default();
    let (workflows, chunks) = (
        place.of_argo("Workflow").list(&all).await?,
        place.chunks().list(&all).await?,
    );
    let size = |object: &DynamicObject| serde_json::to_string(object).map(|text| text.len());
    let sizes = workflows.iter().chain(chunks.iter()).map(size);
    Ok(sizes
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .max()
        .unwrap_or_default())
}

//! One leader among the replicas of a controller, by a `coordination.k8s.io` Lease.
//!
//! ```text
//!   candidate --(nobody's, or not renewed for its duration)--> leader --(cannot renew in time)--> candidate
//!                                                                 \--(shutdown)--> gives it up
//! ```
//!
//! Rule: client-go's `leaderelection`. Times of different machines are not compared: a lease counts as run out
//! when this process has seen it unchanged for its duration.

use std::time::Duration;

use kinds::kube::core::ObjectMeta;
use kinds::own::{INSTANCE, MANAGED_BY, OWNER};
use meta::ObjectKey;
use meta::host::Host;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::executor::{Executor, Failure};
use crate::gate::Term;
use crate::kind::Kind;
use crate::rules::Right;
use crate::write::Write;

/// `coordination.k8s.io/v1` Lease.
pub const LEASES: Kind = Kind::namespaced("coordination.k8s.io", "v1", "Lease", "leases");

/// Which lease, for whom, and how fast.
#[derive(Clone, Debug)]
pub struct Config {
    /// The lease's namespace and name.
    pub lease: ObjectKey,
    /// This replica, as no other is called.
    pub identity: String,
    /// How long others wait for a leader that says nothing.
    pub duration: Duration,
    /// How long a leader that cannot renew goes on: less than `duration`, so that it has stopped by then.
    pub renew_within: Duration,
    /// How often a leader renews and a candidate looks.
    pub every: Duration,
}

impl Config {
    /// With the times of kube-controller-manager: 15, 10 and 2 seconds.
    pub fn new(lease: ObjectKey, identity: String) -> Self {
        Self {
            lease,
            identity,
            duration: Duration::from_secs(15),
            renew_within: Duration::from_secs(10),
            every: Duration::from_secs(2),
        }
    }
}

/// The rights it needs, in the namespace of its lease of this name.
pub fn rights(name: &str) -> Vec<Right> {
    vec![
        Right::to(
            &["create"],
            LEASES,
            "make the lease by which one of the replicas leads (a creation cannot be limited to a name)",
        ),
        Right::to(&["get", "patch"], LEASES, "take, renew and give up that lease").named(name),
    ]
}

/// A Lease, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
struct Lease {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<u64>,
    lease_transitions: Option<u64>,
    renew_time: Option<String>,
}

/// What to do about a lease.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Renew,
    TakeOver,
    Wait,
}

/// What a replica does that has seen the lease like this for so long.
fn decide(spec: &Spec, me: &str, unchanged_for: Duration) -> Decision {
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let lasts = Duration::from_secs(spec.lease_duration_seconds.unwrap_or_default());
    if holder == me {
        Decision::Renew
    } else if holder.is_empty() || unchanged_for >= lasts {
        Decision::TakeOver
    } else {
        Decision::Wait
    }
}

/// The election of one replica.
pub struct Election {
    executor: Executor,
    host: Host,
    config: Config,
    term: Term,
    /// The lease as last seen, and since when.
    seen: Option<(Spec, Instant)>,
}

impl Election {
    /// A candidate. Its executor must not be one that only leaders may use.
    pub fn new(executor: Executor, host: Host, config: Config) -> Self {
        Self {
            executor,
            host,
            config,
            term: Term::default(),
            seen: None,
        }
    }

    /// Tells whether this replica leads.
    pub fn term(&self) -> Term {
        self.term.clone()
    }

    /// Leads whenever it can, until shutdown: `lead` is run once a term, and told to end when the term does.
    pub async fn run<Lead: Future<Output = ()>>(
        mut self,
        lead: impl Fn(CancellationToken) -> Lead,
        shutdown: CancellationToken,
    ) {
        while !shutdown.is_cancelled() {
            if shutdown.run_until_cancelled(self.acquire()).await.is_none() {
                return;
            }
            tracing::info!(identity = self.config.identity, "leads");
            self.serve(&lead, shutdown.child_token()).await;
            tracing::info!(identity = self.config.identity, "leads no longer");
            self.resign().await;
        }
    }

    /// One term. It ends when the lease is lost, on shutdown, or when whoever leads has nothing left to do.
    async fn serve<Lead: Future<Output = ()>>(
        &mut self,
        lead: &impl Fn(CancellationToken) -> Lead,
        over: CancellationToken,
    ) {
        let leading = async {
            lead(over.clone()).await;
            over.cancel();
        };
        let keeping = async {
            self.keep(&over).await;
            over.cancel();
        };
        tokio::join!(leading, keeping);
    }

    async fn acquire(&mut self) {
        while !self.attempt().await {
            tokio::time::sleep(self.config.every).await;
        }
    }

    /// Renews until that has not worked for too long, or the term is over for another reason.
    async fn keep(&mut self, over: &CancellationToken) {
        while self.term.lasts() {
            if over
                .run_until_cancelled(tokio::time::sleep(self.config.every))
                .await
                .is_none()
            {
                return;
            }
            self.attempt().await;
        }
    }

    /// Tries once to have the lease from now on. An attempt that hangs must not outlast the term.
    async fn attempt(&mut self) -> bool {
        let begun = Instant::now();
        let limit = self.config.renew_within / 2;
        let held = match tokio::time::timeout(limit, self.hold()).await {
            Ok(Ok(held)) => held,
            Ok(Err(failure)) => {
                tracing::debug!(%failure, "the lease cannot be had");
                return false;
            }
            Err(_) => return false,
        };
        if held {
            self.term.extend(begun + self.config.renew_within);
        } else {
            self.term.end();
        }
        held
    }

    async fn hold(&mut self) -> Result<bool, Failure> {
        let lease = match self.executor.read::<Lease>(LEASES, &self.config.lease).await {
            Ok(lease) => lease,
            Err(Failure::NotFound(_)) => return self.create().await,
            Err(failure) => return Err(failure),
        };
        let unchanged_for = self.unchanged_for(&lease.spec);
        match decide(&lease.spec, &self.config.identity, unchanged_for) {
            Decision::Wait => Ok(false),
            decision => self.take(&lease, &decision).await,
        }
    }

    fn unchanged_for(&mut self, spec: &Spec) -> Duration {
        match &self.seen {
            Some((seen, since)) if seen == spec => since.elapsed(),
            _ => {
                self.seen = Some((spec.clone(), Instant::now()));
                Duration::ZERO
            }
        }
    }

    async fn create(&self) -> Result<bool, Failure> {
        let ObjectKey { namespace, name } = &self.config.lease;
        let now = meta::time::micros(self.host.now());
        let body = json!({
            "apiVersion": LEASES.api_version(),
            "kind": LEASES.kind,
            "metadata": {
                "namespace": namespace,
                "name": name,
                // It goes with the installation.
                "labels": {MANAGED_BY: OWNER, INSTANCE: namespace},
            },
            "spec": {
                "holderIdentity": self.config.identity,
                "leaseDurationSeconds": self.config.duration.as_secs(),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        });
        taken(
            self.executor
                .write(&Write::create(LEASES, self.config.lease.clone(), body))
                .await,
        )
    }

    async fn take(&self, lease: &Lease, decision: &Decision) -> Result<bool, Failure> {
        let now = meta::time::micros(self.host.now());
        let mut spec = json!({
            "holderIdentity": self.config.identity,
            "leaseDurationSeconds": self.config.duration.as_secs(),
            "renewTime": now,
        });
        if *decision == Decision::TakeOver {
            spec["acquireTime"] = now.into();
            spec["leaseTransitions"] = (lease.spec.lease_transitions.unwrap_or_default() + 1).into();
        }
        self.patch(lease, json!({"spec": spec})).await
    }

    /// Lets the next one lead at once, if nobody does already.
    async fn resign(&mut self) {
        self.term.end();
        let Ok(lease) = self.executor.read::<Lease>(LEASES, &self.config.lease).await else {
            return;
        };
        if lease.spec.holder_identity.as_deref() == Some(&self.config.identity) {
            // If it fails the others wait for the lease to run out.
            let _ = self.patch(&lease, json!({"spec": {"holderIdentity": ""}})).await;
        }
    }

    /// Changes this very version of the lease: whoever was faster has it.
    async fn patch(&self, lease: &Lease, patch: serde_json::Value) -> Result<bool, Failure> {
        let uid = lease.metadata.uid.as_deref().unwrap_or_default();
        let write = Write::merge(LEASES, self.config.lease.clone(), patch)
            .only(uid, lease.metadata.resource_version.as_deref());
        taken(self.executor.write(&write).await)
    }
}

fn taken<T>(answer: Result<T, Failure>) -> Result<bool, Failure> {
    match answer {
        Ok(_) => Ok(true),
        Err(Failure::Conflict(_) | Failure::AlreadyExists(_) | Failure::NotFound(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_awaited_or_taken_over() {
        let check = |holder: Option<&str>, unchanged_for: u64, expected: Decision| {
            let spec = Spec {
                holder_identity: holder.map(str::to_owned),
                lease_duration_seconds: Some(15),
                ..Spec::default()
            };
            let found = decide(&spec, "a", Duration::from_secs(unchanged_for));
            assert_eq!(found, expected, "{holder:?} after {unchanged_for} s");
        };
        check(Some("a"), 0, Decision::Renew);
        check(Some("a"), 60, Decision::Renew);
        check(Some("b"), 0, Decision::Wait);
        check(Some("b"), 14, Decision::Wait);
        check(Some("b"), 15, Decision::TakeOver);
        check(Some(""), 0, Decision::TakeOver);
        check(None, 0, Decision::TakeOver);
    }
}

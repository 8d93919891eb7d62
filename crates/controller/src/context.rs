//! What every controller is given.

use std::sync::Arc;

use kinds::kube::Client;
use meta::host::Host;
use tokio_util::sync::CancellationToken;

use crate::executor::Executor;
use crate::gate::Gate;
use crate::informer::Informers;
use crate::metrics::Metrics;

/// What a controller is given: its own rights to write, the shared view, time, and when to stop.
#[derive(Clone)]
pub struct Context {
    /// Writes with this controller's rights.
    pub executor: Executor,
    /// The shared view of the API's objects.
    pub informers: Informers,
    /// The time of day and randomness.
    pub host: Host,
    /// Ends the controller.
    pub shutdown: CancellationToken,
}

impl Context {
    /// A context that writes through `client`.
    pub fn new(client: Client, informers: Informers, host: Host, shutdown: CancellationToken) -> Self {
        Self {
            executor: Executor::new(client, Arc::clone(informers.metrics())),
            informers,
            host,
            shutdown,
        }
    }

    /// The same context, whose writes pass this gate.
    #[must_use]
    pub fn through(mut self, gate: &Gate) -> Self {
        self.executor = self.executor.through(gate.clone());
        self
    }

    /// The counts of the process.
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.executor.metrics()
    }
}

//! The programs of a cluster: the same controllers as on one machine, under a Lease and at a rate.
//!
//! ```text
//!   election --(leads)--> controllers --> gate (term, rate) --> kube-apiserver
//!      \--> Lease                           metrics, health --> whoever asks
//! ```

use std::io::Write as _;
use std::sync::Arc;

use cli::{ControlOptions, PlatformError, Replica, ScheduleOptions};
use controller::lease::{self, Election};
use controller::projections;
use controller::workflow::{Delivery, ExecConfig, ImageCommand, Lingering, MachineConfig};
use controller::{Config, Executor, Gate, Metrics, Rate, Shadow, scheduler};
use kinds::kube::Client;
use meta::ObjectKey;
use meta::host::Host;
use tokio_util::sync::CancellationToken;

use crate::observe;
use crate::settings::host_name;
use crate::{images, settings};

/// Runs the workflow controller until `shutdown`.
pub(crate) async fn control(
    client: Client,
    options: ControlOptions,
    shutdown: CancellationToken,
) -> Result<(), PlatformError> {
    let shadow = options.replica.shadow.then(|| Shadow::new(tell));
    let config = |gate: Gate| {
        let gate = match &shadow {
            Some(shadow) => gate.shadowing(shadow.clone()),
            None => gate,
        };
        Config::cluster(workflow(&options), gate)
    };
    run(client, &options.replica, config, shutdown).await
}

/// Runs a scheduler until `shutdown`.
pub(crate) async fn schedule(
    client: Client,
    options: ScheduleOptions,
    shutdown: CancellationToken,
) -> Result<(), PlatformError> {
    let replica = options.replica.clone();
    let config = |gate| Config::scheduling(scheduling(options), gate);
    run(client, &replica, config, shutdown).await
}

/// Runs controllers until `shutdown`: while this replica leads, or always if it is a shadow.
async fn run(
    client: Client,
    replica: &Replica,
    config: impl FnOnce(Gate) -> Config,
    shutdown: CancellationToken,
) -> Result<(), PlatformError> {
    let (host, metrics) = (crate::host::real(), Arc::new(Metrics::default()));
    let election = election(&client, &host, replica);
    let term = election.term();
    let serving = match replica.listen {
        Some(address) => {
            let told = observe::Told {
                metrics: Arc::clone(&metrics),
                term: term.clone(),
            };
            Some(observe::serve(address, told).await?)
        }
        None => None,
    };
    let gate = Gate::paced(Rate {
        per_second: replica.rate.0,
        burst: replica.rate.1,
    });
    let config = config(if replica.shadow { gate } else { gate.within(&term) });
    let lead = |over| {
        let client = client.clone();
        let connect = move |_: &controller::Identity| client.clone();
        controller::run_all(connect, host.clone(), config.clone(), Arc::clone(&metrics), over)
    };
    if replica.shadow {
        lead(shutdown).await;
    } else {
        election.run(lead, shutdown).await;
    }
    drop(serving);
    Ok(())
}

fn scheduling(options: ScheduleOptions) -> scheduler::Config {
    let expected = options.expected.into_iter().filter_map(|pod| {
        let pod: projections::Pod = serde_json::from_value(pod).ok()?;
        Some(scheduler::seen(&pod, &options.name))
    });
    scheduler::Config {
        expected: expected.collect(),
        name: options.name.clone(),
        nodes: options.nodes,
        shadow: options.replica.shadow.then(|| Arc::new(tell) as Arc<_>),
    }
}

/// A line of what a shadow would do.
fn tell(decision: &serde_json::Value) {
    // A shadow whose reader has gone has nothing else to do, and is ended by a signal.
    let _ = writeln!(std::io::stdout(), "{decision}");
}

/// The election's own requests pass no gate: the lease comes before everything else.
fn election(client: &Client, host: &Host, replica: &Replica) -> Election {
    let (namespace, name) = &replica.lease;
    let identity = replica.identity.clone().unwrap_or_else(|| identity(host));
    let config = lease::Config::new(ObjectKey::new(namespace, name), identity);
    let executor = Executor::new(client.clone(), Arc::default());
    Election::new(executor, host.clone(), config)
}

/// The host's name, which is the pod's inside a cluster, and a number: of two processes of one host one leads.
fn identity(host: &Host) -> String {
    let mut number = [0_u8; 4];
    host.random.fill(&mut number);
    format!("{}_{:08x}", host_name(), u32::from_be_bytes(number))
}

/// The user's own, then what is known of everyone's.
fn images(options: &ControlOptions) -> Vec<ImageCommand> {
    let own = options.images.iter().cloned().map(|runs| ImageCommand {
        pattern: runs.image,
        entrypoint: runs.entrypoint,
        arguments: runs.cmd,
    });
    own.chain(images::well_known().map(settings::command)).collect()
}

fn workflow(options: &ControlOptions) -> controller::workflow::Config {
    let own = ExecConfig::default();
    let exec = ExecConfig {
        image: options.exec_image.clone().unwrap_or(own.image),
        delivery: if options.image_volumes {
            Delivery::ImageVolume
        } else {
            Delivery::InitContainer
        },
        mount: own.mount,
    };
    controller::workflow::Config {
        machine: Arc::new(MachineConfig {
            instance_id: options.instance_id.clone(),
            home: Some(options.replica.lease.0.clone()),
            exec,
            images: images(options),
            ..MachineConfig::default()
        }),
        lingering: Lingering::sparing(),
        ..controller::workflow::Config::default()
    }
}

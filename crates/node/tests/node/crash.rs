//! `kill -9` of the whole control plane at its named crash points, and of the spawner at its own.
//!
//! The control plane is this program, run again with a task: start some pods that write to a ledger, and wait for their
//! ends. It is killed at a point and run again until it ends by itself; the ledger is the witness that no
//! attempt started twice, the statuses that no outcome was lost.

use std::path::Path;
use std::process::{Command, ExitCode};

use kinds::k8s::api::core::v1::{Namespace, Pod};
use kinds::kube::Api;
use kinds::kube::api::DeleteParams;
use serde_json::json;

use crate::Test;
use crate::claims;
use crate::rig::{Rig, block_on, kill_spawner, phase, pod, state};

pub(crate) const TESTS: &[Test] = &[("no_crash_starts_twice_or_loses", no_crash_starts_twice_or_loses)];

const TASK: &str = "--control-plane";
const PODS: usize = 6;

/// Runs the control plane if this program was started for that.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    if args.next()? != TASK {
        return None;
    }
    let (directory, point, nth) = (args.next()?, args.next()?, args.next()?);
    meta::crash::arm(&point, nth.parse().ok()?, || {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    });
    block_on(control_plane(Path::new(&directory)));
    Some(ExitCode::SUCCESS)
}

async fn control_plane(directory: &Path) {
    let mut rig = Rig::durable(directory).await;
    let outcomes = directory.join("outcomes");
    if !outcomes.exists() {
        std::fs::write(outcomes, run_pods(&rig, directory).await).unwrap();
    }
    if !directory.join("deleted").exists() {
        delete_while_running(&rig).await;
        std::fs::write(directory.join("deleted"), "").unwrap();
    }
    use_a_claim(&rig).await;
    rig.stop().await;
}

/// A pod with a claimed volume, and the claim deleted after it: nothing of it is left.
async fn use_a_claim(rig: &Rig) {
    const NAMESPACE: &str = "claimed";
    let namespaces = Api::<Namespace>::all(rig.client.clone());
    if namespaces.get_opt(NAMESPACE).await.unwrap().is_none() {
        rig.namespace(NAMESPACE).await;
    }
    if rig.pods(NAMESPACE).get_opt("p").await.unwrap().is_none() {
        claims::ensure(rig, NAMESPACE).await;
        rig.create(NAMESPACE, &claims::user("echo x > /data/x")).await;
    }
    assert_eq!(phase(&rig.finished(NAMESPACE).await), "Succeeded");
    claims::delete(rig, NAMESPACE).await;
    claims::gone(rig).await;
}

/// A pod that is deleted while it runs; only the node can end and delete it.
async fn delete_while_running(rig: &Rig) {
    const NAMESPACE: &str = "deleted";
    let namespaces = Api::<Namespace>::all(rig.client.clone());
    if namespaces.get_opt(NAMESPACE).await.unwrap().is_none() {
        rig.namespace(NAMESPACE).await;
        rig.run(NAMESPACE, "trap exit TERM; while :; do sleep 0.05; done")
            .await;
        rig.until(NAMESPACE, |pod| phase(pod) == "Running").await;
    }
    let _ = rig.pods(NAMESPACE).delete("p", &DeleteParams::default()).await;
    rig.gone(NAMESPACE).await;
}

/// Creates the pods that are not there yet; how each ended.
async fn run_pods(rig: &Rig, directory: &Path) -> String {
    let namespaces = Api::<Namespace>::all(rig.client.clone());
    for index in 0..PODS {
        let namespace = format!("n{index}");
        if namespaces.get_opt(&namespace).await.unwrap().is_none() {
            rig.namespace(&namespace).await;
        }
        if rig.pods(&namespace).get_opt("p").await.unwrap().is_none() {
            rig.create(&namespace, &appender(directory, index)).await;
        }
    }
    let mut outcomes = String::new();
    for index in 0..PODS {
        let pod: Pod = rig.finished(&format!("n{index}")).await;
        outcomes.push_str(&format!("{} {}\n", phase(&pod), state(&pod)));
    }
    outcomes
}

fn appender(directory: &Path, index: usize) -> serde_json::Value {
    let mut object = pod(&format!(
        "echo {index} >> {}; exit {index}",
        directory.join("ledger").display()
    ));
    object["metadata"]["labels"] = json!({"index": index.to_string()});
    object
}

fn no_crash_starts_twice_or_loses() {
    for point in node::CRASH_POINTS {
        for nth in [1, 4] {
            let dir = tempfile::tempdir().unwrap();
            let run = |point: &str| {
                let program = std::env::current_exe().unwrap();
                Command::new(program)
                    .arg(TASK)
                    .arg(dir.path())
                    .args([point, &nth.to_string()])
                    .status()
                    .unwrap()
            };
            let first = run(point);
            assert!(!first.success() || nth > 1, "{point} was not met");
            assert!(run("none").success(), "{point}");
            let ledger = std::fs::read_to_string(dir.path().join("ledger")).unwrap();
            let mut lines: Vec<_> = ledger.lines().collect();
            lines.sort_unstable();
            assert_eq!(lines, ["0", "1", "2", "3", "4", "5"], "{point} {nth}");
            let outcomes = std::fs::read_to_string(dir.path().join("outcomes")).unwrap();
            let expected = "Succeeded terminated 0 Completed\nFailed terminated 1 Error\nFailed terminated 2 Error\n\
                            Failed terminated 3 Error\nFailed terminated 4 Error\nFailed terminated 5 Error\n";
            assert_eq!(outcomes, expected, "{point} {nth}");
            kill_spawner(&dir.path().join("node"));
        }
    }
}

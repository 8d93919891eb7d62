//! The same requests to the embedded server and to a real kube-apiserver: their answers are compared with one another.
//!
//! ```text
//!   cargo xtask rig up
//!   PLIMSOLL_RIG_KUBECONFIG=... cargo test --workspace --test differential
//! ```
//!
//! | file | what it holds |
//! | --- | --- |
//! | `scenarios/*.txt` | requests, as readable text; [`script`] says how they are written |
//! | `differences.txt` | differences that are meant, each with its reason; one that no longer occurs fails |
//! | `shapes.txt` | what kubectl, the command line and the controllers ask for, recorded by `cargo xtask shapes` |
//!
//! `SCENARIO=name` runs the scenarios of that name alone, and holds nothing else to be covered. Without the kubeconfig
//! the test says in one line that it is passed over.

#![allow(
    clippy::print_stderr,
    reason = "a test says what it passes over, and what is covered"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod coverage;
mod normal;
mod play;
mod script;
mod subset;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use apiserver::{ApiServer, Config};
use kinds::kube::Client;
use kinds::kube::config::{KubeConfigOptions, Kubeconfig};
use meta::host::{Clock, Host};

use compare::{Allowed, Difference};
use play::Play;
use script::Step;

/// Time goes on, for what takes time.
struct Now;
impl Clock for Now {
    fn now(&self) -> meta::Timestamp {
        meta::Timestamp::now()
    }
}

/// The shapes of requests that came so far.
type Shapes = Arc<Mutex<BTreeSet<String>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_servers_answer_alike() {
    let Some(real) = real().await else { return };
    let only = std::env::var("SCENARIO").ok();
    let shapes = Shapes::default();
    let allowed = Allowed::read(&folder().join("differences.txt"));
    let plays = scenarios(only.as_deref())
        .into_iter()
        .map(|file| play(file, Arc::clone(&shapes), real.clone()));
    let plays: Vec<_> = plays.map(tokio::spawn).collect();
    let mut report = String::new();
    for played in plays {
        report.push_str(&played.await.unwrap().told(&allowed));
    }
    let seen = shapes.lock().unwrap().clone();
    let mut complaints = report;
    if only.is_none() {
        complaints.push_str(&allowed.unused());
        complaints.push_str(&coverage::check(&folder().join("shapes.txt"), &seen));
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// A scenario that was played: its steps, and how the answers to each differ.
struct Played {
    name: String,
    steps: Vec<(Step, Vec<Difference>)>,
}

async fn play(file: PathBuf, shapes: Shapes, real: Client) -> Played {
    let embedded = common::client(&embedded(shapes).await);
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut play = Play::new(&name, embedded, real);
    let mut steps = Vec::new();
    for step in script::parse(&std::fs::read_to_string(&file).unwrap()) {
        let differences = play.step(&step).await;
        steps.push((step, differences));
    }
    Played { name, steps }
}

impl Played {
    /// What differs and is not meant to.
    fn told(self, allowed: &Allowed) -> String {
        let mut told = String::new();
        for (step, mut differences) in self.steps {
            differences.retain(|difference| !allowed.allows(&self.name, &step, difference));
            if !differences.is_empty() {
                told.push_str(&format!("{}.txt:{} {}\n", self.name, step.line, step.title()));
            }
            differences
                .iter()
                .for_each(|difference| told.push_str(&format!("{difference}\n")));
        }
        told
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential"))
}

fn scenarios(only: Option<&str>) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder().join("scenarios")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| only.is_none_or(|only| file.file_stem().is_some_and(|stem| stem == only)));
    files.sort();
    files
}

/// The embedded server, which notes the shapes of what it is asked.
async fn embedded(shapes: Shapes) -> ApiServer {
    let host = Host {
        clock: Arc::new(Now),
        ..common::host()
    };
    common::server_with(Config {
        witness: Some(Arc::new(move |shape| {
            shapes.lock().unwrap().insert(shape.to_owned());
        })),
        ..Config::new(host)
    })
    .await
}

/// The rig's kube-apiserver, if there is one.
async fn real() -> Option<Client> {
    let Some(kubeconfig) = std::env::var_os("PLIMSOLL_RIG_KUBECONFIG") else {
        eprintln!("passed over: PLIMSOLL_RIG_KUBECONFIG names no rig (`cargo xtask rig up`)");
        return None;
    };
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = kinds::kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Some(Client::try_from(config.expect("a kubeconfig")).expect("a client"))
}

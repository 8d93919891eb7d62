//! Elections against the embedded API server, under virtual time.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apiserver::{ApiServer, Config, User};
use controller::Executor;
use controller::gate::Term;
use controller::lease::{Config as LeaseConfig, Election, rights};
use controller::rules::rules;
use kinds::kube::Client;
use meta::ObjectKey;
use meta::host::{Clock, Host};
use meta::seeded::{Seeded, SharedSeeded};
use store::{Durability, Options, SimDisk, Store};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The time of day that goes with tokio's.
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> meta::Timestamp {
        meta::Timestamp::UNIX_EPOCH + self.0.elapsed()
    }
}

/// An API server and those who stand for election there.
struct Polls {
    server: ApiServer,
    host: Host,
}

struct Candidate {
    term: Term,
    leads: Arc<AtomicBool>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Polls {
    async fn open() -> Self {
        let host = Host {
            clock: Arc::new(Virtual(Instant::now())),
            random: Arc::new(SharedSeeded::new(Seeded::new(1))),
        };
        let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
        let server = ApiServer::new(store, Config::new(host.clone())).await.unwrap();
        Self { server, host }
    }

    /// A candidate with the rights that it prints, and no more.
    fn candidate(&self, name: &str) -> Candidate {
        let rules = rules(rights("lease"))
            .iter()
            .map(apiserver::PolicyRule::from)
            .collect();
        let user = User::limited(name, rules);
        let client = Client::new(self.server.client_service(user, Durability::Appended), "default");
        let config = LeaseConfig::new(ObjectKey::new("default", "lease"), name.to_owned());
        let executor = Executor::new(client, Arc::default());
        let election = Election::new(executor, self.host.clone(), config);
        let (term, shutdown) = (election.term(), CancellationToken::new());
        let leads = Arc::new(AtomicBool::new(false));
        let leading = Arc::clone(&leads);
        let lead = move |over: CancellationToken| {
            let leading = Arc::clone(&leading);
            async move {
                leading.store(true, Ordering::Relaxed);
                over.cancelled().await;
                leading.store(false, Ordering::Relaxed);
            }
        };
        let task = tokio::spawn(election.run(lead, shutdown.clone()));
        Candidate {
            term,
            leads,
            shutdown,
            task,
        }
    }
}

impl Candidate {
    fn leads(&self) -> bool {
        let leads = self.leads.load(Ordering::Relaxed);
        assert_eq!(leads, self.term.lasts(), "who leads has a term");
        leads
    }
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_is_followed_when_it_is_gone() {
    let polls = Polls::open().await;
    let (first, second) = (polls.candidate("first"), polls.candidate("second"));
    sleep(Duration::from_secs(60)).await;
    assert!(first.leads() && !second.leads());
    // A crash: the lease runs out first.
    first.task.abort();
    sleep(Duration::from_secs(12)).await;
    assert!(!second.leads());
    sleep(Duration::from_secs(8)).await;
    assert!(second.leads());
    // In good order: the next one needs not wait for that.
    let third = polls.candidate("third");
    sleep(Duration::from_secs(4)).await;
    assert!(!third.leads());
    second.shutdown.cancel();
    second.task.await.unwrap();
    sleep(Duration::from_secs(3)).await;
    assert!(third.leads());
}

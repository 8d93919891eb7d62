//! Informers: one per kind and process, shared by every controller.
//!
//! An informer lists and watches a kind with `kube`'s watcher, keeps the newest version of every object,
//! and calls its listeners with each change, in order. Listeners run in the informer's own task and only
//! put the news where a controller will look; there is no queue and no timer between.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, TryStreamExt};
use kinds::kube::Api;
use kinds::kube::Client;
use kinds::kube::runtime::watcher;
use meta::ObjectKey;
use meta::told::Told;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::cache::Cache;
use crate::kind::Projection;
use crate::metrics::Metrics;
use crate::watched::Watched;

/// What happened to an object.
#[derive(Debug)]
pub enum Change<P> {
    /// It appeared or changed.
    Applied(Arc<P>),
    /// It is gone; this was its last known version.
    Deleted(Arc<P>),
}

impl<P> Change<P> {
    /// The object.
    pub fn object(&self) -> &Arc<P> {
        match self {
            Self::Applied(object) | Self::Deleted(object) => object,
        }
    }
}

type Listener<P> = Box<dyn Fn(&Change<P>) + Send + Sync>;

/// The shared view of a kind. Cheap to clone.
pub struct Informer<P> {
    shared: Arc<Shared<P>>,
}

impl<P> Clone for Informer<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<P> {
    cache: Mutex<Cache<P>>,
    /// Held while changes are made and told, so that every listener hears them in order. Taken before
    /// `cache`, which is free while listeners run: they may look, not merge.
    listeners: Mutex<Vec<Listener<P>>>,
    synced: Told<bool>,
}

/// A panic of another holder leaves these maps in order: each change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Projection> Informer<P> {
    fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                cache: Mutex::default(),
                listeners: Mutex::default(),
                synced: Told::new(false),
            }),
        }
    }

    /// The newest known version of an object.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<P>> {
        lock(&self.shared.cache).get(key)
    }

    /// The newest known versions of all objects, in order of their keys.
    pub fn list(&self) -> Vec<Arc<P>> {
        lock(&self.shared.cache).list()
    }

    /// Takes in the answer of a write, so that it is seen before anything is planned again.
    pub fn merge(&self, object: P) {
        self.change(|cache| cache.apply(object));
    }

    /// Takes in that a write of ours made a new version of `from` that shows nothing new: `change` makes of the
    /// projection that of the new version. There is nothing to tell, and the watch's word of it need not be read.
    pub fn advance(&self, key: &ObjectKey, uid: &str, from: &str, change: impl FnOnce(&mut P)) {
        lock(&self.shared.cache).advance(key, uid, from, change);
    }

    /// Takes in that the API has done a deletion of ours, of an object that nothing holds.
    pub fn merge_deleted(&self, key: &ObjectKey, uid: &str) {
        self.change(|cache| cache.deleted(key, uid));
    }

    /// Calls `listener` with every change from now on, after one `Applied` for each object known.
    pub fn subscribe(&self, listener: impl Fn(&Change<P>) + Send + Sync + 'static) {
        let mut listeners = lock(&self.shared.listeners);
        for object in self.list() {
            listener(&Change::Applied(object));
        }
        listeners.push(Box::new(listener));
    }

    /// Resolves once the first list is complete.
    pub async fn synced(&self) {
        self.shared.synced.until(|synced| synced.then_some(())).await;
    }

    fn change(&self, change: impl FnOnce(&mut Cache<P>) -> Vec<Change<P>>) {
        let listeners = lock(&self.shared.listeners);
        let (changes, synced) = {
            let mut cache = lock(&self.shared.cache);
            (change(&mut cache), cache.is_synced())
        };
        for change in &changes {
            listeners.iter().for_each(|listener| listener(change));
        }
        drop(listeners);
        if self.shared.synced.look(|before| *before != synced) {
            self.shared.synced.change(|before| *before = synced);
        }
    }

    async fn run(self, client: Client, which: watcher::Config, metrics: Arc<Metrics>) {
        let api: Api<Watched<P>> = Api::all(client);
        let mut events = watcher(api, which).boxed();
        let mut backoff = Backoff::default();
        loop {
            match events.try_next().await {
                Ok(Some(event)) => {
                    backoff.reset();
                    metrics.watch_events.add(1);
                    self.take(event);
                }
                Ok(None) => return,
                Err(error) => {
                    metrics.watch_errors.add(1);
                    self.recover(&error, &mut backoff).await;
                }
            }
        }
    }

    fn take(&self, event: watcher::Event<Watched<P>>) {
        match event {
            watcher::Event::Apply(watched) => {
                if let Some(object) = self.read_news(&watched) {
                    self.change(|cache| cache.apply(object));
                }
            }
            watcher::Event::Delete(gone) => self.change(|cache| cache.delete(&gone.key(), gone.uid())),
            watcher::Event::InitApply(watched) => {
                let object = self.read_news(&watched);
                self.change(|cache| cache.listed(watched.key(), object));
            }
            watcher::Event::InitDone => self.change(Cache::list_ends),
            watcher::Event::Init => self.change(|cache| {
                cache.list_begins();
                Vec::new()
            }),
        }
    }

    /// The object, unless this version of it is known.
    fn read_news(&self, watched: &Watched<P>) -> Option<P> {
        let known = lock(&self.shared.cache).knows(&watched.key(), watched.uid(), watched.revision());
        if known { None } else { watched.read() }
    }

    /// Waits before the watcher goes on. It resumes or lists anew by itself.
    async fn recover(&self, error: &watcher::Error, backoff: &mut Backoff) {
        tracing::debug!(kind = P::KIND.kind, %error, "the watch broke off");
        if is_not_served(error) {
            self.change(Cache::not_served);
        }
        if !is_too_old(error) {
            tokio::time::sleep(backoff.wait()).await;
        }
    }
}

/// The server does not know the kind: its CRD is not there (yet).
fn is_not_served(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kinds::kube::Error::Api(status)) if status.code == 404)
}

/// The version we asked to go on from is gone from the server: list again at once.
fn is_too_old(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchError(status) => status.code == 410,
        watcher::Error::WatchStartFailed(kinds::kube::Error::Api(status)) => status.code == 410,
        _ => false,
    }
}

/// All informers of a process.
#[derive(Clone)]
pub struct Informers {
    client: Client,
    shutdown: CancellationToken,
    metrics: Arc<Metrics>,
    by_type: Arc<Mutex<BTreeMap<TypeId, Box<dyn Any + Send + Sync>>>>,
    /// What labels the objects of a kind must have to be seen, where not all of them are.
    labels: Arc<BTreeMap<TypeId, String>>,
}

impl Informers {
    /// None yet. They will watch through `client` until `shutdown`.
    pub fn new(client: Client, shutdown: CancellationToken, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            shutdown,
            metrics,
            by_type: Arc::default(),
            labels: Arc::default(),
        }
    }

    /// The same, but of this kind only objects that a label selector chooses are seen.
    #[must_use]
    pub fn only<P: Projection>(mut self, labels: String) -> Self {
        Arc::make_mut(&mut self.labels).insert(TypeId::of::<P>(), labels);
        self
    }

    /// The counts they add to.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The informer of a kind, started at its first mention.
    pub fn get<P: Projection>(&self) -> Informer<P> {
        let mut by_type = lock(&self.by_type);
        let known = by_type
            .get(&TypeId::of::<P>())
            .and_then(|any| any.downcast_ref::<Informer<P>>());
        if let Some(informer) = known {
            return informer.clone();
        }
        let informer = Informer::<P>::new();
        by_type.insert(TypeId::of::<P>(), Box::new(informer.clone()));
        let which = watcher::Config {
            label_selector: self.labels.get(&TypeId::of::<P>()).cloned(),
            ..watcher::Config::default()
        };
        let watching = informer
            .clone()
            .run(self.client.clone(), which, Arc::clone(&self.metrics));
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { shutdown.run_until_cancelled(watching).await });
        informer
    }
}

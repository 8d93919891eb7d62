//! What an informer knows: the newest version of every object of a kind, fed from three sides.
//!
//! ```text
//!   list (init .. init done) ──►┐
//!   watch (apply, delete)    ──►├─ Cache ──► changes, each once and in order of versions
//!   answers of our own writes ─►┘
//! ```
//!
//! The sides race: the answer of a write may arrive before or after the watch tells of it, or of a later
//! deletion. Versions decide (`resourceVersion`), and *tombstones* by uid: what was seen deleted never
//! comes back. Pure: no task, no client.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use meta::ObjectKey;

use crate::informer::Change;
use crate::kind::Projection;

/// Deletions remembered. An answer of ours is late by seconds, in which a kind loses thousands of objects
/// at most.
const TOMBSTONES_MAX: usize = 16_384;

struct Entry<P> {
    object: Arc<P>,
    /// Merged from an answer while a list was under way: that list may be older than the object.
    newer_than_list: bool,
}

/// The newest version of every object of a kind.
pub(crate) struct Cache<P> {
    objects: BTreeMap<ObjectKey, Entry<P>>,
    tombs: BTreeSet<String>,
    tomb_order: VecDeque<String>,
    /// Keys seen by the list under way.
    listing: Option<BTreeSet<ObjectKey>>,
    /// The object that came last: what comes next is often like it.
    last: Option<Arc<P>>,
    synced: bool,
}

impl<P> Default for Cache<P> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            tombs: BTreeSet::new(),
            tomb_order: VecDeque::new(),
            listing: None,
            last: None,
            synced: false,
        }
    }
}

impl<P: Projection> Cache<P> {
    /// The object of this name.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<P>> {
        self.objects.get(key).map(|entry| Arc::clone(&entry.object))
    }

    /// All objects in order of their keys.
    pub(crate) fn list(&self) -> Vec<Arc<P>> {
        self.objects
            .values()
            .map(|entry| Arc::clone(&entry.object))
            .collect()
    }

    /// Whether a list was ever complete.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced
    }

    /// A version of an object: from the watch, or the answer of a write.
    pub(crate) fn apply(&mut self, object: P) -> Vec<Change<P>> {
        let during_list = self.listing.is_some();
        self.put(object, during_list)
    }

    /// Whether this version of an object is no news.
    pub(crate) fn knows(&self, key: &ObjectKey, uid: &str, revision: u64) -> bool {
        let known = self.objects.get(key);
        self.tombs.contains(uid)
            || known.is_some_and(|known| is_old(revision, &*known.object) && known.object.uid() == uid)
    }

    /// A write of ours has made a new version of `from`: `change` makes of its projection that of the new one. Where
    /// another version is known, others wrote in between, and the watch will tell.
    pub(crate) fn advance(&mut self, key: &ObjectKey, uid: &str, from: &str, change: impl FnOnce(&mut P)) {
        let Some(entry) = self.objects.get_mut(key) else {
            return;
        };
        let known = entry.object.meta();
        if &*known.uid == uid && &*known.resource_version == from {
            change(Arc::make_mut(&mut entry.object));
        }
    }

    /// A deletion that the watch tells of.
    pub(crate) fn delete(&mut self, key: &ObjectKey, uid: &str) -> Vec<Change<P>> {
        self.bury(uid);
        if self
            .objects
            .get(key)
            .is_some_and(|entry| entry.object.uid() == uid)
        {
            self.remove(key)
        } else {
            Vec::new()
        }
    }

    /// A deletion of ours that the API has done.
    pub(crate) fn deleted(&mut self, key: &ObjectKey, uid: &str) -> Vec<Change<P>> {
        match self.get(key) {
            Some(object) if object.uid() == uid => self.delete(key, uid),
            _ => Vec::new(),
        }
    }

    /// A list begins.
    pub(crate) fn list_begins(&mut self) {
        self.listing = Some(BTreeSet::new());
        for entry in self.objects.values_mut() {
            entry.newer_than_list = false;
        }
    }

    /// An object of the list; `None` if it was known, or cannot be read.
    pub(crate) fn listed(&mut self, key: ObjectKey, object: Option<P>) -> Vec<Change<P>> {
        if let Some(seen) = &mut self.listing {
            seen.insert(key);
        }
        object.map_or_else(Vec::new, |object| self.put(object, false))
    }

    /// The list is complete: what it did not hold is gone, but for what was made meanwhile.
    pub(crate) fn list_ends(&mut self) -> Vec<Change<P>> {
        self.synced = true;
        let Some(seen) = self.listing.take() else {
            return Vec::new();
        };
        let gone: Vec<ObjectKey> = self
            .objects
            .iter()
            .filter(|(key, entry)| !seen.contains(key) && !entry.newer_than_list)
            .map(|(key, _)| key.clone())
            .collect();
        gone.iter().flat_map(|key| self.remove(key)).collect()
    }

    /// The kind is not served: there are no objects, and that is known.
    pub(crate) fn not_served(&mut self) -> Vec<Change<P>> {
        self.list_begins();
        self.list_ends()
    }

    fn put(&mut self, mut object: P, newer_than_list: bool) -> Vec<Change<P>> {
        if self.tombs.contains(object.uid()) {
            return Vec::new();
        }
        let key = object.key();
        let mut changes = Vec::new();
        if let Some(known) = self.objects.get(&key) {
            if is_old(object.revision(), &*known.object) {
                return changes;
            }
            if known.object.uid() != object.uid() {
                changes = self.remove(&key);
            }
        }
        if let Some(last) = &self.last {
            object.share(last);
        }
        let object = Arc::new(object);
        self.last = Some(Arc::clone(&object));
        changes.push(Change::Applied(Arc::clone(&object)));
        self.objects.insert(
            key,
            Entry {
                object,
                newer_than_list,
            },
        );
        changes
    }

    fn remove(&mut self, key: &ObjectKey) -> Vec<Change<P>> {
        let Some(entry) = self.objects.remove(key) else {
            return Vec::new();
        };
        self.bury(entry.object.uid());
        vec![Change::Deleted(entry.object)]
    }

    fn bury(&mut self, uid: &str) {
        if uid.is_empty() || !self.tombs.insert(uid.to_owned()) {
            return;
        }
        self.tomb_order.push_back(uid.to_owned());
        if self.tomb_order.len() > TOMBSTONES_MAX
            && let Some(oldest) = self.tomb_order.pop_front()
        {
            self.tombs.remove(&oldest);
        }
    }
}

fn is_old<P: Projection>(revision: u64, known: &P) -> bool {
    revision <= known.revision() && revision != u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::ConfigMap;

    fn object(name: &str, uid: &str, revision: u64) -> ConfigMap {
        serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "d", "name": name, "uid": uid, "resourceVersion": revision.to_string()}
        }))
        .unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("d", name)
    }

    /// Changes as text: `+name@revision`, `-name`.
    fn text(changes: &[Change<ConfigMap>]) -> String {
        let words: Vec<_> = changes
            .iter()
            .map(|change| match change {
                Change::Applied(o) => format!("+{}@{}", o.key().name, o.revision()),
                Change::Deleted(o) => format!("-{}", o.key().name),
            })
            .collect();
        words.join(" ")
    }

    fn listed(objects: &[(&str, &str, u64)]) -> Cache<ConfigMap> {
        let mut cache = Cache::default();
        cache.list_begins();
        for (name, uid, revision) in objects {
            cache.listed(key(name), Some(object(name, uid, *revision)));
        }
        cache.list_ends();
        cache
    }

    #[test]
    fn an_answer_and_the_watch_tell_of_a_version_once() {
        let mut cache = listed(&[("a", "1", 1)]);
        assert_eq!(text(&cache.apply(object("a", "1", 5))), "+a@5");
        assert_eq!(text(&cache.apply(object("a", "1", 5))), "");
        assert_eq!(text(&cache.apply(object("a", "1", 4))), "", "an older one");
        assert_eq!(text(&cache.apply(object("a", "1", 6))), "+a@6");
    }

    #[test]
    fn what_was_deleted_does_not_come_back() {
        let mut cache = listed(&[("a", "1", 1)]);
        assert_eq!(text(&cache.delete(&key("a"), "1")), "-a");
        assert_eq!(text(&cache.apply(object("a", "1", 2))), "");
        assert_eq!(
            text(&cache.apply(object("a", "2", 4))),
            "+a@4",
            "its successor does"
        );
        assert_eq!(
            text(&cache.delete(&key("a"), "1")),
            "",
            "nor does it end its successor"
        );
    }

    #[test]
    fn a_successor_ends_its_predecessor() {
        let mut cache = listed(&[("a", "1", 1)]);
        assert_eq!(text(&cache.apply(object("a", "2", 9))), "-a +a@9");
    }

    #[test]
    fn a_list_ends_what_it_does_not_hold_but_not_what_was_made_meanwhile() {
        let mut cache = listed(&[("a", "1", 1), ("b", "2", 2)]);
        cache.list_begins();
        assert_eq!(text(&cache.apply(object("c", "3", 3))), "+c@3");
        assert_eq!(text(&cache.listed(key("b"), None)), "");
        assert_eq!(text(&cache.list_ends()), "-a");
        cache.list_begins();
        assert_eq!(text(&cache.list_ends()), "-b -c");
    }

    #[test]
    fn a_version_of_ours_that_shows_nothing_is_known() {
        let advanced = |uid, from, to: u64| {
            let mut cache = listed(&[("a", "1", 4)]);
            cache.advance(&key("a"), uid, from, |object| {
                object.metadata.resource_version = to.to_string().into();
            });
            cache.knows(&key("a"), "1", to)
        };
        assert!(advanced("1", "4", 7));
        assert!(!advanced("1", "3", 7), "somebody wrote between");
        assert!(!advanced("2", "4", 7), "another object");
    }

    #[test]
    fn what_is_known_is_no_news() {
        let mut cache = listed(&[("a", "1", 4)]);
        cache.delete(&key("b"), "2");
        let check = |name, uid, revision, expected| {
            assert_eq!(
                cache.knows(&key(name), uid, revision),
                expected,
                "{name} {uid} {revision}"
            );
        };
        check("a", "1", 4, true);
        check("a", "1", 3, true);
        check("a", "1", 5, false);
        check("a", "9", 3, false);
        check("a", "1", u64::MAX, false);
        check("b", "2", 9, true);
        check("b", "3", 1, false);
    }
}

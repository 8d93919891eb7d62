//! Locks between workflows: who holds them, who waits, and whose turn it is. Rule: workflow/sync.
//!
//! ```text
//!   Machine --Ask--> Desk --Answer--> Machine          a holder is a workflow, or a node of one
//!   Machine --release--> Desk --> workflows that may ask again
//! ```
//!
//! The desk lives in memory. What is held is in the status of each workflow, from which a new desk is filled; what
//! is waited for is asked again.

use std::collections::{BTreeMap, BTreeSet};

use argo::WorkflowStatus;
use argo::status::SynchronizationStatus;
use meta::Timestamp;

/// Somebody asks for locks: for all of them, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// `NAMESPACE/WORKFLOW`, or `NAMESPACE/WORKFLOW/NODE-ID`.
    pub holder: String,
    /// The locks, in the order in which they are named.
    pub locks: Vec<LockName>,
    /// Priority of the workflow: higher ones come first.
    pub priority: i64,
    /// When the workflow was made: of equals, the oldest comes first.
    pub created: Timestamp,
}

/// What a lock is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockName {
    /// A mutex.
    Mutex {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A semaphore, whose size a ConfigMap says.
    Semaphore {
        /// The ConfigMap's namespace.
        namespace: String,
        /// The ConfigMap's name.
        map: String,
        /// The key in it.
        key: String,
    },
}

impl LockName {
    /// Whether one holder at a time is all there can be.
    pub fn is_mutex(&self) -> bool {
        matches!(self, Self::Mutex { .. })
    }
}

impl std::fmt::Display for LockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mutex { namespace, name } => write!(f, "{namespace}/Mutex/{name}"),
            Self::Semaphore { namespace, map, key } => write!(f, "{namespace}/ConfigMap/{map}/{key}"),
        }
    }
}

/// What the desk says to one who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All locks are held now.
    Granted,
    /// None is. It will be told when to ask again.
    Waiting {
        /// The first lock that stands against it.
        lock: String,
        /// What to tell people.
        message: String,
        /// Who holds the locks now, by lock.
        holders: BTreeMap<String, Vec<String>>,
    },
    /// It cannot be.
    Refused(String),
}

/// A lock, and those who hold it or wait for it.
#[derive(Debug, Default)]
struct Lock {
    holders: BTreeSet<String>,
    queue: BTreeMap<Turn, String>,
    /// Its size, as last known.
    limit: usize,
}

/// A place in a queue: the highest priority first, then the oldest workflow, then who came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    priority: std::cmp::Reverse<i64>,
    created: Timestamp,
    arrival: u64,
}

impl Lock {
    fn free(&self) -> usize {
        self.limit.saturating_sub(self.holders.len())
    }

    fn front(&self) -> Option<&String> {
        self.queue.values().next()
    }

    /// Whether it is a holder's turn: nobody waits, or its own workflow is at the front.
    fn is_turn_of(&self, holder: &str) -> bool {
        self.front().is_none_or(|front| same_workflow(front, holder))
    }

    fn forget(&mut self, holder: &str) -> bool {
        let held = self.holders.remove(holder);
        let before = self.queue.len();
        self.queue.retain(|_, waiting| waiting != holder);
        held || before != self.queue.len()
    }

    /// The workflows whose turn it is, as far as there is room.
    fn next(&self) -> impl Iterator<Item = String> + '_ {
        self.queue
            .values()
            .take(self.free())
            .map(|holder| workflow_of(holder).to_owned())
    }
}

/// All locks.
#[derive(Debug, Default)]
pub struct Desk {
    locks: BTreeMap<String, Lock>,
    arrivals: u64,
}

impl Desk {
    /// Answers one who asks, and says which workflows (`NAMESPACE/NAME`) should ask again because of it.
    /// `size` tells the size of a semaphore, if it can be known now.
    pub fn ask(
        &mut self,
        ask: &Ask,
        size: &dyn Fn(&LockName) -> Option<usize>,
    ) -> (Answer, BTreeSet<String>) {
        if let Err(refused) = self.queue_up(ask, size) {
            return (Answer::Refused(refused), BTreeSet::new());
        }
        let names: Vec<String> = ask.locks.iter().map(ToString::to_string).collect();
        let obstacle = names
            .iter()
            .find_map(|name| Some((name, self.obstacle(name, &ask.holder)?)));
        let Some((name, message)) = obstacle else {
            self.take(&names, &ask.holder);
            return (Answer::Granted, self.next(&names));
        };
        let holders = |name: &String| {
            let of = self.locks.get(name).map(|l| l.holders.iter().cloned().collect());
            (name.clone(), of.unwrap_or_default())
        };
        let answer = Answer::Waiting {
            lock: name.clone(),
            message,
            holders: names.iter().map(holders).collect(),
        };
        let mut wake = self.next(&names);
        wake.remove(workflow_of(&ask.holder));
        (answer, wake)
    }

    /// Gives back what a holder has, and takes it out of all queues.
    pub fn release(&mut self, holder: &str) -> BTreeSet<String> {
        let mut touched = Vec::new();
        for (name, lock) in &mut self.locks {
            if lock.forget(holder) {
                touched.push(name.clone());
            }
        }
        self.next(&touched)
    }

    /// Brings the desk up to date with what a workflow's status says that it and its nodes hold: pairs of holder
    /// and lock. What they wait for they will ask for again.
    pub fn reset(&mut self, workflow: &str, held: &[(String, String)]) -> BTreeSet<String> {
        let mut touched = Vec::new();
        for (name, lock) in &mut self.locks {
            let ours = |holder: &String| workflow_of(holder) == workflow;
            let gone: Vec<String> = lock
                .holders
                .iter()
                .chain(lock.queue.values())
                .filter(|h| ours(h))
                .cloned()
                .collect();
            if gone.iter().filter(|holder| lock.forget(holder)).count() > 0 {
                touched.push(name.clone());
            }
        }
        for (holder, name) in held {
            // A hold stands, whatever the size of the lock is by now.
            self.locks
                .entry(name.clone())
                .or_default()
                .holders
                .insert(holder.clone());
        }
        self.next(&touched)
    }

    fn queue_up(&mut self, ask: &Ask, size: &dyn Fn(&LockName) -> Option<usize>) -> Result<(), String> {
        for name in &ask.locks {
            let key = name.to_string();
            let limit = if name.is_mutex() { Some(1) } else { size(name) };
            let lock = self.locks.entry(key.clone()).or_default();
            match limit {
                Some(limit) if limit > 0 || lock.limit > 0 => lock.limit = limit,
                None if lock.limit > 0 => {}
                _ => return Err(format!("failed to initialize semaphore {key} with limit")),
            }
            let waits = lock.holders.contains(&ask.holder) || lock.queue.values().any(|h| *h == ask.holder);
            if !waits {
                self.arrivals += 1;
                let turn = Turn {
                    priority: std::cmp::Reverse(ask.priority),
                    created: ask.created,
                    arrival: self.arrivals,
                };
                lock.queue.insert(turn, ask.holder.clone());
            }
        }
        Ok(())
    }

    /// Why a holder cannot have a lock now.
    fn obstacle(&self, name: &str, holder: &str) -> Option<String> {
        let lock = self.locks.get(name)?;
        if lock.holders.contains(holder) {
            return None;
        }
        if lock.limit == 0 {
            return Some(format!("Failed to get semaphore limit for {name}"));
        }
        if lock.is_turn_of(holder) && lock.free() > 0 {
            return None;
        }
        // Signed: more may be held than a size that was lowered since allows.
        let free =
            i64::try_from(lock.limit).unwrap_or(i64::MAX) - i64::try_from(lock.holders.len()).unwrap_or(0);
        Some(format!(
            "Waiting for {name} lock. Lock status: {free}/{}",
            lock.limit
        ))
    }

    fn take(&mut self, names: &[String], holder: &str) {
        for name in names {
            let lock = self.locks.entry(name.clone()).or_default();
            lock.queue.retain(|_, waiting| waiting != holder);
            lock.holders.insert(holder.to_owned());
        }
    }

    /// The workflows whose turn it is at any of these locks.
    fn next(&mut self, names: &[String]) -> BTreeSet<String> {
        let wake = names
            .iter()
            .filter_map(|name| self.locks.get(name))
            .flat_map(Lock::next)
            .collect();
        // The last known size of a semaphore is kept.
        self.locks
            .retain(|name, lock| !(lock.holders.is_empty() && lock.queue.is_empty() && is_mutex(name)));
        wake
    }
}

/// Who holds what, by a workflow's status: pairs of holder and lock.
pub fn held(status: &WorkflowStatus) -> Vec<(String, String)> {
    held_by(status.synchronization.as_ref())
}

/// As [`held`], of the part of the status that tells of locks.
pub(crate) fn held_by(status: Option<&SynchronizationStatus>) -> Vec<(String, String)> {
    let mutexes = status
        .iter()
        .filter_map(|s| s.mutex.as_ref())
        .flat_map(|m| &m.holding);
    let semaphores = status
        .iter()
        .filter_map(|s| s.semaphore.as_ref())
        .flat_map(|s| &s.holding);
    let of_mutexes = mutexes.map(|h| (h.holder.clone(), h.mutex.clone()));
    let of_semaphores = semaphores.flat_map(|h| {
        let one = |holder: &String| (holder.clone(), h.semaphore.clone());
        h.holders.iter().map(one).collect::<Vec<_>>()
    });
    of_mutexes.chain(of_semaphores).collect()
}

/// The workflow (`NAMESPACE/NAME`) that a holder is, or is part of.
pub fn workflow_of(holder: &str) -> &str {
    match holder.match_indices('/').nth(1) {
        Some((end, _)) => &holder[..end],
        None => holder,
    }
}

/// Whether the name of a lock is a mutex's.
pub(crate) fn is_mutex(name: &str) -> bool {
    name.split('/').nth(1) == Some("Mutex")
}

/// Whether two holders are nodes of one workflow, or the same workflow: a workflow's own locks and those of its
/// nodes do not give way to each other.
fn same_workflow(a: &str, b: &str) -> bool {
    a.matches('/').count() == b.matches('/').count() && workflow_of(a) == workflow_of(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script of `ask HOLDER LOCK.. [pN] [tN]`, `free HOLDER`, `size N`, with what is answered.
    fn check(script: &str) {
        let (mut desk, mut size) = (Desk::default(), Some(2));
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (what, expected) = line.split_once(" -> ").unwrap();
            let words: Vec<&str> = what.split(' ').collect();
            let (said, wake) = match words[0] {
                "ask" => {
                    let (answer, wake) = desk.ask(&ask(&words[1..]), &|_| size);
                    let said = match answer {
                        Answer::Granted => "granted".to_owned(),
                        Answer::Waiting { message, .. } => message,
                        Answer::Refused(message) => message,
                    };
                    (said, wake)
                }
                "free" => ("done".to_owned(), desk.release(words[1])),
                "holds" => (
                    "done".to_owned(),
                    desk.reset(workflow_of(words[1]), &[(words[1].into(), words[2].into())]),
                ),
                _ => {
                    size = words[1].parse().ok();
                    ("done".to_owned(), BTreeSet::new())
                }
            };
            let woken: Vec<String> = wake.into_iter().collect();
            let told = if woken.is_empty() {
                said
            } else {
                format!("{said}; wakes {}", woken.join(" "))
            };
            assert_eq!(told, expected, "{line}");
        }
    }

    fn ask(words: &[&str]) -> Ask {
        let number = |letter: char| {
            words
                .iter()
                .find_map(|w| w.strip_prefix(letter)?.parse::<i64>().ok())
                .unwrap_or(0)
        };
        let locks = words[1..].iter().filter_map(|w| {
            let (kind, name) = w.split_once(':')?;
            Some(match kind {
                "m" => LockName::Mutex {
                    namespace: "n".into(),
                    name: name.into(),
                },
                _ => LockName::Semaphore {
                    namespace: "n".into(),
                    map: "map".into(),
                    key: name.into(),
                },
            })
        });
        Ask {
            holder: words[0].to_owned(),
            locks: locks.collect(),
            priority: number('p'),
            created: Timestamp::from_second(number('t')).unwrap(),
        }
    }

    #[test]
    fn one_holds_a_mutex_and_the_next_is_told() {
        check(
            "
            ask n/a/1 m:x -> granted
            ask n/a/1 m:x -> granted
            ask n/b/1 m:x -> Waiting for n/Mutex/x lock. Lock status: 0/1
            free n/a/1 -> done; wakes n/b
            ask n/b/1 m:x -> granted",
        );
    }

    #[test]
    fn the_front_is_the_highest_priority_then_the_oldest() {
        check(
            "
            ask n/a m:x -> granted
            ask n/b m:x t5 -> Waiting for n/Mutex/x lock. Lock status: 0/1
            ask n/c m:x t3 -> Waiting for n/Mutex/x lock. Lock status: 0/1
            ask n/d m:x t9 p1 -> Waiting for n/Mutex/x lock. Lock status: 0/1
            free n/a -> done; wakes n/d
            ask n/b m:x t5 -> Waiting for n/Mutex/x lock. Lock status: 1/1; wakes n/d
            ask n/d m:x t9 p1 -> granted
            free n/d -> done; wakes n/c",
        );
    }

    #[test]
    fn every_node_of_the_workflow_at_the_front_counts_as_front() {
        check(
            "
            ask n/a/1 s:k -> granted
            ask n/a/2 s:k -> granted
            ask n/a/3 s:k t1 -> Waiting for n/ConfigMap/map/k lock. Lock status: 0/2
            ask n/a/4 s:k t1 -> Waiting for n/ConfigMap/map/k lock. Lock status: 0/2
            ask n/b/1 s:k t2 -> Waiting for n/ConfigMap/map/k lock. Lock status: 0/2
            free n/a/1 -> done; wakes n/a
            ask n/a/4 s:k t1 -> granted
            ask n/b/1 s:k t2 -> Waiting for n/ConfigMap/map/k lock. Lock status: 0/2",
        );
    }

    #[test]
    fn all_or_none() {
        check(
            "
            ask n/a m:x -> granted
            ask n/b m:y m:x -> Waiting for n/Mutex/x lock. Lock status: 0/1
            ask n/c m:y t1 -> Waiting for n/Mutex/y lock. Lock status: 1/1; wakes n/b
            free n/a -> done; wakes n/b
            ask n/b m:y m:x -> granted
            free n/b -> done; wakes n/c
            ask n/c m:y t1 -> granted",
        );
    }

    #[test]
    fn sizes_change_without_taking_away() {
        check(
            "
            ask n/a s:k -> granted
            ask n/b s:k -> granted
            size 1 -> done
            ask n/c s:k -> Waiting for n/ConfigMap/map/k lock. Lock status: -1/1
            free n/a -> done
            free n/b -> done; wakes n/c
            size none -> done
            ask n/c s:k -> granted
            size 0 -> done
            ask n/d s:k -> Failed to get semaphore limit for n/ConfigMap/map/k
            ask n/d s:other -> failed to initialize semaphore n/ConfigMap/map/other with limit",
        );
    }

    #[test]
    fn a_new_desk_is_filled_from_what_workflows_hold() {
        check(
            "
            holds n/a/1 n/Mutex/x -> done
            ask n/b m:x -> Waiting for n/Mutex/x lock. Lock status: 0/1
            ask n/a/1 m:x -> granted
            free n/a/1 -> done; wakes n/b",
        );
    }
}

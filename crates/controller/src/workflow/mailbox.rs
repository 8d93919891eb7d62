//! A workflow's mailbox: what happened since its driver looked last.
//!
//! Planning looks at states, not at histories, so of each object only the newest version is kept: a mailbox
//! is bounded by the number of its workflow's objects, however far behind its driver is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::workflow::contract::Event;
use tokio::sync::Notify;

/// A letter to a driver.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    /// Something for the machine of the workflow of this uid; empty where the sender did not know.
    Event { workflow: String, event: Box<Event> },
    /// The Workflow of this uid is gone.
    Gone(String),
}

/// What a letter is about, where a newer one makes it needless.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Pod(String),
    TaskResult(String),
    Workflow(String),
    Library,
    Locks,
}

#[derive(Default)]
struct Letters {
    waiting: Vec<Letter>,
    places: BTreeMap<Subject, usize>,
}

#[derive(Default)]
pub(super) struct Mailbox {
    letters: Mutex<Letters>,
    came: Notify,
}

impl Mailbox {
    pub(super) fn put(&self, letter: Letter) {
        let mut letters = self.letters();
        let next = letters.waiting.len();
        let place = match subject(&letter) {
            Some(subject) => *letters.places.entry(subject).or_insert(next),
            None => next,
        };
        match letters.waiting.get_mut(place) {
            Some(older) => *older = letter,
            None => letters.waiting.push(letter),
        }
        drop(letters);
        self.came.notify_one();
    }

    pub(super) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.letters()).waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters().waiting.is_empty()
    }

    /// Resolves once something came that was not waited for yet.
    pub(super) async fn came(&self) {
        self.came.notified().await;
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subject(letter: &Letter) -> Option<Subject> {
    let Letter::Event { event, .. } = letter else {
        return None;
    };
    match &**event {
        Event::Pod(pod) => Some(Subject::Pod(pod.uid.clone())),
        Event::TaskResult(result) => Some(Subject::TaskResult(result.node_id.clone())),
        Event::Workflow(workflow) => Some(Subject::Workflow(workflow.uid.clone())),
        Event::Library(_) => Some(Subject::Library),
        Event::LocksFree => Some(Subject::Locks),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::workflow::contract::PodView;

    fn pod(uid: &str, phase: &str) -> Letter {
        Letter::Event {
            workflow: "w".into(),
            event: Box::new(Event::Pod(
                PodView {
                    uid: uid.into(),
                    phase: phase.into(),
                    ..PodView::default()
                }
                .into(),
            )),
        }
    }

    #[test]
    fn of_each_object_the_newest_version_is_kept() {
        let mailbox = Mailbox::default();
        for (uid, phase) in [
            ("a", "Pending"),
            ("b", "Pending"),
            ("a", "Running"),
            ("a", "Succeeded"),
        ] {
            mailbox.put(pod(uid, phase));
        }
        let phases = |letters: Vec<Letter>| -> Vec<String> {
            let phase = |letter| match letter {
                Letter::Event { event, .. } => match *event {
                    Event::Pod(pod) => format!("{} {}", pod.uid, pod.phase),
                    other => format!("{other:?}"),
                },
                other @ Letter::Gone(_) => format!("{other:?}"),
            };
            letters.into_iter().map(phase).collect()
        };
        assert_eq!(phases(mailbox.take()), ["a Succeeded", "b Pending"]);
        assert!(mailbox.is_empty());
        mailbox.put(pod("b", "Running"));
        assert_eq!(phases(mailbox.take()), ["b Running"]);
    }
}

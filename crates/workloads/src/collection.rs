//! Garbage collection: an object whose owners are all gone goes too.
//!
//! ```text
//!     Workflow ◄─ownerReferences── Pod        Workflow deleted: the Pod is collected
//!        ▲──────ownerReferences── TaskResult
//! ```
//!
//! Rule: kube-controller-manager's garbage collector (`attemptToDeleteItem`), background deletion: an owner
//! is identified by its uid, not its name; one that may be there is there; references to owners that are
//! gone are dropped while others stay.

use serde::Deserialize;

/// A reference to an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// `apiVersion` of the owner.
    pub api_version: String,
    /// `kind` of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// Identity of the owner.
    pub uid: String,
}

/// Whether an owner is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there, or may be.
    Present,
    /// It is certain that no object of this uid is there.
    Absent,
}

/// What becomes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// All its owners are gone: it is deleted.
    Collect,
    /// Some of its owners are gone: it stays, and its references to these uids are dropped.
    Disown(Vec<String>),
}

/// What becomes of an object with these owners.
pub fn verdict<'a>(owners: impl IntoIterator<Item = (&'a Owner, Presence)>) -> Verdict {
    let (mut present, mut gone) = (0, Vec::new());
    for (owner, presence) in owners {
        match presence {
            Presence::Present => present += 1,
            Presence::Absent => gone.push(owner.uid.clone()),
        }
    }
    match (present, gone.is_empty()) {
        (_, true) => Verdict::Keep,
        (0, false) => Verdict::Collect,
        (_, false) => Verdict::Disown(gone),
    }
}

#[cfg(test)]
mod tests {
    use super::Presence::{Absent, Present};
    use super::*;

    fn check(owners: &[(&str, Presence)], expected: &Verdict) {
        let owners: Vec<_> = owners
            .iter()
            .map(|(uid, presence)| {
                let owner = Owner {
                    uid: (*uid).to_owned(),
                    ..Owner::default()
                };
                (owner, *presence)
            })
            .collect();
        let found = verdict(owners.iter().map(|(owner, presence)| (owner, *presence)));
        assert_eq!(&found, expected);
    }

    #[test]
    fn goes_with_its_last_owner() {
        check(&[], &Verdict::Keep);
        check(&[("a", Present)], &Verdict::Keep);
        check(&[("a", Absent)], &Verdict::Collect);
        check(&[("a", Absent), ("b", Absent)], &Verdict::Collect);
        check(
            &[("a", Absent), ("b", Present)],
            &Verdict::Disown(vec!["a".into()]),
        );
    }
}

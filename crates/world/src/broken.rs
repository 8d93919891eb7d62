//! Parts of the world that break a promise on purpose, to prove that the checkers see it.

use serde::{Deserialize, Serialize};

/// What is broken about the simulated parts. The shipped code knows nothing of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Broken {
    /// Nothing.
    #[default]
    Nothing,
    /// Machines forget what they started when the control plane dies.
    StartsAgain,
    /// Machines say of every process that it went well.
    SaysAllIsWell,
    /// Machines offer twice what they have.
    OffersTooMuch,
    /// Machines never say that a process has ended.
    KeepsSilent,
    /// Answers to patches that let pods go are made up.
    DropsReleases,
    /// The answer to every third status patch of a workflow is made up.
    DropsPatches,
    /// Answers to deletions are made up.
    DropsDeletions,
    /// The disk loses what was synced when the power fails.
    ForgetsSynced,
    /// A program prints something else each time it is asked.
    ChangesItsMind,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::judge;
    use crate::problem::Promise;
    use crate::profile::Profile;
    use crate::script::Script;
    use crate::shrink::shrink;
    use crate::state::Options;

    /// Seeds in which it must be seen.
    const SEEDS: u64 = 60;
    /// Scripts tried at most when one is shrunk.
    const SHRINKS_MAX: u32 = 30;

    fn promises(script: &Script, broken: Broken) -> Vec<Promise> {
        let options = Options {
            broken,
            ..Options::default()
        };
        let (_, problems) = judge(script, options);
        problems.into_iter().map(|problem| problem.promise).collect()
    }

    /// The first script of a profile in which it is seen as this promise broken.
    fn seen(broken: Broken, profile: Profile, promise: Promise) -> Script {
        let scripts = (0..SEEDS).map(|seed| profile.script(seed));
        let seen = |script: &Script| promises(script, broken).first() == Some(&promise);
        let script = scripts.into_iter().find(seen);
        script.unwrap_or_else(|| panic!("{broken:?} is not seen"))
    }

    /// It is seen, and it alone.
    fn check(broken: Broken, profile: Profile, promise: Promise) {
        let script = seen(broken, profile, promise);
        let mended = promises(&script, Broken::Nothing);
        assert_eq!(mended, [], "{broken:?}: only what is broken is seen");
    }

    #[test]
    fn a_script_in_which_it_is_seen_shrinks() {
        let (broken, promise) = (Broken::StartsAgain, Promise::StartsOnce);
        let script = seen(broken, Profile::Crashes, promise);
        let judge = |script: &Script| promises(script, broken);
        let (shrunk, tried) = shrink(&script, SHRINKS_MAX, &judge).unwrap();
        let (before, after) = (script.text().len(), shrunk.text().len());
        assert!(after < before, "{tried} scripts tried, and none is smaller");
        assert!(promises(&shrunk, broken).contains(&promise));
        assert_eq!(promises(&shrunk, Broken::Nothing), []);
    }

    #[test]
    fn machines_that_break_promises_are_seen() {
        check(Broken::StartsAgain, Profile::Crashes, Promise::StartsOnce);
        check(Broken::SaysAllIsWell, Profile::Calm, Promise::Outcomes);
        check(Broken::OffersTooMuch, Profile::Calm, Promise::Limits);
        check(Broken::KeepsSilent, Profile::Calm, Promise::Ends);
        check(Broken::ChangesItsMind, Profile::Watches, Promise::SameEnd);
    }

    #[test]
    fn writes_that_are_dropped_are_seen() {
        check(Broken::DropsReleases, Profile::Calm, Promise::Leaks);
        check(Broken::DropsPatches, Profile::Calm, Promise::Outcomes);
        check(Broken::DropsDeletions, Profile::Calm, Promise::Leaks);
        check(Broken::ForgetsSynced, Profile::Disk, Promise::Durable);
    }
}

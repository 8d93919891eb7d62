//! What an installation on a cluster needs to be allowed: gathered from the rooms that need it.

use cli::{Leases, Right, Rights};
use controller::projections::TASK_RESULTS;
use controller::rules;

/// The rights of the programs of an installation, whose replicas share these Leases.
pub(crate) fn of_installation(leases: Leases<'_>) -> Rights {
    Rights {
        everywhere: told(controller::workflow::rights()),
        at_home: told(controller::lease::rights(leases.controller)),
        steps: told(vec![rules::Right::to(
            &["create", "patch"],
            TASK_RESULTS,
            "report the outputs of the step",
        )]),
        scheduler: told(controller::scheduler::rights()),
        scheduler_at_home: told(controller::lease::rights(leases.scheduler)),
    }
}

fn told(rights: Vec<rules::Right>) -> Vec<Right> {
    let tell = |right: rules::Right| Right {
        rule: right.rule,
        why: right.why,
    };
    rights.into_iter().map(tell).collect()
}

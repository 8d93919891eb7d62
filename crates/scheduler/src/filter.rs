//! Which machines will do for a pod. Rules and their order: kube-scheduler's default filter plugins; the
//! first filter that refuses gives the reasons.

use meta::Quantity;

use crate::machine::Machine;
use crate::pod::Requirements;
use crate::resources::{PODS, Resources};
use crate::why_not::Reason;

/// Why `machine`, of which `used` is taken, will not do; empty if it will.
pub(crate) fn check(requirements: &Requirements, machine: &Machine, used: &Resources) -> Vec<Reason> {
    let marks = [unschedulable, untolerated, affinity];
    for filter in marks {
        if let Some(reason) = filter(requirements, machine) {
            return vec![reason];
        }
    }
    resources(&requirements.requests, &machine.allocatable, used)
}

fn unschedulable(requirements: &Requirements, machine: &Machine) -> Option<Reason> {
    let cordon = crate::machine::Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        value: String::new(),
        effect: crate::machine::Effect::NoSchedule,
    };
    (machine.unschedulable && !requirements.tolerates(&cordon)).then_some(Reason::Unschedulable)
}

fn untolerated(requirements: &Requirements, machine: &Machine) -> Option<Reason> {
    let mut taints = machine.taints.iter().filter(|taint| taint.forbids());
    let taint = taints.find(|taint| !requirements.tolerates(taint))?;
    Some(Reason::UntoleratedTaint {
        key: taint.key.clone(),
        value: taint.value.clone(),
    })
}

/// Whether the machine's labels or name are not those asked for.
pub(crate) fn affinity(requirements: &Requirements, machine: &Machine) -> Option<Reason> {
    let selected = requirements
        .node_selector
        .iter()
        .all(|(key, value)| machine.labels.get(key) == Some(value));
    let term_holds = requirements
        .required
        .as_ref()
        .is_none_or(|terms| terms.iter().any(|term| term.matches(machine)));
    (!selected || !term_holds).then_some(Reason::Affinity)
}

fn resources(requests: &Resources, allocatable: &Resources, used: &Resources) -> Vec<Reason> {
    let lacking = requests.iter().filter(|(name, amount)| {
        *amount > Quantity::ZERO && used.get(name) + *amount > allocatable.get(name)
    });
    lacking
        .map(|(name, _)| {
            if name == PODS {
                Reason::TooManyPods
            } else {
                Reason::Insufficient(name.to_owned())
            }
        })
        .collect()
}

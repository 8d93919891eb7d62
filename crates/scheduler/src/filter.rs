//! Which machines will do for a pod. Rules and their order: kube-scheduler's default filter plugins; the
//! first filter that refuses gives the reasons.

use meta::Quantity;

use crate::company::Company;
use crate::machine::Machine;
use crate::pod::Requirements;
use crate::ports::Ports;
use crate::resources::{PODS, Resources};
use crate::why_not::{Reason, Refusal};

/// What is taken of a machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) resources: Resources,
    pub(crate) ports: Ports,
}

impl Taken {
    /// A pod came.
    pub(crate) fn add(&mut self, requirements: &Requirements) {
        self.resources.add(&requirements.requests);
        self.ports.take(&requirements.ports);
    }

    /// A pod went.
    pub(crate) fn subtract(&mut self, requirements: &Requirements) {
        self.resources.subtract(&requirements.requests);
        self.ports.give_back(&requirements.ports);
    }
}

/// Why `machine`, of which something is taken, will not do; `None` if it will.
pub(crate) fn check(
    requirements: &Requirements,
    machine: &Machine,
    taken: &Taken,
    company: Option<&Company<'_>>,
) -> Option<Refusal> {
    standing(requirements, machine)
        .map(Refusal::from)
        .or_else(|| (!taken.ports.are_free(&requirements.ports)).then(|| Reason::Ports.into()))
        .or_else(|| resources(&requirements.requests, &machine.allocatable, &taken.resources))
        .or_else(|| {
            company
                .and_then(|company| company.refuses(machine))
                .map(Refusal::from)
        })
}

/// Why the machine will not do whatever is taken of it.
pub(crate) fn standing(requirements: &Requirements, machine: &Machine) -> Option<Reason> {
    let marks = [unschedulable, untolerated, affinity];
    marks.iter().find_map(|filter| filter(requirements, machine))
}

/// Whether an administrator keeps the pod away.
pub(crate) fn unschedulable(requirements: &Requirements, machine: &Machine) -> Option<Reason> {
    let cordon = crate::machine::Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        value: String::new(),
        effect: crate::machine::Effect::NoSchedule,
    };
    (machine.unschedulable && !requirements.tolerates(&cordon)).then_some(Reason::Unschedulable)
}

/// Whether the machine has a taint that keeps the pod away.
pub(crate) fn untolerated(requirements: &Requirements, machine: &Machine) -> Option<Reason> {
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

fn resources(requests: &Resources, allocatable: &Resources, used: &Resources) -> Option<Refusal> {
    let lacking = requests.iter().filter(|(name, amount)| {
        *amount > Quantity::ZERO && used.get(name) + *amount > allocatable.get(name)
    });
    let mut refusal = Refusal::default();
    for (name, amount) in lacking {
        if name == PODS {
            refusal.reasons.push(Reason::TooManyPods);
        } else {
            refusal.lasting |= amount > allocatable.get(name);
            refusal.reasons.push(Reason::Insufficient(name.to_owned()));
        }
    }
    (!refusal.reasons.is_empty()).then_some(refusal)
}

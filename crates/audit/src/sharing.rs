//! What sharing would win: GPUs that single pods hold whole and use little, packed by what they use of them.

use std::collections::BTreeMap;

use crate::amount::{Dollars, Gpus};
use crate::usage::Reading;
use crate::view::{PodView, View};

/// A pod may share if it needs no more than this part of its GPU's time and memory.
const LITTLE: f64 = 0.5;
/// How full a shared GPU may become: bursts need room.
const FULL: f64 = 0.8;

/// What sharing would win.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sharing {
    /// GPUs that would become free.
    pub(crate) gpus: Gpus,
    /// What they cost.
    pub(crate) cost: Dollars,
    /// The pods that would share, by number, largest users first.
    pub(crate) pods: Vec<usize>,
}

/// Packs the small users of each model onto as few GPUs as they need, largest first, each onto the first that has room.
pub(crate) fn sharing(view: &View<'_>) -> Sharing {
    let mut by_model: BTreeMap<&str, Vec<(f64, f64, usize)>> = BTreeMap::new();
    for (index, pod) in view.pods.iter().enumerate() {
        if let Some((model, busy, memory)) = small_user(view, pod) {
            by_model.entry(model).or_default().push((busy, memory, index));
        }
    }
    let mut all = Sharing::default();
    for mut users in by_model.into_values() {
        users.sort_by(|a, b| b.0.max(b.1).total_cmp(&a.0.max(a.1)).then(a.2.cmp(&b.2)));
        let freed = users.len() - packed(&users);
        if freed == 0 {
            continue;
        }
        let cost: Dollars = users
            .iter()
            .filter_map(|(_, _, pod)| view.cost(&view.pods[*pod]))
            .sum();
        all.gpus += Gpus::whole(i64::try_from(freed).unwrap_or(0));
        all.cost += Dollars(cost.0 * freed as f64 / users.len() as f64);
        all.pods.extend(users.iter().map(|(_, _, pod)| *pod));
    }
    all
}

/// The model of the one whole GPU that a pod holds and uses little, and how much of its time and memory it uses.
fn small_user<'a>(view: &View<'a>, pod: &PodView<'a>) -> Option<(&'a str, f64, f64)> {
    let machine = &view.machines[pod.machine?];
    let metadata = &pod.pod.metadata;
    let mut readings = view
        .cluster
        .usage
        .as_ref()?
        .of(&metadata.namespace, &metadata.name);
    let (reading, None) = (readings.next()?, readings.next()) else {
        return None;
    };
    // Of a GPU whose memory was not measured nobody knows whether two pods' data fit.
    let (busy, memory) = (reading.busy()?, Reading::memory(reading)?);
    let small = busy >= view.settings.idle_below && busy <= LITTLE && memory <= LITTLE;
    (small && pod.gpus == Gpus::whole(1)).then_some((machine.model, busy, memory))
}

/// How many GPUs these users need.
fn packed(users: &[(f64, f64, usize)]) -> usize {
    let mut gpus: Vec<(f64, f64)> = Vec::new();
    for (busy, memory, _) in users {
        let room = gpus
            .iter_mut()
            .find(|(time, data)| *time + busy <= FULL && *data + memory <= FULL);
        match room {
            Some((time, data)) => {
                *time += busy;
                *data += memory;
            }
            None => gpus.push((*busy, *memory)),
        }
    }
    gpus.len()
}

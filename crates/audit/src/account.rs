//! The accounts: GPUs and their cost by model, pool, team and namespace.

use std::collections::BTreeMap;

use crate::amount::{Dollars, Gpus};
use crate::machine::Machine;
use crate::report::{Account, Holding, MachineRow, Named};
use crate::stranded::stranded;
use crate::view::{PodView, View};

/// Accounts by name, and of everything.
pub(crate) struct Accounts {
    pub(crate) total: Account,
    pub(crate) models: Vec<Named<Account>>,
    pub(crate) pools: Vec<Named<Account>>,
    pub(crate) machines: Vec<MachineRow>,
    pub(crate) teams: Vec<Named<Holding>>,
    pub(crate) namespaces: Vec<Named<Holding>>,
}

/// Draws up all accounts.
pub(crate) fn accounts(view: &View<'_>) -> Accounts {
    let mut total = Account::default();
    let mut machines = Vec::new();
    let (mut models, mut pools) = (BTreeMap::new(), BTreeMap::new());
    for (index, machine) in view
        .machines
        .iter()
        .enumerate()
        .filter(|(_, machine)| machine.has_gpus())
    {
        let account = machine_account(view, index, machine);
        total += &account;
        *models.entry(machine.model).or_default() += &account;
        *pools.entry(machine.pool).or_default() += &account;
        machines.push(machine_row(machine, account));
    }
    machines.sort_by(|a, b| a.pool.cmp(&b.pool));
    let (mut teams, mut namespaces) = (BTreeMap::new(), BTreeMap::new());
    for pod in view.pods.iter().filter(|pod| pod.gpus > Gpus::ZERO) {
        let holding = holding(view, pod);
        if pod.machine.is_none() {
            total.holding += &holding;
        }
        *teams.entry(pod.team).or_default() += &holding;
        *namespaces.entry(pod.pod.metadata.namespace.as_str()).or_default() += &holding;
    }
    Accounts {
        total,
        machines,
        models: named(models, |account: &Account| account.allocatable),
        pools: named(pools, |account: &Account| account.allocatable),
        teams: named(teams, |holding: &Holding| holding.requested),
        namespaces: named(namespaces, |holding: &Holding| holding.requested),
    }
}

/// Rows, the largest first.
fn named<T>(rows: BTreeMap<&str, T>, size: impl Fn(&T) -> Gpus) -> Vec<Named<T>> {
    let mut rows: Vec<Named<T>> = rows
        .into_iter()
        .map(|(name, row)| Named {
            name: name.to_owned(),
            row,
        })
        .collect();
    rows.sort_by_key(|named| std::cmp::Reverse(size(&named.row)));
    rows
}

fn machine_row(machine: &Machine<'_>, account: Account) -> MachineRow {
    MachineRow {
        node: machine.name().to_owned(),
        pool: machine.pool.to_owned(),
        model: machine.model.to_owned(),
        account,
    }
}

fn machine_account(view: &View<'_>, index: usize, machine: &Machine<'_>) -> Account {
    let mut account = Account {
        machines: 1,
        allocatable: machine.gpus(),
        ..Account::default()
    };
    for pod in &machine.pods {
        account.holding += &holding(view, &view.pods[*pod]);
    }
    let free = machine.free(&view.dimensions);
    if machine.in_service {
        account.free = free;
        let stranded = stranded(view, index);
        account.stranded = stranded.expected;
        account.unusable = stranded.unusable;
    } else {
        account.out_of_service = free;
    }
    match machine.cost_of_gpu() {
        None => account.unpriced = account.allocatable,
        Some(each) => {
            account.cost_allocatable = each * account.allocatable;
            account.cost_free = each * account.free;
            account.cost_stranded = each * account.stranded;
        }
    }
    account
}

/// What one pod holds or waits for.
fn holding(view: &View<'_>, pod: &PodView<'_>) -> Holding {
    if pod.pod.node().is_none() {
        return Holding {
            pending: pod.gpus,
            ..Holding::default()
        };
    }
    let each = view.cost(pod).unwrap_or_default();
    let (measured, idle) = idle(view, pod);
    Holding {
        requested: pod.gpus,
        measured,
        idle,
        pending: Gpus::ZERO,
        cost_requested: each,
        cost_idle: Dollars(each.0 * idle.part_of(pod.gpus)),
    }
}

/// How many of the GPUs that a pod holds were measured, and how many of these were idle.
pub(crate) fn idle(view: &View<'_>, pod: &PodView<'_>) -> (Gpus, Gpus) {
    let Some(usage) = &view.cluster.usage else {
        return (Gpus::ZERO, Gpus::ZERO);
    };
    let metadata = &pod.pod.metadata;
    let (mut devices, mut idle) = (0, 0);
    for busy in usage
        .of(&metadata.namespace, &metadata.name)
        .filter_map(|reading| reading.busy())
    {
        devices += 1;
        idle += i64::from(busy < view.settings.idle_below);
    }
    if devices == 0 {
        (Gpus::ZERO, Gpus::ZERO)
    } else {
        (pod.gpus, pod.gpus.of(idle, devices))
    }
}

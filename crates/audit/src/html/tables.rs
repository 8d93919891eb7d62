//! The tables of the page.

use super::element::{self, table};
use crate::amount::money;
use crate::report::{Account, Holding, Named, Report};
use crate::text::{self, monthly, some, waiting};

/// A table of rows; nothing if there are none.
fn rows<T>(headings: &[&str], items: &[T], row: impl Fn(&T) -> Vec<String>) -> String {
    if items.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    table(headings, &rows)
}

/// GPUs of machines.
pub(super) fn accounts(title: &str, named: &[Named<Account>]) -> String {
    let headings = [
        title,
        "Machines",
        "GPUs",
        "Requested",
        "Idle",
        "Free",
        "Stranded",
        "Unusable",
        "Out",
        "A month",
        "Stranded a month",
    ];
    rows(&headings, named, |Named { name, row }| {
        vec![
            name.clone(),
            row.machines.to_string(),
            row.allocatable.to_string(),
            row.holding.requested.to_string(),
            text::idle(&row.holding),
            row.free.to_string(),
            row.stranded.to_string(),
            row.unusable.to_string(),
            row.out_of_service.to_string(),
            money(row.cost_allocatable.monthly()),
            money(row.cost_stranded.monthly()),
        ]
    })
}

/// GPUs in the hands of pods.
pub(super) fn holdings(title: &str, named: &[Named<Holding>]) -> String {
    rows(
        &[
            title,
            "Requested",
            "Idle",
            "Waited for",
            "A month",
            "Idle a month",
        ],
        named,
        |Named { name, row }| {
            vec![
                name.clone(),
                row.requested.to_string(),
                text::idle(row),
                row.pending.to_string(),
                money(row.cost_requested.monthly()),
                money(row.cost_idle.monthly()),
            ]
        },
    )
}

/// Sizes.
pub(super) fn sizes(report: &Report) -> String {
    rows(
        &["Size", "Pods", "Waiting", "Room for", "Free but unusable"],
        &report.sizes,
        |size| {
            vec![
                size.size.clone(),
                size.pods.to_string(),
                size.pending.to_string(),
                size.room_for.to_string(),
                size.unusable.to_string(),
            ]
        },
    )
}

/// Wins.
pub(super) fn wins(report: &Report) -> String {
    rows(
        &["What", "GPUs", "Machines", "Moves", "Saves a month"],
        &report.wins,
        |win| {
            vec![
                win.what.clone(),
                some(&win.gpus),
                some(&win.machines),
                some(&win.moves),
                monthly(win.saves),
            ]
        },
    )
}

/// Waiting pods, those with the same reason together.
pub(super) fn waiting(report: &Report) -> String {
    let groups = waiting::groups(&report.pending);
    rows(
        &["Pods", ":Why not", ":What would let them run"],
        &groups,
        |group| {
            let why_not: Vec<String> = group.first.why_not.iter().map(waiting::reason).collect();
            let would_run: Vec<String> = group.first.would_run.iter().map(waiting::way_out).collect();
            vec![waiting::title(group), why_not.join("; "), would_run.join("; or ")]
        },
    )
}

/// Idle pods.
pub(super) fn idle(report: &Report) -> String {
    rows(
        &["Pod", ":Team", ":Node", "Requested", "Idle", "A month"],
        &report.findings.idle,
        |at| {
            vec![
                at.pod.clone(),
                at.team.clone(),
                at.node.clone(),
                at.requested.to_string(),
                at.idle.to_string(),
                monthly(at.cost),
            ]
        },
    )
}

/// Machines that one small pod keeps up.
pub(super) fn kept_up(report: &Report) -> String {
    let headings = [
        "Node",
        ":Pool",
        "GPUs",
        ":Pod",
        "Takes",
        ":Would fit on",
        "A month",
    ];
    rows(&headings, &report.findings.kept_up, |at| {
        let takes = format!("{:.0} %", at.takes * 100.0);
        let fits_on = at.fits_on.clone().unwrap_or_default();
        vec![
            at.node.clone(),
            at.pool.clone(),
            at.gpus.to_string(),
            at.pod.clone(),
            takes,
            fits_on,
            monthly(at.cost),
        ]
    })
}

/// Pods without GPUs on GPU machines.
pub(super) fn cpu_pods(report: &Report) -> String {
    rows(
        &["Node", ":Pool", ":Pods", "Cores", "GPUs they strand"],
        &report.findings.cpu_pods,
        |at| {
            vec![
                at.node.clone(),
                at.pool.clone(),
                at.pods.join(", "),
                at.cores.to_string(),
                at.strand.to_string(),
            ]
        },
    )
}

/// GPU machines without a taint.
pub(super) fn untainted(report: &Report) -> String {
    let why = "Nothing keeps pods without GPUs off these machines.";
    let table = rows(&["Node", ":Pool", "GPUs"], &report.findings.untainted, |at| {
        vec![at.node.clone(), at.pool.clone(), at.gpus.to_string()]
    });
    if table.is_empty() {
        table
    } else {
        format!("{}{table}", element::text("p", why))
    }
}

/// Training at the full price.
pub(super) fn on_demand(report: &Report) -> String {
    let headings = [
        "Pod",
        ":Owner",
        ":Node",
        ":Pool",
        "GPUs",
        "A month",
        "Spot saves a month",
    ];
    rows(&headings, &report.findings.on_demand, |at| {
        vec![
            at.pod.clone(),
            at.owner.clone(),
            at.node.clone(),
            at.pool.clone(),
            at.gpus.to_string(),
            monthly(at.cost),
            monthly(at.saving),
        ]
    })
}

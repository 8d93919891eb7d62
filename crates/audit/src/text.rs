//! The report for a terminal: plain text, numbers to the right, long lists cut.

mod columns;
pub(crate) mod waiting;

use self::columns::Columns;
use crate::amount::{Gpus, money};
use crate::pending::plural;
use crate::report::{Account, Findings, Holding, Named, Report};

/// Rows of a list that are shown; `-o json` and the page have all.
pub(crate) const ROWS: usize = 8;

/// The report as text.
pub fn text(report: &Report) -> String {
    let sections = [
        heading(report),
        accounts("MODEL", &report.models),
        accounts("POOL", &report.pools),
        holdings("TEAM", &report.teams),
        holdings("NAMESPACE", &report.namespaces),
        sizes(report),
        findings(&report.findings),
        waiting::waiting(&report.pending),
        wins(report),
        report
            .notes
            .iter()
            .map(|note| format!("note: {note}\n"))
            .collect(),
    ];
    let sections: Vec<String> = sections
        .into_iter()
        .filter(|section| !section.is_empty())
        .collect();
    sections.join("\n")
}

fn heading(report: &Report) -> String {
    let (summary, total) = (&report.cluster, &report.total);
    let mut text = format!(
        "{}, {} with GPUs; {}, {} waiting; looked at {}\n\n",
        plural(summary.machines, "machine"),
        summary.gpu_machines,
        plural(summary.pods, "pod"),
        summary.pending,
        meta::time::seconds(report.at)
    );
    if total.allocatable == Gpus::ZERO {
        text.push_str("No machine has GPUs.\n");
        return text;
    }
    let mut columns = Columns::new(["GPUS", "", "PART", "A MONTH"]);
    for (name, gpus, dollars) in totals(report) {
        let part = format!("{:.1} %", gpus.part_of(total.allocatable) * 100.0);
        columns.row([name.to_owned(), gpus.to_string(), part, monthly(dollars)]);
    }
    text.push_str(&columns.render());
    text
}

/// The amounts of all GPUs, by what they are: name, amount, dollars an hour.
pub(crate) fn totals(report: &Report) -> Vec<(&'static str, Gpus, Option<crate::Dollars>)> {
    let total = &report.total;
    let mut rows = vec![
        ("allocatable", total.allocatable, Some(total.cost_allocatable)),
        (
            "requested",
            total.holding.requested,
            Some(total.holding.cost_requested),
        ),
    ];
    if report.cluster.usage.is_some() {
        rows.push((
            "  idle while held",
            total.holding.idle,
            Some(total.holding.cost_idle),
        ));
    }
    rows.extend([
        ("free", total.free, Some(total.cost_free)),
        ("  stranded", total.stranded, Some(total.cost_stranded)),
        ("  unusable", total.unusable, None),
        ("out of service", total.out_of_service, None),
        ("waited for", total.holding.pending, None),
    ]);
    rows
}

fn accounts(title: &str, rows: &[Named<Account>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let headings = [
        title,
        "MACHINES",
        "GPUS",
        "REQUESTED",
        "IDLE",
        "FREE",
        "STRANDED",
        "OUT",
        "A MONTH",
        "WASTED",
    ];
    let mut columns = Columns::new(headings);
    for Named { name, row } in rows {
        let wasted = row.holding.cost_idle + row.cost_stranded;
        columns.row([
            name.clone(),
            row.machines.to_string(),
            row.allocatable.to_string(),
            row.holding.requested.to_string(),
            idle(&row.holding),
            row.free.to_string(),
            row.stranded.to_string(),
            row.out_of_service.to_string(),
            money(row.cost_allocatable.monthly()),
            money(wasted.monthly()),
        ]);
    }
    columns.render()
}

fn holdings(title: &str, rows: &[Named<Holding>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new([
        title,
        "REQUESTED",
        "IDLE",
        "WAITED FOR",
        "A MONTH",
        "IDLE A MONTH",
    ]);
    for Named { name, row } in rows.iter().take(ROWS * 2) {
        columns.row([
            name.clone(),
            row.requested.to_string(),
            idle(row),
            row.pending.to_string(),
            money(row.cost_requested.monthly()),
            idle_cost(row),
        ]);
    }
    format!("{}{}", columns.render(), more(rows.len(), ROWS * 2))
}

/// How many GPUs are idle; `?` where nothing measured them.
pub(crate) fn idle(holding: &Holding) -> String {
    measured(holding, holding.idle.to_string())
}

/// What the idle GPUs cost; `?` where nothing measured them.
fn idle_cost(holding: &Holding) -> String {
    measured(holding, money(holding.cost_idle.monthly()))
}

fn measured(holding: &Holding, figure: String) -> String {
    if holding.is_measured() {
        figure
    } else {
        "?".to_owned()
    }
}

/// What an amount costs a month; nothing where that is not known.
pub(crate) fn monthly(cost: Option<crate::Dollars>) -> String {
    cost.map_or(String::new(), |cost| money(cost.monthly()))
}

/// An amount; nothing of nothing.
pub(crate) fn some<T: Default + PartialEq + ToString>(amount: &T) -> String {
    if *amount == T::default() {
        String::new()
    } else {
        amount.to_string()
    }
}

/// A line on what is not shown.
fn more(all: usize, shown: usize) -> String {
    if all > shown {
        format!("… {} more\n", all - shown)
    } else {
        String::new()
    }
}

fn sizes(report: &Report) -> String {
    if report.sizes.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new(["SIZE", "PODS", "WAITING", "ROOM FOR", "FREE BUT UNUSABLE"]);
    for size in report.sizes.iter().take(ROWS) {
        columns.row([
            size.size.clone(),
            size.pods.to_string(),
            size.pending.to_string(),
            size.room_for.to_string(),
            size.unusable.to_string(),
        ]);
    }
    format!("{}{}", columns.render(), more(report.sizes.len(), ROWS))
}

fn findings(findings: &Findings) -> String {
    let Findings {
        idle,
        kept_up,
        cpu_pods,
        untainted,
        on_demand,
    } = findings;
    let a_month = |cost: Option<crate::Dollars>| {
        cost.map_or(String::new(), |cost| {
            format!(", {} a month", money(cost.monthly()))
        })
    };
    let lists = [
        list("Idle while held", idle, |at| {
            format!(
                "{} on {}: {} of {} GPUs{}",
                at.pod,
                at.node,
                at.idle,
                at.requested,
                a_month(at.cost)
            )
        }),
        list("Machines that one small pod keeps up", kept_up, |at| {
            let fits = at
                .fits_on
                .as_ref()
                .map_or(String::new(), |on| format!(", would fit on {on}"));
            let takes = at.takes * 100.0;
            format!(
                "{} ({} GPUs){}: {} takes {takes:.0} %{fits}",
                at.node,
                at.gpus,
                a_month(at.cost),
                at.pod
            )
        }),
        list("Pods without GPUs on GPU machines", cpu_pods, |at| {
            let strand = if at.strand > Gpus::ZERO {
                format!(", strand {} GPUs", at.strand)
            } else {
                String::new()
            };
            format!(
                "{}: {}, {} cores{strand}",
                at.node,
                plural(at.pods.len(), "pod"),
                at.cores
            )
        }),
        list("GPU machines without a taint", untainted, |at| {
            format!("{} of pool {}: {} GPUs", at.node, at.pool, at.gpus)
        }),
        list("Training and other work that ends, on demand", on_demand, |at| {
            let saving = at.saving.map_or(String::new(), |saving| {
                format!(", spot saves {}", money(saving.monthly()))
            });
            format!(
                "{} of {}: {} GPUs{}{saving}",
                at.pod,
                at.owner,
                at.gpus,
                a_month(at.cost)
            )
        }),
    ];
    lists.concat()
}

/// A list under its title, cut where it is long; nothing if it is empty.
fn list<T>(title: &str, items: &[T], line: impl Fn(&T) -> String) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut text = format!("{title}: {}\n", items.len());
    for item in items.iter().take(ROWS) {
        text.push_str(&format!("  {}\n", line(item)));
    }
    if items.len() > ROWS {
        text.push_str(&format!("  … {} more\n", items.len() - ROWS));
    }
    text
}

fn wins(report: &Report) -> String {
    if report.wins.is_empty() {
        return String::new();
    }
    let mut columns = Columns::new(["WHAT COULD BE WON", "GPUS", "MACHINES", "MOVES", "SAVES A MONTH"]);
    for win in &report.wins {
        columns.row([
            win.what.clone(),
            some(&win.gpus),
            some(&win.machines),
            some(&win.moves),
            monthly(win.saves),
        ]);
    }
    columns.render()
}

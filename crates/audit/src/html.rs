//! The report as one page: no scripts, nothing from elsewhere, light or dark as the reader has it, fit to print.
//!
//! The page is well-formed XML as well as HTML, so that any tool can read it.

mod element;
mod plot;
mod tables;

use self::element::{element, escape, list, text};
use crate::amount::{Dollars, Gpus, money};
use crate::report::Report;
use crate::text::totals;

/// How the page looks.
const STYLE: &str = include_str!("html/style.css");

/// The report as a page.
pub fn page(report: &Report) -> String {
    let sections = [
        heading(report),
        section("Where the GPUs are", &overview(report)),
        section("What could be won", &wins(report)),
        section("Waiting pods", &tables::waiting(report)),
        section("Sizes that are asked for", &tables::sizes(report)),
        section("By model", &tables::accounts("Model", &report.models)),
        section("By pool", &tables::accounts("Pool", &report.pools)),
        section("By team", &tables::holdings("Team", &report.teams)),
        section("By namespace", &tables::holdings("Namespace", &report.namespaces)),
        section("Idle while held", &tables::idle(report)),
        section("Machines that one small pod keeps up", &tables::kept_up(report)),
        section("Pods without GPUs on GPU machines", &tables::cpu_pods(report)),
        section("GPU machines without a taint", &tables::untainted(report)),
        section(
            "Training and other work that ends, on demand",
            &tables::on_demand(report),
        ),
        section("What could not be seen", &list(&report.notes)),
    ];
    let head = format!(
        "<meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width\"/><title>GPU audit</title><style>{STYLE}</style>"
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head>{head}</head><body>\n{}</body></html>\n",
        sections.concat()
    )
}

/// A section under its title; nothing if it has no content.
fn section(title: &str, content: &str) -> String {
    if content.is_empty() {
        String::new()
    } else {
        format!("<section><h2>{}</h2>{content}</section>\n", escape(title))
    }
}

fn heading(report: &Report) -> String {
    let summary = &report.cluster;
    let measured = summary
        .usage
        .as_ref()
        .map_or(String::new(), |usage| format!(" Use of GPUs: {usage}."));
    let line = format!(
        "{} machines, {} with GPUs; {} pods, {} waiting. Looked at {}.{measured} A month has 730 hours.",
        summary.machines,
        summary.gpu_machines,
        summary.pods,
        summary.pending,
        meta::time::seconds(report.at)
    );
    let figures: String = totals(report)
        .into_iter()
        .map(|(name, gpus, cost)| figure(report, name.trim(), gpus, cost))
        .collect();
    format!(
        "<header><h1>GPU audit</h1>{}</header>{}\n",
        element("p", &[("class", "quiet")], &escape(&line)),
        element("dl", &[("class", "figures")], &figures)
    )
}

fn figure(report: &Report, name: &str, gpus: Gpus, cost: Option<Dollars>) -> String {
    let part = format!("{:.1} %", gpus.part_of(report.total.allocatable) * 100.0);
    let small = cost.map_or(part.clone(), |cost| {
        format!("{part}, {} a month", money(cost.monthly()))
    });
    let value = format!("{gpus}{}", text("small", &small));
    format!("<div>{}{}</div>", text("dt", name), element("dd", &[], &value))
}

fn overview(report: &Report) -> String {
    if report.machines.is_empty() {
        return String::new();
    }
    let named = |rows: &'_ [crate::report::Named<crate::report::Account>]| {
        plot::accounts(rows.iter().map(|named| (named.name.as_str(), &named.row)))
    };
    let figures = [
        (
            "All GPUs, and by model",
            format!(
                "{}{}",
                plot::accounts([("all", &report.total)].into_iter()),
                named(&report.models)
            ),
        ),
        ("By pool", named(&report.pools)),
        (
            "Each GPU machine a square, by pool; what is held fills it from below",
            plot::map(&report.machines),
        ),
    ];
    let figures: String = figures
        .into_iter()
        .map(|(caption, plot)| element("figure", &[], &format!("{}{plot}", text("figcaption", caption))))
        .collect();
    format!("{}{figures}", plot::legend())
}

fn wins(report: &Report) -> String {
    if report.wins.is_empty() {
        return String::new();
    }
    let steps: String = report
        .wins
        .iter()
        .map(|win| {
            format!(
                "<p>{}</p>{}",
                escape(&format!("To {}, begin with:", win.what)),
                list(&win.steps)
            )
        })
        .collect();
    let plot = element(
        "figure",
        &[],
        &format!(
            "{}{}",
            text("figcaption", "Dollars a month"),
            plot::wins(&report.wins)
        ),
    );
    format!("{plot}{}{steps}", tables::wins(report))
}

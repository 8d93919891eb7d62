//! Plots as SVG. Every mark has a title that says its numbers, and what colours mean is written beside them.

use super::element::{element, escape};
use crate::amount::{Gpus, money};
use crate::report::{Account, MachineRow, Win};

/// The width of a plot, in its own units.
const WIDTH: f64 = 720.0;
/// Where bars begin, and how long the longest is.
const BAR: (f64, f64) = (170.0, 450.0);
/// The height of a bar and its gap.
const ROW: f64 = 24.0;
/// The side of a machine's square, and of its place.
const CELL: (f64, f64) = (12.0, 14.0);
/// Squares in a row.
const ACROSS: usize = 50;
/// Characters of a label that have room.
const LABEL: usize = 24;
/// The most machines that are drawn.
const MACHINES: usize = 3000;

/// What GPUs are, in the order in which they are drawn: class and words.
const PARTS: [(&str, &str); 5] = [
    ("busy", "held"),
    ("idle", "held and idle"),
    ("free", "free"),
    ("stranded", "free but stranded"),
    ("out", "out of service"),
];

/// The GPUs of an account by what they are, as [`PARTS`] has it.
fn parts(account: &Account) -> [Gpus; 5] {
    let Account {
        holding,
        free,
        stranded,
        out_of_service,
        ..
    } = account;
    [
        (holding.requested - holding.idle).or_none(),
        holding.idle,
        (*free - *stranded).or_none(),
        *stranded,
        *out_of_service,
    ]
}

/// What the colours mean.
pub(super) fn legend() -> String {
    let item = |(class, words): &(&str, &str)| {
        let square = element("rect", &[("class", class), ("width", "12"), ("height", "12")], "");
        let icon = element(
            "svg",
            &[("viewBox", "0 0 12 12"), ("aria-hidden", "true")],
            &square,
        );
        element("li", &[], &format!("{icon}{}", escape(words)))
    };
    element(
        "ul",
        &[("class", "legend")],
        &PARTS.iter().map(item).collect::<String>(),
    )
}

/// A bar for each account, by what its GPUs are; all to one scale.
pub(super) fn accounts<'a>(rows: impl Iterator<Item = (&'a str, &'a Account)>) -> String {
    let rows: Vec<(&str, &Account)> = rows.collect();
    let size = |account: &Account| parts(account).into_iter().sum::<Gpus>().as_f64();
    let most = rows
        .iter()
        .map(|(_, account)| size(account))
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut content = String::new();
    for (index, (name, account)) in rows.iter().enumerate() {
        let y = index as f64 * ROW;
        content.push_str(&label(name, y));
        let mut x = BAR.0;
        for ((class, words), gpus) in PARTS.iter().zip(parts(account)) {
            let width = gpus.as_f64() / most * BAR.1;
            if width > 0.0 {
                content.push_str(&bar(
                    class,
                    (x, y, width),
                    &format!("{name}: {gpus} GPUs {words}"),
                ));
            }
            x += width;
        }
        content.push_str(&value(x, y, &format!("{} GPUs", account.allocatable)));
    }
    svg(rows.len() as f64 * ROW, &content)
}

/// A bar for each win that saves money.
pub(super) fn wins(wins: &[Win]) -> String {
    let saving: Vec<(&Win, f64)> = wins
        .iter()
        .filter_map(|win| Some((win, win.saves?.monthly())))
        .collect();
    let most = saving
        .iter()
        .map(|(_, dollars)| *dollars)
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut content = String::new();
    for (index, (win, dollars)) in saving.iter().enumerate() {
        let (y, width) = (index as f64 * ROW, dollars / most * BAR.1);
        content.push_str(&label(&format!("{:?}", win.kind).to_lowercase(), y));
        content.push_str(&bar("win", (BAR.0, y, width.max(1.0)), &win.what));
        content.push_str(&value(BAR.0 + width, y, &money(*dollars)));
    }
    svg(saving.len() as f64 * ROW, &content)
}

/// A square for each machine, filled by what its GPUs are; pools in rows of their own.
pub(super) fn map(machines: &[MachineRow]) -> String {
    let shown = &machines[..machines.len().min(MACHINES)];
    let mut content = String::new();
    let mut y = 0.0;
    for pool in shown.chunk_by(|a, b| a.pool == b.pool) {
        let name = pool.first().map_or("", |machine| machine.pool.as_str());
        content.push_str(&label(&format!("{name} ({})", pool.len()), y - 4.0));
        for (index, machine) in pool.iter().enumerate() {
            let (column, row) = (index % (ACROSS - 10), index / (ACROSS - 10));
            content.push_str(&square(
                machine,
                BAR.0 + column as f64 * CELL.1,
                y + row as f64 * CELL.1,
            ));
        }
        y += pool.len().div_ceil(ACROSS - 10) as f64 * CELL.1 + 6.0;
    }
    svg(y, &content)
}

/// A machine: its parts on top of each other, what is held at the bottom.
fn square(machine: &MachineRow, x: f64, y: f64) -> String {
    let all: Gpus = parts(&machine.account).into_iter().sum();
    let mut bottom = y + CELL.0;
    let mut content = String::new();
    let mut words = format!(
        "{}, {} × {}",
        machine.node, machine.account.allocatable, machine.model
    );
    for ((class, what), gpus) in PARTS
        .iter()
        .zip(parts(&machine.account))
        .filter(|(_, gpus)| *gpus > Gpus::ZERO)
    {
        let height = gpus.part_of(all) * CELL.0;
        bottom -= height;
        content.push_str(&rect(class, (x, bottom, CELL.0, height), ""));
        words.push_str(&format!("; {gpus} {what}"));
    }
    element("g", &[], &format!("<title>{}</title>{content}", escape(&words)))
}

fn svg(height: f64, content: &str) -> String {
    let view = format!("0 0 {WIDTH} {}", number(height.max(1.0)));
    element("svg", &[("viewBox", &view), ("role", "img")], content)
}

fn bar(class: &str, (x, y, width): (f64, f64, f64), title: &str) -> String {
    rect(
        class,
        (x, y + 4.0, width, ROW - 8.0),
        &format!("<title>{}</title>", escape(title)),
    )
}

fn rect(class: &str, (x, y, width, height): (f64, f64, f64, f64), content: &str) -> String {
    let place = [number(x), number(y), number(width), number(height)];
    let attributes = [
        ("class", class),
        ("x", &place[0]),
        ("y", &place[1]),
        ("width", &place[2]),
        ("height", &place[3]),
    ];
    element("rect", &attributes, content)
}

/// A bar's name; a long one is cut, and whole in its title.
fn label(name: &str, y: f64) -> String {
    let short: String = name.chars().take(LABEL).collect();
    let cut = if name.chars().count() > LABEL { "…" } else { "" };
    let content = format!("{}{cut}<title>{}</title>", escape(&short), escape(name));
    let (x, y) = (number(BAR.0 - 8.0), number(y + ROW / 2.0 + 4.0));
    element("text", &[("x", &x), ("y", &y), ("text-anchor", "end")], &content)
}

fn value(x: f64, y: f64, text: &str) -> String {
    let place = (number(x + 6.0), number(y + ROW / 2.0 + 4.0));
    element(
        "text",
        &[("class", "quiet"), ("x", &place.0), ("y", &place.1)],
        &escape(text),
    )
}

/// A number to a hundredth.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

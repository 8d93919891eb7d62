//! A workflow as lines of text: a pure function of its forest, the time, and the room there is.
//!
//! ```text
//! digits-x7k2p  Running  12.3s  9/17
//! ├─ ✔ etl                     0.4s
//! ├─ ● train  9 ✔ 2 ● 1 ✖      4.2s
//! │  ├─ ✖ train(3:rate:0.2)    1.2s  Failed: exit code 1
//! │  │    │ ValueError: rate is too high
//! │  └─ ● train(7:rate:0.1)    0.8s
//! └─ ◷ select
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::fold::{self, Row, Shows};
use super::forest::{Forest, Item, Role};
use super::phase::Phase;
use crate::age;
use crate::ui::style::{self, paint};

/// Everything the picture of one workflow is made of.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its phase.
    pub phase: Phase,
    /// Its message.
    pub message: &'a str,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Its nodes.
    pub forest: &'a Forest,
    /// The last lines that failed nodes logged, by node id.
    pub tails: &'a BTreeMap<String, Vec<String>>,
}

/// The room there is, in cells.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// The most lines of a failed node's log in a picture.
const TAIL: usize = 5;
/// The widest that the column of names becomes.
const NAMES: usize = 72;

/// The lines of the picture, styled, none wider and not more than `room`.
#[must_use]
pub fn render(picture: &Picture<'_>, now: Timestamp, room: Room) -> Vec<String> {
    let rows = fold::rows(picture.forest, room.height.saturating_sub(1));
    let mut spare = room.height.saturating_sub(rows.len() + 1);
    let label = (room.width * 3 / 4).clamp(12, NAMES) - 8;
    let cells: Vec<(String, Cell)> = rows
        .iter()
        .map(|row| (guides(&row.guides), cell(picture, row, now, label)))
        .collect();
    let names = cells
        .iter()
        .map(|(guides, cell)| width(guides) + width(&cell.name))
        .max()
        .unwrap_or(0);
    let names = names.min(NAMES).min(room.width.saturating_sub(16));
    let mut lines = vec![header(picture, now, room.width)];
    for (row, (guides, cell)) in rows.iter().zip(&cells) {
        lines.push(line(guides, cell, names, room.width));
        for text in tail(picture, row, &mut spare) {
            lines.push(clip(
                &format!("{}{} {text}", continued(&row.guides), paint(style::DIM, "│")),
                room.width,
            ));
        }
    }
    lines
}

fn header(picture: &Picture<'_>, now: Timestamp, room: usize) -> String {
    let counts = picture.forest.counts();
    let done = counts.total() - counts.of(Phase::Running) - counts.of(Phase::Pending);
    let phase = paint(picture.phase.style(), picture.phase.name());
    let mut text = format!("{}  {phase}", paint(style::BOLD, picture.name));
    if let Some(spent) = spent(picture.started, picture.finished, picture.phase, now) {
        text.push_str(&format!("  {spent}"));
    }
    if counts.total() > 0 {
        text.push_str(&format!("  {done}/{}", counts.total()));
    }
    if !picture.message.is_empty() {
        text.push_str(&format!("  {}", one_line(picture.message)));
    }
    clip(&text, room)
}

/// The parts of a row.
struct Cell {
    name: String,
    time: String,
    message: String,
}

fn cell(picture: &Picture<'_>, row: &Row, now: Timestamp, label: usize) -> Cell {
    match &row.shows {
        Shows::Item { at, folded } => item(&picture.forest.items[*at], *folded, now, picture.forest, label),
        Shows::Rest { counts } => Cell {
            name: format!("… {} more  {}", counts.total(), counts.show()),
            time: String::new(),
            message: String::new(),
        },
    }
}

fn item(item: &Item, folded: bool, now: Timestamp, forest: &Forest, label: usize) -> Cell {
    let glyph = paint(item.phase.style(), item.phase.glyph());
    let detail = match item.role {
        Role::FanOut => format!("  {}", item.counts.show()),
        Role::Group if folded => format!("  {}", item.counts.show()),
        Role::Retry if item.children.len() > 1 => format!("  attempt {}", item.children.len()),
        _ => String::new(),
    };
    let label = shorten(&one_line(&item.label), label);
    Cell {
        name: format!("{glyph} {label}{detail}"),
        time: spent(item.started, item.finished, item.phase, now).unwrap_or_default(),
        message: message(item, forest),
    }
}

/// Why, with the phase's name where the glyph alone might be passed over.
fn message(item: &Item, forest: &Forest) -> String {
    let last_attempt = || item.children.last().map(|at| forest.items[*at].message.as_str());
    let why = match item.role {
        Role::Retry if item.message.is_empty() => last_attempt().unwrap_or_default(),
        // What is below says it better.
        Role::Group | Role::FanOut if item.phase.is_bad() && !item.children.is_empty() => "",
        _ => &item.message,
    };
    let why = one_line(why);
    match (item.phase, why.is_empty()) {
        (Phase::Failed | Phase::Error | Phase::Skipped | Phase::Omitted, true) => {
            item.phase.name().to_owned()
        }
        (Phase::Failed | Phase::Error | Phase::Skipped | Phase::Omitted, false) => {
            // Argo's messages often begin with the phase already.
            let begins = why.to_lowercase().starts_with(&item.phase.name().to_lowercase());
            if begins {
                why
            } else {
                format!("{}: {why}", item.phase.name())
            }
        }
        _ => why,
    }
}

/// How long it took, or has taken until now.
fn spent(
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    phase: Phase,
    now: Timestamp,
) -> Option<String> {
    if matches!(phase, Phase::Skipped | Phase::Omitted) {
        return None;
    }
    let end = finished.or((!phase.is_done()).then_some(now))?;
    Some(age::precise(end.duration_since(started?)))
}

fn line(guides: &str, cell: &Cell, names: usize, room: usize) -> String {
    let used = width(guides) + width(&cell.name);
    let gap = " ".repeat(names.saturating_sub(used));
    let text = format!(
        "{}{}{gap}  {:>7}  {}",
        paint(style::DIM, guides),
        cell.name,
        cell.time,
        cell.message
    );
    clip(text.trim_end(), room)
}

/// `│  ├─ ` for a row with a sibling below it, whose parent has one too.
pub fn guides(levels: &[bool]) -> String {
    let Some((last, above)) = levels.split_last() else {
        return String::new();
    };
    let mut text: String = above
        .iter()
        .map(|follows| if *follows { "│  " } else { "   " })
        .collect();
    text.push_str(if *last { "├─ " } else { "└─ " });
    text
}

/// What stands left of lines that belong to the row above them.
fn continued(levels: &[bool]) -> String {
    let text: String = levels
        .iter()
        .map(|follows| if *follows { "│  " } else { "   " })
        .collect();
    paint(style::DIM, format!("{text}  "))
}

/// The last lines of a failed row's log, as many as there is room for.
fn tail(picture: &Picture<'_>, row: &Row, spare: &mut usize) -> Vec<String> {
    let Shows::Item { at, .. } = row.shows else {
        return Vec::new();
    };
    let item = &picture.forest.items[at];
    // The log of a retried step is that of its last attempt.
    let owner = match (item.role, item.children.last()) {
        (Role::Leaf, _) => item,
        (Role::Retry, Some(last)) => &picture.forest.items[*last],
        _ => return Vec::new(),
    };
    let lines = picture
        .tails
        .get(&owner.id)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let shown = &lines[lines.len().saturating_sub(TAIL.min(*spare))..];
    *spare -= shown.len();
    shown.iter().map(|line| one_line(line)).collect()
}

/// The text without line breaks, tabs or other control characters, which would spoil the picture.
fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The text cut in its middle to at most `limit` characters: both ends of an expanded item's name matter.
fn shorten(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let head: String = text.chars().take(limit * 2 / 3).collect();
    let tail: String = text.chars().skip(length - (limit - limit * 2 / 3 - 1)).collect();
    format!("{head}…{tail}")
}

/// Cells that `text` takes without its escape codes, one a character.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// The text cut to `room` cells, its escape codes kept.
fn clip(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut out = String::new();
    let (mut cells, mut escape) = (0, false);
    for c in text.chars() {
        escape |= c == '\x1b';
        if escape {
            escape = c != 'm';
            out.push(c);
        } else if cells + 1 < room {
            out.push(c);
            cells += 1;
        } else if cells < room {
            out.push('…');
            cells = room;
        }
    }
    out
}

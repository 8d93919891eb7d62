//! The few styles used, by what they mean.

use anstyle::{AnsiColor, Style};

/// An error's label; a failed node.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// A warning's label.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// A hint's label; a path.
pub const HINT: Style = AnsiColor::Cyan.on_default();
/// Something that went well.
pub const SUCCESS: Style = AnsiColor::Green.on_default();
/// Something under way.
pub const RUNNING: Style = AnsiColor::Blue.on_default();
/// A heading.
pub const BOLD: Style = Style::new().bold();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();

/// `text` in `style`.
#[must_use]
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A colour that stays with a name, to tell the lines of several pods apart.
#[must_use]
pub fn named(name: &str) -> Style {
    const COLORS: [AnsiColor; 6] = [
        AnsiColor::Red,
        AnsiColor::Green,
        AnsiColor::Yellow,
        AnsiColor::Blue,
        AnsiColor::Magenta,
        AnsiColor::Cyan,
    ];
    COLORS[meta::hash::fnv1a_32(name.as_bytes()) as usize % COLORS.len()].on_default()
}

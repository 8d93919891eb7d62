//! The phases of nodes and workflows, and how each looks with and without colour.

use anstyle::Style;

use crate::ui::style;

/// A phase of a node or of a workflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It has not started.
    #[default]
    Pending,
    /// It is under way.
    Running,
    /// It ended well.
    Succeeded,
    /// It was not needed.
    Skipped,
    /// It was left out because of what came before.
    Omitted,
    /// Its program failed.
    Failed,
    /// It could not be run.
    Error,
}

/// Every phase, in the order in which counts are shown.
pub const ALL: [Phase; 7] = [
    Phase::Succeeded,
    Phase::Running,
    Phase::Failed,
    Phase::Error,
    Phase::Skipped,
    Phase::Omitted,
    Phase::Pending,
];

impl Phase {
    /// The phase of that name; what is not known has not started.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Skipped" => Self::Skipped,
            "Omitted" => Self::Omitted,
            "Failed" => Self::Failed,
            "Error" => Self::Error,
            _ => Self::Pending,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Skipped => "Skipped",
            Self::Omitted => "Omitted",
            Self::Failed => "Failed",
            Self::Error => "Error",
        }
    }

    /// One character that tells it from the others without colour. Those that Argo's command line has are the same.
    #[must_use]
    pub fn glyph(self) -> char {
        match self {
            Self::Pending => '◷',
            Self::Running => '●',
            Self::Succeeded => '✔',
            Self::Skipped | Self::Omitted => '○',
            Self::Failed => '✖',
            Self::Error => '⚠',
        }
    }

    /// Its colour.
    #[must_use]
    pub fn style(self) -> Style {
        match self {
            Self::Pending => style::WARNING,
            Self::Running => style::RUNNING,
            Self::Succeeded => style::SUCCESS,
            Self::Skipped | Self::Omitted => style::DIM,
            Self::Failed | Self::Error => style::ERROR,
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_done(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// Whether it ended badly.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }
}

/// How many nodes are in each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u32; 7]);

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, phase: Phase) {
        self.0[phase as usize] += 1;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// What is left when `other` is taken away.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = *self;
        for (mine, theirs) in left.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_sub(theirs);
        }
        left
    }

    /// How many are in `phase`.
    #[must_use]
    pub fn of(&self, phase: Phase) -> u32 {
        self.0[phase as usize]
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// As shown: `9 ✔ 2 ● 1 ✖`.
    #[must_use]
    pub fn show(&self) -> String {
        let part = |phase: Phase| {
            let count = self.of(phase);
            (count > 0).then(|| format!("{count} {}", style::paint(phase.style(), phase.glyph())))
        };
        ALL.into_iter().filter_map(part).collect::<Vec<_>>().join(" ")
    }
}

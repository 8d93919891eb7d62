//! Random workflows as data: what is run, and what has to come of it.
//!
//! ```text
//!   Random -> Workflow (parts) -> manifest   what Argo's language makes of it (module `manifest`)
//!                              -> expected   phase, and how often each step starts (module `model`)
//! ```
//!
//! Every step has a number of its own in its workflow, which it writes into the ledger.

use super::random::Random;

/// How deep parts hold parts.
const DEEPEST: u32 = 3;

/// A workflow.
pub(crate) struct Workflow {
    pub(crate) name: String,
    pub(crate) part: Part,
    /// The step of the exit handler, which runs whatever happened.
    pub(crate) on_exit: Option<u32>,
    /// How many pods may run at once, if limited.
    pub(crate) parallelism: Option<u64>,
    /// When finished pods go before their workflow does.
    pub(crate) pod_gc: Option<&'static str>,
    /// Whether it is cut off by its own deadline, since its last step would go on for minutes.
    pub(crate) late: Option<u32>,
    /// Whether steps see the ledger as a mounted volume.
    pub(crate) mounts: bool,
}

/// A part of a workflow: a template of Argo's.
pub(crate) enum Part {
    /// One pod.
    Step(Step),
    /// The same pod several times at once.
    Fan { step: Step, count: u64 },
    /// One step hands a value to the next.
    Relay { from: u32, to: u32, way: Way },
    /// Several steps' values, gathered by one.
    Gather { from: u32, count: u64, to: u32 },
    /// A step beside a daemon that is ended with it.
    Daemon { daemon: u32, beside: Step },
    /// A pause of a second.
    Pause,
    /// Groups one after the other; in a group, parts at once. Whether a part's failure is passed over.
    Steps(Vec<Vec<(Part, bool)>>),
    /// Parts after those that they depend on, by their place in the list.
    Dag(Vec<(Part, Vec<usize>)>),
}

/// One pod's work.
pub(crate) struct Step {
    pub(crate) id: u32,
    pub(crate) millis: u64,
    pub(crate) act: Act,
}

/// What a step does.
pub(crate) enum Act {
    /// Ends with this code.
    Exit(u64),
    /// Fails `fails` times; `limit` retries are allowed.
    Flaky { fails: u64, limit: u64 },
    /// Would go on for minutes, and is cut off by its template's deadline of a second.
    Overdue,
}

/// How a value goes from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Parameter,
    Result,
    Artifact,
}

/// What a workflow is made of, under one source of numbers.
struct Maker<'a> {
    random: &'a mut Random,
    next: u32,
}

impl Workflow {
    /// A random one.
    pub(crate) fn random(name: String, random: &mut Random) -> Self {
        let mut maker = Maker { random, next: 0 };
        let part = maker.part(DEEPEST);
        let on_exit = maker.random.chance(25).then(|| maker.id());
        let late = maker.random.chance(6).then(|| maker.id());
        // A daemon takes a place for as long as its group goes on: with few places nothing else would ever start.
        let limited = random.chance(30) && !part.has_daemon();
        Self {
            name,
            part,
            on_exit,
            parallelism: limited.then(|| random.between(1, 4)),
            pod_gc: random
                .pick(&[
                    None,
                    None,
                    Some("OnPodCompletion"),
                    Some("OnPodSuccess"),
                    Some("OnWorkflowCompletion"),
                ])
                .copied()
                .flatten(),
            late,
            mounts: random.chance(30),
        }
    }
}

impl Part {
    /// The parts that this one holds.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Steps(groups) => groups.iter().flatten().map(|(part, _)| part).collect(),
            Self::Dag(tasks) => tasks.iter().map(|(part, _)| part).collect(),
            _ => Vec::new(),
        }
    }

    fn has_daemon(&self) -> bool {
        matches!(self, Self::Daemon { .. }) || self.parts().into_iter().any(Self::has_daemon)
    }
}

impl Maker<'_> {
    fn id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn part(&mut self, depth: u32) -> Part {
        let kinds = if depth == 0 { 8 } else { 14 };
        match self.random.between(0, kinds) {
            0..=2 => Part::Step(self.step()),
            3 => Part::Fan {
                step: self.step(),
                count: self.random.between(1, 6),
            },
            4..=5 => Part::Relay {
                from: self.id(),
                to: self.id(),
                way: [Way::Parameter, Way::Result, Way::Artifact][self.random.between(0, 2) as usize],
            },
            6 => Part::Gather {
                from: self.id(),
                count: self.random.between(1, 5),
                to: self.id(),
            },
            7 => Part::Daemon {
                daemon: self.id(),
                beside: self.step(),
            },
            8 => Part::Pause,
            9..=11 => self.steps(depth - 1),
            _ => self.dag(depth - 1),
        }
    }

    fn step(&mut self) -> Step {
        let act = match self.random.between(0, 19) {
            0..=13 => Act::Exit(0),
            14 => Act::Exit(self.random.between(1, 100)),
            15..=18 => Act::Flaky {
                fails: self.random.between(0, 2),
                limit: self.random.between(1, 2),
            },
            _ => Act::Overdue,
        };
        Step {
            id: self.id(),
            millis: self.random.between(0, 20) * self.random.between(0, 15),
            act,
        }
    }

    fn steps(&mut self, depth: u32) -> Part {
        let groups = self.random.between(1, 4);
        let group = |maker: &mut Self| {
            let parts = maker.random.between(1, 3);
            (0..parts)
                .map(|_| (maker.part(depth), maker.random.chance(60)))
                .collect()
        };
        Part::Steps((0..groups).map(|_| group(self)).collect())
    }

    fn dag(&mut self, depth: u32) -> Part {
        let tasks = self.random.between(2, 5) as usize;
        let task = |(maker, at): (&mut Self, usize)| {
            let part = maker.part(depth);
            let after = (0..at).filter(|_| maker.random.chance(40)).collect();
            (part, after)
        };
        let mut made = Vec::new();
        for at in 0..tasks {
            made.push(task((self, at)));
        }
        Part::Dag(made)
    }
}

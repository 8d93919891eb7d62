//! Following workflows until they are over: one watch each, one picture or one stream of lines for all.
//!
//! ```text
//! watches ---+                 +-> Live   a picture on the terminal, redrawn at most ten times a second
//! tails   ---+--> Followed --->|
//! ticks   ---+                 +-> lines  to stderr or stdout, one per change
//! Ctrl-C  ---+
//! ```
//!
//! A watch tells only that a workflow changed. What changed is read at most ten times a second, and less often where
//! reading and showing it takes long: following costs a small share of the machine however large a workflow is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, SelectAll, StreamExt as _};
use jiff::Timestamp;
use kinds::kube::Client;
use kinds::kube::runtime::watcher;
use tokio::time::Instant;

use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::nodes::{self, Growing, News, Place};
use crate::pods;
use crate::signals::Interrupts;
use crate::tree::forest::Forest;
use crate::tree::phase::Phase;
use crate::tree::plain::Transitions;
use crate::tree::refine::Observed;
use crate::tree::render::{Picture, Room, render};
use crate::tree::view::{NodeView, StatusView};
use crate::watch::{self, Sight};

/// The shortest time between two pictures, and between two looks at a workflow that goes on.
const FRAME: Duration = Duration::from_millis(100);
/// The next look at a workflow comes no sooner than so many times what the last one took.
const SHARE: u32 = 20;
/// How often durations move on where nothing else happens.
const TICK: Duration = Duration::from_secs(1);
/// Lines of a failed node's log that are fetched.
const TAIL: i64 = 20;
/// Failed nodes whose logs are fetched, for each workflow; the first say enough.
const TAILS: usize = 10;

/// Where the plain lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// They are what was asked for.
    Stdout,
    /// They accompany something else.
    Stderr,
    /// Nowhere: only the end matters.
    Nowhere,
}

/// How following ended.
#[derive(Debug)]
pub enum End {
    /// Every workflow is over.
    Finished(Vec<Followed>),
    /// Ctrl-C.
    Interrupted,
}

/// One workflow that is followed.
#[derive(Debug, Default)]
pub struct Followed {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// As last seen.
    pub status: StatusView,
    /// The last lines that failed nodes logged, by node id.
    pub tails: BTreeMap<String, Vec<String>>,
}

/// What is remembered of a workflow while it is followed.
#[derive(Default)]
struct Tracked {
    followed: Followed,
    /// It was there at least once.
    seen: bool,
    growing: Growing,
    /// The forest of the status, once it was drawn: a tick that only moves durations on need not make it again.
    forest: Option<Forest>,
    reading: Reading,
    observed: Observed,
    transitions: Transitions,
    /// Nodes whose logs were fetched or are being fetched.
    asked: BTreeSet<String>,
}

/// How far what was read of a workflow is behind.
#[derive(Debug, Default)]
struct Reading {
    /// It changed since it was read.
    behind: bool,
    /// It is over: it is read at once.
    over: bool,
    /// It is being read.
    under_way: bool,
    /// When it may be read again.
    next: Option<Instant>,
}

impl Reading {
    fn is_due(&self, now: Instant) -> bool {
        self.behind && !self.under_way && (self.over || self.next.is_none_or(|next| next <= now))
    }
}

/// Follows `names` of `namespace` until all are over, or `interrupts`.
///
/// # Errors
/// A workflow is deleted meanwhile or was never there, or the server refuses the watch.
pub async fn follow(
    context: &Context,
    client: &Client,
    targets: &[(String, String)],
    lines: Lines,
    interrupts: &mut Interrupts,
) -> Result<End> {
    let mut follower = Follower::new(context, client, targets, lines);
    let mut events: SelectAll<_> = targets
        .iter()
        .enumerate()
        .map(|(nth, (namespace, name))| {
            watch::changes(client, namespace, name)
                .map(move |sight| (nth, sight))
                .boxed()
        })
        .collect();
    let mut ticks = tokio::time::interval(TICK);
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !follower.is_done() {
        follower.read();
        tokio::select! {
            Some((nth, event)) = events.next() => follower.event(nth, event)?,
            Some((nth, news)) = follower.reads.next() => follower.update(nth, news?)?,
            Some((nth, id, tail)) = follower.fetches.next() => follower.tail(nth, id, tail),
            _ = ticks.tick() => follower.stale = true,
            _ = frames.tick(), if follower.is_behind() => follower.draw(),
            () = interrupts.next() => {
                follower.draw();
                return Ok(End::Interrupted);
            }
        }
    }
    follower.draw();
    Ok(End::Finished(
        follower.all.into_iter().map(|tracked| tracked.followed).collect(),
    ))
}

struct Follower<'a> {
    context: &'a Context,
    client: &'a Client,
    all: Vec<Tracked>,
    lines: Lines,
    live: bool,
    stale: bool,
    drawn: usize,
    began: Timestamp,
    reads: FuturesUnordered<BoxFuture<'static, (usize, Result<News>)>>,
    fetches: FuturesUnordered<BoxFuture<'static, (usize, String, Vec<String>)>>,
}

impl<'a> Follower<'a> {
    fn new(context: &'a Context, client: &'a Client, targets: &[(String, String)], lines: Lines) -> Self {
        let tracked = |(namespace, name): &(String, String)| Tracked {
            followed: Followed {
                namespace: namespace.clone(),
                name: name.clone(),
                ..Followed::default()
            },
            ..Tracked::default()
        };
        Self {
            context,
            client,
            all: targets.iter().map(tracked).collect(),
            lines,
            live: match lines {
                Lines::Stdout => context.ui.is_live() && context.ui.is_read(),
                Lines::Stderr => context.ui.is_live(),
                Lines::Nowhere => false,
            },
            stale: false,
            drawn: 0,
            began: context.now(),
            reads: FuturesUnordered::new(),
            fetches: FuturesUnordered::new(),
        }
    }

    /// Whether every workflow is over and every log asked for has come.
    fn is_done(&self) -> bool {
        self.fetches.is_empty()
            && self
                .all
                .iter()
                .all(|tracked| tracked.followed.status.is_finished())
    }

    /// Whether something is to be read or drawn later.
    fn is_behind(&self) -> bool {
        self.stale && self.live || self.all.iter().any(|tracked| tracked.reading.behind)
    }

    fn event(&mut self, nth: usize, event: Result<Sight, watcher::Error>) -> Result<()> {
        let tracked = &mut self.all[nth];
        let name = &tracked.followed.name;
        match event {
            Ok(sight @ (Sight::Changed | Sight::Over)) => {
                tracked.seen = true;
                tracked.reading.behind = true;
                tracked.reading.over = sight == Sight::Over;
                Ok(())
            }
            Ok(Sight::Absent) if tracked.seen => {
                Err(CommandError::failed(format!("the workflow `{name}` was deleted")))
            }
            Ok(Sight::Absent) => Err(CommandError::failed(format!("there is no workflow `{name}`"))),
            Err(error) => self.interrupted(error),
        }
    }

    /// Begins to read the workflows that are due.
    fn read(&mut self) {
        let now = Instant::now();
        for (nth, tracked) in self.all.iter_mut().enumerate() {
            if !tracked.reading.is_due(now) {
                continue;
            }
            tracked.reading.behind = false;
            tracked.reading.under_way = true;
            let (client, known) = (
                self.client.clone(),
                tracked.growing.known(&tracked.followed.status),
            );
            let (namespace, name) = (tracked.followed.namespace.clone(), tracked.followed.name.clone());
            self.reads.push(Box::pin(async move {
                let place = Place {
                    client: &client,
                    namespace: &namespace,
                    name: &name,
                };
                (nth, nodes::news(place, &known).await)
            }));
        }
    }

    /// A refusal is final; everything else is tried again, after a pause.
    fn interrupted(&self, error: watcher::Error) -> Result<()> {
        match error {
            watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)
                if crate::error::status_code(&error)
                    .is_some_and(|code| (400..500).contains(&code) && code != 429 && code != 410) =>
            {
                Err(error.into())
            }
            other => {
                self.context.ui.detail(&format!("watching again: {other}"));
                Ok(())
            }
        }
    }

    fn update(&mut self, nth: usize, news: News) -> Result<()> {
        let began = Instant::now();
        let now = self.context.now();
        let tracked = &mut self.all[nth];
        tracked.growing.grow(&mut tracked.followed.status, news);
        tracked.observed.refine(&mut tracked.followed.status, now);
        tracked.forest = None;
        self.stale = true;
        self.ask_for_tails(nth);
        if !self.live {
            self.tell(nth, now)?;
        }
        let reading = &mut self.all[nth].reading;
        reading.under_way = false;
        reading.next = Some(Instant::now() + FRAME.max(began.elapsed() * SHARE));
        Ok(())
    }

    /// Fetches the logs of nodes that have just failed.
    fn ask_for_tails(&mut self, nth: usize) {
        let Tracked { followed, asked, .. } = &mut self.all[nth];
        for node in followed.status.nodes.values() {
            let wanted = failed(node) && asked.len() < TAILS;
            if wanted && asked.insert(node.id.clone()) {
                let pod = pods::name_of(&followed.name, node);
                let (client, namespace, id) =
                    (self.client.clone(), followed.namespace.clone(), node.id.clone());
                self.fetches.push(Box::pin(async move {
                    let tail = pods::tail(&client, &namespace, &pod, TAIL).await;
                    (nth, id, tail)
                }));
            }
        }
    }

    fn tail(&mut self, nth: usize, id: String, tail: Vec<String>) {
        self.all[nth].followed.tails.insert(id, tail);
        self.stale = true;
    }

    /// Says what is new, in plain lines.
    fn tell(&mut self, nth: usize, now: Timestamp) -> Result<()> {
        let several = self.all.len() > 1;
        let Tracked {
            followed,
            transitions,
            ..
        } = &mut self.all[nth];
        let origin = followed.status.started_at.unwrap_or(self.began);
        for line in transitions.lines(&followed.name, &followed.status, origin, now) {
            let line = if several {
                format!("{}  {line}", followed.name)
            } else {
                line
            };
            match self.lines {
                Lines::Stdout => self.context.ui.print(&format!("{line}\n"))?,
                Lines::Stderr => self.context.ui.say(&line),
                Lines::Nowhere => {}
            }
        }
        Ok(())
    }

    /// Redraws the picture.
    fn draw(&mut self) {
        self.stale = false;
        if !self.live {
            return;
        }
        let now = self.context.now();
        let (width, height) = self.context.ui.size();
        // The last row is where the cursor stands.
        let share = height.saturating_sub(1) / self.all.len().max(1);
        let room = Room {
            width,
            height: share.max(1),
        };
        let lines: Vec<String> = self
            .all
            .iter_mut()
            .flat_map(|tracked| tracked.picture(now, room))
            .collect();
        let fits = height.saturating_sub(1).min(lines.len());
        self.drawn = self.context.ui.redraw(self.drawn, &lines[..fits]);
    }
}

impl Tracked {
    fn picture(&mut self, now: Timestamp, room: Room) -> Vec<String> {
        let Followed {
            name, status, tails, ..
        } = &self.followed;
        let picture = Picture {
            name,
            phase: Phase::parse(&status.phase),
            message: &status.message,
            started: status.started_at,
            finished: status.finished_at,
            forest: self.forest.get_or_insert_with(|| Forest::new(status)),
            tails,
        };
        render(&picture, now, room)
    }
}

fn failed(node: &NodeView) -> bool {
    node.kind == "Pod" && Phase::parse(&node.phase).is_bad()
}

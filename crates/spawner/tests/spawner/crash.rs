//! The spawner killed between any two of its effects: an attempt runs at most once, and what is known stays known.

use spawner::protocol::{Outcome, Request};

use crate::harness::{Spawner, Test, exited, key, log_at, text};

pub(crate) const TESTS: &[Test] = &[
    ("no_crash_point_starts_twice", no_crash_point_starts_twice),
    (
        "a_journal_that_is_being_rewritten_loses_nothing",
        a_journal_that_is_being_rewritten_loses_nothing,
    ),
];

/// Attempts; the spawner dies at the third, where the point is one of every attempt.
const ATTEMPTS: usize = 5;

fn no_crash_point_starts_twice() {
    for point in spawner::CRASH_POINTS
        .iter()
        .filter(|point| **point != "spawner.journal-rewritten")
    {
        check(point);
    }
}

fn check(point: &str) {
    let mut spawner = Spawner::launch_armed(point, 3);
    let mut told = Vec::new();
    for index in 0..ATTEMPTS {
        let mut start = spawner.request(&format!("c{index}"), &["sh", "-c", &format!("echo {index}")]);
        start.output = log_at(spawner.log("ledger"));
        told.push(start.clone());
        if index < 3 {
            spawner.send(&Request::Start(Box::new(start)));
        }
    }
    spawner.last_words();
    spawner.reconnect();
    let outcomes: Vec<_> = told.into_iter().map(|start| spawner.finish(start).0).collect();
    let ledger = text(&spawner.log("ledger"));
    for (index, outcome) in outcomes.iter().enumerate() {
        let count = ledger.lines().filter(|line| *line == index.to_string()).count();
        assert!(count <= 1, "{point}: attempt {index} ran {count} times");
        assert!(
            *outcome == Outcome::Unknown || *outcome == exited(0) && count == 1,
            "{point}: {index} {outcome:?}"
        );
    }
    assert_eq!(
        outcomes.last(),
        Some(&exited(0)),
        "{point}: the next spawner goes on"
    );
    spawner.send(&Request::Acknowledge {
        keys: vec![key("c0")],
    });
    assert_eq!(spawner.listing().1.len(), ATTEMPTS - 1);
}

/// Names so long that a few attempts make the journal worth rewriting.
const LONG: usize = 20_000;

fn a_journal_that_is_being_rewritten_loses_nothing() {
    let mut spawner = Spawner::launch_armed("spawner.journal-rewritten", 1);
    let start = |spawner: &mut Spawner, name: &str| {
        let mut start = spawner.request(name, &["sh", "-c", "echo ran"]);
        start.output = log_at(spawner.log("ledger"));
        spawner.finish(start).0
    };
    let names = ["a", "b"].map(|letter| letter.repeat(LONG));
    for name in &names {
        assert_eq!(start(&mut spawner, name), exited(0));
    }
    spawner.send(&Request::Acknowledge {
        keys: vec![key(&names[0])],
    });
    spawner.last_words();
    spawner.reconnect();
    let known: Vec<_> = spawner.listing().1.into_iter().map(|ended| ended.key).collect();
    assert!(known.contains(&key(&names[1])), "its outcome is not acknowledged");
    assert_eq!(start(&mut spawner, &names[1]), exited(0));
    assert_eq!(text(&spawner.log("ledger")), "ran\nran\n", "nothing ran twice");
}

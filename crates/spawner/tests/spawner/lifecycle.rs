//! Starts, ends, repeats, signals, and what survives which death.

use spawner::protocol::{Message, Outcome, Output, Request, Stage, VERSION};

use crate::harness::{Spawner, Test, exited, key, text};

pub(crate) const TESTS: &[Test] = &[
    ("ends_are_told", ends_are_told),
    ("what_cannot_start_says_why", what_cannot_start_says_why),
    ("a_repeated_start_starts_nothing", a_repeated_start_starts_nothing),
    ("signals_reach_a_process", signals_reach_a_process),
    ("what_starts_is_listed", what_starts_is_listed),
    ("nothing_outlives_its_process", nothing_outlives_its_process),
    ("a_restarted_node_adopts", a_restarted_node_adopts),
    ("a_greeting_comes_first", a_greeting_comes_first),
    (
        "a_killed_spawner_leaves_unknown_outcomes",
        a_killed_spawner_leaves_unknown_outcomes,
    ),
    ("it_ends_only_when_idle", it_ends_only_when_idle),
    (
        "a_passing_process_leaves_no_trace",
        a_passing_process_leaves_no_trace,
    ),
    ("both_streams_keep_their_order", both_streams_keep_their_order),
    (
        "standard_output_can_be_opened_anew",
        standard_output_can_be_opened_anew,
    ),
    ("all_output_is_there_at_the_end", all_output_is_there_at_the_end),
    ("output_can_be_told_with_the_end", output_can_be_told_with_the_end),
    (
        "children_may_open_as_many_files_as_ever",
        children_may_open_as_many_files_as_ever,
    ),
    ("many_at_once", many_at_once),
];

fn ends_are_told() {
    let mut spawner = Spawner::launch();
    for (script, outcome) in [
        ("exit 0", exited(0)),
        ("exit 255", exited(255)),
        ("kill -15 $$", Outcome::Signalled { signal: 15 }),
        ("kill -9 $$", Outcome::Signalled { signal: 9 }),
    ] {
        let running = spawner.sh(script, script).unwrap();
        let ended = spawner.ended();
        assert_eq!((&ended.key, &ended.outcome), (&key(script), &outcome), "{script}");
        assert_eq!(ended.started_at, Some(running.started_at));
        assert!(ended.ended_at >= running.started_at);
    }
}

fn what_cannot_start_says_why() {
    let mut spawner = Spawner::launch();
    let noent = 2;
    let access = 13;
    for (argv, stage, errno) in [
        ("/no/such/program", Stage::Execute, noent),
        ("no-such-program", Stage::Lookup, noent),
        ("/etc/passwd", Stage::Execute, access),
        ("/etc", Stage::Execute, access),
    ] {
        let start = spawner.request(&argv.replace('/', "_"), &[argv]);
        match spawner.finish(start).0 {
            Outcome::NotStarted(failure) => {
                assert_eq!(
                    (failure.stage, failure.errno, failure.subject.as_str()),
                    (stage, errno, argv)
                );
            }
            other => panic!("{argv}: {other:?}"),
        }
    }
    let mut start = spawner.request("cwd", &["true"]);
    start.cwd = "/no/such/place".into();
    match spawner.finish(start).0 {
        Outcome::NotStarted(failure) => assert_eq!((failure.stage, failure.errno), (Stage::Directory, noent)),
        other => panic!("{other:?}"),
    }
}

fn a_repeated_start_starts_nothing() {
    let mut spawner = Spawner::launch();
    let first = spawner.sh("a", "echo once; read line").unwrap();
    let _ = spawner.ended();
    let again = spawner.sh("a", "echo once");
    assert_eq!(
        again.unwrap_err().outcome,
        exited(1),
        "stdin is empty, so `read` failed"
    );
    assert_eq!(first.key, key("a"));
    assert_eq!(text(&spawner.log("a")), "once\n");
    spawner.sh("b", "sleep 1000").unwrap();
    let running = spawner.sh("b", "sleep 1000").unwrap();
    assert_eq!(spawner.listing().0, [running]);
}

fn signals_reach_a_process() {
    let mut spawner = Spawner::launch();
    spawner
        .sh("a", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
        .unwrap();
    spawner.await_log("a", "up");
    spawner.send(&Request::Signal {
        key: key("a"),
        signal: 15,
        all: false,
    });
    assert_eq!(spawner.ended().outcome, exited(7));
    spawner.sh("b", "sleep 1000 & echo up; wait").unwrap();
    spawner.await_log("b", "up");
    spawner.send(&Request::Signal {
        key: key("b"),
        signal: 9,
        all: true,
    });
    assert_eq!(spawner.ended().outcome, Outcome::Signalled { signal: 9 });
    spawner.send(&Request::Signal {
        key: key("no such"),
        signal: 9,
        all: true,
    });
    assert_eq!(spawner.listing().0, []);
}

fn what_starts_is_listed() {
    let mut spawner = Spawner::launch();
    let start = Request::Start(Box::new(spawner.request("a", &["sleep", "1000"])));
    spawner.send_together(&[&start, &Request::List]);
    let Message::Listing { running, .. } = spawner.receive() else {
        panic!("no listing");
    };
    let Message::Started(started) = spawner.receive() else {
        panic!("not started");
    };
    assert_eq!(running, [started]);
}

fn nothing_outlives_its_process() {
    let mut spawner = Spawner::launch();
    spawner.sh("a", "sleep 1000 & echo $!").unwrap();
    assert_eq!(spawner.ended().outcome, exited(0));
    let pid: i32 = text(&spawner.log("a")).trim().parse().unwrap();
    // The listing is answered by a loop that has reaped every orphan it was told of before.
    while !is_gone(pid) {
        spawner.listing();
    }
}

fn a_greeting_comes_first() {
    let mut spawner = Spawner::launch();
    spawner.sh("a", "sleep 1000").unwrap();
    let mut silent = spawner.another();
    spawner.send(&Request::Signal {
        key: key("a"),
        signal: 9,
        all: true,
    });
    spawner.ended();
    silent.send(&Request::Hello { version: VERSION });
    assert!(matches!(silent.receive(), Message::Welcome { .. }));
}

fn a_restarted_node_adopts() {
    let mut spawner = Spawner::launch();
    let running = spawner
        .sh("a", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done")
        .unwrap();
    spawner.await_log("a", "up");
    spawner.sh("b", "exit 5").unwrap();
    let ended = spawner.ended();
    spawner.reconnect();
    assert_eq!(spawner.listing(), (vec![running], vec![ended]));
    spawner.send(&Request::Acknowledge { keys: vec![key("b")] });
    assert_eq!(spawner.listing().1, []);
    spawner.send(&Request::Signal {
        key: key("a"),
        signal: 15,
        all: false,
    });
    assert_eq!(spawner.ended().outcome, exited(3));
}

fn a_killed_spawner_leaves_unknown_outcomes() {
    let mut spawner = Spawner::launch();
    let running = spawner.sh("a", "sleep 1000").unwrap();
    spawner.sh("b", "exit 5").unwrap();
    let known = spawner.ended();
    spawner.kill_and_relaunch();
    let (still, ended) = spawner.listing();
    assert_eq!(still, []);
    assert_eq!((&ended[0].key, &ended[0].outcome), (&key("a"), &Outcome::Unknown));
    assert_eq!(ended[0].started_at, Some(running.started_at));
    assert_eq!(ended[1], known);
    assert!(is_gone(running.pid), "it died with its spawner");
    assert_eq!(
        spawner.sh("a", "echo again").unwrap_err().outcome,
        Outcome::Unknown
    );
}

fn it_ends_only_when_idle() {
    let mut spawner = Spawner::launch();
    spawner.sh("a", "echo up; sleep 1000").unwrap();
    spawner.send(&Request::ShutdownIfIdle);
    assert_eq!(spawner.receive(), Message::Busy { running: 1 });
    spawner.await_log("a", "up");
    spawner.send(&Request::Signal {
        key: key("a"),
        signal: 9,
        all: true,
    });
    let ended = spawner.ended();
    spawner.send(&Request::ShutdownIfIdle);
    spawner.await_end();
    spawner.reconnect();
    assert_eq!(spawner.listing().1, [ended], "the next spawner still knows");
}

fn a_passing_process_leaves_no_trace() {
    let mut spawner = Spawner::launch();
    let mut start = spawner.request("probe", &["sh", "-c", "exit 3"]);
    start.transient = true;
    for _ in 0..2 {
        assert_eq!(spawner.finish(start.clone()).0, exited(3), "it runs each time");
    }
    assert_eq!(spawner.listing(), (vec![], vec![]));
}

fn both_streams_keep_their_order() {
    let mut spawner = Spawner::launch();
    let start = spawner.request("a", &["sh", "-c", "echo 1; echo 2 >&2; echo 3; printf 4 >&2"]);
    assert_eq!(spawner.finish(start), (exited(0), "1\n2\n3\n4".to_owned()));
}

fn standard_output_can_be_opened_anew() {
    let mut spawner = Spawner::launch();
    for (number, script) in [
        "echo 1; echo 2 > /dev/stdout; echo 3",
        "echo 1; echo 2 | tee /dev/stderr > /dev/null; echo 3",
        "echo 1; echo 2 >> /proc/self/fd/1; echo 3 > /dev/stderr",
        "echo 1; sh -c 'echo 2 > /dev/stdout'; echo 3",
    ]
    .into_iter()
    .enumerate()
    {
        let start = spawner.request(&format!("c{number}"), &["sh", "-c", script]);
        assert_eq!(
            spawner.finish(start),
            (exited(0), "1\n2\n3\n".to_owned()),
            "{script}"
        );
    }
}

fn all_output_is_there_at_the_end() {
    let mut spawner = Spawner::launch();
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; (sleep 100; echo late) & echo; echo end";
    let start = spawner.request("a", &["sh", "-c", script]);
    let (outcome, log) = spawner.finish(start);
    assert_eq!((outcome, log.len()), (exited(0), 3_000_000 + "\nend\n".len()));
}

fn output_can_be_told_with_the_end() {
    let mut spawner = Spawner::launch();
    let mut start = spawner.request("probe", &["sh", "-c", "echo one; echo two >&2"]);
    start.transient = true;
    for (max, expected) in [(100, "one\ntwo\n"), (5, "one\nt"), (0, "")] {
        start.output = Output::Kept { max };
        spawner.start(start.clone()).unwrap();
        assert_eq!(spawner.ended().output.as_deref(), Some(expected));
    }
}

fn children_may_open_as_many_files_as_ever() {
    let mut spawner = Spawner::launch();
    let own = std::process::Command::new("sh")
        .args(["-c", "ulimit -n"])
        .output();
    let own = String::from_utf8(own.unwrap().stdout).unwrap();
    let start = spawner.request("a", &["sh", "-c", "ulimit -n"]);
    assert_eq!(spawner.finish(start), (exited(0), own));
}

fn many_at_once() {
    let mut spawner = Spawner::launch();
    let count = 200;
    for index in 0..count {
        let start = spawner.request(&format!("c{index}"), &["true"]);
        spawner.send(&Request::Start(Box::new(start)));
    }
    let (mut started, mut ended) = (0, 0);
    while (started, ended) != (count, count) {
        match spawner.receive() {
            Message::Started(_) => started += 1,
            Message::Ended(end) => {
                assert_eq!(end.outcome, exited(0));
                ended += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whether a process has ended, reaped by whoever inherited it or not.
fn is_gone(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

//! Pictures of workflows, as they look on a terminal of a given size.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstream::adapter::strip_str;
use expect_test::{Expect, expect};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::forest::Forest;
use super::phase::Phase;
use super::plain::Transitions;
use super::render::{Picture, Room, render};
use super::view::StatusView;

fn time(tenths: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + tenths * 100).expect("a time")
}

/// `name type phase boundary start-end children...`, in tenths of a second; the name is also the id.
fn status(script: &str) -> StatusView {
    let mut nodes = serde_json::Map::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (facts, message) = line.split_once(" # ").unwrap_or((line, ""));
        let words: Vec<&str> = facts.split_whitespace().collect();
        let [name, kind, phase, boundary, span, children @ ..] = words.as_slice() else {
            panic!("{line}")
        };
        let (start, end) = span.split_once('-').expect("start-end");
        let instant = |text: &str| text.parse().ok().map(|tenths| time(tenths).to_string());
        let short = name.rsplit_once('.').map_or(*name, |(_, short)| short);
        nodes.insert((*name).to_owned(), json!({
            "id": name, "name": name, "displayName": short, "type": kind, "phase": phase, "message": message,
            "boundaryID": boundary.replace('-', ""), "startedAt": instant(start), "finishedAt": instant(end), "children": children,
        }));
    }
    serde_json::from_value(json!({ "nodes": Value::Object(nodes) })).expect("a status")
}

fn check(script: &str, (width, height): (usize, usize), expected: &Expect) {
    check_with(&status(script), &BTreeMap::new(), (width, height), expected);
}

fn check_with(
    status: &StatusView,
    tails: &BTreeMap<String, Vec<String>>,
    (width, height): (usize, usize),
    expected: &Expect,
) {
    let forest = Forest::new(status);
    let picture = Picture {
        name: "wf",
        phase: Phase::Running,
        message: "",
        started: Some(time(0)),
        finished: None,
        forest: &forest,
        tails,
    };
    let lines = render(&picture, time(123), Room { width, height });
    assert!(lines.len() <= height, "{} lines", lines.len());
    let mut text = String::new();
    for line in lines {
        let plain = strip_str(&line).to_string();
        assert!(plain.chars().count() <= width, "{plain}");
        writeln!(text, "{plain}").expect("a string");
    }
    expected.assert_eq(&text);
}

const PIPELINE: &str = "
    wf DAG Running - 0- wf.etl wf.grid
    wf.etl Pod Succeeded wf 0-4 wf.train
    wf.grid Pod Succeeded wf 0-1 wf.train
    wf.train TaskGroup Running wf 4- wf.train(0:rate:1) wf.train(1:rate:2) wf.train(2:rate:3)
    wf.train(0:rate:1) Pod Succeeded wf 4-30 wf.select
    wf.train(1:rate:2) Retry Running wf 4- wf.train(1:rate:2)(0) wf.train(1:rate:2)(1)
    wf.train(1:rate:2)(0) Pod Failed wf 4-20 # exit code 1
    wf.train(1:rate:2)(1) Pod Running wf 20-
    wf.train(2:rate:3) Pod Failed wf 4-9 # Error (exit code 3)
    wf.onExit Pod Pending - 120- # waiting for 2 CPUs
    wf.select Pod Omitted wf 9-9 # omitted: depends condition not met
";

#[test]
fn a_pipeline_with_room() {
    check(
        PIPELINE,
        (80, 30),
        &expect![[r#"
            wf  Running  12.3s  5/7
            ├─ ✔ etl                         0.4s
            ├─ ✔ grid                        0.1s
            ├─ ● train  1 ✔ 1 ● 1 ✖         11.9s
            │  ├─ ✔ 0: rate:1                2.6s
            │  ├─ ● 1: rate:2  attempt 2    11.9s
            │  └─ ✖ 2: rate:3                0.5s  Failed: Error (exit code 3)
            ├─ ○ select                            omitted: depends condition not met
            └─ ◷ onExit                      0.3s  waiting for 2 CPUs
        "#]],
    );
}

#[test]
fn a_pipeline_without_room() {
    check(
        PIPELINE,
        (60, 7),
        &expect![[r#"
        wf  Running  12.3s  5/7
        ├─ ✔ etl                    0.4s
        ├─ ✔ grid                   0.1s
        ├─ ● train  1 ✔ 1 ● 1 ✖    11.9s
        ├─ ○ select                       omitted: depends conditio…
        └─ ◷ onExit                 0.3s  waiting for 2 CPUs
    "#]],
    );
    check(
        PIPELINE,
        (30, 3),
        &expect![[r#"
        wf  Running  12.3s  5/7
        ├─ ✔ etl           0.4s
        └─ … 6 more  2 ✔ 1 ● 1 ✖ 1 ○ …
    "#]],
    );
}

#[test]
fn what_fails_shows_the_tail_of_its_log() {
    let lines = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "Traceback:\tbad",
        "ValueError: rate is too high",
    ];
    let tails = BTreeMap::from([("wf.train(2:rate:3)".to_owned(), lines.map(str::to_owned).to_vec())]);
    check_with(
        &status(PIPELINE),
        &tails,
        (80, 30),
        &expect![[r#"
            wf  Running  12.3s  5/7
            ├─ ✔ etl                         0.4s
            ├─ ✔ grid                        0.1s
            ├─ ● train  1 ✔ 1 ● 1 ✖         11.9s
            │  ├─ ✔ 0: rate:1                2.6s
            │  ├─ ● 1: rate:2  attempt 2    11.9s
            │  └─ ✖ 2: rate:3                0.5s  Failed: Error (exit code 3)
            │       │ three
            │       │ four
            │       │ five
            │       │ Traceback: bad
            │       │ ValueError: rate is too high
            ├─ ○ select                            omitted: depends condition not met
            └─ ◷ onExit                      0.3s  waiting for 2 CPUs
        "#]],
    );
    check_with(
        &status(PIPELINE),
        &tails,
        (80, 13),
        &expect![[r#"
            wf  Running  12.3s  5/7
            ├─ ✔ etl                         0.4s
            ├─ ✔ grid                        0.1s
            ├─ ● train  1 ✔ 1 ● 1 ✖         11.9s
            │  ├─ ✔ 0: rate:1                2.6s
            │  ├─ ● 1: rate:2  attempt 2    11.9s
            │  └─ ✖ 2: rate:3                0.5s  Failed: Error (exit code 3)
            │       │ four
            │       │ five
            │       │ Traceback: bad
            │       │ ValueError: rate is too high
            ├─ ○ select                            omitted: depends condition not met
            └─ ◷ onExit                      0.3s  waiting for 2 CPUs
        "#]],
    );
}

#[test]
fn steps_show_their_loops_and_not_their_groups() {
    let script = "
        wf Steps Running - 0- wf[0]
        wf[0] StepGroup Succeeded wf 0-10 wf[0].say(0:a) wf[0].say(1:b) wf[0].other
        wf[0].say(0:a) Pod Succeeded wf 0-5 wf[1]
        wf[0].say(1:b) Pod Succeeded wf 0-9 wf[1]
        wf[0].other Pod Succeeded wf 0-9 wf[1]
        wf[1] StepGroup Running wf 10- wf[1].inner
        wf[1].inner DAG Running wf 10- wf[1].inner.x
        wf[1].inner.x Suspend Running wf[1].inner 10-
    ";
    check(
        script,
        (80, 30),
        &expect![[r#"
            wf  Running  12.3s  3/4
            ├─ ✔ say  2 ✔     0.9s
            │  ├─ ✔ 0: a      0.5s
            │  └─ ✔ 1: b      0.9s
            ├─ ✔ other        0.9s
            └─ ● inner       11.3s
               └─ ● x        11.3s
        "#]],
    );
}

#[test]
fn a_workflow_of_one_container_is_its_own_leaf() {
    check(
        "wf Pod Running - 0-",
        (80, 10),
        &expect![[r#"
        wf  Running  12.3s  0/1
        └─ ● wf    12.3s
    "#]],
    );
}

#[test]
fn thousands_of_nodes_take_few_lines_and_little_time() {
    let mut script = String::from("wf DAG Running - 0- wf.all\nwf.all TaskGroup Running wf 0-");
    for n in 0..5000 {
        write!(script, " wf.all({n}:{n})").expect("a string");
    }
    for n in 0..5000 {
        let phase = if n < 4000 {
            "Succeeded"
        } else if n == 4321 {
            "Failed"
        } else if n < 4500 {
            "Running"
        } else {
            "Pending"
        };
        let end = if n < 4000 || n == 4321 { "5" } else { "" };
        write!(script, "\nwf.all({n}:{n}) Pod {phase} wf 1-{end}").expect("a string");
    }
    check(
        &script,
        (80, 20),
        &expect![[r#"
            wf  Running  12.3s  4001/5000
            └─ ● all  4000 ✔ 499 ● 1 ✖ 500 ◷    12.3s
               ├─ ● 4000: 4000                  12.2s
               ├─ ● 4001: 4001                  12.2s
               ├─ ● 4002: 4002                  12.2s
               ├─ ● 4003: 4003                  12.2s
               ├─ ● 4004: 4004                  12.2s
               ├─ ● 4005: 4005                  12.2s
               ├─ ● 4006: 4006                  12.2s
               └─ ✖ 4321: 4321                   0.4s  Failed
        "#]],
    );
}

#[test]
fn durations_of_a_workflow_that_is_over_stand_still() {
    let forest = Forest::new(&status("wf Pod Succeeded - 0-31"));
    let picture = Picture {
        name: "wf",
        phase: Phase::Succeeded,
        message: "",
        started: Some(time(0)),
        finished: Some(time(31)),
        forest: &forest,
        tails: &BTreeMap::new(),
    };
    let later = time(0)
        .saturating_add(SignedDuration::from_hours(5))
        .expect("a time");
    let lines = render(
        &picture,
        later,
        Room {
            width: 80,
            height: 24,
        },
    );
    assert_eq!(strip_str(&lines[0]).to_string(), "wf  Succeeded  3.1s  1/1");
}

#[test]
fn plain_lines_tell_each_change_once() {
    let mut transitions = Transitions::default();
    let mut lines = |script: &str| {
        let lines = transitions.lines("wf", &status(script), time(0), time(123));
        lines
            .iter()
            .map(|line| format!("|{}\n", strip_str(line)))
            .collect::<String>()
    };
    expect![[r#"
        |   0.1s  grid                Succeeded    0.1s
        |   0.4s  etl                 Succeeded    0.4s
        |   0.9s  train(2:rate:3)     Failed       0.5s  Error (exit code 3)
        |   0.9s  select              Omitted            omitted: depends condition not met
        |   2.0s  train(1:rate:2)(0)  Failed       1.6s  exit code 1
        |   2.0s  train(1:rate:2)(1)  Running
        |   3.0s  train(0:rate:1)     Succeeded    2.6s
    "#]]
    .assert_eq(&lines(PIPELINE));
    assert_eq!(lines(PIPELINE), "", "nothing new");
    let later = PIPELINE.replace("Pod Running wf 20-", "Pod Succeeded wf 20-31");
    expect![[r#"
        |   3.1s  train(1:rate:2)(1)  Succeeded    1.1s
    "#]]
    .assert_eq(&lines(&later));
}

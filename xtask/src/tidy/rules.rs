//! The rules as tables.

use super::Problem;

/// The most lines of a file, without a reason in [`EXCEPTIONS`].
pub(crate) const MAX_FILE_LINES: usize = 500;
/// The most lines of a function, without a reason in [`EXCEPTIONS`].
pub(crate) const MAX_FUNCTION_LINES: usize = 70;
/// The most lines of ARCHITECTURE.md.
pub(crate) const MAX_ARCHITECTURE_LINES: usize = 400;

/// What each crate of ours may depend on among ours. A crate that is not here is a problem.
///
/// Arrows point down only: planners see the words and each other, rooms with effects see planners where they
/// run them, and only the binary sees everything.
pub(crate) const LAYERS: &[(&str, &[&str])] = &[
    ("meta", &[]),
    ("argo", &["meta"]),
    ("expr", &["meta"]),
    ("schema", &["meta"]),
    ("scheduler", &["meta"]),
    ("workloads", &["meta"]),
    ("audit", &["meta", "scheduler"]),
    ("workflow", &["meta", "argo", "expr", "schema"]),
    ("kinds", &["meta", "argo"]),
    ("store", &["meta"]),
    ("apiserver", &["meta", "kinds", "schema", "store"]),
    (
        "controller",
        &["meta", "argo", "kinds", "workflow", "scheduler", "workloads"],
    ),
    ("artifacts", &["meta", "argo", "expr", "kinds"]),
    ("spawner", &["meta"]),
    ("node", &["meta", "kinds", "spawner"]),
    (
        "world",
        &[
            "meta",
            "argo",
            "kinds",
            "store",
            "apiserver",
            "controller",
            "workflow",
            "scheduler",
            "workloads",
        ],
    ),
    ("replay", &["meta", "scheduler"]),
    (
        "cli",
        &[
            "meta",
            "argo",
            "kinds",
            "expr",
            "schema",
            "workflow",
            "scheduler",
            "replay",
            "audit",
        ],
    ),
    (
        "plimsoll",
        &[
            "meta",
            "argo",
            "kinds",
            "store",
            "apiserver",
            "controller",
            "artifacts",
            "spawner",
            "node",
            "cli",
            "workflow",
        ],
    ),
    ("xtask", &["meta", "argo", "world"]),
    (
        "fuzz-targets",
        &["meta", "argo", "expr", "schema", "workflow", "store", "spawner"],
    ),
];

/// Rooms that hold decisions only: same input, same output.
pub(crate) const PURE_ROOMS: &[&str] = &[
    "meta",
    "argo",
    "expr",
    "schema",
    "scheduler",
    "workloads",
    "audit",
    "workflow",
];

/// Crates that a pure room must not depend on: run times, clients, sockets, the system.
pub(crate) const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "tokio-util",
    "tokio-stream",
    "futures",
    "axum",
    "tower",
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "rustls",
    "tokio-rustls",
    "kube",
    "k8s-openapi",
    "rustix",
    "libc",
    "rand",
    "getrandom",
    "tracing-subscriber",
];

/// Paths that a pure room must not use.
pub(crate) const IMPURE_PATHS: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "RandomState",
];

/// Crates whose version only one room may name.
pub(crate) const SOLE_OWNERS: &[(&str, &str)] =
    &[("kube", "kinds"), ("k8s-openapi", "kinds"), ("libc", "spawner")];

/// Rooms that print.
pub(crate) const PRINTING_ROOMS: &[&str] = &["cli", "plimsoll", "xtask"];
/// Rooms that read the environment.
pub(crate) const ENVIRONMENT_ROOMS: &[&str] = &["cli", "plimsoll", "xtask"];

/// The one room with unsafe code: it speaks to the kernel.
pub(crate) const UNSAFE_ROOM: &str = "spawner";

/// Words that no text of the project holds. (Written in halves, so that this file holds none.)
pub(crate) const BANNED_WORDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("/work", "/shared"),
    concat!("/work", "/main"),
    concat!("/work", "/wt"),
];

/// What may stay as it is for now: file, rule, date, reason.
pub(crate) const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "crates/artifacts/src/exec/mod.rs",
        "environment",
        "2026-11-24",
        "`plimsoll exec` is a process of its own: its orders are its environment",
    ),
    (
        "crates/artifacts/src/exec/api.rs",
        "environment",
        "2026-11-24",
        "`plimsoll exec` is a process of its own: its orders are its environment",
    ),
    (
        "crates/artifacts/src/exec/http.rs",
        "environment",
        "2026-11-24",
        "headers that secrets hold come by the environment",
    ),
    (
        "crates/artifacts/src/exec/command.rs",
        "environment",
        "2026-11-24",
        "the command inherits the environment less the executor's own part",
    ),
    (
        "crates/expr/tests/bounds.rs",
        "function-length",
        "2026-11-24",
        "a list of the pieces that random expressions are made of",
    ),
];

/// Takes out what is excepted, and adds the exceptions that nothing needs.
pub(crate) fn except(problems: Vec<Problem>) -> Vec<Problem> {
    let excepted = |problem: &Problem| {
        EXCEPTIONS
            .iter()
            .any(|(file, rule, ..)| *file == problem.file && *rule == problem.rule)
    };
    let needless = EXCEPTIONS.iter().filter(|(file, rule, ..)| {
        !problems
            .iter()
            .any(|problem| problem.file == *file && problem.rule == *rule)
    });
    let needless: Vec<Problem> = needless
        .map(|(file, rule, ..)| Problem {
            file: (*file).to_owned(),
            line: 0,
            rule: "exceptions",
            what: format!("needs no exception from {rule:?} any more: take the row out"),
        })
        .collect();
    problems
        .into_iter()
        .filter(|problem| !excepted(problem))
        .chain(needless)
        .collect()
}

//! A process's own view of the machine.

use spawner::protocol::{Message, Mount, Outcome, Request, Sandbox, Stage, Start};

use crate::harness::{Spawner, Test, exited, key};

pub(crate) const TESTS: &[Test] = &[
    ("any_mount_path_is_possible", any_mount_path_is_possible),
    (
        "a_read_only_mount_refuses_writing",
        a_read_only_mount_refuses_writing,
    ),
    ("the_root_is_private", the_root_is_private),
    ("a_missing_source_is_named", a_missing_source_is_named),
    (
        "devices_and_processes_are_its_own",
        devices_and_processes_are_its_own,
    ),
    ("a_hook_runs_inside", a_hook_runs_inside),
    (
        "a_signal_may_come_before_the_program",
        a_signal_may_come_before_the_program,
    ),
];

fn boxed(spawner: &Spawner, container: &str, script: &str, mounts: &[(&str, &str, bool)]) -> Start {
    let mounts = mounts.iter().map(|(source, target, read_only)| Mount {
        source: spawner.dir.path().join(source),
        target: target.into(),
        read_only: *read_only,
    });
    let sandbox = Sandbox {
        stage: spawner.dir.path().join("stage"),
        mounts: mounts.collect(),
        hostname: Some("pod-a".to_owned()),
    };
    Start {
        sandbox: Some(sandbox),
        ..spawner.request(container, &["sh", "-c", script])
    }
}

fn any_mount_path_is_possible() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    std::fs::create_dir(spawner.dir.path().join("vol")).unwrap();
    std::fs::create_dir(spawner.dir.path().join("tmp")).unwrap();
    std::fs::write(spawner.dir.path().join("file"), "content\n").unwrap();
    let script = "echo hi > /no/such/place/x; cat /usr/share/surely/not/there; echo t > /tmp/t; cat /tmp/inner; \
                  ls /usr/bin/env; hostname; pwd";
    let mounts = [
        ("vol", "/no/such/place", false),
        ("file", "/usr/share/surely/not/there", true),
        ("tmp", "/tmp", false),
        ("file", "/tmp/inner", false),
    ];
    let mut start = boxed(&spawner, "a", script, &mounts);
    start.cwd = "/work/dir/that/is/not".into();
    let (outcome, log) = spawner.finish(start);
    assert_eq!(
        (outcome, log.as_str()),
        (
            exited(0),
            "content\ncontent\n/usr/bin/env\npod-a\n/work/dir/that/is/not\n"
        )
    );
    assert_eq!(
        std::fs::read_to_string(spawner.dir.path().join("vol/x")).unwrap(),
        "hi\n"
    );
    assert_eq!(
        std::fs::read_to_string(spawner.dir.path().join("tmp/t")).unwrap(),
        "t\n"
    );
    assert!(
        !std::path::Path::new("/no").exists(),
        "the machine is not written to"
    );
}

fn a_read_only_mount_refuses_writing() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    std::fs::create_dir(spawner.dir.path().join("vol")).unwrap();
    let start = boxed(
        &spawner,
        "a",
        "echo x > /v/f || echo refused",
        &[("vol", "/v", true)],
    );
    let (outcome, log) = spawner.finish(start);
    assert_eq!(outcome, exited(0));
    assert!(
        log.contains("Read-only file system") && log.ends_with("refused\n"),
        "{log}"
    );
}

fn the_root_is_private() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    let start = boxed(
        &spawner,
        "a",
        "echo x > /only-here; cat /only-here; grep -c only-here /proc/mounts",
        &[],
    );
    assert_eq!(spawner.finish(start), (exited(1), "x\n0\n".to_owned()));
    assert!(!std::path::Path::new("/only-here").exists());
    assert_eq!(
        std::fs::read_dir(spawner.dir.path().join("stage"))
            .unwrap()
            .count(),
        0
    );
}

fn a_missing_source_is_named() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    let start = boxed(&spawner, "a", "true", &[("nothing", "/v", false)]);
    let Outcome::NotStarted(failure) = spawner.finish(start).0 else {
        panic!("it started")
    };
    assert_eq!(failure.stage, Stage::Mount);
    assert!(failure.subject.ends_with("/nothing"), "{failure}");
}

fn devices_and_processes_are_its_own() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    let script = "head -c 3 /dev/zero | wc -c; echo x > /dev/null; echo y > /dev/shm/y; echo z >> /dev/stdout; test -e /dev/tty0";
    let start = boxed(&spawner, "a", script, &[]);
    assert_eq!(spawner.finish(start), (exited(1), "3\nz\n".to_owned()));
    if spawner.has_process_ids() {
        let start = boxed(&spawner, "b", "echo $$; ls -d /proc/[0-9]*", &[]);
        assert_eq!(spawner.finish(start).1, "1\n/proc/1\n");
    }
}

fn a_hook_runs_inside() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    std::fs::create_dir(spawner.dir.path().join("vol")).unwrap();
    let script = "trap 'exit 4' TERM; echo x > /v/x; echo up; while :; do sleep 0.05; done";
    let start = boxed(&spawner, "a", script, &[("vol", "/v", false)]);
    spawner.start(start).unwrap();
    spawner.await_log("a", "up");
    let mut hook = spawner.request("hook", &["sh", "-c", "cat /v/x; cat /proc/self/comm; hostname"]);
    hook.join = Some(key("a"));
    hook.transient = true;
    assert_eq!(spawner.finish(hook), (exited(0), "x\ncat\npod-a\n".to_owned()));
    spawner.send(&Request::Signal {
        key: key("a"),
        signal: 15,
        all: false,
    });
    assert_eq!(spawner.ended().outcome, exited(4));
}

/// A child on its way to its program is the first of its namespace already, and would not hear of SIGTERM.
fn a_signal_may_come_before_the_program() {
    let mut spawner = Spawner::launch();
    if !spawner.has_sandbox() {
        return;
    }
    let kill = |container| Request::Signal {
        key: key(container),
        signal: 9,
        all: true,
    };
    let terminate = |container| Request::Terminate { key: key(container) };
    for (container, signal, number) in [("a", terminate("a"), 15), ("b", kill("b"), 9)] {
        let start = boxed(&spawner, container, "sleep 1000", &[]);
        spawner.send_together(&[&Request::Start(Box::new(start)), &signal]);
        assert!(matches!(spawner.receive(), Message::Started(_)));
        assert_eq!(spawner.ended().outcome, Outcome::Signalled { signal: number });
    }
}

//! Commands inside containers that run.

use node::{ExecError, ExecRequest, Session};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Test;
use crate::rig::{Rig, block_on, phase, pod};

macro_rules! test {
    ($name:ident) => {
        (stringify!($name), || {
            block_on($name());
        })
    };
}

pub(crate) const TESTS: &[Test] = &[
    test!(a_command_runs_where_its_container_does),
    test!(a_command_has_a_terminal_if_it_wants),
    test!(a_session_that_is_dropped_ends_its_command),
    test!(what_does_not_run_or_start_is_said),
];

/// A rig with a pod that runs, and the pod's uid.
async fn running() -> (Rig, String) {
    let rig = Rig::new().await;
    let mut pod = pod("echo here > /tmp/mark; echo up; sleep 1000");
    pod["spec"]["containers"][0]["workingDir"] = "/tmp".into();
    pod["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "b"}]);
    rig.create("default", &pod).await;
    let pod = rig.until("default", |pod| phase(pod) == "Running").await;
    rig.log_until(&pod, ("c", false), |log| log.contains("up")).await;
    let uid = pod.metadata.uid.unwrap();
    (rig, uid)
}

fn request(uid: &str, script: &str) -> ExecRequest {
    ExecRequest {
        uid: uid.to_owned(),
        container: "c".to_owned(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        stdin: false,
        stdout: true,
        stderr: true,
        tty: false,
    }
}

async fn exec(rig: &Rig, request: &ExecRequest) -> Result<Session, ExecError> {
    rig.node.as_ref().unwrap().sessions().exec(request).await
}

/// Output, errors and exit code of a command that reads `input`.
async fn all_of(mut session: Session, input: &str) -> (String, String, i32) {
    if let Some(mut stdin) = session.stdin.take() {
        stdin.write_all(input.as_bytes()).await.unwrap();
    }
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    // A terminal ends with an error.
    if let Some(mut stdout) = session.stdout {
        drop(stdout.read_to_end(&mut out).await);
    }
    if let Some(mut stderr) = session.stderr {
        stderr.read_to_end(&mut errors).await.unwrap();
    }
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(out), text(errors), session.ended.await.unwrap())
}

async fn a_command_runs_where_its_container_does() {
    let (rig, uid) = running().await;
    let request = ExecRequest {
        stdin: true,
        ..request(&uid, "cat; echo $A; cat mark 2>&1; hostname >&2; exit 3")
    };
    let session = exec(&rig, &request).await.unwrap();
    let (out, errors, code) = all_of(session, "given\n").await;
    assert_eq!(
        (out.lines().take(2).collect::<Vec<_>>(), code),
        (vec!["given", "b"], 3)
    );
    if rig.has_sandbox() {
        assert_eq!((out.as_str(), errors.as_str()), ("given\nb\nhere\n", "p\n"));
    }
}

async fn a_command_has_a_terminal_if_it_wants() {
    let (rig, uid) = running().await;
    let request = ExecRequest {
        stdin: true,
        tty: true,
        ..request(
            &uid,
            "read line; stty size; test -t 0 && test -t 2 && echo $TERM $line",
        )
    };
    let session = exec(&rig, &request).await.unwrap();
    session.terminal.as_ref().unwrap().resize(120, 30).unwrap();
    let (out, _, code) = all_of(session, "typed\r").await;
    assert!(
        out.contains("30 120\r\n") && out.contains("xterm typed\r\n"),
        "{out:?}"
    );
    assert_eq!(code, 0);
}

async fn a_session_that_is_dropped_ends_its_command() {
    let (rig, uid) = running().await;
    let mut session = exec(&rig, &request(&uid, "echo up; exec sleep 1000"))
        .await
        .unwrap();
    let mut stdout = session.stdout.take().unwrap();
    assert_eq!(stdout.read_u8().await.unwrap(), b'u');
    drop(session);
    // The output ends with the process that holds it.
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).await.unwrap();
}

async fn what_does_not_run_or_start_is_said() {
    let (rig, uid) = running().await;
    let other = ExecRequest {
        container: "other".to_owned(),
        ..request(&uid, "true")
    };
    let refused = exec(&rig, &other).await.err().unwrap().to_string();
    assert_eq!(refused, "container not found (\"other\")");
    let missing = ExecRequest {
        command: vec!["no-such-program".to_owned()],
        ..request(&uid, "")
    };
    let failed = exec(&rig, &missing).await.unwrap().ended.await.unwrap_err();
    assert!(
        failed.contains("exec: \"no-such-program\": executable file not found in $PATH"),
        "{failed}"
    );
}

//! `kill -9` at the places that only housekeeping passes: a snapshot, what goes after it, garbage, a pod that is ended,
//! a claim that is made or removed; and of a command that is in the middle of what it does.

mod support;

use std::os::fd::AsRawFd as _;

use support::{User, text};

/// A workflow whose step goes on until somebody ends it.
const LONG: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: long}\nspec:\n  entrypoint: main\n  \
                    templates: [{name: main, container: {image: alpine, command: [sh, -c, \"trap 'exit 3' TERM; sleep 600 & wait\"]}}]\n";
const QUICK: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: quick}\nspec:\n  entrypoint: main\n  \
                     templates: [{name: main, container: {image: alpine, command: [\"true\"]}}]\n";
/// A workflow whose second step reads what the first one left in their claim.
const CLAIMED: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: claimed}\nspec:\n  entrypoint: main\n  \
    volumeClaimTemplates: [{metadata: {name: room}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}]\n  \
    templates:\n  - name: main\n    steps: [[{name: write, template: write}], [{name: read, template: read}]]\n  \
    - name: write\n    container: {image: alpine, command: [sh, -c, \"echo hello > /room/note\"], volumeMounts: [{name: room, mountPath: /room}]}\n  \
    - name: read\n    container: {image: alpine, command: [grep, hello, /room/note], volumeMounts: [{name: room, mountPath: /room}]}\n";
/// A workflow that ends as its parameter says.
const TOLD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: told}\nspec:\n  entrypoint: main\n  \
                    arguments: {parameters: [{name: code, value: 3}]}\n  templates: [{name: main, container: {image: alpine, \
                    command: [sh, -c, \"exit {{workflow.parameters.code}}\"]}}]\n";
/// Enough of them fill a log until a snapshot is due.
const BULK: usize = 48;
const BULK_BYTES: usize = 900 << 10;

/// The whole answer to a request at the unix socket of the user's platform.
fn ask(user: &User, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    use std::io::{Read as _, Write as _};
    let run = std::fs::File::open(user.data_dir().join("run"))?;
    let socket = format!("/proc/self/fd/{}/api.sock", run.as_raw_fd());
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A platform that dies where it is told to while `work` goes on; then whether it did.
fn dies(user: &User, crash: &str, work: impl FnOnce()) {
    let mut up = user.up(&[], &[("PLIMSOLL_CRASH_POINT", crash)]);
    work();
    let status = up.child.wait().expect("it can be waited for");
    assert_eq!(status.code(), None, "{crash} was not reached");
}

/// Objects that were acknowledged are there after a death in a snapshot, or between it and what it replaces.
fn bulk(crash: &str) {
    let user = User::new();
    let data = "x".repeat(BULK_BYTES);
    let mut acknowledged = Vec::new();
    dies(&user, crash, || {
        for n in 0..2 * BULK {
            let name = format!("bulk-{}", n % BULK);
            let body = format!(
                r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}},"data":{{"d":"{data}"}}}}"#
            );
            let path = "/api/v1/namespaces/default/configmaps";
            let one = format!("{path}/{name}");
            let (method, path) = if n < BULK { ("POST", path) } else { ("PUT", &*one) };
            let Ok(answer) = ask(&user, method, path, &body) else {
                break;
            };
            if answer.starts_with("HTTP/1.0 20") {
                acknowledged.push(name);
            }
        }
    });
    let _up = user.up(&[], &[]);
    for name in acknowledged {
        let path = format!("/api/v1/namespaces/default/configmaps/{name}");
        let answer = ask(&user, "GET", &path, "").expect("the platform is up");
        assert!(answer.contains(&data), "{crash}: {name} is lost");
    }
}

#[test]
fn a_snapshot() {
    bulk("store.snapshot:1");
}

#[test]
fn what_goes_after_a_snapshot() {
    bulk("store.truncate:1");
}

/// Garbage that was half collected is collected by the next platform.
#[test]
fn garbage() {
    let user = User::new();
    user.file("quick.yaml", QUICK);
    dies(&user, "collect.deleted:1", || {
        assert!(user.run(&["submit", "--wait", "quick.yaml"]).status.success());
        let _ = user.run(&["delete", "quick"]);
    });
    let _up = user.up(&[], &[]);
    // A platform that died before it answered may have forgotten that it was asked.
    let _ = user.run(&["delete", "quick"]);
    gone(&user, "/api/v1/namespaces/default/pods/quick");
}

/// A pod that was ended and not yet deleted is deleted by the next platform, and its workflow knows how it ended.
#[test]
fn a_pod_that_is_ended() {
    let user = User::new();
    user.file("long.yaml", LONG);
    dies(&user, "node.delete:1", || {
        assert!(user.run(&["submit", "long.yaml"]).status.success());
        running(&user);
        let _ = user.run(&["terminate", "long"]);
    });
    let _up = user.up(&[], &[]);
    assert_eq!(user.run(&["wait", "long"]).status.code(), Some(1));
    gone(&user, "/api/v1/namespaces/default/pods/long");
}

/// A claim that was half made is made by the next platform, one that was half removed is removed, and what it held
/// meanwhile is not lost.
fn claim(crash: &str) {
    let user = User::new();
    user.file("claimed.yaml", CLAIMED);
    dies(&user, crash, || {
        assert!(user.run(&["submit", "claimed.yaml"]).status.success());
    });
    let _up = user.up(&[], &[]);
    let waited = user.run(&["wait", "claimed"]);
    assert_eq!(waited.status.code(), Some(0), "{crash}: {}", text(&waited.stderr));
    until(&user, "/api/v1/persistentvolumes", |answer| {
        answer.contains(r#""items":[]"#)
    });
}

#[test]
fn a_claim_that_has_a_directory_only() {
    claim("node.claim-directory:1");
}

#[test]
fn a_claim_that_is_not_bound() {
    claim("node.claim-volume:1");
}

#[test]
fn a_claim_whose_directory_is_gone() {
    claim("node.claim-removed:1");
}

/// A retry that died after it deleted the pods of what failed can be asked for again.
#[test]
fn a_retry_that_has_deleted_the_pods() {
    let user = User::new();
    user.file("told.yaml", TOLD);
    let _up = user.up(&[], &[]);
    assert_eq!(
        user.run(&["submit", "--wait", "told.yaml"]).status.code(),
        Some(1)
    );
    let retry = ["retry", "--wait", "told", "-p", "code=0"];
    let mut doomed = user.command(&retry);
    let doomed = doomed.env("PLIMSOLL_CRASH_POINT", "cli.pods-deleted:1").output();
    let doomed = doomed.expect("the binary starts");
    assert_eq!(doomed.status.code(), None, "it was not reached");
    gone(&user, "/api/v1/namespaces/default/pods/told");
    let again = user.run(&retry);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
}

/// Waits until something is there or not, by asking.
fn until(user: &User, path: &str, holds: impl Fn(&str) -> bool) {
    let found = (0..3000).any(|_| {
        let answer = ask(user, "GET", path, "").unwrap_or_default();
        let holds = holds(&answer);
        if !holds {
            std::thread::yield_now();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        holds
    });
    assert!(found, "{path}");
}

fn running(user: &User) {
    until(user, "/api/v1/namespaces/default/pods/long", |answer| {
        answer.contains(r#""phase":"Running""#)
    });
}

fn gone(user: &User, path: &str) {
    until(user, path, |answer| answer.starts_with("HTTP/1.0 404"));
}

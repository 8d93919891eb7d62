//! Root layouts: what is mounted, in which order.

use super::*;
use crate::protocol::Mount;

/// A machine with `dirs` (a trailing `/` marks them), files and links (`a -> b`).
fn machine(entries: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in entries {
        let at = |path: &str| dir.path().join(path);
        match entry.split_once(" -> ") {
            Some((link, to)) => std::os::unix::fs::symlink(to, at(link)).unwrap(),
            None if entry.ends_with('/') => std::fs::create_dir_all(at(entry)).unwrap(),
            None => std::fs::write(at(entry), "").unwrap(),
        }
    }
    dir
}

/// The steps for `targets` (each a directory mounted from `/usr`, or with `@` a file from `/etc/passwd`), less what every root has.
fn check(entries: &[&str], targets: &[&str], cwd: &str, expected: &expect_test::Expect) {
    let mut all = vec!["dev/", "proc/", "tmp/", "usr/"];
    all.extend(entries);
    let machine = machine(&all);
    let mount = |target: &&str| {
        let (source, target) = target
            .strip_prefix('@')
            .map_or(("/usr", *target), |file| ("/etc/passwd", file));
        Mount {
            source: source.into(),
            target: target.into(),
            read_only: false,
        }
    };
    let sandbox = Sandbox {
        stage: "/S".into(),
        mounts: targets.iter().map(mount).collect(),
        hostname: None,
    };
    let steps = steps(
        (machine.path(), &Listings::default()),
        &sandbox,
        Path::new(cwd),
        true,
    )
    .unwrap();
    let common = ["/S/proc", "/S/tmp", "/S/usr", "/S/dev", "/S/dev/shm"];
    let prefix = machine.path().display().to_string();
    let text: String = steps
        .iter()
        .filter(|step| !matches!(step, Step::Directory { at, .. } if common.contains(&at.to_str().unwrap())))
        .filter(|step| !matches!(step, Step::Link { at, .. } if at.to_str().unwrap().starts_with("/S/dev")))
        .map(|step| format!("{step:?}\n").replace(&prefix, "M"))
        .collect();
    expected.assert_eq(&text);
}

#[test]
fn the_root_shows_the_machine() {
    check(
        &["bin -> usr/bin", "etc/", "notes"],
        &["/tmp"],
        "/",
        &expect_test::expect![[r#"
            Tmpfs { at: "/S/" }
            Link { to: "usr/bin", at: "/S/bin" }
            Directory { at: "/S/etc", shared: false }
            Bind { from: "M/etc", at: "/S/etc" }
            File { at: "/S/notes" }
            Bind { from: "M/notes", at: "/S/notes" }
            Bind { from: "M/usr", at: "/S/usr" }
            Proc { at: "/S/proc" }
            Bind { from: "/usr", at: "/S/tmp" }
        "#]],
    );
}

#[test]
fn a_missing_path_opens_its_nearest_ancestors() {
    check(
        &[
            "data/raw/deep/",
            "data/raw/more",
            "var/",
            "var/run -> ../data/raw",
        ],
        &["/var/run/new/er", "@/dev/termination-log"],
        "/work/here",
        &expect_test::expect![[r#"
            Tmpfs { at: "/S/" }
            Bind { from: "M/usr", at: "/S/usr" }
            Directory { at: "/S/var", shared: false }
            Bind { from: "M/var", at: "/S/var" }
            Directory { at: "/S/data", shared: false }
            Directory { at: "/S/data/raw", shared: false }
            Directory { at: "/S/data/raw/deep", shared: false }
            Bind { from: "M/data/raw/deep", at: "/S/data/raw/deep" }
            File { at: "/S/data/raw/more" }
            Bind { from: "M/data/raw/more", at: "/S/data/raw/more" }
            Proc { at: "/S/proc" }
            Directory { at: "/S/data/raw/new", shared: false }
            Directory { at: "/S/data/raw/new/er", shared: false }
            File { at: "/S/dev/termination-log" }
            Directory { at: "/S/work", shared: false }
            Directory { at: "/S/work/here", shared: false }
            Bind { from: "/etc/passwd", at: "/S/dev/termination-log" }
            Bind { from: "/usr", at: "/S/data/raw/new/er" }
        "#]],
    );
}

#[test]
fn a_mount_in_a_mount_is_made_inside_it() {
    check(
        &["etc/"],
        &["/out/a/b", "/out", "/tmp", "@/tmp/m"],
        "/out/w",
        &expect_test::expect![[r#"
            Tmpfs { at: "/S/" }
            Directory { at: "/S/etc", shared: false }
            Bind { from: "M/etc", at: "/S/etc" }
            Bind { from: "M/usr", at: "/S/usr" }
            Proc { at: "/S/proc" }
            Directory { at: "/S/out", shared: false }
            Bind { from: "/usr", at: "/S/out" }
            Bind { from: "/usr", at: "/S/tmp" }
            File { at: "/S/tmp/m" }
            Bind { from: "/etc/passwd", at: "/S/tmp/m" }
            Directory { at: "/S/out/a", shared: false }
            Directory { at: "/S/out/a/b", shared: false }
            Bind { from: "/usr", at: "/S/out/a/b" }
            Directory { at: "/S/out/w", shared: false }
        "#]],
    );
}

#[test]
fn a_path_of_the_other_kind_is_replaced() {
    check(
        &["etc/", "etc/app", "etc/b/"],
        &["/etc/app", "@/etc/b"],
        "/",
        &expect_test::expect![[r#"
            Tmpfs { at: "/S/" }
            Bind { from: "M/usr", at: "/S/usr" }
            Directory { at: "/S/etc", shared: false }
            Proc { at: "/S/proc" }
            Directory { at: "/S/etc/app", shared: false }
            File { at: "/S/etc/b" }
            Bind { from: "/usr", at: "/S/etc/app" }
            Bind { from: "/etc/passwd", at: "/S/etc/b" }
        "#]],
    );
}

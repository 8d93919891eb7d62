//! `plimsoll sim`: what it replays, how it shows it, and what it says of files that are wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use cli::Exit;
use common::{Bench, Outcome};
use expect_test::{Expect, expect};
use serde_json::Value;

/// Two jobs of one GPU, one of both, and one that fits nowhere.
const JOBS: &str = "arrival,duration,num_gpu\n0,7200,1\n60,3600,2\n120,600,1\n180,600,9\n";

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.file("jobs.csv", JOBS);
    bench.file("machines.csv", "gpu,model,count\n2,T4,1\n");
    bench
}

async fn check(command: &str, exit: Exit, printed: Expect) {
    let found = bench().await.run(command).await;
    printed.assert_eq(&format!("{}{}", found.stdout, found.stderr));
    assert_eq!(found.exit, exit);
}

#[tokio::test]
async fn jobs_of_a_file_are_replayed() {
    let table = expect![[r#"
        POLICY     JOBS   NEVER   WAIT MEAN   P50     P90     P99     MOST WAITING   GPUS USED   DONE AFTER
        plimsoll   4      1       39.7 min    0.0 s   2.0 h   2.0 h   1              66.67 %     3.0 h
    "#]];
    check(
        "sim DIR/jobs.csv --machines 1x2 --policy plimsoll",
        Exit::Success,
        table,
    )
    .await;
}

#[tokio::test]
async fn figures_are_csv_json_or_a_plot() {
    let bench = bench().await;
    let command =
        "sim DIR/jobs.csv --machines DIR/machines.csv --queueing strict-fifo --policy bestfit,random";
    let run = |format: &str| {
        let command = format!("{command} -o {format}");
        let bench = &bench;
        async move {
            let Outcome { exit, stdout, stderr } = bench.run(&command).await;
            assert_eq!(exit, Exit::Success, "{stderr}");
            stdout
        }
    };
    let csv = run("csv").await;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let json: Value = serde_json::from_str(&run("json").await).unwrap();
    assert_eq!([&json[0]["policy"], &json[1]["policy"]], ["bestfit", "random"]);
    assert_eq!([&json[0]["jobs"], &json[0]["hopeless"]], [4, 1]);
    let svg = run("svg").await;
    assert!(
        svg.starts_with("<svg") && svg.contains("bestfit") && svg.contains("jobs waiting"),
        "{svg}"
    );
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said() {
    check(
        "sim DIR/none.csv --machines 1x2",
        Exit::Usage,
        expect![[r#"
        error: cannot read DIR/none.csv: No such file or directory (os error 2)
        hint: the FILE holds jobs
    "#]],
    )
    .await;
    check(
        "sim DIR/jobs.csv --machines DIR/none.csv",
        Exit::Usage,
        expect![[r#"
            error: cannot read DIR/none.csv: No such file or directory (os error 2)
            hint: --machines is COUNTxGPUS,... or names a file of machines
        "#]],
    )
    .await;
    check(
        "sim DIR/machines.csv --machines 1x2",
        Exit::Usage,
        expect![[r#"
        error: DIR/machines.csv:2: nothing in arrival or timestamp or creation_time
    "#]],
    )
    .await;
    check(
        "sim openb --contract queue",
        Exit::Usage,
        expect![[r#"
        error: only the policy plimsoll lets pods wait
        hint: add `--policy plimsoll`
    "#]],
    )
    .await;
}

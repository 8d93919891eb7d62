//! Replays in time, on clusters small enough to do by hand, and on Philly's jobs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::path::{Path, PathBuf};

use replay::{Error, Jobs, Machines, Measures, PolicyName, Queueing, Scenario, measure};

/// Writes files of this name and reads them.
fn read(name: &str, machines: &str, jobs: &str) -> Result<(Machines, Jobs), Error> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |what: &str, text: &str| {
        let path = folder.join(format!("{name}-{what}.csv"));
        std::fs::write(&path, text).unwrap();
        path
    };
    let machines = Machines::read(&file("machines", machines))?;
    let jobs = Jobs::read(&file("jobs", jobs), &machines)?;
    Ok((machines, jobs))
}

fn replayed((machines, jobs): (Machines, Jobs), queueing: Queueing) -> Measures {
    let scenario = Scenario {
        machines,
        jobs,
        policies: vec![PolicyName::Plimsoll],
        queueing,
        random_ties: None,
    };
    measure(&scenario).remove(0)
}

/// The mean and longest wait of jobs `arrival,duration,pods,num_gpu` on machines with so many GPUs.
fn check(name: &str, gpus: &[usize], jobs: &str, queueing: Queueing, (mean, longest): (f64, f64)) {
    let rows: String = gpus.iter().map(|gpus| format!("{gpus}\n")).collect();
    let jobs = format!("arrival,duration,pods,num_gpu\n{jobs}");
    let found = replayed(read(name, &format!("gpu\n{rows}"), &jobs).unwrap(), queueing);
    assert_eq!(
        (found.wait_mean, found.wait_p99),
        (mean, longest),
        "{name}: {found:?}"
    );
}

#[test]
fn jobs_wait_for_room_in_the_order_in_which_they_came() {
    use Queueing::{BestEffortFifo, StrictFifo};
    check("room", &[1], "0,10,1,1\n", BestEffortFifo, (0.0, 0.0));
    check("busy", &[1], "0,10,1,1\n2,10,1,1\n", BestEffortFifo, (4.0, 8.0));
    check("two", &[1, 1], "0,10,1,1\n2,10,1,1\n", BestEffortFifo, (0.0, 0.0));
    // The second asks for more than is free; the third would fit beside the first.
    let jobs = "0,10,1,1\n1,10,1,2\n2,1,1,1\n";
    check("best", &[2], jobs, BestEffortFifo, (3.0, 9.0));
    check("strict", &[2], jobs, StrictFifo, (9.0, 18.0));
}

#[test]
fn the_pods_of_a_job_start_together() {
    // One of two pods would fit at once.
    let jobs = "0,10,1,1\n1,10,2,1\n";
    check("gang", &[1, 1], jobs, Queueing::BestEffortFifo, (4.5, 9.0));
    // Three devices, on machines of two: one whole and half of another.
    let jobs = "0,5,1,3\n1,5,1,1\n2,5,1,1\n";
    check("split", &[2, 2], jobs, Queueing::BestEffortFifo, (1.0, 3.0));
}

#[test]
fn devices_in_use_are_counted_from_the_first_arrival_to_the_last() {
    let files = read(
        "used",
        "gpu\n2\n",
        "arrival,duration,num_gpu\n100,10,1\n120,10,2\n",
    )
    .unwrap();
    let found = replayed(files, Queueing::BestEffortFifo);
    assert!((found.allocation - 25.0).abs() < 1e-9, "{found:?}");
    assert!((found.makespan - 30.0).abs() < 1e-9, "{found:?}");
    let half = found
        .course
        .iter()
        .filter(|point| (point.allocation - 50.0).abs() < 1e-6)
        .count();
    assert_eq!(
        (found.course.len(), half),
        (360, 120),
        "a third of the course has one of two in use"
    );
}

#[test]
fn what_fits_on_no_machines_at_all_is_said() {
    let jobs = "arrival,duration,num_gpu,gpu_spec\n0,10,1,A100\n1,10,1,T4\n2,10,9,\n";
    let found = replayed(
        read("never", "gpu,model\n4,T4\n", jobs).unwrap(),
        Queueing::StrictFifo,
    );
    assert_eq!(
        (found.jobs, found.hopeless, found.waiting_max),
        (3, 2, 0),
        "{found:?}"
    );
}

#[test]
fn shares_leave_room_for_others() {
    let jobs = "arrival,duration,num_gpu,gpu_milli\n0,10,1,500\n0,10,1,500\n0,10,1,500\n";
    let found = replayed(
        read("shares", "gpu\n1\n", jobs).unwrap(),
        Queueing::BestEffortFifo,
    );
    assert_eq!((found.wait_p50, found.wait_p99), (0.0, 10.0), "{found:?}");
}

#[test]
fn times_are_seconds_or_dates_and_ends_will_do_for_durations() {
    let jobs = "timestamp,duration,num_gpus\n2017-10-09 07:00:30,5.5,1\n2017-10-09T07:00:00Z,60,1\n";
    let (_, jobs) = read("dates", "gpu\n8\n", jobs).unwrap();
    let times: Vec<_> = jobs.all().iter().map(|job| (job.arrival, job.duration)).collect();
    assert_eq!(times, [(0.0, 60.0), (30.0, 5.5)]);
    let jobs = "creation_time,scheduled_time,deletion_time,num_gpu\n5,7,10,1\n6,,10,1\n";
    let (_, jobs) = read("ends", "gpu\n8\n", jobs).unwrap();
    let times: Vec<_> = jobs.all().iter().map(|job| (job.arrival, job.duration)).collect();
    assert_eq!(times, [(0.0, 3.0), (1.0, 4.0)]);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let wrong = |name: &str, machines: &str, jobs: &str| match read(name, machines, jobs) {
        Err(Error::Format { line, what, .. }) => (line, what),
        other => panic!("{other:?}"),
    };
    let (line, what) = wrong("w1", "gpu\n8\n", "arrival,duration\n0,1\nsoon,1\n");
    assert_eq!(
        (line, what.as_str()),
        (3, "arrival is \"soon\", which is neither seconds nor a time")
    );
    let (line, what) = wrong("w2", "gpu\n8\n", "arrival,num_gpu\n0,1\n");
    assert_eq!((line, what.as_str()), (2, "nothing in deletion_time"));
    let (line, what) = wrong("w3", "gpu,count\n8\n", "");
    assert_eq!(
        (line, what.as_str()),
        (2, "not the 2 values that the first line names")
    );
    let (line, what) = wrong("w4", "gpu\n8\n", "arrival,deletion_time\n5,2\n");
    assert_eq!((line, what.as_str()), (2, "it ends 3 s before it begins"));
}

#[test]
fn philly_waits_less_on_more_machines_and_every_policy_runs_it_all() {
    let file = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/traces/philly/philly_jobs_sia.csv"
    ));
    if !file.with_extension("csv.gz").exists() {
        eprintln!("SKIPPED: the traces are not at {}", file.display());
        return;
    }
    let on = |machines: usize| {
        let machines = Machines::alike(&[(machines, 8)]);
        let jobs = Jobs::read(&file, &machines).unwrap();
        let policies = vec![
            PolicyName::Plimsoll,
            PolicyName::BestFit,
            PolicyName::GpuClustering,
        ];
        measure(&Scenario {
            machines,
            jobs,
            policies,
            queueing: Queueing::default(),
            random_ties: None,
        })
    };
    let (few, many) = (on(50), on(60));
    for (few, many) in few.iter().zip(&many) {
        assert_eq!((few.jobs, few.hopeless, many.hopeless), (82_247, 0, 0));
        assert!(few.wait_mean > many.wait_mean, "{few:?} {many:?}");
        assert!(
            few.allocation > many.allocation && few.allocation < 100.0,
            "{few:?} {many:?}"
        );
    }
}

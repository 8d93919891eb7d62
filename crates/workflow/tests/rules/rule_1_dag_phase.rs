//! Rule 1. Targets decide; omitted and skipped tasks take the phase of the branch that leads to them, the worse
//! one where several do; `failFast` ends the check at the first failure, and not what was started.

use super::check;

#[test]
fn a_failed_target_fails_the_dag() {
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: a, template: work}, {name: bad, template: work}]}",
        "
        workflow: Failed
        wf: Failed
        wf.a: Succeeded
        wf.bad: Failed: main: Error (exit code 1)",
    );
}

#[test]
fn an_omitted_target_takes_the_phase_of_its_branch() {
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: bad, template: work}, {name: b, template: work, depends: bad}, {name: c, template: work, depends: b}]}",
        "
        workflow: Failed
        wf.b: Omitted: omitted: depends condition not met
        wf.c: Omitted: omitted: depends condition not met",
    );
}

#[test]
fn of_several_branches_the_failed_one_counts() {
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: a, template: work}, {name: bad, template: work}, {name: last, template: work, depends: a && bad}]}",
        "
        workflow: Failed
        wf.last: Omitted: omitted: depends condition not met",
    );
}

#[test]
fn a_task_that_succeeds_behind_a_failure_heals_its_branch() {
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: bad, template: work}, {name: b, template: work, depends: bad.Failed}]}",
        "
        workflow: Succeeded
        wf.b: Succeeded",
    );
}

#[test]
fn only_named_targets_run_and_count() {
    check(
        "
  templates:
  - name: main
    dag: {target: a c, tasks: [{name: a, template: work}, {name: b, template: work}, {name: c, template: work, depends: b}, {name: bad, template: work}]}",
        "
        workflow: Succeeded
        wf.b: Succeeded
        wf.bad: none",
    );
}

#[test]
fn what_was_started_comes_to_its_end_whatever_fail_fast_says() {
    for fail_fast in ["true", "false"] {
        check(
            &format!(
                "
  templates:
  - name: main
    dag: {{failFast: {fail_fast}, tasks: [{{name: bad, template: work}}, {{name: a, template: work}}, {{name: b, template: work, depends: a}}]}}"
            ),
            "
            workflow: Failed
            wf.b: Succeeded",
        );
    }
}

#[test]
fn continue_on_of_a_target_forgives_it() {
    for (name, on, phase) in [
        ("bad", "{failed: true}", "Succeeded"),
        ("bad", "{error: true}", "Failed"),
        ("odd", "{error: true}", "Succeeded"),
        ("odd", "{failed: true}", "Error"),
    ] {
        check(
            &format!(
                "
  templates:
  - name: main
    dag: {{tasks: [{{name: {name}, template: give, continueOn: {on}}}]}}"
            ),
            &format!("workflow: {phase}"),
        );
    }
}

//! Rule 2. A bare name is succeeded, skipped or serving; `dependencies` are all of them; hyphens are allowed;
//! `AnySucceeded` and `AllFailed` look at a loop's turns.

use super::check;

fn after(depends: &str, runs: bool) {
    let spec = format!(
        "
  templates:
  - name: main
    dag:
      tasks:
      - {{name: good, template: work}}
      - {{name: bad, template: work}}
      - {{name: odd-one, template: give}}
      - {{name: skipped, template: work, when: 'false'}}
      - {{name: omitted, template: work, depends: good.Failed}}
      - {{name: mixed, template: work, withItems: [1, 2]}}
      - {{name: bads, template: work, withItems: [1, 2]}}
      - {{name: empty, template: work, withParam: '[]'}}
      - {{name: last, template: work, depends: '{depends}'}}"
    );
    let phase = if runs {
        "Succeeded"
    } else {
        "Omitted: omitted: depends condition not met"
    };
    check(&spec, &format!("wf.last: {phase}"));
}

#[test]
fn results_of_tasks() {
    for (depends, runs) in [
        ("good", true),
        ("bad", false),
        ("skipped", true),
        ("omitted", false),
        ("bad.Failed", true),
        ("bad.Errored", false),
        ("odd-one.Errored", true),
        ("odd-one.Failed", false),
        ("skipped.Skipped && omitted.Omitted", true),
        ("good && !bad", true),
        ("(bad || good) && odd-one.Errored", true),
        ("mixed.AnySucceeded", true),
        ("mixed.AllFailed", false),
        ("bads.AllFailed", true),
        ("bads.AnySucceeded", false),
        ("bads.Failed", true),
        ("empty.AllFailed", false),
        ("empty.Skipped", true),
    ] {
        after(depends, runs);
    }
}

#[test]
fn continue_on_of_a_dependency_lets_dependants_run() {
    check(
        "
  templates:
  - name: main
    dag:
      tasks:
      - {name: bad, template: work, continueOn: {failed: true}}
      - {name: odd, template: give, continueOn: {failed: true}}
      - {name: a, template: work, dependencies: [bad]}
      - {name: b, template: work, dependencies: [bad, odd]}",
        "
        wf.a: Succeeded
        wf.b: Omitted: omitted: depends condition not met",
    );
}

#[test]
fn hooks_of_a_dependency_are_waited_for() {
    let world = super::run(
        "
  templates:
  - name: main
    dag:
      tasks:
      - name: a
        template: work
        hooks: {late: {template: wait, expression: tasks.a.status == \"Succeeded\"}}
      - {name: b, template: work, depends: a}",
    );
    super::expect(&world, "wf.a.hooks.late: Running\nwf.b: none");
}

#[test]
fn an_omitted_task_is_a_child_of_what_it_waited_for() {
    let world = super::run(
        "
  templates:
  - name: main
    dag: {tasks: [{name: bad, template: work}, {name: b, template: work, depends: bad}]}",
    );
    let (bad, b) = (super::node(&world, "wf.bad"), super::node(&world, "wf.b"));
    assert_eq!(bad["children"][0], b["id"]);
}

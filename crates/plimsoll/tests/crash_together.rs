//! More than one death: the control plane twice, the control plane and the spawner, the spawner at its own places, the
//! executor of an attempt that may be repeated. Under the promise of ARCHITECTURE.md.

mod support;

use support::points::{at_once, crash_points};
use support::scene::Scene;

/// A platform killed at one place, and again at another while it recovers or later, finishes all the same. Every place
/// stands first once and second once.
#[test]
fn two_deaths_of_the_control_plane() {
    let points = crash_points();
    let apart = points.len() / 2 - 1;
    let pairs = (0..points.len()).map(|at| (points[at], points[(at + apart) % points.len()]));
    at_once(pairs.collect(), |(first, second)| {
        for (visit, again) in [(1, 1), (5, 2)] {
            let scene = Scene::new();
            let crash = format!("{first}:{visit} {second}:{again}");
            let once = scene.dies(&["run", "scene.yaml"], &format!("{first}:{visit}"));
            let twice = once && scene.up_until_it_dies(&format!("{second}:{again}"));
            if once {
                scene.check_whole(&scene.finish(&crash), &crash);
            }
            eprintln!("{crash}: died {} times", u8::from(once) + u8::from(twice));
        }
    });
}

/// Whatever the control plane was at when both died: no attempt starts twice, and what counts as a success was one.
#[test]
fn the_spawner_dies_with_the_control_plane() {
    at_once(crash_points(), |point| {
        for visit in [1, 4] {
            let scene = Scene::new();
            let crash = format!("{point}:{visit} and the spawner");
            if scene.dies(&["run", "scene.yaml"], &format!("{point}:{visit}")) {
                scene.user.kill_spawner();
                scene.check_promise(&scene.finish(&crash), &crash);
            }
        }
    });
}

/// The spawner is killed at its own places while the platform goes on, and so starts another.
#[test]
fn the_spawner_dies_under_a_platform() {
    // Its journal is rewritten after thousands of attempts; the spawner's own tests do that.
    let points = spawner::CRASH_POINTS
        .into_iter()
        .filter(|point| *point != "spawner.journal-rewritten");
    let visits = points.flat_map(|point| [(point, 1), (point, 3)]);
    at_once(visits.collect(), |(point, visit)| {
        let scene = Scene::new();
        let crash = format!("{point}:{visit}");
        scene.spawner_that_dies(point, visit);
        let ran = scene.user.run(&["run", "scene.yaml"]);
        assert!(ran.status.code().is_some_and(|code| code < 2), "{crash}");
        scene.check_promise(&scene.finish(&crash), &crash);
    });
}

/// An executor that dies before its report fails its attempt, and the next attempt's report is the one that counts. One
/// that dies after its report has nothing left to lose but its exit code.
#[test]
fn an_executor_that_dies_is_followed_by_the_next_attempt() {
    for point in artifacts::exec::CRASH_POINTS {
        let scene = Scene::new();
        let manifest = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: scene}}\nspec:\n  entrypoint: main\n  templates:\n    \
             - name: main\n      steps: [[{{name: make, template: make}}], [{{name: use, template: use, arguments: {{artifacts: \
             [{{name: x, from: '{{{{steps.make.outputs.artifacts.x}}}}'}}]}}}}]]\n    \
             - name: make\n      retryStrategy: {{limit: 1, retryPolicy: Always}}\n      outputs: {{artifacts: [{{name: x, path: /tmp/x}}]}}\n      \
             container: {{image: alpine, command: [sh, -c, 'echo {{{{retries}}}} > /tmp/x'], env: [{{name: PLIMSOLL_CRASH_POINT, \
             value: '{point}:{{{{=asInt(retries) + 1}}}}'}}]}}\n    \
             - name: use\n      inputs: {{artifacts: [{{name: x, path: /tmp/x}}]}}\n      \
             container: {{image: alpine, command: [sh, -c, 'test $(cat /tmp/x) = 1']}}\n"
        );
        scene.user.file("scene.yaml", &manifest);
        let ran = scene.user.run(&["run", "scene.yaml"]);
        let said = support::text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{point}: {said}");
    }
}

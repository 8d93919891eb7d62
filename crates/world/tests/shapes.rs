//! Scripts of a certain shape in a calm world.

use world::{Options, chain, digits, run};

/// The latency of a step is the platform's hops: none of them may wait for a timer.
#[test]
fn a_chain_of_instant_steps_takes_no_virtual_time() {
    let trace = run(&chain(100), Options::default());
    assert_eq!(trace.problems, []);
    assert_eq!(trace.over.as_millis(), 0, "something waited for a timer");
}

#[test]
fn the_digits_pipeline_ends_well() {
    let trace = run(&digits(), Options::default());
    assert_eq!(trace.problems, []);
    assert!(trace.comparisons > 0, "machines are compared with rebuilt ones");
    let status = &trace.workflows[0]["status"];
    assert_eq!(status["phase"], "Succeeded", "{}", status["message"]);
    let nodes = status["nodes"].as_object().into_iter().flatten();
    let trained = nodes.filter(|(_, node)| {
        node["type"] == "Retry" && node["templateName"] == "train" && node["phase"] == "Succeeded"
    });
    assert_eq!(trained.count(), 12);
}

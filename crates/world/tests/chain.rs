//! The latency of a step is the platform's hops: none of them may wait for a timer.

use world::{Faults, chain, run};

#[test]
fn a_chain_of_instant_steps_takes_no_virtual_time() {
    let trace = run(1, &chain(100), Faults::NONE);
    assert_eq!(trace.problems, Vec::<String>::new());
    assert_eq!(trace.over_millis, 0, "something waited for a timer");
}

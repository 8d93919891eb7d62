//! Examples that are not run, each with the reason.

/// The reason of an example that takes half a minute or more.
pub(crate) const SLOW: &str = "takes half a minute or more: cargo xtask conformance";
const SQL: &str = "synchronization by a SQL database";
const SETS: &str = "containerSet";

/// Name, and what it waits for.
pub(crate) const KEPT_OUT: &[(&str, &str)] = &[
    ("colored-logs.yaml", SLOW),
    ("container-set-template/graph-workflow.yaml", SETS),
    ("container-set-template/parallel-workflow.yaml", SETS),
    ("container-set-template/sequence-workflow.yaml", SETS),
    ("dag-disable-failFast.yaml", SLOW),
    ("forever.yaml", SLOW),
    ("parallelism-limit.yaml", SLOW),
    ("parallelism-nested-dag.yaml", SLOW),
    ("parallelism-template-limit.yaml", SLOW),
    ("step-level-timeout.yaml", SLOW),
    ("synchronization-db-tmpl-level.yaml", SQL),
    ("synchronization-db-wf-level.yaml", SQL),
    ("synchronization-mutex-tmpl-level.yaml", SLOW),
    ("timeouts-step.yaml", SLOW),
    ("timeouts-workflow.yaml", SLOW),
];

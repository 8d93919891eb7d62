//! Cases that are not run, and differences from upstream that stay, each with the reason.

/// The reason of a case that takes half a minute or more.
pub(crate) const SLOW: &str = "takes half a minute or more: cargo xtask conformance";
const SQL: &str = "synchronization by a SQL database";
const DATA: &str = "data template";
const PLUGINS: &str = "artifact plugins of a cluster";
const STORES: &str = "an artifact store of the internet";
const JOBS: &str = "Jobs and StatefulSets, which the embedded platform does not run yet";
const WINDOWS: &str = "a machine with Windows";
const OTHER: &str = "the tree of its name is of another workflow of its file";
const INTERNET: &str = "asks services of the internet";
const INSIDE: &str = "runs the argo command line in a step";

/// Name, and what it waits for.
pub(crate) const KEPT_OUT: &[(&str, &str)] = &[
    ("AgentSuite.TestStatusCondition", INTERNET),
    (
        "ArgoServerSuite.TestRetryStoppedButIncompleteWorkflow (outside subtests)",
        INSIDE,
    ),
    ("ArtifactsSuite.TestArtifactPassingPlugin", PLUGINS),
    ("ArtifactsSuite.TestContainersetLogsPlugin_Basic", PLUGINS),
    ("ArtifactsSuite.TestDefaultParameterOutputsPlugin", PLUGINS),
    ("ArtifactsSuite.TestInputOnMountPlugin", PLUGINS),
    ("ArtifactsSuite.TestOutputOnInputPlugin", PLUGINS),
    ("ArtifactsSuite.TestOutputOnMountPlugin", PLUGINS),
    ("ArtifactsSuite.TestResourceLogPlugin_Basic", PLUGINS),
    ("FunctionalSuite.TestDataTransformation", DATA),
    ("FunctionalSuite.TestOptionalInputArtifacts", STORES),
    ("HTTPArtifactsSuite.TestArtifactoryArtifacts", STORES),
    ("colored-logs.yaml", SLOW),
    ("cron-backfill.yaml.2", OTHER),
    ("data-transformations.yaml", DATA),
    ("dag-disable-failFast.yaml", SLOW),
    ("daemoned-stateful-set-with-service.yaml", JOBS),
    ("forever.yaml", SLOW),
    ("hello-hybrid.yaml", WINDOWS),
    ("k8s-orchestration.yaml", JOBS),
    ("k8s-wait-wf.yaml", SLOW),
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

/// What stands in a line for the end of a name that an API server made up.
pub(crate) const MADE_UP: &str = "{made-up}";

/// Case, lines that say where its tree differs, and why it does.
pub(crate) const DIFFERENCES: &[(&str, &[&str], &str)] = &[
    (
        "k8s-wait-wf.yaml",
        &[
            r#"k8s-wait-wf[0].create-wf: outputs: {"exitCode":"0","parameters":{"wf-name":"sleep-{made-up}"}}, not {"exitCode":"0","parameters":{"wf-name":"sleep-dklwc"}}"#,
            r#"k8s-wait-wf[1].wait-wf: inputs: {"parameters":{"wf-name":"sleep-{made-up}"}}, not {"parameters":{"wf-name":"sleep-dklwc"}}"#,
        ],
        "the name of what the step creates is made up by the API server (`generateName`)",
    ),
    (
        "FunctionalSuite.TestWorkflowParallelismStepFailFast",
        &[
            r#"parallelism-step-fail-fast[0].step1: message: "main: StartError (exit code 128): failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"exit\": executable file not found in $PATH: unknown", not "main: Error (exit code 64): failed to find name in PATH: exec: \"exit\": executable file not found in $PATH""#,
            r#"parallelism-step-fail-fast[0].step1: outputs: {"exitCode":"128"}, not {"exitCode":"64"}"#,
        ],
        "no executor stands before a plain step: that its command cannot start is said as kubelet says it",
    ),
];

//! Argo's kinds (`argoproj.io/v1alpha1`) as plain data: every field of the v4 API, its JSON names, its schema.
//!
//! Decoding is tolerant: fields this program does not know are passed over, and found by validating against
//! the JSON Schema that the same types derive. Nothing here behaves; `workflow` gives the fields their meaning.

pub mod core;
pub mod cron;
pub mod exec;
pub mod kinds;
pub mod location;
pub mod object;
pub mod policy;
pub mod repository;
pub mod scalar;
pub mod schema;
pub mod spec;
pub mod status;
pub mod template;
pub mod values;

mod empty;
mod place;

pub use place::DEFAULT_KEY;

pub use kinds::{
    API_VERSION, ClusterWorkflowTemplate, CronWorkflow, GROUP, Kind, NodeResult, VERSION, Workflow,
    WorkflowArtifactGCTask, WorkflowEventBinding, WorkflowTaskResult, WorkflowTaskSet, WorkflowTemplate,
};
pub use object::ObjectMeta;
pub use scalar::{AnyString, IntOrString, Item, Time};
pub use spec::WorkflowSpec;
pub use status::{NodeStatus, WorkflowStatus};
pub use template::{DagTask, Template, WorkflowStep};
pub use values::{Arguments, Artifact, Inputs, Outputs, Parameter, ValueFrom};

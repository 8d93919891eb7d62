//! CronWorkflow and WorkflowEventBinding.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::ObjectReference;
use crate::object::ObjectMeta;
use crate::scalar::{Time, is_false, null_default};
use crate::spec::{WorkflowSpec, WorkflowTemplateRef};
use crate::status::Condition;
use crate::values::Arguments;

/// When to run which workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CronWorkflowSpec {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub concurrency_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_jobs_history_limit: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub schedules: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_strategy: Option<StopStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_jobs_history_limit: Option<i64>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub suspend: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub timezone: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub when: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_metadata: Option<ObjectMeta>,
    #[serde(deserialize_with = "null_default")]
    pub workflow_spec: WorkflowSpec,
}

/// What became of the schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CronWorkflowStatus {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub active: Vec<ObjectReference>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scheduled_time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub phase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<i64>,
}

/// When to stop scheduling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StopStrategy {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub expression: String,
}

/// Which events submit which template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowEventBindingSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit: Option<Submit>,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub selector: String,
}

/// What to submit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Submit {
    #[serde(
        skip_serializing_if = "Arguments::is_empty",
        deserialize_with = "null_default"
    )]
    pub arguments: Arguments,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ObjectMeta>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_template_ref: Option<WorkflowTemplateRef>,
}

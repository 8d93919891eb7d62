//! The parameters that a step takes from the object it acted on.

use argo::values::{Outputs, Parameter, ValueFrom};
use expr::jsonpath::kubectl::Template;
use serde_json::Value;

use super::Session;
use crate::exec::{Failure, jq};

impl Session<'_> {
    /// The parameters, from the object as it is now; their defaults where there is none.
    pub(super) async fn parameters(&mut self, path: Option<&str>) -> Result<Outputs, Failure> {
        let mut outputs = Outputs::default();
        let mut read = None;
        for parameter in &self.orders.output_parameters {
            let Some(from) = &parameter.value_from else {
                outputs.parameters.push(parameter.clone());
                continue;
            };
            let value = match path {
                None => Some(from.default.clone().unwrap_or_default().to_string()),
                Some(path) if is_of_object(from) => {
                    let object = match read.take() {
                        Some(object) => object,
                        None => self
                            .read(path)
                            .await
                            .map_err(|problem| Failure(problem.to_string()))?,
                    };
                    Some(value(from, read.insert(object)).await?)
                }
                Some(_) => None,
            };
            outputs.parameters.push(Parameter {
                value: value.map(Into::into),
                ..parameter.clone()
            });
        }
        Ok(outputs)
    }
}

fn is_of_object(from: &ValueFrom) -> bool {
    !from.json_path.is_empty() || !from.jq_filter.is_empty()
}

async fn value(from: &ValueFrom, object: &Value) -> Result<String, Failure> {
    if from.json_path.is_empty() {
        return jq::filter(&from.jq_filter, object).await;
    }
    let template = Template::parse(&from.json_path).map(Template::allow_missing_keys);
    let found = template.and_then(|template| template.execute(object));
    found.map_err(|error| {
        Failure(format!(
            "error: error executing jsonpath \"{}\": {error}",
            from.json_path
        ))
    })
}

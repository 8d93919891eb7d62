//! Which objects of a collection a request is about: labels, fields, a name.

use meta::LabelSelector;

use crate::call::Call;
use crate::object::labels;
use crate::registry::FieldSelector;
use crate::status::ApiError;

/// The selectors of a request.
#[derive(Clone)]
pub(crate) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    /// Reads the selectors.
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, ApiError> {
        let labels = call.query.get("labelSelector").unwrap_or_default();
        let fields = call.query.get("fieldSelector").unwrap_or_default();
        let mut fields = FieldSelector::parse(fields, &call.row)?;
        if !call.target.name.is_empty() {
            fields = fields.with_name(&call.target.name);
        }
        Ok(Self {
            labels: LabelSelector::parse(labels).map_err(ApiError::bad_request)?,
            fields,
        })
    }

    /// Whether stored bytes are among those selected.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        (self.labels.requirements.is_empty() || self.labels.matches(&labels(bytes)))
            && (self.fields.is_empty() || self.fields.matches(bytes))
    }

    /// Whether everything is selected.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.requirements.is_empty() && self.fields.is_empty()
    }

    /// The store's prefix that holds all that can be selected.
    pub(crate) fn prefix(&self, call: &Call<'_>) -> String {
        let prefix = call.row.collection(&call.target.namespace);
        match self.fields.name() {
            // A longer name with the same beginning is sorted out by `matches`.
            Some(name) if call.row.namespaced != call.target.namespace.is_empty() => prefix + name,
            _ => prefix,
        }
    }
}

//! Records of the library as Python's dictionaries.

use pyo3::prelude::*;
use serde::Serialize;

use crate::errors::usage;

/// What `json.loads` makes of a record.
pub(crate) fn to_python<'py>(py: Python<'py>, record: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(record).map_err(|error| usage(error.to_string()))?;
    py.import("json")?.getattr("loads")?.call1((text,))
}

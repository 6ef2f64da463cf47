//! The library's errors as exceptions, by their kind.

use headstart::{Error, ErrorKind};
use pyo3::prelude::*;

/// The exception of an error. Its text is the error's.
pub(crate) fn exception(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let class = match error.kind() {
        ErrorKind::Usage => "UsageError",
        ErrorKind::BadData => "BadDataError",
        ErrorKind::Missing => "MissingError",
        ErrorKind::Resources => "ResourceError",
        // An exception ended the job, and is raised instead.
        ErrorKind::Interrupted => "HeadstartError",
        _ => "InternalError",
    };
    raised(class, error.to_string())
}

/// The exception of a setting that can't be used.
pub(crate) fn usage(message: String) -> PyErr {
    raised("UsageError", message)
}

/// An exception of `headstart.errors`, where Python's programs can name it.
fn raised(class: &str, message: String) -> PyErr {
    Python::attach(|py| {
        let made = py.import("headstart.errors").and_then(|errors| errors.getattr(class)?.call1((message,)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

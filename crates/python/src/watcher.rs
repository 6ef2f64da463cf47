//! Long jobs: without the interpreter's lock, told to Python, ended by Ctrl-C or by an exception.

use std::ops::ControlFlow;

use headstart::{Error, Note, Observer, Progress};
use pyo3::prelude::*;

use crate::errors::exception;

/// Tells Python of a job, and ends it at the first exception.
pub(crate) struct Watcher {
    /// Called with the stage, how much is done, how much there is to do, and what is counted.
    progress: Option<Py<PyAny>>,
    failure: Option<PyErr>,
}

impl Watcher {
    /// Runs a job while other threads of Python go on.
    pub(crate) fn run<T: Send>(
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        job: impl FnOnce(&mut Self) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let mut watcher = Self { progress, failure: None };
        let done = py.detach(|| job(&mut watcher));
        match watcher.failure {
            // The job was ended for it, or came to its end meanwhile.
            Some(failure) => Err(failure),
            None => done.map_err(exception),
        }
    }

    /// Keeps the first exception.
    fn tell(&mut self, tell: impl FnOnce(Python<'_>) -> PyResult<()>) {
        if self.failure.is_none() {
            self.failure = Python::attach(tell).err();
        }
    }
}

impl Observer for Watcher {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let Progress { stage, done, total, .. } = *progress;
        let callback = self.progress.take();
        self.tell(|py| {
            // Ctrl-C becomes KeyboardInterrupt here.
            py.check_signals()?;
            if let Some(callback) = &callback {
                callback.call1(py, (stage.to_string(), done, total, stage.unit()))?;
            }
            Ok(())
        });
        self.progress = callback;
        if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn note(&mut self, note: &Note) {
        let text = note.to_string();
        self.tell(|py| py.import("headstart._notes")?.getattr("tell")?.call1((text,)).map(drop));
    }
}

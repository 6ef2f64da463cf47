//! Jobs: without the interpreter's lock, told to Python, ended by Ctrl-C or by an exception.

use std::ops::ControlFlow;
use std::process;
use std::sync::OnceLock;

use headstart::{Error, Note, Observer, Progress};
use pyo3::prelude::*;

use crate::errors::{exception, usage};

/// The process that ran the first job. A process that is forked from it lacks the threads that compute, so a job there would
/// wait for them for ever.
static COMPUTES: OnceLock<u32> = OnceLock::new();

/// Runs a job while other threads of Python go on.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    job: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<T> {
    let first = *COMPUTES.get_or_init(process::id);
    if first != process::id() {
        let what = "this process was forked from one that has computed, and can't compute";
        return Err(usage(format!("{what}: start it with the method \"spawn\"")));
    }
    py.detach(job).map_err(exception)
}

/// Tells Python of a job, and ends it at the first exception.
pub(crate) struct Watcher {
    /// Called with the stage, how much is done, how much there is to do, and what is counted.
    progress: Option<Py<PyAny>>,
    failure: Option<PyErr>,
}

impl Watcher {
    /// Runs a job that tells of itself while other threads of Python go on.
    pub(crate) fn run<T: Send>(
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        job: impl FnOnce(&mut Self) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let mut watcher = Self { progress, failure: None };
        let done = detached(py, || job(&mut watcher));
        // The job was ended for the exception, or came to its end meanwhile.
        watcher.failure.map_or(done, Err)
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

//! Standard output, where results go, and standard error, where notes go.
//!
//! Neither may end a run: a reader that closes its end has read all it wanted. Any other failure to write a result
//! is told at the end, by [`finish`].

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Writes a line of the result.
macro_rules! say {
    ($($text:tt)*) => { crate::output::result_line(format_args!($($text)*)) };
}
/// Writes a line that is no result: what was found, what was skipped, how it goes on.
macro_rules! note {
    ($($text:tt)*) => { crate::output::note_line(format_args!($($text)*)) };
}
pub(crate) use {note, say};

/// Whether nobody reads the result any more.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// The first failure to write a result.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

pub(crate) fn result_line(text: Arguments<'_>) {
    keep(writeln!(io::stdout(), "{text}"));
}

pub(crate) fn note_line(text: Arguments<'_>) {
    // There is nowhere left to tell that this failed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Tells whether the reader of the result has closed its end, so that there is no one to compute more for.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// Tells whether all of the result was written.
pub(crate) fn finish() -> io::Result<()> {
    keep(io::stdout().flush());
    let failure = FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    failure.map_or(Ok(()), Err)
}

fn keep(outcome: io::Result<()>) {
    let Err(error) = outcome else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        CLOSED.store(true, Ordering::Relaxed);
    } else {
        FAILURE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
    }
}

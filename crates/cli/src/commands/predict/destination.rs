//! Where answers go: to standard output, or to a file.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use crate::output::{escaped, is_closed, result_line};

/// Where answers go, a line each.
pub(super) enum Destination<'a> {
    Output,
    File { writer: &'a mut dyn Write, path: &'a Path },
}

impl Destination<'_> {
    /// Writes a line; `for_people` says whether it is one that a terminal may be asked to show.
    pub(super) fn line(&mut self, line: &str, for_people: bool) -> Result<(), headstart::Error> {
        let line = if for_people { escaped(line) } else { Cow::Borrowed(line) };
        match self {
            Self::Output => result_line(&line),
            Self::File { writer, path } => {
                let written = writeln!(writer, "{line}");
                written.map_err(headstart::errors::FileError::io(*path, "write it"))?;
            }
        }
        Ok(())
    }

    /// Whether nobody reads the answers any more.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Output) && is_closed()
    }
}

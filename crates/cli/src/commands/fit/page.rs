//! The report that a fit writes beside its model.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use headstart::report::Report;
use headstart::{Fitted, IfExists};
use headstart_files::write_bytes;

use crate::fault::Fault;
use crate::flags::Fit;

/// How much of a file shows whether it is a report.
const BEGINNING: u64 = 4096;

/// Where the report goes; none where it was not wanted.
///
/// # Errors
/// A file is there that is no report.
pub(super) fn place(command: &Fit) -> anyhow::Result<Option<PathBuf>> {
    if command.no_report {
        return Ok(None);
    }
    let page = command.report.clone().unwrap_or_else(|| command.output.with_extension("report.html"));
    headstart_files::check_writable(&page, IfExists::Replace).map_err(headstart::Error::from)?;
    let taken = headstart_files::is_taken(&page).map_err(headstart::Error::from)?;
    if taken && !command.fresh && !is_report(&page) {
        let text = format!(
            "{}: exists and is no report; give another name with --report, --no-report, or --fresh to replace it",
            page.display()
        );
        return Err(Fault::Usage(text).into());
    }
    Ok(Some(page))
}

/// Writes the report of a fit.
pub(super) fn write(fitted: &Fitted, page: &Path) -> anyhow::Result<()> {
    let report = Report::of_fitting(fitted)?;
    let text = report.to_html();
    Ok(write_bytes(page, IfExists::Replace, text.as_bytes()).map_err(headstart::Error::from)?)
}

fn is_report(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    read.is_ok() && Report::is_page(&beginning)
}

//! `headstart report`: a run as one HTML page.

use headstart::IfExists;
use headstart::report::{Report, ReportOptions};
use headstart_files::write_bytes;

use crate::fault::Fault;
use crate::flags::{Flags, Report as Command};
use crate::outcome::Outcome;
use crate::output::{give, say};

pub(crate) fn run(flags: &Flags, command: &Command) -> anyhow::Result<Outcome> {
    let output = &command.output;
    let if_exists = if command.fresh { IfExists::Replace } else { IfExists::Refuse };
    headstart_files::check_writable(output, IfExists::Replace).map_err(headstart::Error::from)?;
    if !command.fresh && headstart_files::is_taken(output).map_err(headstart::Error::from)? {
        let path = output.display();
        let text = format!("{path}: exists; give another output, or --fresh to replace it");
        return Err(Fault::Usage(text).into());
    }
    let report = Report::of_run(&command.run, &options(command))?;
    let page = report.to_html();
    write_bytes(output, if_exists, page.as_bytes()).map_err(headstart::Error::from)?;
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say!("report    {} ({} kB)", output.display(), page.len().div_ceil(1000));
        say!("errors    {}", report.errors.len());
        say!("labels    {} likely wrong", report.label_issues.len());
        say!("pairs     {} near-duplicates between training and validation", report.near_duplicates.len());
    }
    Ok(Outcome::Done)
}

fn options(command: &Command) -> ReportOptions {
    let mut options = ReportOptions::default();
    options.train_images.clone_from(&command.train_images);
    options.validation_images.clone_from(&command.validation_images);
    options.train.clone_from(&command.train);
    options.validation.clone_from(&command.validation);
    options.duplicate_distance = command.duplicate_distance;
    options
}

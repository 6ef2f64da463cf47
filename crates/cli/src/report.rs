//! `headstart report`: a head, its errors and its data as one HTML page.

mod collect;
mod data;
mod html;
mod svg;
mod text;
mod thumbnail;

use anyhow::Context;

use crate::flags::{Flags, Report};
use crate::outcome::{Fault, Outcome};
use crate::output::say;
use crate::whole_file;

pub(crate) fn run(flags: &Flags, command: &Report) -> anyhow::Result<Outcome> {
    let output = &command.output;
    if !command.fresh && output.try_exists().with_context(|| format!("looking for {}", output.display()))? {
        let path = output.display();
        return Err(
            Fault::Usage(format!("{path}: exists; give another output, or --fresh to replace it")).into()
        );
    }
    let data = collect::collect(command)?;
    let page = html::render(&data);
    whole_file::write(output, page.as_bytes()).with_context(|| format!("writing {}", output.display()))?;
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&data)?);
    } else {
        say!("report    {} ({} kB)", output.display(), page.len().div_ceil(1000));
        say!("errors    {}", data.errors.len());
        say!("labels    {} likely wrong", data.label_issues.len());
        say!("pairs     {} near-duplicates between training and validation", data.near_duplicates.len());
    }
    Ok(Outcome::Done)
}

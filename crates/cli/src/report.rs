//! `headstart report`: a head, its errors and its data as one HTML page.

mod collect;
mod data;
mod html;
mod svg;
mod text;
mod thumbnail;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::flags::{Flags, Report};
use crate::outcome::{Fault, Outcome};
use crate::output::say;

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
    write_whole(output, page.as_bytes()).with_context(|| format!("writing {}", output.display()))?;
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

/// Writes a file under another name in the same folder, and renames it when it is whole and on the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().ok_or_else(|| std::io::Error::other("expected a file's name"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".partial");
    let partial = path.with_file_name(hidden);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().inspect_err(|_| {
        // What failed is told; that this may fail too tells nothing more.
        let _ = fs::remove_file(&partial);
    })
}

//! `headstart merge`: the shards of a folder put together.

use headstart_features::{Existing, Summary, merge};

use crate::flags::{Flags, Merge};
use crate::outcome::Outcome;
use crate::output::say;

pub(crate) fn run(flags: &Flags, command: &Merge) -> anyhow::Result<Outcome> {
    let existing = if command.fresh { Existing::Replace } else { Existing::Reuse };
    let summary = merge(&command.shards, &command.output, existing)?;
    let Summary { rows, skipped, npy, manifest, .. } = &summary;
    if flags.json {
        say!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        say!("features  {} ({rows} rows of {} shards)", npy.display(), command.shards.len());
        say!("manifest  {}", manifest.display());
        if *skipped > 0 {
            say!("skipped   {skipped} images, listed in the manifest with the reason");
        }
    }
    Ok(if *skipped > 0 { Outcome::Skipped } else { Outcome::Done })
}

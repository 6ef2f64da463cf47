//! `headstart merge`: the shards of a folder put together.

use headstart::{Existing, merge};

use super::extract::Written;
use crate::flags::{Flags, Merge};
use crate::outcome::Outcome;
use crate::output::{give, say};
use crate::progress::Terminal;

pub(crate) fn run(flags: &Flags, command: &Merge) -> anyhow::Result<Outcome> {
    let existing = if command.fresh { Existing::Replace } else { Existing::Reuse };
    // A signal ends it at once, and nothing is written then.
    let mut terminal = Terminal::without_signals();
    let written: Written = merge(&command.shards, &command.output, existing, &mut terminal)?.into();
    drop(terminal);
    let Written { rows, skipped, npy, manifest, .. } = &written;
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&written)?);
    } else {
        say!("features  {npy} ({rows} rows of {} shards)", command.shards.len());
        say!("manifest  {manifest}");
        if *skipped > 0 {
            say!("skipped   {skipped} images, listed in the manifest with the reason");
        }
    }
    Ok(if *skipped > 0 && !command.skipped_ok { Outcome::Skipped } else { Outcome::Done })
}

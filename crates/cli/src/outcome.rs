//! How a command ended, and the exit code that says so.

use headstart::ErrorKind;

use crate::fault;

/// Exit code of a usage error; clap's own is the same.
const USAGE: u8 = 2;

/// Exit code of bad data or weights.
const BAD_DATA: u8 = 4;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done: exit code 0.
    Done,
    /// Done, but some images were skipped: exit code 3.
    Skipped,
    /// Done, and there are warnings, or images that would be skipped: exit code 3.
    Warned,
    /// Done, and what was compared is not the same: exit code 1.
    Differs,
    /// Ended by a signal that asked for this exit code, with nothing lost.
    Interrupted(u8),
}

/// 0 done; 1 failed; 2 usage; 3 done, but some images were skipped or there are warnings; 4 bad data or weights: trying
/// again won't help; 130 and 143 ended by Ctrl-C and by SIGTERM.
pub(crate) fn exit_code(outcome: &anyhow::Result<Outcome>) -> u8 {
    match outcome {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Skipped | Outcome::Warned) => 3,
        Ok(Outcome::Differs) => 1,
        Ok(Outcome::Interrupted(code)) => *code,
        Err(error) => match fault::kind(error) {
            Some(ErrorKind::Usage) => USAGE,
            Some(ErrorKind::BadData) => BAD_DATA,
            _ => 1,
        },
    }
}

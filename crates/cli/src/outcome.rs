//! How a command ended, and the exit code that says so.

use std::process::ExitCode;

/// Exit code of a usage error; clap's own is the same.
const USAGE: u8 = 2;

/// Exit code of bad data or weights.
const BAD_DATA: u8 = 4;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done: exit code 0.
    Done,
    /// Done, but some images were skipped: exit code 3.
    Skipped,
    /// Done, and there are warnings, or images that would be skipped: exit code 3.
    Warned,
    /// Ended by a signal that asked for this exit code, with nothing lost.
    Interrupted(u8),
}

/// 0 done; 1 failed; 2 usage; 3 done, but some images were skipped or there are warnings; 4 bad data or weights, which
/// a retry won't help; 130 and 143 ended by Ctrl-C and by SIGTERM.
pub(crate) fn exit_code(outcome: &anyhow::Result<Outcome>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Skipped | Outcome::Warned) => 3,
        Ok(Outcome::Interrupted(code)) => *code,
        Err(error) => error.chain().find_map(code_of).unwrap_or(1),
    })
}

/// The error and its causes on one line; a cause that the text before it already tells is not told again.
pub(crate) fn message(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |message, cause| {
        if message.contains(&cause) { message } else { format!("{message}: {cause}") }
    })
}

/// A command's own finding about what it was given.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Flags that do not go together.
    Usage(String),
    /// Inputs that can't be used.
    BadData(String),
    /// Something else that a person must change, such as a name that is taken.
    Failed(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Usage(text) | Self::BadData(text) | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Fault {}

/// The exit code of an error whose cause is known to be a flag's value (2) or the input (4), whichever crate it is of.
fn code_of(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    let code = |usage: bool, bad_data: bool| match (usage, bad_data) {
        (true, _) => Some(USAGE),
        (false, true) => Some(BAD_DATA),
        (false, false) => None,
    };
    if let Some(error) = error.downcast_ref::<headstart_features::Error>() {
        return code(matches!(error, headstart_features::Error::Name { .. }), error.is_bad_data());
    }
    if let Some(error) = error.downcast_ref::<headstart_weights::Error>() {
        use headstart_weights::Error::{UnclearOrder, UnknownRowShape, UnknownSuffix};
        let usage = matches!(error, UnknownSuffix { .. } | UnknownRowShape { .. } | UnclearOrder { .. });
        return code(usage, error.is_bad_data());
    }
    if let Some(error) = error.downcast_ref::<headstart_dataset::Error>() {
        return code(matches!(error, headstart_dataset::Error::Preprocessing { .. }), error.is_bad_data());
    }
    if let Some(error) = error.downcast_ref::<headstart_backbone::Error>() {
        use headstart_backbone::Error::{Kernels, TooSmall, Weights};
        // A transparent error's source is that of the error inside, so that one is asked here.
        let bad_weights = matches!(error, Weights(error) if error.is_bad_data());
        return code(matches!(error, TooSmall { .. } | Kernels(_)), bad_weights);
    }
    if let Some(error) = error.downcast_ref::<headstart_head::Error>() {
        use headstart_head::Error::{
            Kernels, Label, LabelCount, LayerSetting, NoRows, NoRowsOfClass, Option, Parameters, RowShape,
        };
        let bad_data = matches!(
            error,
            Label { .. }
                | LabelCount { .. }
                | NoRows(_)
                | NoRowsOfClass { .. }
                | Parameters { .. }
                | RowShape { .. }
        );
        return code(matches!(error, LayerSetting { .. } | Option { .. } | Kernels(_)), bad_data);
    }
    if let Some(error) = error.downcast_ref::<headstart_head::evaluation::Error>() {
        let usage = matches!(error, headstart_head::evaluation::Error::Option { .. });
        return code(usage, !usage);
    }
    error.downcast_ref::<Fault>().and_then(|fault| match fault {
        Fault::Usage(_) => Some(USAGE),
        Fault::BadData(_) => Some(BAD_DATA),
        Fault::Failed(_) => None,
    })
}

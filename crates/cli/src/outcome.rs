//! How a command ended, and the exit code that says so.

use std::process::ExitCode;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done: exit code 0.
    Done,
    /// Done, but some images were skipped: exit code 3.
    Skipped,
}

/// 0 done; 1 failed; 2 usage; 3 done, but some images were skipped; 4 bad data or weights, which a retry won't help.
pub(crate) fn exit_code(outcome: &anyhow::Result<Outcome>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Skipped) => 3,
        Err(error) if error.chain().any(is_usage) => 2,
        Err(error) if error.chain().any(is_bad_data) => 4,
        Err(_) => 1,
    })
}

/// The error and its causes on one line; a cause that the text before it already tells is not told again.
pub(crate) fn message(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |message, cause| {
        if message.contains(&cause) { message } else { format!("{message}: {cause}") }
    })
}

/// A command's own finding that its inputs can't be used.
#[derive(Debug)]
pub(crate) struct BadData(pub(crate) String);

impl std::fmt::Display for BadData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadData {}

/// A command's own finding that its flags do not go together.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Whether an error of any crate says that a flag's value is at fault.
fn is_usage(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<headstart_features::Error>() {
        return matches!(error, headstart_features::Error::Name { .. });
    }
    if let Some(error) = error.downcast_ref::<headstart_weights::Error>() {
        return matches!(error, headstart_weights::Error::UnknownSuffix { .. });
    }
    if let Some(error) = error.downcast_ref::<headstart_dataset::Error>() {
        return matches!(error, headstart_dataset::Error::Preprocessing { .. });
    }
    if let Some(error) = error.downcast_ref::<headstart_backbone::Error>() {
        use headstart_backbone::Error::{Kernels, TooSmall};
        return matches!(error, TooSmall { .. } | Kernels(_));
    }
    if let Some(error) = error.downcast_ref::<headstart_head::Error>() {
        use headstart_head::Error::{LayerSetting, Option};
        return matches!(error, LayerSetting { .. } | Option { .. });
    }
    error.is::<Usage>()
}

/// Whether an error of any crate says that the input is at fault.
fn is_bad_data(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<headstart_features::Error>() {
        return error.is_bad_data();
    }
    if let Some(error) = error.downcast_ref::<headstart_weights::Error>() {
        return error.is_bad_data();
    }
    if let Some(error) = error.downcast_ref::<headstart_dataset::Error>() {
        return error.is_bad_data();
    }
    if let Some(error) = error.downcast_ref::<headstart_backbone::Error>() {
        // A transparent error's source is that of the error inside, so that one is asked here.
        return matches!(error, headstart_backbone::Error::Weights(error) if error.is_bad_data());
    }
    if let Some(error) = error.downcast_ref::<headstart_head::Error>() {
        use headstart_head::Error::{Label, LabelCount, NoRows, RowShape};
        return matches!(error, Label { .. } | LabelCount { .. } | NoRows(_) | RowShape { .. });
    }
    error.is::<BadData>()
}

//! What a command finds wrong with its flags or its input, and the kinds of errors.

use headstart::{Error, ErrorKind};

/// What a command itself finds wrong with its flags or its input.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Flags that can't be used together, or a flag that is missing.
    Usage(String),
    /// Inputs that can't be used.
    BadData(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Usage(text) | Self::BadData(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Fault {}

/// The kind of an error, if the library or a command knows it.
pub(crate) fn kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| match (cause.downcast_ref::<Error>(), cause.downcast_ref::<Fault>()) {
        (Some(error), _) => Some(error.kind()),
        (_, Some(Fault::Usage(_))) => Some(ErrorKind::Usage),
        (_, Some(Fault::BadData(_))) => Some(ErrorKind::BadData),
        (None, None) => None,
    })
}

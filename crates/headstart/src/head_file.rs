//! A file that should hold a head.

use std::path::Path;

use headstart_backbone::Architecture;
use headstart_weights::{Error as WeightsError, HeadFile, ImportOptions, Imported};

use crate::Error;

/// Reads a head with everything that its file says about it, from any of the layouts that
/// [`HeadFile`] reads. Rows that were flattened height, width, channels are reordered.
///
/// # Errors
/// [`Error::NoHead`] for the weights of a network; a file that can't be read, or that holds no head; what is said does not
/// go with the file.
pub fn import_model(path: impl AsRef<Path>, said: &ImportOptions) -> Result<Imported, Error> {
    Ok(open(path.as_ref(), said)?.imported()?)
}

/// The head of a file.
pub(crate) fn open(path: &Path, said: &ImportOptions) -> Result<HeadFile, Error> {
    HeadFile::open(path, said).map_err(|error| match error {
        // The file can't be read, or is of another program.
        WeightsError::File(_) | WeightsError::UnknownFormat { .. } => error.into(),
        error => match Architecture::of_file(path) {
            Ok(found) => Error::NoHead { path: path.to_path_buf(), found },
            Err(_) => error.into(),
        },
    })
}

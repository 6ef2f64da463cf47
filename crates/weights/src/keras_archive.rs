//! `.keras` files: a zip archive of `config.json`, `metadata.json` and `model.weights.h5`.

use std::io::Read;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::Error;
use crate::hdf5_file::Hdf5File;
use crate::hdf5_source::Hdf5Source;

/// The contents of an archive.
pub(crate) struct KerasArchive {
    pub(crate) config: String,
    pub(crate) metadata: String,
    pub(crate) weights: Hdf5File,
}

/// Bytes of the two texts at most.
const LARGEST_TEXT: u64 = 1 << 26;

impl KerasArchive {
    /// Whether the first bytes of a file are those of a zip archive.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.starts_with(b"PK\x03\x04")
    }

    /// Reads the archive. Keras does not compress, so no entry is longer than the file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = headstart_files::open(path)?;
        let length = file.metadata().map_err(Error::io(path, "read it"))?.len();
        let mut archive = ZipArchive::new(file).map_err(|e| damaged(path, "the archive", e))?;
        let mut entry = |name: &str, limit: u64| {
            let entry = archive.by_name(name).map_err(|e| damaged(path, name, e))?;
            let mut bytes = Vec::new();
            let read = entry.take(limit + 1).read_to_end(&mut bytes);
            read.map_err(|e| Error::damaged(path, name, e))?;
            if bytes.len() as u64 > limit {
                return Err(Error::damaged(path, name, format!("it is longer than {limit} bytes")));
            }
            Ok(bytes)
        };
        let text = |bytes| String::from_utf8(bytes).map_err(|e| Error::damaged(path, "its JSON", e));
        let config = text(entry("config.json", LARGEST_TEXT)?)?;
        let metadata = text(entry("metadata.json", LARGEST_TEXT)?)?;
        let weights = Hdf5File::from_source(path, Hdf5Source::memory(entry("model.weights.h5", length)?))?;
        Ok(Self { config, metadata, weights })
    }
}

fn damaged(path: &Path, object: &str, error: ZipError) -> Error {
    match error {
        // An error without a number of the system's is an archive that ends too early.
        ZipError::Io(cause) if cause.raw_os_error().is_some() => Error::io(path, "read it")(cause),
        ZipError::FileNotFound => Error::MissingObject {
            path: path.to_owned(),
            object: object.to_owned(),
            promised_by: "being a .keras archive".to_owned(),
        },
        other => Error::damaged(path, object, other),
    }
}

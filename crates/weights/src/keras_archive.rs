//! `.keras` files: a zip archive of `config.json`, `metadata.json` and `model.weights.h5`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::hdf5_file::Hdf5File;
use crate::hdf5_source::Hdf5Source;
use crate::{Error, foreign};

/// The contents of an archive.
pub(crate) struct KerasArchive {
    pub(crate) config: String,
    pub(crate) metadata: String,
    pub(crate) weights: Hdf5File,
}

/// Bytes of the two texts at most.
const LARGEST_TEXT: u64 = 1 << 26;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const METADATA: &str = "metadata.json";
pub(crate) const WEIGHTS: &str = "model.weights.h5";

/// What to do about an archive that was packed again.
const STORE: &str = "Keras does not compress: unpack the archive, and pack it again with `zip -0`";

impl KerasArchive {
    /// Whether the first bytes of a file are those of a zip archive.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
    }

    /// Reads the texts of the archive, and finds its weights, whose values stay in the file.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] for a zip archive of something else.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = headstart_files::open(path)?;
        let mut archive = ZipArchive::new(file).map_err(|e| damaged(path, "the archive", e))?;
        let names: Vec<String> = archive.file_names().flatten().map(|name| name.into_owned()).collect();
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        if !has(WEIGHTS) || (!has(CONFIG) && !has(METADATA)) {
            return Err(foreign::archive(path, &names));
        }
        let config = text(path, &mut archive, CONFIG)?;
        let metadata = text(path, &mut archive, METADATA)?;
        let source = weights(path, &mut archive)?;
        Ok(Self { config, metadata, weights: Hdf5File::from_source(path, source)? })
    }

    /// The weights, with what the archive says about itself.
    pub(crate) fn into_weights(self) -> Hdf5File {
        let metadata: Value = serde_json::from_str(&self.metadata).unwrap_or_default();
        let fields = metadata.as_object().into_iter().flatten();
        let texts: BTreeMap<String, String> =
            fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        self.weights.with_archive(texts)
    }
}

fn text(path: &Path, archive: &mut ZipArchive<File>, name: &str) -> Result<String, Error> {
    let entry = archive.by_name(name).map_err(|e| damaged(path, name, e))?;
    let mut bytes = Vec::new();
    let read = entry.take(LARGEST_TEXT + 1).read_to_end(&mut bytes);
    read.map_err(|_| Error::damaged(path, name, "its bytes do not fit what the archive says about them"))?;
    if bytes.len() as u64 > LARGEST_TEXT {
        return Err(Error::damaged(path, name, format!("it is longer than {LARGEST_TEXT} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| Error::damaged(path, name, "it is not UTF-8"))
}

/// The part of the file that is `model.weights.h5`, after its checksum was compared.
fn weights(path: &Path, archive: &mut ZipArchive<File>) -> Result<Hdf5Source, Error> {
    let mut entry = archive.by_name(WEIGHTS).map_err(|e| damaged(path, WEIGHTS, e))?;
    if entry.compression() != CompressionMethod::Stored {
        return Err(Error::unsupported_storage(path, WEIGHTS, "a compressed entry", STORE));
    }
    let length = entry.size();
    let start = entry.data_start();
    let copied = io::copy(&mut entry, &mut io::sink());
    let start = match (copied, start.or_else(|| entry.data_start())) {
        (Ok(copied), Some(start)) if copied == length => start,
        _ => {
            let reason = "its bytes do not fit what the archive says about them";
            return Err(Error::damaged(path, WEIGHTS, reason));
        }
    };
    Ok(Hdf5Source::part(headstart_files::open(path)?, start, length))
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
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            Error::unsupported_storage(path, object, "a compressed or encrypted entry", STORE)
        }
        _ => Error::damaged(
            path,
            object,
            "a zip archive (.keras and .pth files are such archives) that breaks off",
        ),
    }
}

//! The identity of a file's content.

use std::io::{Read, Seek, SeekFrom};

use crate::{Error, Source};

/// Bytes that are read at a time: enough to give each thread of a small pool a share.
const PIECE: usize = 4 << 20;

/// BLAKE3 of a file's bytes, as 64 lower-case hexadecimal digits, on the threads of the current rayon pool. The file
/// is streamed: memory does not grow with it.
///
/// # Errors
/// [`Error::File`] if it can't be read, or is a folder or a pipe.
pub fn fingerprint<'a>(source: impl Into<Source<'a>>) -> Result<String, Error> {
    let source = source.into();
    let path = source.path();
    let (start, length) = match source {
        Source::File(_) => (0, u64::MAX),
        Source::Part { start, length, .. } => (start, length),
        Source::Memory { bytes, .. } => return Ok(blake3::hash(bytes).to_hex().to_string()),
    };
    let mut file = headstart_files::open(path)?;
    file.seek(SeekFrom::Start(start)).map_err(Error::io(path, "read it"))?;
    let mut file = file.take(length);
    let mut hasher = blake3::Hasher::new();
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        if read.map_err(Error::io(path, "read it"))? == 0 {
            break;
        }
        hasher.update_rayon(&piece);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn is_the_blake3_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, b"").unwrap();
        // The BLAKE3 paper's digest of the empty input.
        assert_eq!(
            fingerprint(&path).unwrap(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        std::fs::write(&path, b"x").unwrap();
        assert_ne!(
            fingerprint(&path).unwrap(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn a_missing_file_is_reported() {
        let error = fingerprint(Path::new("no/such/file.h5")).unwrap_err();
        assert!(error.to_string().starts_with("no/such/file.h5: cannot open it for reading"), "{error}");
    }
}

//! The identity of a file's content.

use std::io::Read;
use std::path::Path;

use crate::Error;

/// Bytes that are read at a time: enough to give each thread of a small pool a share.
const PIECE: usize = 4 << 20;

/// BLAKE3 of the file's bytes, as 64 lower-case hexadecimal digits, on the threads of the current rayon pool. The file
/// is streamed: memory does not grow with it.
///
/// # Errors
/// [`Error::File`] if it can't be read, or is a folder or a pipe.
pub fn fingerprint(path: &Path) -> Result<String, Error> {
    let mut file = headstart_files::open(path)?;
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

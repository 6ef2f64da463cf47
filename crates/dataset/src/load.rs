//! One image file to one network input.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rayon::prelude::*;

use crate::decode::{Reading, decode_as};
use crate::{Dataset, DecodeError, Limits, Preprocessing};

/// Decodes an image from its bytes, and preprocesses it into `out`.
///
/// # Shapes
///
/// `out` is 3 x height x width in C order, with the preprocessing's height, width and channel order.
///
/// # Errors
///
/// As [`decode`](crate::decode), and when `out` has another length. `out` is then unspecified.
pub fn load(
    bytes: &[u8],
    preprocessing: &Preprocessing,
    limits: &Limits,
    out: &mut [f32],
) -> Result<(), DecodeError> {
    let reading = Reading { upright: preprocessing.apply_exif_orientation, grey16: preprocessing.grey16 };
    let image = decode_as(bytes, limits, reading)?;
    preprocessing.apply(&image, out)
}

/// Reads an image file and does what [`load`] does. Returns the BLAKE3 hash of the file's bytes, in hexadecimal.
///
/// # Errors
///
/// As [`load`], and when the file can't be read.
pub fn load_file(
    path: &Path,
    preprocessing: &Preprocessing,
    limits: &Limits,
    out: &mut [f32],
) -> Result<String, DecodeError> {
    let bytes = read(path, limits)?;
    load(&bytes, preprocessing, limits, out)?;
    Ok(content_hash(&bytes))
}

/// The content hash of each sample's file, as a batch's [`Row`](crate::Row) tells it; none where the file can't be
/// read. The files are read in parallel on the current thread pool, and nothing is decoded.
pub fn content_hashes(dataset: &Dataset, limits: &Limits) -> Vec<Option<String>> {
    let hash = |sample| read(&dataset.path_of(sample), limits).ok().map(|bytes| content_hash(&bytes));
    dataset.samples.par_iter().map(hash).collect()
}

fn content_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    // Asked before opening: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(DecodeError::NotAFile);
    }
    let limit = limits.max_bytes_of_memory;
    let too_large = |bytes| DecodeError::FileTooLarge { bytes, limit };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // One byte past the limit, to notice a file that grew meanwhile.
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

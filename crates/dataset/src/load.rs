//! One image file to one network input.

use std::io::Read;
use std::path::Path;

use rayon::prelude::*;

use crate::decode::{Reading, decode_as};
use crate::{Dataset, DecodeError, Limits, Preprocessing, preprocess};

/// Decodes an image from its bytes and preprocesses it into `out`.
///
/// # Shapes
///
/// `out` is 3 x height x width in C order, with the preprocessing's height, width and channel order.
///
/// # Errors
///
/// As [`decode`](crate::decode()), and when `out` has another length. The content of `out` is then unspecified.
pub fn load(
    bytes: &[u8],
    preprocessing: &Preprocessing,
    limits: &Limits,
    out: &mut [f32],
) -> Result<(), DecodeError> {
    let reading = Reading { upright: preprocessing.apply_exif_orientation, grey16: preprocessing.grey16 };
    let image = decode_as(bytes, limits, reading)?;
    preprocess(&image, preprocessing, out)
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
    load_hashed(&read(path, limits)?, preprocessing, limits, out)
}

/// Does what [`load`] does, and returns the BLAKE3 hash of the bytes, in hexadecimal.
pub(crate) fn load_hashed(
    bytes: &[u8],
    preprocessing: &Preprocessing,
    limits: &Limits,
    out: &mut [f32],
) -> Result<String, DecodeError> {
    load(bytes, preprocessing, limits, out)?;
    Ok(content_hash(bytes))
}

/// The content hash of each sample's file, the same as in a batch's [`Row`](crate::Row); `None` if the file can't be
/// read. The files are read in parallel on the current thread pool, and nothing is decoded.
#[must_use]
pub fn content_hashes(dataset: &Dataset, limits: &Limits) -> Vec<Option<String>> {
    let hash = |sample| dataset.read(sample, limits).ok().map(|bytes| content_hash(&bytes));
    dataset.samples.par_iter().map(hash).collect()
}

fn content_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The file's bytes, if the limits admit that many.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let limit = limits.max_bytes_of_memory;
    let check = |bytes| if bytes > limit { Err(DecodeError::FileTooLarge { bytes, limit }) } else { Ok(()) };
    let file = headstart_files::open(path)?;
    let length = file.metadata().map_err(DecodeError::Read)?.len();
    check(length)?;
    let mut bytes = Vec::with_capacity(length as usize);
    // One byte past the limit, to notice a file that has grown meanwhile.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(DecodeError::Read)?;
    check(bytes.len() as u64)?;
    Ok(bytes)
}

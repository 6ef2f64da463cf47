//! The .npy header: written as numpy writes it, and read with a check of every size before memory is allocated.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use npyz::{Endianness, TypeChar, TypeStr};

use crate::error::Error;
use crate::foreign;
use crate::header_text::{Descr, HeaderText};
use crate::values::ItemType;

/// numpy's own limit (`max_header_size`): longer headers only come from structured types, or from an attacker.
const MAX_HEADER_TEXT: u64 = 10_000;

/// Room that numpy leaves for the first dimension to grow in place: the digits of an unsigned 64-bit number and
/// one more (`GROWTH_AXIS_MAX_DIGITS`).
const GROWTH_DIGITS: usize = 21;

/// numpy aligns the data to this many bytes (`ARRAY_ALIGN`).
const ALIGN: usize = 64;

/// Magic, version and the 16-bit header length of version 1.0.
const PREFIX_V1: usize = 10;

/// The most values that a file can have: file sizes are signed 64-bit numbers.
const MAX_ELEMENTS: usize = i64::MAX as usize;

/// What a `.npy` file says of its data.
#[derive(Debug, Clone)]
pub(crate) struct NpyHeader {
    /// Major and minor version of the format.
    pub(crate) version: (u8, u8),
    /// Type and byte order of a value.
    pub(crate) item: ItemType,
    /// Whether the first index varies fastest.
    pub(crate) fortran_order: bool,
    /// All dimensions, rows first.
    pub(crate) shape: Vec<usize>,
    /// Where the data begins, in bytes.
    pub(crate) data_offset: u64,
    /// Product of the dimensions.
    pub(crate) elements: usize,
}

impl NpyHeader {
    /// Reads the header of an open file, and checks the file's length against it.
    ///
    /// It never allocates more than the file's length, whatever the header states.
    ///
    /// # Errors
    /// Another kind of file, an unknown version, a damaged header, a type other than f2, f4 and f8, fewer than two
    /// dimensions, and a length that does not fit the shape.
    pub(crate) fn read(file: &mut File, path: &Path) -> Result<Self, Error> {
        let bad = |reason: String| Error::Header { path: path.to_path_buf(), reason };
        let found_len = file.metadata().map_err(Error::io(path, "read it"))?.len();
        let Prefix { version, text_len, prefix_len } = read_prefix(file, path)?;
        if text_len > MAX_HEADER_TEXT {
            return Err(bad(format!("expected at most {MAX_HEADER_TEXT} bytes, found {text_len} stated")));
        }
        if prefix_len + text_len > found_len {
            let rest = found_len.saturating_sub(prefix_len);
            return Err(bad(format!("{text_len} bytes stated, found {rest}; the file is truncated")));
        }
        let mut text = vec![0; text_len as usize];
        file.read_exact(&mut text).map_err(Error::io(path, "read it"))?;
        let text = String::from_utf8(text).map_err(|cause| bad(format!("expected UTF-8 text: {cause}")))?;
        // Version 3.0 came with Python 3.
        let HeaderText { descr, fortran_order, shape } =
            HeaderText::parse(&text, version < (3, 0)).map_err(bad)?;
        let (item, dtype) =
            item_type(descr).map_err(|found| Error::Dtype { path: path.to_path_buf(), found })?;
        let shape: Vec<usize> = shape
            .iter()
            .map(|&n| usize::try_from(n))
            .collect::<Result<_, _>>()
            .map_err(|_| bad(format!("shape {shape:?} is beyond this machine's memory")))?;
        if shape.len() < 2 {
            return Err(Error::Rank { path: path.to_path_buf(), shape });
        }
        let data_offset = prefix_len + text_len;
        let (elements, expected) = sizes(&shape, item, data_offset)
            .ok_or_else(|| bad(format!("shape {shape:?} states more bytes than a file can have")))?;
        if expected != found_len {
            let path = path.to_path_buf();
            return Err(Error::Length { path, shape, dtype, expected, found: found_len });
        }
        Ok(Self { version, item, fortran_order, shape, data_offset, elements })
    }

    /// The number of rows and the length of one; an error if there is nothing to read.
    pub(crate) fn rows_and_len(&self, path: &Path) -> Result<(usize, usize), Error> {
        if self.elements == 0 {
            let found = format!("shape {:?}", self.shape);
            return Err(Error::NoRows { path: path.to_path_buf(), found });
        }
        Ok((self.shape[0], self.elements / self.shape[0]))
    }
}

/// Values, and bytes of the whole file; none if no file could have as many.
fn sizes(shape: &[usize], item: ItemType, data_offset: u64) -> Option<(usize, u64)> {
    // Zeros are left out here, so that (0, 2^40, 2^40) is still seen as absurd.
    let product = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n.max(1)))?;
    let elements = if shape.contains(&0) { 0 } else { product };
    let bytes = (elements as u64).checked_mul(item.size() as u64)?.checked_add(data_offset)?;
    (product <= MAX_ELEMENTS).then_some((elements, bytes))
}

/// What precedes the header's text.
struct Prefix {
    version: (u8, u8),
    /// Length of the text that follows.
    text_len: u64,
    /// Length of what was read: magic, version, length.
    prefix_len: u64,
}

fn read_prefix(file: &mut File, path: &Path) -> Result<Prefix, Error> {
    let mut start = Vec::with_capacity(12);
    file.by_ref().take(8).read_to_end(&mut start).map_err(Error::io(path, "read it"))?;
    if start.len() < 8 || &start[..6] != b"\x93NUMPY" {
        file.by_ref().take(1).read_to_end(&mut start).map_err(Error::io(path, "read it"))?;
        return Err(Error::Magic { path: path.to_path_buf(), found: foreign::of_start(&start) });
    }
    let version = (start[6], start[7]);
    let size_bytes = match version {
        (1, 0) => 2,
        (2, 0) | (3, 0) => 4,
        (major, minor) => {
            let reason = format!("expected version 1.0, 2.0 or 3.0, found {major}.{minor}");
            return Err(Error::Header { path: path.to_path_buf(), reason });
        }
    };
    file.by_ref().take(size_bytes).read_to_end(&mut start).map_err(Error::io(path, "read it"))?;
    if start.len() as u64 != 8 + size_bytes {
        let reason = format!("{size_bytes} bytes of length expected, found {}", start.len() - 8);
        return Err(Error::Header { path: path.to_path_buf(), reason });
    }
    let text_len = start[8..].iter().rev().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
    Ok(Prefix { version, text_len, prefix_len: 8 + size_bytes })
}

/// The value type and numpy's name of it.
///
/// # Errors
/// The name of a type that features can't have.
fn item_type(descr: Descr) -> Result<(ItemType, String), String> {
    let plain = match descr {
        Descr::Plain(plain) => plain,
        Descr::Structured(text) => return Err(text),
    };
    let name = format!("'{plain}'");
    plain_item_type(&plain).map(|item| (item, name.clone())).ok_or(name)
}

fn plain_item_type(plain: &TypeStr) -> Option<ItemType> {
    let big_endian = match plain.endianness() {
        Endianness::Little => false,
        Endianness::Big => true,
        Endianness::Irrelevant => return None,
    };
    match (plain.type_char(), plain.num_bytes()) {
        (TypeChar::Float, Some(2)) => Some(ItemType::F16 { big_endian }),
        (TypeChar::Float, Some(4)) => Some(ItemType::F32 { big_endian }),
        (TypeChar::Float, Some(8)) => Some(ItemType::F64 { big_endian }),
        _ => None,
    }
}

/// The bytes that `numpy.save` puts before the data of a C-order `<f4` array of `rows` rows of `row_shape`, which has one to
/// three dimensions.
///
/// npyz does not write them: it ends the shape with a comma and leaves no room. With numpy's room the number of rows can be
/// patched in place. The result's length is a multiple of 64 and does not depend on `rows`.
pub(crate) fn encode_header(rows: usize, row_shape: &[usize]) -> Vec<u8> {
    let axes: Vec<String> = row_shape.iter().map(ToString::to_string).collect();
    let axes = axes.join(", ");
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {axes}), }}");
    let room = GROWTH_DIGITS.saturating_sub(rows.to_string().len());
    text.extend(std::iter::repeat_n(' ', room));
    // numpy adds a whole block where the header already ends on one, hence no second remainder.
    let padding = ALIGN - (PREFIX_V1 + text.len() + 1) % ALIGN;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    // Four numbers of at most 20 digits keep the text below 300 bytes.
    let length = text.len() as u16;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_numpy_s_for_every_shape() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/npy/headers.json");
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = cases.as_array().unwrap();
        assert_eq!(cases.len(), 82);
        for case in cases {
            let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
            let found = encode_header(shape[0], &shape[1..]);
            assert_eq!(str::from_utf8(&found[PREFIX_V1..]).ok(), case["text"].as_str());
        }
    }

    #[test]
    fn header_length_is_aligned_and_independent_of_the_number_of_rows() {
        for width in [1, 10, 1_000, 1_000_000] {
            for row_shape in [&[512, 4, width][..], &[width]] {
                let lengths =
                    [0, 1, 99, 123_456, usize::MAX].map(|rows| encode_header(rows, row_shape).len());
                assert_eq!(lengths[0] % 64, 0);
                assert!(lengths.iter().all(|&n| n == lengths[0]), "{lengths:?}");
            }
        }
    }

    #[test]
    fn largest_header_stays_in_version_one() {
        let bytes = encode_header(usize::MAX, &[usize::MAX; 3]);
        assert_eq!(bytes.len() - PREFIX_V1, usize::from(u16::from_le_bytes([bytes[8], bytes[9]])));
    }
}

//! Changes what a TIFF file's first directory says about the meaning of its samples.

/// `PhotometricInterpretation`: the largest grey is black.
pub(super) const WHITE_IS_ZERO: u16 = 0;
/// `PhotometricInterpretation`: the largest grey is white.
pub(super) const BLACK_IS_ZERO: u16 = 1;
/// `PhotometricInterpretation`: samples are indices of a colour map.
pub(super) const PALETTE: u16 = 3;

const PHOTOMETRIC_TAG: u64 = 262;
const SHORT: u64 = 3;

/// A copy of the file whose first directory declares another photometric interpretation; `None` when it declares
/// none as a single 16-bit value, or is cut short.
pub(super) fn with_photometric(bytes: &[u8], photometric: u16) -> Option<Vec<u8>> {
    let fields = Fields { bytes, big_endian: bytes.starts_with(b"MM") };
    let big_tiff = fields.read(2, 2)? == 43;
    // TIFF: a 4-byte offset, a 2-byte count, entries of 12 bytes. BigTIFF: 8, 8 and 20.
    let (offset_at, offset_len, count_len, entry_len, value_at) =
        if big_tiff { (8, 8, 8, 20, 12) } else { (4, 4, 2, 12, 8) };
    let directory = fields.read(offset_at, offset_len)?;
    let count = fields.read(directory, count_len)?;
    let first = directory.checked_add(count_len)?;
    let entry = (0..count)
        .map_while(|index| first.checked_add(index.checked_mul(entry_len)?))
        .map_while(|entry| Some((entry, fields.read(entry, 2)?)))
        .find_map(|(entry, tag)| (tag == PHOTOMETRIC_TAG).then_some(entry))?;
    if fields.read(entry + 2, 2)? != SHORT {
        return None;
    }
    let value = usize::try_from(entry + value_at).ok()?;
    let written = if fields.big_endian { photometric.to_be_bytes() } else { photometric.to_le_bytes() };
    let mut patched = bytes.to_vec();
    patched.get_mut(value..value + 2)?.copy_from_slice(&written);
    Some(patched)
}

struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Fields<'_> {
    fn read(&self, offset: u64, len: u64) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let field = self.bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)?;
        let push = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.big_endian { field.iter().fold(0, push) } else { field.iter().rev().fold(0, push) })
    }
}

//! A TIFF file's first directory, read without the decoder: the sizes that its tags declare, and a change to one tag.

/// `PhotometricInterpretation`: the largest grey is black.
pub(crate) const WHITE_IS_ZERO: u16 = 0;
/// `PhotometricInterpretation`: the largest grey is white.
pub(crate) const BLACK_IS_ZERO: u16 = 1;
/// `PhotometricInterpretation`: samples are indices of a colour map.
pub(crate) const PALETTE: u16 = 3;

const PHOTOMETRIC_TAG: u64 = 262;
const SHORT: u64 = 3;
const ASCII: u64 = 2;

/// Tags from here on are private. No decoder needs them.
const FIRST_PRIVATE_TAG: u64 = 32_768;

/// A copy of the file whose first directory declares another photometric interpretation; `None` when it declares
/// none as a single 16-bit value, or is cut short.
pub(super) fn with_photometric(bytes: &[u8], photometric: u16) -> Option<Vec<u8>> {
    let fields = Fields { bytes, big_endian: bytes.starts_with(b"MM") };
    let entry = fields.entries()?.find(|entry| entry.tag == PHOTOMETRIC_TAG)?;
    if entry.kind != SHORT {
        return None;
    }
    let value = usize::try_from(entry.value_at).ok()?;
    let written = if fields.big_endian { photometric.to_be_bytes() } else { photometric.to_le_bytes() };
    let mut patched = bytes.to_vec();
    patched.get_mut(value..value + 2)?.copy_from_slice(&written);
    Some(patched)
}

/// The first tag whose values would take more bytes than the file has, and how many. The decoder allocates the memory
/// that a tag declares before it finds the end of the file. Texts and private tags are left out: they are not read.
pub(super) fn impossible_tag(bytes: &[u8]) -> Option<(u64, u64)> {
    let fields = Fields { bytes, big_endian: bytes.starts_with(b"MM") };
    fields
        .entries()?
        .filter(|entry| entry.kind != ASCII && entry.tag < FIRST_PRIVATE_TAG)
        .map(|entry| (entry.tag, entry.count.saturating_mul(size_of_kind(entry.kind))))
        .find(|&(_, claimed)| claimed > bytes.len() as u64)
}

/// Bytes of a value (TIFF 6.0, section 2; BigTIFF's types 16 to 18); 1 for a type that is not known.
fn size_of_kind(kind: u64) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

struct Entry {
    tag: u64,
    /// The type of its values.
    kind: u64,
    count: u64,
    /// The offset of the value, or of the field that has the values' offset.
    value_at: u64,
}

struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Fields<'_> {
    /// The entries of the first directory, as many as the file holds.
    fn entries(&self) -> Option<impl Iterator<Item = Entry>> {
        let big_tiff = self.read(2, 2)? == 43;
        // TIFF: a 4-byte offset, a 2-byte count, entries of 12 bytes. BigTIFF: 8, 8 and 20.
        let (offset_at, offset_len, count_len, entry_len) =
            if big_tiff { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
        let directory = self.read(offset_at, offset_len)?;
        let count = self.read(directory, count_len)?;
        let first = directory.checked_add(count_len)?;
        Some((0..count).map_while(move |index| {
            let at = first.checked_add(index.checked_mul(entry_len)?)?;
            Some(Entry {
                tag: self.read(at, 2)?,
                kind: self.read(at.checked_add(2)?, 2)?,
                count: self.read(at.checked_add(4)?, offset_len)?,
                value_at: at.checked_add(4 + offset_len)?,
            })
        }))
    }

    fn read(&self, offset: u64, len: u64) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let field = self.bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)?;
        let push = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.big_endian { field.iter().fold(0, push) } else { field.iter().rev().fold(0, push) })
    }
}

//! The first directory of a TIFF or BigTIFF file: its tags and their numbers (TIFF 6.0, section 2).

use super::tiff::{corrupt, truncated};
use crate::DecodeError;

const ASCII: u64 = 2;

/// Tags from here on are private. They are not read.
const FIRST_PRIVATE_TAG: u64 = 32_768;

/// Most values of a tag that are kept. A tile takes at least a pixel, and so many pixels exceed every sensible limit.
const MAX_VALUES: u64 = 1 << 24;

/// The entries of the first directory.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    pub(super) big_endian: bool,
    entries: Vec<Entry>,
    /// Whether another directory follows.
    pub(super) followed: bool,
}

struct Entry {
    tag: u64,
    /// The type of its values.
    kind: u64,
    count: u64,
    /// Where its values are.
    at: usize,
}

impl<'a> Directory<'a> {
    /// Reads the entries, and checks that the values of all that are read here lie within the file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let cut = || truncated("the file ends within its directory");
        let big_endian = bytes.starts_with(b"MM");
        let mut directory = Self { bytes, big_endian, entries: Vec::new(), followed: false };
        let big_tiff = directory.number(2, 2).ok_or_else(cut)? == 43;
        // TIFF: a 4-byte offset, a 2-byte count, entries of 12 bytes. BigTIFF: 8, 8 and 20.
        let (offset_at, offset_len, count_len, entry_len) =
            if big_tiff { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
        if big_tiff && directory.number(4, 4).ok_or_else(cut)? != if big_endian { 0x8_0000 } else { 8 } {
            return Err(corrupt("its offsets are not of 8 bytes, as BigTIFF has them".to_owned()));
        }
        let start = directory.number(offset_at, offset_len).ok_or_else(cut)?;
        let start = usize::try_from(start).map_err(|_| cut())?;
        let count = directory.number(start, count_len).ok_or_else(cut)?;
        let mut at = start.saturating_add(count_len);
        for _ in 0..count {
            let tag = directory.number(at, 2).ok_or_else(cut)?;
            let kind = directory.number(at + 2, 2).ok_or_else(cut)?;
            let count = directory.number(at + 4, offset_len).ok_or_else(cut)?;
            let mut values_at = at + 4 + offset_len;
            let claimed = count.saturating_mul(size_of_kind(kind));
            if claimed > offset_len as u64 {
                let offset = directory.number(values_at, offset_len).ok_or_else(cut)?;
                values_at = usize::try_from(offset).unwrap_or(usize::MAX);
            }
            let held = (bytes.len() as u64).saturating_sub(values_at as u64);
            if claimed > held && kind != ASCII && tag < FIRST_PRIVATE_TAG {
                let file = bytes.len();
                return Err(truncated(&format!("tag {tag} claims {claimed} bytes, the file has {file}")));
            }
            directory.entries.push(Entry { tag, kind, count, at: values_at });
            at += entry_len;
        }
        // Some writers leave it out.
        let next = directory.number(at, offset_len).unwrap_or(0);
        if next == start as u64 {
            return Err(corrupt("its first page is followed by itself".to_owned()));
        }
        directory.followed = next != 0;
        Ok(directory)
    }

    pub(super) fn has(&self, tag: u64) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }

    /// The numbers of a tag; none if there is no such tag.
    pub(super) fn numbers(&self, tag: u64) -> Result<Vec<u64>, DecodeError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.tag == tag) else { return Ok(Vec::new()) };
        if !matches!(entry.kind, 1 | 3 | 4 | 13 | 16 | 18) {
            return Err(corrupt(format!("tag {tag} has values of type {}, not whole numbers", entry.kind)));
        }
        if entry.count > MAX_VALUES {
            return Err(super::tiff::unsupported(format!("tag {tag} with {} values", entry.count)));
        }
        let size = size_of_kind(entry.kind) as usize;
        let number = |index| self.number(entry.at + index * size, size);
        (0..entry.count as usize)
            .map(|index| number(index).ok_or_else(|| truncated("the file ends within its directory")))
            .collect()
    }

    /// The first number of a tag.
    pub(super) fn first(&self, tag: u64) -> Result<Option<u64>, DecodeError> {
        Ok(self.numbers(tag)?.first().copied())
    }

    /// The bytes of a text, as many as the file holds.
    pub(super) fn text(&self, tag: u64) -> &'a [u8] {
        let entry = self.entries.iter().find(|entry| entry.tag == tag && entry.kind == ASCII);
        entry.map_or(&[], |entry| {
            let rest = self.bytes.get(entry.at..).unwrap_or_default();
            &rest[..rest.len().min(usize::try_from(entry.count).unwrap_or(0))]
        })
    }

    fn number(&self, at: usize, len: usize) -> Option<u64> {
        let field = self.bytes.get(at..at.checked_add(len)?)?;
        let push = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.big_endian { field.iter().fold(0, push) } else { field.iter().rev().fold(0, push) })
    }
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

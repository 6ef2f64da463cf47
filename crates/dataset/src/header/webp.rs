//! Whether a WebP file is complete.

use crate::DecodeError;
use crate::image_info::Extent;

/// Whether the file is as long as its RIFF header says.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    // "RIFF" (4), and the length of all that follows the length.
    let length = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|&field| u32::from_le_bytes(field));
    Extent::of(length.is_some_and(|length| u64::from(length) + 8 <= bytes.len() as u64))
}

/// The EXIF data of an extended file, if all of them are there.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    // Chunks follow "RIFF", a length and "WEBP": a name, a length, and content that is padded to an even length.
    let mut rest = bytes.get(12..)?;
    if !rest.starts_with(b"VP8X") {
        return None;
    }
    loop {
        let (name, length) = (rest.get(..4)?, rest.get(4..)?.first_chunk()?);
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let content = rest.get(8..)?;
        if name == b"EXIF" {
            return content.get(..length);
        }
        rest = content.get(length.checked_next_multiple_of(2)?..)?;
    }
}

/// The decoder calls a file corrupt that was cut short.
pub(crate) fn cut_or_corrupt(bytes: &[u8], error: DecodeError) -> DecodeError {
    match error {
        DecodeError::Corrupt { format, .. } if extent(bytes) == Extent::Short => {
            let reason = "the file is shorter than its header states".to_owned();
            DecodeError::Truncated { format, reason }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_container_decides() {
        assert_eq!(extent(b"RIFF\x04\0\0\0WEBP"), Extent::Whole);
        assert_eq!(extent(b"RIFF\x05\0\0\0WEBP"), Extent::Short);
        assert_eq!(extent(b"RIFF\xff\xff\xff\xffWEBP"), Extent::Short);
        assert_eq!(extent(b"RIFF"), Extent::Short);
    }

    #[test]
    fn exif_is_found_among_chunks_and_only_if_it_is_whole() {
        let file = |chunks: &[u8]| [b"RIFF\0\0\0\0WEBP".as_slice(), chunks].concat();
        let extended = b"VP8X\x03\0\0\0abc\0VP8 \x02\0\0\0de".as_slice();
        let found = |exif: &[u8]| exif_of(&file(&[extended, exif].concat()));
        fn exif_of(bytes: &[u8]) -> Option<Vec<u8>> {
            exif(bytes).map(<[u8]>::to_vec)
        }
        assert_eq!(found(b"EXIF\x02\0\0\0MM"), Some(b"MM".to_vec()));
        assert_eq!(found(b"EXIF\xff\xff\xff\xffMM"), None);
        assert_eq!(found(b"XMP \xff\xff\xff\xffMM"), None);
        assert_eq!(found(b"EXIF\x02"), None);
        assert_eq!(exif_of(&file(b"VP8 \0\0\0\0EXIF\x02\0\0\0MM")), None);
        assert_eq!(exif_of(b"RIFF"), None);
    }
}

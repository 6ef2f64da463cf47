//! Whether a WebP file is complete.

use crate::DecodeError;
use crate::image_info::Extent;

/// Whether the file is as long as its RIFF header says.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    // "RIFF" (4), and the length of all that follows the length.
    let length = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|&field| u32::from_le_bytes(field));
    Extent::of(length.is_some_and(|length| u64::from(length) + 8 <= bytes.len() as u64))
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
}

//! What an image is, and whether it can be read: without decoding its pixels where its structure is enough.

use crate::contained::contained;
use crate::decode::{Reading, decode_by_content};
use crate::header::describe;
use crate::image_info::Extent;
use crate::{DecodeError, ImageInfo, Limits};

/// How far [`examine`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// The header, and the structure up to its end. Pixels are decoded only where these leave a doubt.
    #[default]
    Structure,
    /// Every pixel.
    Pixels,
}

/// Returns what an image is, or why [`decode`](crate::decode()) fails on it.
///
/// An error here is the same error there: the same code reads the header, and an image whose structure is short is
/// decoded before it is called broken. The reverse holds only at [`Depth::Pixels`]: damage within the pixels shows when
/// they are decoded.
///
/// # Errors
///
/// As [`decode`](crate::decode()).
pub fn examine(bytes: &[u8], limits: &Limits, depth: Depth) -> Result<ImageInfo, DecodeError> {
    contained(|| {
        let (mut info, extent) = describe(bytes, limits)?;
        if depth == Depth::Pixels || extent != Extent::Whole {
            decode_by_content(bytes, limits, Reading::OF_PILLOW)?;
        }
        info.short = extent == Extent::Short;
        Ok(info)
    })
}

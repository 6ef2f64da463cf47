//! The fast decoder, for pictures whose structure it is known to read.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::decode::contained;
use crate::header::jpeg::{Colours, Structure};

/// Three bytes a pixel; `None` if the decoder finds something wrong.
pub(super) fn decode(structure: &Structure<'_>) -> Option<Vec<u8>> {
    let grey = structure.colours == Colours::Grey;
    let options = DecoderOptions::default()
        // Otherwise it fills with grey what is missing, and says nothing.
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(if grey { ColorSpace::Luma } else { ColorSpace::RGB });
    let bytes = structure.for_fast_decoder();
    let decoded =
        contained(|| Ok(JpegDecoder::new_with_options(ZCursor::new(&bytes[..]), options).decode().ok()));
    let samples = decoded.ok()??;
    Some(if grey { samples.iter().flat_map(|&level| [level; 3]).collect() } else { samples })
}

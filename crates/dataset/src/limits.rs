//! How much one image may cost, so that a small hostile file can't fill the memory.

use crate::DecodeError;

/// What one image may cost. Checked from the header, before memory is taken for pixels.
///
/// Several images are decoded at once, one on each thread; the limits are for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels of the stored image, width x height.
    pub max_pixels: u64,
    /// Longest side of the stored image in pixels. It bounds what a filter that shrinks the image keeps: six weights
    /// of 4 bytes for each pixel of a side.
    pub max_side: u64,
    /// Most bytes of memory that are taken in proportion to the file or to its pixels, all together:
    ///
    /// - the file's bytes; twice for JPEG, and for TIFF with a palette or of more than 8 bits with white as zero, which
    ///   need a copy;
    /// - the samples as they are decoded, at their depth; twice for TIFF that stores plane by plane. PNM and 16-bit
    ///   BMP have none;
    /// - or, where it is more, the 8-bit RGB image: 3 bytes a pixel;
    /// - 3 bytes a pixel for the conversion to RGB, and after it for turning the image upright or for the first pass
    ///   of a filter, which never gives more than the larger of the image and its target.
    ///
    /// Not counted are the resized image, whose size the [`Preprocessing`](crate::Preprocessing) bounds, and what a
    /// decoder keeps for itself: 2 bytes a sample for the coefficients of a progressive JPEG, a strip or tile of
    /// a TIFF and the values of its tags (never more of them than the file has bytes, at 32 bytes of memory each, and
    /// 256 MiB at most), the planes of a WebP.
    pub max_bytes_of_memory: u64,
}

/// One of the [`Limits`], as what stands in an image's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::max_pixels`].
    Pixels,
    /// [`Limits::max_side`].
    Side,
    /// [`Limits::max_bytes_of_memory`].
    Memory,
}

impl Default for Limits {
    /// 178 956 970 pixels, past which Pillow raises `DecompressionBombError` (twice its `MAX_IMAGE_PIXELS`, the
    /// 24-bit pixels that fill a quarter of a GiB); sides of 65 535, the longest that a JPEG can have; and 1.5 GiB:
    /// 1 GiB for that many 24-bit pixels and their copy, the rest for the file.
    fn default() -> Self {
        Self { max_pixels: 178_956_970, max_side: 65_535, max_bytes_of_memory: 3 << 29 }
    }
}

impl Limits {
    /// Checks the size that a header claims. `held` bytes of memory are the file and its copies; `bytes_per_pixel`
    /// is what the samples take before they are RGB.
    pub(crate) fn check(
        &self,
        format: &'static str,
        width: u64,
        height: u64,
        held: u64,
        bytes_per_pixel: u64,
    ) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            let reason = format!("its size is {width} x {height}");
            return Err(DecodeError::Corrupt { format, reason });
        }
        let pixels = width.saturating_mul(height);
        if pixels > self.max_pixels {
            return Err(DecodeError::TooManyPixels { width, height, limit: self.max_pixels });
        }
        if width.max(height) > self.max_side {
            return Err(DecodeError::TooLong { width, height, limit: self.max_side });
        }
        let of_pixels = pixels.saturating_mul(bytes_per_pixel.max(RGB).saturating_add(RGB));
        if held.saturating_add(of_pixels) > self.max_bytes_of_memory {
            Err(self.memory_error())
        } else {
            Ok(())
        }
    }

    pub(crate) fn memory_error(&self) -> DecodeError {
        DecodeError::TooMuchMemory { limit: self.max_bytes_of_memory }
    }
}

/// Bytes of an 8-bit RGB pixel.
const RGB: u64 = 3;

//! How much one image may cost, so that a small hostile file can't fill the memory.

use crate::DecodeError;

/// What decoding a single image may cost. Checked from the header, before memory is taken.
///
/// Several images are decoded at once, one on each thread; the limits are for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels of the stored image, width x height.
    pub max_pixels: u64,
    /// Longest side of the stored image: a filter that shrinks a line of a billion pixels would need gigabytes of
    /// weights.
    pub max_side: u64,
    /// Most bytes that the file may have, and, counted apart, most bytes that its decoded samples and their
    /// conversion to RGB may take. A decoder's own buffers come on top.
    pub max_bytes_of_memory: u64,
}

impl Default for Limits {
    /// 178 956 970 pixels, past which Pillow raises `DecompressionBombError` (twice its `MAX_IMAGE_PIXELS`, the
    /// 24-bit pixels that fill a quarter of a GiB); sides of 65 535, the longest that a JPEG can have; and 1 GiB, room for that many 24-bit pixels and their copy.
    fn default() -> Self {
        Self { max_pixels: 178_956_970, max_side: 65_535, max_bytes_of_memory: 1 << 30 }
    }
}

impl Limits {
    /// Checks the size that a header claims, where each pixel takes `bytes_per_pixel` before it becomes RGB.
    pub(crate) fn check(
        &self,
        format: &'static str,
        width: u64,
        height: u64,
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
        // Three more bytes a pixel for the RGB image that every decoder's output is copied to.
        if pixels.saturating_mul(bytes_per_pixel.saturating_add(3)) > self.max_bytes_of_memory {
            return Err(self.memory_error());
        }
        Ok(())
    }

    pub(crate) fn memory_error(&self) -> DecodeError {
        DecodeError::TooMuchMemory { limit: self.max_bytes_of_memory }
    }
}

//! How much one image may cost, so that a small hostile file can't fill the memory.

use crate::DecodeError;

/// What one image may cost. The header is checked against it before memory is allocated for pixels.
///
/// Several images are decoded at once, one on each thread. The limits are for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most pixels of the stored image, width x height.
    pub max_pixels: u64,
    /// Longest side of the stored image in pixels. It bounds the memory of a filter that shrinks the image: six weights
    /// of 4 bytes for each pixel of a side, and 48 bytes for a strip of rows.
    pub max_side: u64,
    /// Most bytes of memory in proportion to the file or to its pixels, which is the sum of:
    ///
    /// - the file's bytes; twice for JPEG, PNG that breaks rules, and TIFF whose lowest bits come first, which
    ///   need a copy;
    /// - the decoded samples at their depth, or the 8-bit RGB image (3 bytes a pixel) if that is larger. PNM and BMP have
    ///   none;
    /// - 3 bytes a pixel for the conversion to RGB. The same memory serves to turn the image upright and for the first
    ///   pass of a filter, whose result is never larger than the larger of the image and its target;
    /// - for JPEG of an unusual layout, a byte for each sample with its padding; three bytes if it is progressive.
    ///
    /// Two things are not counted. One is the resized image: the [`Preprocessing`](crate::Preprocessing) bounds its
    /// size. The other is a decoder's own memory: 2 bytes a sample for the coefficients of any other progressive JPEG; a
    /// strip or tile of a TIFF, which alone is within this limit, and the numbers of its tags (at most as many as the file
    /// has bytes, 8 bytes of memory each, and 128 MiB a tag); the planes of a WebP.
    pub max_bytes_of_memory: u64,
}

impl Default for Limits {
    /// - 178 956 970 pixels. Above that Pillow raises `DecompressionBombError`: twice its `MAX_IMAGE_PIXELS`, the
    ///   number of 24-bit pixels in a quarter of a GiB.
    /// - Sides of 65 535 pixels, the longest that a JPEG can have.
    /// - 1.5 GiB: 1 GiB for that number of 24-bit pixels and their copy, the rest for the file.
    fn default() -> Self {
        Self { max_pixels: 178_956_970, max_side: 65_535, max_bytes_of_memory: 3 << 29 }
    }
}

impl Limits {
    /// The limits with another [`max_pixels`](Self::max_pixels).
    #[must_use]
    pub const fn with_max_pixels(mut self, max_pixels: u64) -> Self {
        self.max_pixels = max_pixels;
        self
    }

    /// The limits with another [`max_side`](Self::max_side).
    #[must_use]
    pub const fn with_max_side(mut self, max_side: u64) -> Self {
        self.max_side = max_side;
        self
    }

    /// The limits with another [`max_bytes_of_memory`](Self::max_bytes_of_memory).
    #[must_use]
    pub const fn with_max_bytes_of_memory(mut self, max_bytes_of_memory: u64) -> Self {
        self.max_bytes_of_memory = max_bytes_of_memory;
        self
    }

    /// Checks the size that a header declares. The file and its copies take `held` bytes of memory, and the samples
    /// `bytes_per_pixel` before they are converted to RGB.
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

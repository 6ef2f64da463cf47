//! Small copies of images.

use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headstart_dataset::{Interpolation, Limits, RgbImage, decode_upright, resize};
use image::codecs::jpeg::JpegEncoder;

use super::data::Thumbnail;

/// The longer side of an image that can be looked at closely, in pixels; about 15 kB.
pub(super) const LARGE: u32 = 320;

/// The longer side of an image that is one of many, in pixels; about 3 kB.
pub(super) const SMALL: u32 = 112;

/// Good to look at at these sizes.
const JPEG_QUALITY: u8 = 75;

impl Thumbnail {
    /// Of an image file; none where it is gone or can't be read, for a report must not fail for an image.
    pub(super) fn of_file(path: &Path, side: u32) -> Option<Self> {
        let limits = Limits::default();
        let mut bytes = Vec::new();
        let file = headstart_files::open(path).ok()?;
        file.take(limits.max_bytes_of_memory).read_to_end(&mut bytes).ok()?;
        Self::of_image(&decode_upright(&bytes, &limits).ok()?, side)
    }

    /// Shrinks an image whose longer side is beyond `most` pixels, and encodes it.
    pub(super) fn of_image(image: &RgbImage, most: u32) -> Option<Self> {
        let longer = image.width().max(image.height()).max(most);
        let side = |side: u32| {
            let scaled = u64::from(side) * u64::from(most) / u64::from(longer);
            (scaled as u32).max(1)
        };
        let (width, height) = (side(image.width()), side(image.height()));
        let small = resize(image, height as usize, width as usize, Interpolation::Bilinear).ok()?;
        let mut jpeg = Vec::new();
        small.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)).ok()?;
        Some(Self { jpeg, width, height })
    }

    /// The image as an address that holds it.
    pub(super) fn data_uri(&self) -> String {
        format!("data:image/jpeg;base64,{}", STANDARD.encode(&self.jpeg))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_shrunk_and_a_small_image_keeps_its_size() {
        for (size, expected) in
            [((640, 320), (160, 80)), ((100, 2000), (8, 160)), ((30, 20), (30, 20)), ((5000, 1), (160, 1))]
        {
            let thumbnail = Thumbnail::of_image(&RgbImage::new(size.0, size.1), 160).unwrap();
            assert_eq!((thumbnail.width, thumbnail.height), expected);
            let limits = Limits::default();
            let decoded = headstart_dataset::decode(&thumbnail.jpeg, &limits).unwrap();
            assert_eq!(decoded.dimensions(), expected);
        }
    }

    #[test]
    fn the_noisiest_image_stays_below_200_kilobytes() {
        let mut state = 1_u32;
        let noise = RgbImage::from_fn(320, 320, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
        });
        let size = Thumbnail::of_image(&noise, LARGE).unwrap().data_uri().len();
        assert!(size < 200_000, "{size} bytes");
    }

    #[test]
    fn a_file_that_is_gone_or_no_image_or_a_folder_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.jpg");
        std::fs::write(&text, "no image").unwrap();
        for path in [&folder.path().join("gone.jpg"), &text, folder.path()] {
            assert_eq!(Thumbnail::of_file(path, SMALL), None);
        }
    }
}

//! The file formats that are read, told by content.

use image::ImageFormat;
use serde::Serialize;

use crate::DecodeError;
use crate::decode::{is_pnm, is_tiff};

/// A file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Format {
    /// PNG.
    #[serde(rename = "PNG")]
    Png,
    /// JPEG.
    #[serde(rename = "JPEG")]
    Jpeg,
    /// BMP.
    #[serde(rename = "BMP")]
    Bmp,
    /// PBM, PGM and PPM.
    #[serde(rename = "PNM")]
    Pnm,
    /// TIFF.
    #[serde(rename = "TIFF")]
    Tiff,
    /// WebP.
    WebP,
}

impl Format {
    /// The format of a file, from its first bytes; 16 are enough.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Empty`] without any byte, [`DecodeError::UnknownFormat`] for what is none of the formats.
    pub fn of(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Empty);
        }
        if is_pnm(bytes) {
            return Ok(Self::Pnm);
        }
        if is_tiff(bytes) {
            return Ok(Self::Tiff);
        }
        match image::guess_format(bytes) {
            Ok(ImageFormat::Png) => Ok(Self::Png),
            Ok(ImageFormat::Jpeg) => Ok(Self::Jpeg),
            Ok(ImageFormat::Bmp) => Ok(Self::Bmp),
            Ok(ImageFormat::WebP) => Ok(Self::WebP),
            Ok(other) => Err(DecodeError::UnknownFormat { found: format!("{other:?}") }),
            Err(_) => Err(DecodeError::UnknownFormat { found: first_bytes(bytes) }),
        }
    }

    /// The format that the extension of a file name promises, in any case; `None` for an extension that is not one of
    /// [`EXTENSIONS`](crate::EXTENSIONS).
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "bmp" => Some(Self::Bmp),
            "ppm" => Some(Self::Pnm),
            "tif" | "tiff" => Some(Self::Tiff),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// The name as a person writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Bmp => "BMP",
            Self::Pnm => "PNM",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }

    pub(crate) const fn of_image_crate(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Bmp => ImageFormat::Bmp,
            Self::Pnm => ImageFormat::Pnm,
            Self::Tiff => ImageFormat::Tiff,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(8)];
    format!("content that starts with \"{}\"", shown.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_that_is_taken_promises_a_format() {
        for extension in crate::EXTENSIONS {
            assert!(Format::of_name(&format!("a.b.{extension}")).is_some(), "{extension}");
            assert!(Format::of_name(&format!("A.{}", extension.to_uppercase())).is_some(), "{extension}");
        }
        assert_eq!(Format::of_name("png"), None);
        assert_eq!(Format::of_name("a.gif"), None);
    }
}

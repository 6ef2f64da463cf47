//! The file formats that are read, recognised by content.

use std::fmt;

use image::ImageFormat;
use serde::{Serialize, Serializer};

use crate::extensions::FORMATS;
use crate::{DecodeError, foreign};

/// A file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// BMP.
    Bmp,
    /// PBM, PGM and PPM.
    Pnm,
    /// TIFF.
    Tiff,
    /// WebP.
    WebP,
    /// GIF, of which the first image is read.
    Gif,
}

impl Format {
    /// Every format, in the order in which errors list them.
    pub const ALL: [Self; 7] =
        [Self::Png, Self::Jpeg, Self::Gif, Self::Bmp, Self::Pnm, Self::Tiff, Self::WebP];

    /// The format of a file, from its first bytes; 16 are enough.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Empty`] if there is no byte, [`DecodeError::UnknownFormat`] for any other content.
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
            // Its signature is two letters, which a text may start with.
            Ok(ImageFormat::Bmp) if bytes.len() < 6 || !foreign::is_text(bytes) => Ok(Self::Bmp),
            Ok(ImageFormat::WebP) => Ok(Self::WebP),
            Ok(ImageFormat::Gif) => Ok(Self::Gif),
            _ => Err(DecodeError::UnknownFormat { found: foreign::of_content(bytes) }),
        }
    }

    /// The format that the extension of a file name stands for, in upper or lower case; `None` for an extension that is
    /// not one of [`EXTENSIONS`](crate::EXTENSIONS).
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        let found = FORMATS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
        found.map(|&(_, format)| format)
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
            Self::Gif => "GIF",
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
            Self::Gif => ImageFormat::Gif,
        }
    }
}

/// The names of all formats in a sentence: "PNG, JPEG or WebP".
pub(crate) fn any_name() -> String {
    let [first @ .., last] = Format::ALL.map(Format::name);
    format!("{} or {last}", first.join(", "))
}

/// Whether the content starts as PBM, PGM or PPM: `P1` to `P6` and white space.
fn is_pnm(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'1'..=b'6', b' ' | 0x09..=0x0D, ..])
}

/// Whether the content starts as a TIFF or BigTIFF file, of either byte order.
fn is_tiff(bytes: &[u8]) -> bool {
    matches!(bytes, [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..])
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// As its name.
impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_of_a_sample_has_a_format() {
        for extension in crate::EXTENSIONS {
            assert!(Format::of_name(&format!("a.b.{extension}")).is_some(), "{extension}");
            assert!(Format::of_name(&format!("A.{}", extension.to_uppercase())).is_some(), "{extension}");
        }
        for format in Format::ALL {
            assert!(FORMATS.iter().any(|(_, known)| *known == format), "{format} has no extension");
        }
        assert_eq!(Format::of_name("png"), None);
        assert_eq!(Format::of_name("a.heic"), None);
    }
}

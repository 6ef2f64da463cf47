//! What the components of a picture mean.

use super::frame::Frame;

/// What the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    Grey,
    YCbCr,
    Rgb,
    /// Four inks, taken as inverted.
    Cmyk,
    /// Three of four inks as luminance and chroma.
    Ycck,
}

/// The segments that tell what the components mean.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ColourMarkers {
    /// A JFIF segment.
    pub(super) jfif: bool,
    /// The transform that an Adobe segment names.
    pub(super) adobe: Option<u8>,
}

impl ColourMarkers {
    /// Takes in an application segment: APP0 or APP14. One that is too short has no meaning, as in libjpeg.
    pub(super) fn read(&mut self, code: u8, content: &[u8]) {
        match code {
            0xE0 if content.len() >= 14 && content.starts_with(b"JFIF\0") => self.jfif = true,
            // "Adobe", version (2), flags (2 and 2), transform (1).
            0xEE if content.len() >= 12 && content.starts_with(b"Adobe") => self.adobe = Some(content[11]),
            _ => {}
        }
    }

    /// What the components mean, as libjpeg decides it: JFIF comes first, then Adobe, then the components' names.
    pub(super) fn decide(self, frame: &Frame) -> Colours {
        match (frame.components.len(), self.jfif, self.adobe) {
            (1, ..) => Colours::Grey,
            (3, false, Some(0)) => Colours::Rgb,
            (3, false, None) if frame.components.iter().map(|component| component.id).eq(*b"RGB") => {
                Colours::Rgb
            }
            (3, ..) => Colours::YCbCr,
            (_, _, None | Some(0)) => Colours::Cmyk,
            _ => Colours::Ycck,
        }
    }

    /// Whether the fast decoder decides alike. It knows the transforms 0, 1 and 2, and takes components named R, G and B
    /// as such in any case.
    pub(super) fn are_ordinary(self, frame: &Frame) -> bool {
        matches!(self.adobe, None | Some(1))
            && !frame.components.iter().map(|component| component.id).eq(*b"RGB")
    }
}

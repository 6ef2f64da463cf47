//! The file names that count as images.

use crate::Format;

/// The endings, each with the format that it stands for.
pub(crate) const FORMATS: [(&str, Format); 9] = [
    ("png", Format::Png),
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("bmp", Format::Bmp),
    ("ppm", Format::Pnm),
    ("tif", Format::Tiff),
    ("tiff", Format::Tiff),
    ("webp", Format::WebP),
    ("gif", Format::Gif),
];

/// File name endings that make a file a sample, in upper or lower case.
///
/// The list is Keras's `white_list_formats`, and `webp` and `gif`, which hold pictures just as well.
pub const EXTENSIONS: [&str; FORMATS.len()] = {
    let mut endings = [""; FORMATS.len()];
    let mut at = 0;
    while at < endings.len() {
        endings[at] = FORMATS[at].0;
        at += 1;
    }
    endings
};

//! The formats that are not read: what they are called, and what to do with such a file.
//!
//! [`of_name`] goes by the extension of a file, and knows photographs and pictures only. An error of
//! [`decode`](crate::decode()) goes by the content, and also knows what often lies in a folder under the name of an
//! image: web pages, archives, pointers of Git LFS.

mod signatures;
mod text;

use signatures::{EXTENSIONS, FTYP_BRANDS, SIGNATURES};

/// What a person can do with a file that is not read.
#[derive(Clone, Copy)]
enum Advice {
    /// A photograph: as JPEG it is read.
    ToJpeg,
    /// A drawing or another picture.
    ToPng,
    /// A video.
    SaveFrames,
    /// An archive.
    Unpack,
    /// It is no picture.
    Nothing,
}

/// The format of photographs or pictures that the extension of a file name stands for, in upper or lower case, and that
/// is not read: "HEIC" for `IMG_0001.HEIC`. `None` for every other name, a format that is read included.
#[must_use]
pub fn of_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    let found = EXTENSIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    found.map(|&(_, format)| format)
}

/// What a content is that no decoder here reads, in words that go on with "found"; and what to do with it.
pub(crate) fn of_content(bytes: &[u8]) -> String {
    if let Some((name, advice)) = by_signature(bytes) {
        return advice.about(name);
    }
    if !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0) {
        return "nothing but zeros: copy or download the file again".to_owned();
    }
    if let Some(found) = text::of_content(bytes) {
        return found;
    }
    let shown: Vec<_> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("content of an unknown kind, which starts with the bytes {}", shown.join(" "))
}

/// Whether the content is text, which no image that is read here starts as for long.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    text::of_content(bytes).is_some()
}

/// A photograph that is not read, as [`of_content`] calls it.
pub(crate) fn photograph(name: &str) -> String {
    Advice::ToJpeg.about(name)
}

fn by_signature(bytes: &[u8]) -> Option<(&'static str, Advice)> {
    // ISO base media: the length of the first box, "ftyp", and the brand, which says what the file holds.
    if let Some(brand) = bytes.get(8..12).filter(|_| bytes[4..8] == *b"ftyp") {
        let found = FTYP_BRANDS.iter().find(|(known, ..)| brand.starts_with(known));
        return Some(found.map_or(("MP4", Advice::SaveFrames), |&(_, name, advice)| (name, advice)));
    }
    // safetensors: the length of a header, which is JSON.
    if bytes.get(7..9).is_some_and(|at| at == b"\0{") {
        return Some(("a file of weights or of a head (safetensors), not an image", Advice::Nothing));
    }
    let found = SIGNATURES
        .iter()
        .find(|(at, magic, ..)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    found.map(|&(_, _, name, advice)| (name, advice))
}

impl Advice {
    fn about(self, name: &str) -> String {
        match self {
            Self::ToJpeg => format!("{name}, which is not read: convert it to JPEG"),
            Self::ToPng => format!("{name}, which is not read: convert it to PNG"),
            Self::SaveFrames => format!("{name}, a video, which is not read: save its frames as JPEG"),
            Self::Unpack => format!("{name}: unpack it"),
            Self::Nothing => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_photographs_that_are_not_read_are_known() {
        for (name, format) in [
            ("IMG_0001.HEIC", Some("HEIC")),
            ("a.b.avif", Some("AVIF")),
            ("a.JXL", Some("JPEG XL")),
            ("a.jp2", Some("JPEG 2000")),
            ("_DSC1234.NEF", Some("camera raw (NEF)")),
            ("a.dng", Some("camera raw (DNG)")),
            ("a.psd", Some("Photoshop (PSD)")),
            ("heic", None),
            ("a.txt", None),
            ("a.png", None),
        ] {
            assert_eq!(of_name(name), format, "{name}");
        }
        for (extension, _) in EXTENSIONS {
            assert!(crate::Format::of_name(&format!("a.{extension}")).is_none(), "{extension} is read");
        }
    }

    #[test]
    fn contents_are_named_with_what_to_do() {
        for (content, found) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], "HEIC, which is not read: convert it to JPEG"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIF, which is not read: convert it to JPEG"),
            (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF, which is not read: convert it to JPEG"),
            (b"\0\0\0\x18ftypcrx \0\0\0\0", "camera raw (CR3), which is not read: convert it to JPEG"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4, a video, which is not read: save its frames as JPEG"),
            (b"\0\0\0\x14ftypqt  \0\0\0\0", "QuickTime, a video, which is not read: save its frames as JPEG"),
            (b"\xff\x0a\x11\x22", "JPEG XL, which is not read: convert it to JPEG"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000, which is not read: convert it to JPEG"),
            (b"8BPS\0\x01", "Photoshop (PSD), which is not read: convert it to PNG"),
            (b"PK\x03\x04 an archive", "a ZIP archive: unpack it"),
            (b"%PDF-1.7\n", "PDF, which is not read: convert it to PNG"),
            (b"\x1f\x8b\x08\0", "a gzip archive: unpack it"),
            (
                b"\x89PNG\n\x1a\n\0",
                "a PNG file that was changed when it was copied as text: copy it again as binary",
            ),
            (b"\x93NUMPY\x01\0", "features (.npy), not an image"),
            (b"\x89HDF\r\n\x1a\n", "a file of weights or of a head (HDF5), not an image"),
            (b"\0\x07\0\0\0\0\0\0{\"a\"", "a file of weights or of a head (safetensors), not an image"),
            (&[0; 512], "nothing but zeros: copy or download the file again"),
            (
                b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89",
                "content of an unknown kind, which starts with the bytes 80 81 82 83 84 85 86 87",
            ),
            (b"\x01", "content of an unknown kind, which starts with the bytes 01"),
        ] {
            assert_eq!(of_content(content), found, "{}", content.escape_ascii());
        }
    }
}

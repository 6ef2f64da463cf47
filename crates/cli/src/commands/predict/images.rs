//! What is predicted: images, a list of their paths, one image on standard input, or stored features.

use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;

use headstart::{ImageList, Observer};
use tempfile::NamedTempFile;

use super::lines::Lines;
use crate::fault::Fault;
use crate::flags::Predict;

/// What an image is called that came on standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// Bytes of standard input by which an image is told from a list of paths.
const LOOKED_AT: usize = 512;

/// What is predicted.
pub(super) enum Images {
    /// Images and folders of the arguments.
    List(ImageList),
    /// Paths from standard input.
    Lines(Lines),
    /// The image that standard input is.
    Image(NamedTempFile),
    /// Files of features.
    Features(Vec<PathBuf>),
}

impl Images {
    pub(super) fn of(command: &Predict, observer: &mut dyn Observer) -> anyhow::Result<Self> {
        let arguments = &command.images;
        let is_dash = |path: &PathBuf| path.as_os_str() == STANDARD_INPUT;
        let is_npy =
            |path: &&PathBuf| path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("npy"));
        let features = arguments.iter().filter(is_npy).count();
        let usage = |text: &str| Err(Fault::Usage(text.to_owned()).into());
        if arguments.iter().any(is_dash) && arguments.len() > 1 {
            return usage("-, for standard input, stands alone: give images as arguments or there");
        }
        if features > 0 && features < arguments.len() {
            return usage(
                "expected images or stored features (.npy), found both; ask for them one after another",
            );
        }
        let images = if arguments.is_empty() || arguments.iter().any(is_dash) {
            Self::of_standard_input()?
        } else if features > 0 {
            Self::Features(arguments.clone())
        } else {
            Self::List(ImageList::new(arguments, command.follow_links, observer)?)
        };
        let sorts = command.copy_to.is_some() || command.link_to.is_some();
        match images {
            Self::Features(_) if sorts => usage(
                "--copy-to, --link-to: expected images, found stored features, which do not say where their images are",
            ),
            Self::Image(_) if sorts => {
                usage("--copy-to, --link-to: expected images with names, found one on standard input")
            }
            Self::List(_) => Ok(images),
            _ if command.cache.is_some() => usage(
                "--cache: expected images and folders as arguments, found standard input or stored features",
            ),
            _ => Ok(images),
        }
    }

    /// Standard input, by how it begins: the bytes of an image, or lines of paths.
    fn of_standard_input() -> anyhow::Result<Self> {
        let mut input = BufReader::with_capacity(Lines::LONGEST, io::stdin());
        let cause = |cause| headstart::Error::System { action: "read standard input", cause };
        Lines::tell_a_person();
        // More than the first bytes may never come: who writes a path may wait for its answer.
        let start = io::BufRead::fill_buf(&mut input).map_err(cause)?;
        if !is_image(&start[..start.len().min(LOOKED_AT)]) {
            return Ok(Self::Lines(Lines::new(input)));
        }
        let file = NamedTempFile::with_prefix("headstart-").map_err(cause)?;
        let mut writer = file.as_file();
        io::copy(&mut input.by_ref(), &mut writer).and_then(|_| writer.flush()).map_err(cause)?;
        Ok(Self::Image(file))
    }
}

/// Whether bytes begin an image. A path has no byte of zero, and does not begin as a JPEG or a PNG does; the other formats
/// have a zero among their first bytes.
fn is_image(start: &[u8]) -> bool {
    let marks: [&[u8]; 2] = [b"\xFF\xD8\xFF", b"\x89PNG"];
    // Text in UTF-16 has zeros, too.
    let utf_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];
    marks.iter().any(|mark| start.starts_with(mark))
        || (start.contains(&0) && !utf_16.iter().any(|mark| start.starts_with(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_from_a_list_of_paths() {
        for image in [&b"\xFF\xD8\xFF\xE0"[..], b"\x89PNG\r\n", b"BM6\0\0\0", b"II*\0", b"GIF89a\x01\0"] {
            assert!(is_image(image));
        }
        for paths in
            [&b"a.jpg\n"[..], b"BMW/1.jpg\nGIF89a.gif\n", b"", b"\n", b"\xFF\xFEa\0", "ÿØ.jpg".as_bytes()]
        {
            assert!(!is_image(paths));
        }
    }
}

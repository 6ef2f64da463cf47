//! Where the images of a prediction come from.

use std::ffi::OsStr;
use std::path::Path;

use headstart_dataset::{Dataset, Error as DatasetError, ScanOptions, list, text_of};

use super::images::dataset_of;
use crate::Error;
use crate::observer::{Observer, note_left_out};

/// The path of an image, or of something in its place that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePath {
    /// The path as it is answered. Bytes that are not UTF-8 are shown as `\xE9`.
    pub path: String,
    /// Why it can't be read, if that is known: its answer says so.
    pub unreadable: Option<String>,
}

impl ImagePath {
    /// A path. One that is not UTF-8 can't be read: no answer could name it.
    #[must_use]
    pub fn of(path: &OsStr) -> Self {
        Self::of_bytes(path.as_encoded_bytes())
    }

    /// The same, from the bytes of a line of text.
    #[must_use]
    pub fn of_bytes(path: &[u8]) -> Self {
        let unreadable = std::str::from_utf8(path).is_err();
        Self { path: text_of(path), unreadable: unreadable.then(|| NOT_UTF8.to_owned()) }
    }
}

/// Why a path is not read that no answer could name.
const NOT_UTF8: &str = "its path is not valid UTF-8; rename it";

/// Gives paths of images, a few at a time.
pub trait ImageSource: Send {
    /// At most `limit` paths; none at the end. It may wait for the first one, but should not wait for more: who writes one
    /// path and waits for its answer gets it.
    ///
    /// # Errors
    /// The source fails.
    fn next_paths(&mut self, limit: usize) -> Result<Vec<ImagePath>, Error>;

    /// How many images there are, if that is known.
    fn count(&self) -> Option<usize> {
        None
    }
}

/// Images that are all known. Folders are replaced by the images in them, in the order of an extraction.
#[derive(Debug, Clone)]
pub struct ImageList {
    paths: std::vec::IntoIter<ImagePath>,
}

impl ImageList {
    /// Lists the images of files and folders.
    ///
    /// # Errors
    /// A folder that can't be listed or that holds no image.
    pub fn new<P: AsRef<Path>>(
        images: impl IntoIterator<Item = P>,
        follow_links: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let mut paths = Vec::new();
        for image in images {
            let image = image.as_ref();
            if image.is_dir() {
                paths.extend(images_of(image, follow_links, observer)?);
            } else {
                paths.push(ImagePath::of(image.as_os_str()));
            }
        }
        Ok(Self { paths: paths.into_iter() })
    }
}

impl ImageList {
    /// The images as a dataset of one class.
    pub(crate) fn into_dataset(self, class: &str) -> Dataset {
        dataset_of(self.paths.collect(), class)
    }
}

impl ImageSource for ImageList {
    fn next_paths(&mut self, limit: usize) -> Result<Vec<ImagePath>, Error> {
        Ok(self.paths.by_ref().take(limit).collect())
    }

    fn count(&self) -> Option<usize> {
        Some(self.paths.len())
    }
}

fn images_of(
    folder: &Path,
    follow_links: bool,
    observer: &mut dyn Observer,
) -> Result<Vec<ImagePath>, Error> {
    let listed = list(folder, &ScanOptions::default().with_follow_links(follow_links))?;
    note_left_out(&listed.left_out, observer);
    if listed.samples.is_empty() {
        return Err(DatasetError::NoImages {
            path: folder.to_path_buf(),
            classes: 0,
            left_out: listed.left_out.count(),
            unread: listed.left_out.unread_counts(),
            links: listed.left_out.links,
        }
        .into());
    }
    let path = |sample| {
        let ImagePath { path, unreadable } = ImagePath::of(listed.path_of(sample).as_os_str());
        ImagePath { path, unreadable: listed.unreadable.get(&sample.path).cloned().or(unreadable) }
    };
    Ok(listed.samples.iter().map(path).collect())
}

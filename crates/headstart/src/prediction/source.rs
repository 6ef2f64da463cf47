//! Where the images of a prediction come from.

use std::path::{Path, PathBuf};

use headstart_dataset::{EXTENSIONS, Error as DatasetError, ScanOptions, list};

use crate::Error;
use crate::observer::{Observer, note_left_out};

/// Gives paths of images, a few at a time.
pub trait ImageSource: Send {
    /// At most `limit` paths; none at the end. It may wait for the first one, but should not wait for more: who writes one
    /// path and waits for its answer gets it.
    ///
    /// # Errors
    /// The source fails.
    fn next_paths(&mut self, limit: usize) -> Result<Vec<String>, Error>;

    /// How many images there are, if that is known.
    fn count(&self) -> Option<usize> {
        None
    }
}

/// Images that are all known. Folders are replaced by the images in them, in the order of an extraction.
#[derive(Debug, Clone)]
pub struct ImageList {
    paths: std::vec::IntoIter<String>,
}

impl ImageList {
    /// Lists the images of files and folders.
    ///
    /// # Errors
    /// A folder that can't be listed or that holds no image; a name that is not UTF-8.
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
                paths.push(name(image)?);
            }
        }
        Ok(Self { paths: paths.into_iter() })
    }
}

impl ImageSource for ImageList {
    fn next_paths(&mut self, limit: usize) -> Result<Vec<String>, Error> {
        Ok(self.paths.by_ref().take(limit).collect())
    }

    fn count(&self) -> Option<usize> {
        Some(self.paths.len())
    }
}

fn images_of(folder: &Path, follow_links: bool, observer: &mut dyn Observer) -> Result<Vec<String>, Error> {
    let listed = list(folder, &ScanOptions::default().with_follow_links(follow_links))?;
    note_left_out(&listed.left_out, observer);
    if listed.samples.is_empty() {
        let (endings, left_out) = (EXTENSIONS.join(", "), listed.left_out.count());
        let message = format!(
            "expected images in the folder, found none ({left_out} other entries were left out); images end in {endings}"
        );
        return Err(Error::bad_data(folder, message));
    }
    listed.samples.iter().map(|sample| name(&listed.path_of(sample))).collect()
}

/// The path as it is answered.
fn name(path: &Path) -> Result<String, Error> {
    match path.to_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(DatasetError::NotUtf8 { path: PathBuf::from(path) }.into()),
    }
}

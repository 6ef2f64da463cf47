//! The features of one side of a training, with the folder where their images lie.

use std::path::{Component, Path, PathBuf};

use headstart_features::Error as FeaturesError;
use rayon::prelude::*;

use super::data::{Member, Thumbnail};
use crate::run::DataSettings;
use crate::{Error, LabelledFeatures};

/// One of the sets of images, with where they lie.
pub(super) struct Split<'a> {
    pub(super) name: &'static str,
    pub(super) data: LabelledFeatures,
    pub(super) images: Option<&'a Path>,
}

impl<'a> Split<'a> {
    /// The features of a run, which must be those that it had.
    pub(super) fn of_run(
        name: &'static str,
        settings: &DataSettings,
        other: Option<&Path>,
        images: Option<&'a Path>,
    ) -> Result<Self, Error> {
        let path = other.unwrap_or(&settings.path);
        let data =
            LabelledFeatures::with_counts(path, settings.counts.as_deref()).map_err(|error| match error {
                Error::NoLabels { path, .. } => {
                    let message = format!(
                        "{} has no manifest, which it had when the run was made; put it back beside the file",
                        path.display()
                    );
                    Error::setting(name, message)
                }
                // The counts are the run's: a file that they do not fit is another one.
                Error::Features(FeaturesError::Counts { path, .. }) => Error::OtherData { path, data: name },
                error => error,
            })?;
        let data = match settings.order {
            Some(order) => data.in_order(order)?,
            None => data,
        };
        data.verify_data()?;
        let found = match data.manifest() {
            Some(manifest) => manifest.data_hash.clone(),
            None => Some(data.features().data_hash()?),
        };
        if found != settings.data_hash {
            return Err(Error::OtherData { path: path.to_path_buf(), data: name });
        }
        Ok(Self { name, data, images })
    }

    /// The image of a row; its number where no manifest names it.
    pub(super) fn path(&self, row: usize) -> String {
        let image = self.data.manifest().and_then(|manifest| manifest.rows.get(row));
        image.map_or_else(|| format!("row {row}"), |row| row.path.clone())
    }

    pub(super) fn label(&self, row: usize) -> usize {
        self.data.labels()[row] as usize
    }

    /// Copies of the images of some rows, whose longer sides have at most `side` pixels. They are decoded side by side: a
    /// photograph takes a while.
    pub(super) fn thumbnails(&self, rows: &[usize], side: u32) -> Vec<Option<Thumbnail>> {
        rows.par_iter().map(|&row| self.thumbnail(row, side)).collect()
    }

    /// The copy of one image.
    pub(super) fn thumbnail(&self, row: usize, side: u32) -> Option<Thumbnail> {
        Thumbnail::of_file(&self.file(row)?, side)
    }

    /// The file of a row's image, if its folder is known.
    fn file(&self, row: usize) -> Option<PathBuf> {
        let folder = self.images.filter(|_| self.data.manifest().is_some())?;
        let path = PathBuf::from(self.path(row));
        // A manifest is only a text file: what it names must lie in the folder.
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| folder.join(path))
    }

    pub(super) fn member(&self, row: usize, thumbnail: Option<Thumbnail>) -> Member {
        Member { split: self.name.to_owned(), path: self.path(row), class: self.label(row), thumbnail }
    }
}

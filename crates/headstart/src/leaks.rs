//! Images on both sides of a judgement: those that a head was trained on, among those that it is judged by.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use headstart_weights::ImageMarks;

use crate::observer::{Note, Observer};
use crate::{Classifier, Error, LabelledFeatures};

/// Positions of what has a key that the other side has, too.
pub(crate) fn on_both_sides<K: Ord>(ours: &[K], theirs: &[K]) -> Vec<usize> {
    let theirs: BTreeSet<&K> = theirs.iter().collect();
    (0..ours.len()).filter(|&position| theirs.contains(&ours[position])).collect()
}

/// Images that should be on one side alone, and are on both.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leaks {
    /// Where the images are: a folder, or features.
    pub source: PathBuf,
    /// Where else they are: a folder, features, or a model that was trained on them.
    pub other: PathBuf,
    /// What becomes of them.
    pub effect: LeakEffect,
    /// The images, as the source names them.
    pub images: Vec<String>,
}

/// What becomes of images that are on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeakEffect {
    /// They are left out of the training, and the test keeps them.
    LeftOut,
    /// They are judged, though a head was trained on them.
    Judged,
}

impl Leaks {
    /// Tells the observer, if there are any.
    ///
    /// # Errors
    /// [`Error::BadData`] in a strict job, if there are any.
    pub(crate) fn tell(&self, strict: bool, observer: &mut dyn Observer) -> Result<(), Error> {
        let Some(first) = self.images.first() else { return Ok(()) };
        let count = self.images.len();
        if strict {
            let other = self.other.display();
            let expected = match self.effect {
                LeakEffect::LeftOut => format!("that is in {other} too, or in a group with one that is"),
                LeakEffect::Judged => format!("that was trained on ({other})"),
            };
            let message = format!("expected no image {expected}; found {count}, first {first}");
            return Err(Error::bad_data(&self.source, message));
        }
        observer.note(&Note::Leaks(self.clone()));
        Ok(())
    }
}

impl LabelledFeatures {
    /// The hashes of the images' contents, a hash a row; none without a manifest.
    pub(crate) fn content_hashes(&self) -> Vec<&str> {
        let rows = self.manifest().map(|manifest| manifest.rows.as_slice()).unwrap_or_default();
        rows.iter().map(|row| row.hash.as_str()).collect()
    }

    /// Those of the images that a head is judged by here and that it is trained on there, by their contents. Without
    /// manifests it is not known, and so there are none.
    #[must_use]
    pub fn leaks_of(&self, training: &Self) -> Leaks {
        let positions = on_both_sides(&self.content_hashes(), &training.content_hashes());
        self.judged(positions, training.path())
    }

    /// The images at some positions, which are judged though they were trained on.
    fn judged(&self, positions: Vec<usize>, other: &Path) -> Leaks {
        let rows = self.manifest().map(|manifest| manifest.rows.as_slice()).unwrap_or_default();
        let images = positions.into_iter().map(|position| rows[position].path.clone()).collect();
        let (source, other) = (self.path().to_path_buf(), other.to_path_buf());
        Leaks { source, other, effect: LeakEffect::Judged, images }
    }

    /// Checks that these are another file than the features that are trained on.
    ///
    /// # Errors
    /// [`Error::Setting`] for the same file, under whatever name.
    pub(crate) fn check_other_file(&self, training: &Self) -> Result<(), Error> {
        let [ours, theirs] = [self, training].map(|features| fs::canonicalize(features.path()).ok());
        if ours.is_none() || ours != theirs {
            return Ok(());
        }
        let message = format!(
            "expected features of images that are not trained on, found {}, the features that are; a figure measured on \
             them says nothing about new images",
            self.path().display()
        );
        Err(Error::setting("validation", message))
    }
}

impl Classifier {
    /// The images of some features that it was trained on, by their contents. Only a `.safetensors` says which these are, and
    /// only since headstart writes it; for any other file there are none.
    #[must_use]
    pub fn leaks_in(&self, features: &LabelledFeatures) -> Leaks {
        let marks = &self.model().attached.trained_on;
        let hashes = features.content_hashes();
        let seen = (0..hashes.len()).filter(|&position| marks.has(hashes[position])).collect();
        features.judged(seen, &self.path())
    }

    /// Tells the observer which images of some features it was trained on, and returns them.
    ///
    /// # Errors
    /// [`Error::BadData`] if there are any and `strict` is asked for.
    pub fn check_unseen(
        &self,
        features: &LabelledFeatures,
        strict: bool,
        observer: &mut dyn Observer,
    ) -> Result<Leaks, Error> {
        let leaks = self.leaks_in(features);
        leaks.tell(strict, observer)?;
        Ok(leaks)
    }
}

/// The marks of the images of some rows.
pub(crate) fn marks_of(features: &LabelledFeatures, rows: impl IntoIterator<Item = usize>) -> ImageMarks {
    let hashes = features.content_hashes();
    ImageMarks::of_hashes(rows.into_iter().filter_map(|row| hashes.get(row).copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_sides_have_is_found_at_each_of_its_positions() {
        assert_eq!(on_both_sides(&["a", "b", "a", "c"], &["a", "d", "a"]), [0, 2]);
        assert!(on_both_sides(&["a"], &[]).is_empty());
    }
}

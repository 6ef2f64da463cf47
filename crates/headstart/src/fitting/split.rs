//! Which images are trained on, and which are kept for the test.

use std::collections::BTreeSet;
use std::path::Path;

use headstart_dataset::{Dataset, did_you_mean};
use headstart_head::stratified_share;

use super::groups::{Grouping, Groups, Image};
use super::look::{Look, Seen};
use super::{Fitting, Test};
use crate::labelled::listed;
use crate::leaks::on_both_sides;
use crate::{Error, LabelledFeatures};

/// The images of a fitting, by their positions among those that can be read.
pub(super) struct Split {
    /// A label an image of the folder, and its group.
    pub(super) labels: Vec<u32>,
    pub(super) groups: Vec<usize>,
    /// The images that are trained on.
    pub(super) training: Vec<usize>,
    /// Those of the folder that are kept for the test, where that is a share.
    pub(super) held_back: Vec<usize>,
    /// The group of each image of a test folder.
    pub(super) test_groups: Vec<usize>,
    /// The images that are left out, because they or their group are in the test folder too.
    pub(super) leaks: Vec<String>,
    /// How many images the expression of the groups does not match.
    pub(super) unmatched: usize,
    /// How many images the table of the groups does not list.
    pub(super) unlisted: usize,
}

/// An image with its label.
struct Labelled<'a> {
    image: Image<'a>,
    label: u32,
}

impl Split {
    /// By what a look at the images tells.
    pub(super) fn of_images(job: &Fitting<'_>, look: &Look, grouping: &Grouping) -> Result<Self, Error> {
        let images = look.images.iter().map(Labelled::seen).collect();
        Self::new(job, images, look.test.iter().map(Labelled::seen).collect(), grouping, &[])
    }

    /// By the rows of features. `pairs` are rows that belong together, those of a test folder after those of the folder.
    pub(super) fn of_rows(
        job: &Fitting<'_>,
        features: &LabelledFeatures,
        test: Option<&LabelledFeatures>,
        grouping: &Grouping,
        pairs: &[(usize, usize)],
    ) -> Result<Self, Error> {
        let test = test.map(Labelled::rows).unwrap_or_default();
        Self::new(job, Labelled::rows(features), test, grouping, pairs)
    }

    fn new(
        job: &Fitting<'_>,
        images: Vec<Labelled<'_>>,
        test: Vec<Labelled<'_>>,
        grouping: &Grouping,
        pairs: &[(usize, usize)],
    ) -> Result<Self, Error> {
        let count = images.len();
        let labels: Vec<u32> = images.iter().map(|labelled| labelled.label).collect();
        let all: Vec<Image<'_>> = images.into_iter().chain(test).map(|labelled| labelled.image).collect();
        let Groups { ids: mut groups, unmatched, unlisted } = grouping.of(&all, pairs)?;
        let test_groups = groups.split_off(count);
        let leaking = on_both_sides(&groups, &test_groups);
        let mut training: Vec<usize> =
            (0..count).filter(|position| leaking.binary_search(position).is_err()).collect();
        let mut held_back = Vec::new();
        if let Some(Test::Share(share)) = job.test {
            held_back = stratified_share(&labels, &groups, share, job.seed)?;
            training.retain(|position| held_back.binary_search(position).is_err());
        }
        let leaks = leaking.into_iter().map(|position| all[position].path.to_owned()).collect();
        Ok(Self { labels, groups, training, held_back, test_groups, leaks, unmatched, unlisted })
    }

    /// Checks that there are at least two classes, and that each can be trained on and held out.
    ///
    /// # Errors
    /// [`Error::BadData`], which names the class.
    pub(super) fn check(&self, job: &Fitting<'_>) -> Result<(), Error> {
        let Dataset { root, classes, .. } = job.dataset;
        if classes.len() < 2 {
            let message = format!("expected at least two classes, found {}", listed(classes));
            return Err(Error::bad_data(root, message));
        }
        let mut groups = vec![BTreeSet::new(); classes.len()];
        for &position in &self.training {
            groups[self.labels[position] as usize].insert(self.groups[position]);
        }
        let Some((class, groups)) = classes.iter().zip(groups).find(|(_, groups)| groups.len() < 2) else {
            return Ok(());
        };
        let what = if job.group_by.is_some() || job.groups.is_some() {
            "groups of images"
        } else {
            "different images"
        };
        let left = match job.test {
            Some(Test::Share(_)) => " beside those for the test",
            Some(Test::Folder(_)) if !self.leaks.is_empty() => " that are not in the test folder too",
            _ => "",
        };
        let message = format!(
            "class {class}: expected at least 2 {what} to train on{left}, found {}: add images, or leave the class out",
            groups.len()
        );
        Err(Error::bad_data(root, message))
    }

    /// Whether groups are so large that folds of them would be uneven: one has more than a fifth of the images to train on.
    pub(super) fn is_lumped(&self) -> bool {
        let mut sizes = std::collections::BTreeMap::new();
        self.training.iter().for_each(|&row| *sizes.entry(self.groups[row]).or_insert(0_usize) += 1);
        sizes.into_values().max().is_some_and(|largest| largest > 2.max(self.training.len() / 5))
    }

    /// The labels of some images of the folder.
    pub(super) fn labels_of(&self, positions: &[usize]) -> Vec<u32> {
        positions.iter().map(|&position| self.labels[position]).collect()
    }

    /// The groups of some images of the folder.
    pub(super) fn groups_of(&self, positions: &[usize]) -> Vec<usize> {
        positions.iter().map(|&position| self.groups[position]).collect()
    }
}

impl<'a> Labelled<'a> {
    fn seen(Seen { path, label, hash }: &'a Seen) -> Self {
        Self { image: Image { path, hash }, label: *label }
    }

    fn rows(features: &'a LabelledFeatures) -> Vec<Self> {
        let rows = features.manifest().map(|manifest| manifest.rows.as_slice()).unwrap_or_default();
        let labelled = |row: &'a headstart_features::RowRecord| {
            let image = Image { path: &row.path, hash: row.hash.as_bytes() };
            Self { image, label: row.label }
        };
        rows.iter().map(labelled).collect()
    }
}

/// Checks that a test folder has the same classes and is another folder.
pub(super) fn check_folders(dataset: &Dataset, test: &Dataset) -> Result<(), Error> {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let [ours, theirs] = [&dataset.root, &test.root].map(|root| absolute(root));
    if ours.starts_with(&theirs) || theirs.starts_with(&ours) {
        let [ours, theirs] = [&dataset.root, &test.root].map(|root| root.display());
        let message = format!(
            "expected a folder of images that are not trained on, found {theirs}, which shares images with {ours}; a share \
             such as 0.2 keeps images of one folder for the test"
        );
        return Err(Error::setting("test", message));
    }
    if dataset.classes == test.classes {
        return Ok(());
    }
    let unmatched = || dataset.classes.iter().filter(|name| !test.classes.contains(name)).map(String::as_str);
    let others = test.classes.iter().filter(|name| !dataset.classes.contains(name));
    let hint = others.filter_map(|name| Some(format!("; {name:?}: {}", did_you_mean(name, unmatched())?)));
    let message = format!(
        "expected the classes of {}, {}; found {}{}",
        dataset.root.display(),
        listed(&dataset.classes),
        listed(&test.classes),
        hint.take(1).collect::<String>()
    );
    Err(Error::bad_data(&test.root, message))
}

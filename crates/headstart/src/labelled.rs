//! Features with their labels, and what must be true of them before a head is trained or judged.

use std::path::Path;

use headstart_dataset::did_you_mean;
use headstart_features::{Features, Manifest, manifest_path};
use headstart_head::{Labelled, Samples, SamplesError};
use headstart_provenance::Difference;
use headstart_weights::{FlattenOrder, order_by_shape};

use crate::Error;
use crate::observer::{Note, Observer, note_nesting};

/// Rows of features with a label a row.
///
/// ```no_run
/// use headstart::LabelledFeatures;
///
/// let features = LabelledFeatures::open("photos.npy")?;
/// println!("{} rows of {} classes", features.labels().len(), features.class_count());
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug)]
pub struct LabelledFeatures {
    features: Features,
    labels: Vec<u32>,
    class_count: usize,
    /// Of the axes of a row that has three, where it is known.
    order: Option<FlattenOrder>,
}

impl LabelledFeatures {
    /// Opens a `.npy` whose manifest lies beside it.
    ///
    /// # Errors
    /// A file that can't be read, or that disagrees with its manifest; [`Error::NoLabels`] without a manifest.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::with_counts(path, None)
    }

    /// Opens a `.npy` that may have no manifest. Its rows are then sorted by class: `counts[0]` rows of class 0, then
    /// `counts[1]` of class 1, and so on.
    ///
    /// # Errors
    /// As [`open`](Self::open); counts that do not sum to the number of rows, or contradict the manifest.
    pub fn with_counts(path: impl AsRef<Path>, counts: Option<&[usize]>) -> Result<Self, Error> {
        let path = path.as_ref();
        let features = Features::open(path)?;
        let labels = match (features.labels(), counts) {
            (Some(labels), None) => labels,
            (None, Some(counts)) => features.labels_from_counts(counts)?,
            (Some(labels), Some(counts)) => {
                if features.labels_from_counts(counts)? != labels {
                    let message = format!(
                        "the counts {counts:?} do not give the labels that its manifest has; leave the counts out"
                    );
                    return Err(Error::bad_data(path, message));
                }
                labels
            }
            (None, None) => {
                return Err(Error::NoLabels { path: path.to_path_buf(), manifest: manifest_path(path) });
            }
        };
        let named = features.manifest().map(|manifest| manifest.header.classes.len());
        let class_count = named.or(counts.map(<[usize]>::len)).unwrap_or(0);
        // headstart writes channels, height, width, and only headstart writes manifests.
        let order = features.manifest().map(|_| FlattenOrder::ChannelsFirst);
        Ok(Self { features, labels, class_count, order })
    }

    /// Says in which order the axes of a row are, for a `.npy` of feature maps that another tool wrote: channels, height,
    /// width or height, width, channels. Heads for either order are then used rightly.
    ///
    /// # Errors
    /// [`Error::Setting`] if the manifest says otherwise.
    pub fn in_order(mut self, order: FlattenOrder) -> Result<Self, Error> {
        if self.manifest().is_some() && order != FlattenOrder::ChannelsFirst {
            let path = self.path().display();
            let message = format!(
                "{path} has a manifest, and so its rows are channels, height, width; leave the order out"
            );
            return Err(Error::setting("features_order", message));
        }
        self.order = Some(order);
        Ok(self)
    }

    /// The order of a row's axes, if it is known.
    #[must_use]
    pub fn order(&self) -> Option<FlattenOrder> {
        self.order
    }

    /// The order of a row's axes for a head that is trained on these rows.
    ///
    /// # Errors
    /// [`Error::UnstatedAxes`] for maps of which nobody says it and whose shape does not tell.
    pub(crate) fn order_for_training(&self) -> Result<FlattenOrder, Error> {
        let shape = self.features.row_shape();
        let by_shape = || match <[usize; 3]>::try_from(shape) {
            Ok(maps) => order_by_shape(maps),
            Err(_) => Some(FlattenOrder::ChannelsFirst),
        };
        self.order.or_else(by_shape).ok_or_else(|| self.unstated_axes())
    }

    pub(crate) fn unstated_axes(&self) -> Error {
        Error::UnstatedAxes { path: self.path().to_path_buf(), shape: self.features.row_shape().to_vec() }
    }

    /// The rows.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The file, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.features.path()
    }

    /// The manifest, if there is one.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.features.manifest()
    }

    /// A label a row: a position in [`classes`](Self::classes).
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// How many classes there are, by the manifest or the counts.
    #[must_use]
    pub fn class_count(&self) -> usize {
        self.class_count
    }

    /// The names of the classes, if the manifest has them.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        self.manifest().map(|manifest| manifest.header.classes.as_slice())
    }

    /// The names of the classes, or their numbers where they have no names.
    #[must_use]
    pub fn class_names(&self) -> Vec<String> {
        match self.classes() {
            Some(names) => names.to_vec(),
            None => (0..self.class_count).map(|label| label.to_string()).collect(),
        }
    }

    /// Compares the values with the hash in the manifest, and checks that all are finite. It reads the whole file.
    ///
    /// # Errors
    /// The values are not those that the manifest was written for; NaN or infinity, with the row.
    pub fn verify_data(&self) -> Result<(), Error> {
        self.features.verify_data()?;
        Ok(self.features.check_finite()?)
    }

    /// Rows and labels as training takes them.
    #[must_use]
    pub fn as_labelled(&self) -> Labelled<'_> {
        Labelled { samples: self, labels: &self.labels }
    }

    /// Number of rows of each class.
    #[must_use]
    pub fn class_rows(&self) -> Vec<usize> {
        let mut rows = vec![0; self.class_count];
        for &label in &self.labels {
            if let Some(rows) = rows.get_mut(label as usize) {
                *rows += 1;
            }
        }
        rows
    }

    /// Reports what is odd about the classes: some without rows, and some that hold the same folders.
    pub(crate) fn note_classes(&self, observer: &mut dyn Observer) {
        let source = || self.path().to_path_buf();
        for (class, rows) in self.class_names().into_iter().zip(self.class_rows()) {
            if rows == 0 {
                let detail = "it has no row".to_owned();
                observer.note(&Note::EmptyClass { source: source(), class, detail });
            }
        }
        let rows = self.manifest().map(|manifest| manifest.rows.as_slice()).unwrap_or_default();
        note_nesting(self.path(), rows.iter().map(|row| row.path.as_str()), observer);
    }

    /// Checks that there are at least two classes, and rows of at least `least` of them.
    ///
    /// # Errors
    /// [`Error::BadData`], which names a class without rows.
    pub fn check_classes(&self, least: usize) -> Result<(), Error> {
        let count = self.class_count;
        if count < 2 {
            let message = format!("expected at least two classes, found {count}");
            return Err(Error::bad_data(self.path(), message));
        }
        let rows = self.class_rows();
        let missing = rows.iter().filter(|&&rows| rows == 0).count();
        let Some(label) = rows.iter().position(|&rows| rows == 0).filter(|_| count - missing < least) else {
            return Ok(());
        };
        let expected = match (count, least) {
            (2, _) => "both classes".to_owned(),
            (_, least) if least == count => format!("each of {count} classes"),
            (_, least) => format!("at least {least} classes"),
        };
        let class = &self.class_names()[label];
        let message = format!("class {class} is empty: expected rows of {expected}, found none of it");
        Err(Error::bad_data(self.path(), message))
    }

    /// Checks that two files of features mean the same: one to train on, one to validate on.
    ///
    /// # Errors
    /// [`Error::BadData`], which says in what they differ.
    pub fn check_pair(&self, other: &Self) -> Result<(), Error> {
        let differences = match (self.manifest(), other.manifest()) {
            (Some(ours), Some(theirs)) => {
                let (ours, theirs) = (&ours.header, &theirs.header);
                let [our_names, their_names] = [ours, theirs].map(|header| listed(&header.classes));
                let classes = Difference::between("classes", our_names, their_names);
                classes.into_iter().chain(ours.provenance.differences(&theirs.provenance)).collect()
            }
            _ => {
                let counts = [self, other].map(|data| data.class_count.to_string());
                let shapes = [self, other].map(|data| format!("{:?}", data.features.row_shape()));
                let mut pairs = vec![("number of classes", counts), ("row shape", shapes)];
                if let (Some(ours), Some(theirs)) = (self.order, other.order) {
                    pairs.push(("order of axes", [ours.to_string(), theirs.to_string()]));
                }
                let differs = |(what, [a, b]): (_, [String; 2])| Difference::between(what, a, b);
                pairs.into_iter().filter_map(differs).collect::<Vec<_>>()
            }
        };
        if differences.is_empty() {
            return Ok(());
        }
        let hint = self.hint_of_classes(other).unwrap_or_else(|| "extract both in the same way".to_owned());
        let (other, differences) = (other.path().display(), Difference::list(&differences));
        let message = format!("differs from {other}: {differences}; {hint}");
        Err(Error::bad_data(self.path(), message))
    }
}

impl LabelledFeatures {
    /// What probably went wrong with the name of a class that the other features don't have.
    fn hint_of_classes(&self, other: &Self) -> Option<String> {
        let (ours, theirs) = (self.classes()?, other.classes()?);
        let unmatched = || theirs.iter().filter(|name| !ours.contains(name)).map(String::as_str);
        let hint = |name: &String| Some(format!("{name:?}: {}", did_you_mean(name, unmatched())?));
        ours.iter().filter(|name| !theirs.contains(name)).find_map(hint)
    }
}

/// Class names in one text, quoted, so that different lists have different texts.
pub(crate) fn listed(classes: &[String]) -> String {
    classes.iter().map(|class| format!("{class:?}")).collect::<Vec<_>>().join(", ")
}

impl Samples for LabelledFeatures {
    fn rows(&self) -> usize {
        self.features.rows()
    }

    fn row_shape(&self) -> &[usize] {
        self.features.row_shape()
    }

    fn read(&self, indices: &[usize], out: &mut [f32]) -> Result<(), SamplesError> {
        self.features
            .read_rows(indices, out)
            .map_err(|error| SamplesError::new(error.kind(), error.to_string()))
    }
}

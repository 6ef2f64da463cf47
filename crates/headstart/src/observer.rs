//! What a long job reports while it runs, and how it is ended.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headstart_backbone::Architecture;
use headstart_dataset::{Dataset, LeftOut, Limit, Nesting};
use headstart_head::EpochMetrics;
use headstart_provenance::Preprocessing;
use headstart_weights::LoadReport;

use crate::{LeakEffect, Leaks};

/// Watches a long job and can end it. Every method does nothing unless it is overridden.
///
/// A job calls it on the thread that started the job. A progress bar, a signal handler, a web page and a notebook are
/// observers; [`Silent`] is one that ignores everything.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use headstart::{Observer, Progress};
///
/// /// Ends a job after ten steps.
/// struct Impatient;
///
/// impl Observer for Impatient {
///     fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
///         if progress.done < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
///     }
/// }
/// ```
pub trait Observer {
    /// Called after each step of a stage, or more often. `Break` ends the job at once. What was computed so far is kept
    /// where the job says so.
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let _ = progress;
        ControlFlow::Continue(())
    }

    /// Called when a person should know something: an image was skipped, a class is empty.
    fn note(&mut self, note: &Note) {
        let _ = note;
    }

    /// Called with the figures of each epoch of training.
    fn epoch(&mut self, epoch: &EpochMetrics) {
        let _ = epoch;
    }
}

/// An [`Observer`] that ignores everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Silent;

impl Observer for Silent {}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Steps done. It may stay the same between two calls: training calls after each batch and counts epochs.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
}

impl Progress {
    pub(crate) fn new(stage: Stage, done: usize, total: usize) -> Self {
        Self { stage, done, total }
    }
}

/// A part of a job whose progress can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Images through the network.
    Extraction,
    /// Epochs of a head.
    Training,
    /// Models of a sweep.
    Sweep,
    /// Images that are looked at before the network runs.
    Look,
    /// Heads that are fitted without the images that they judge. There may be fewer in the end.
    CrossValidation,
    /// Heads that are fitted to a part of the images.
    LearningCurve,
    /// Steps of the fit to all images, at most.
    Fit,
    /// Images that are compared with all others.
    Compare,
    /// Rows of shards that are put together.
    Merge,
}

impl Stage {
    /// What is counted.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Extraction | Self::Look | Self::Compare => "images",
            Self::Training => "epochs",
            Self::Sweep => "models",
            Self::CrossValidation | Self::LearningCurve => "heads",
            Self::Fit => "steps",
            Self::Merge => "rows",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extraction => "extract",
            Self::Training => "train",
            Self::Sweep => "sweep",
            Self::Look => "look",
            Self::CrossValidation => "cross-validate",
            Self::LearningCurve => "learning curve",
            Self::Fit => "fit",
            Self::Compare => "compare",
            Self::Merge => "merge",
        })
    }
}

/// Something that a person should know. Its text is a whole sentence without a final stop.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// The images that a job works on.
    Images {
        /// Their folder.
        folder: PathBuf,
        /// Each class with its number of images.
        classes: Vec<(String, usize)>,
    },
    /// A class has no image, or no row.
    EmptyClass {
        /// The folder of images, or the features.
        source: PathBuf,
        /// The class.
        class: String,
        /// More about it: "it has no image".
        detail: String,
    },
    /// Classes hold the same folders, as `train` and `validation` do. Probably the folder above the right one was given.
    NestedClasses {
        /// The folder of images, or the features.
        source: PathBuf,
        /// The classes, and the folders in them.
        nesting: Nesting,
    },
    /// Photographs were left out because their format is not read.
    UnreadFormat {
        /// The format.
        format: &'static str,
        /// How many there are.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// Entries of a folder that were left out for the same reason.
    LeftOut {
        /// The reason, as in "left out because it is ...".
        reason: &'static str,
        /// The first of them.
        first: String,
        /// How many more there are.
        more: usize,
    },
    /// An image could not be read.
    Skipped {
        /// The image.
        path: String,
        /// Why.
        reason: String,
        /// The limit that refused it, if one did.
        limit: Option<Limit>,
    },
    /// Rows at the output can't be used again, because another kind of machine computed them.
    Outdated {
        /// The output.
        output: PathBuf,
        /// What computed them.
        found: String,
        /// What would compute them now.
        expected: String,
    },
    /// Rows at the output are used again.
    Reused {
        /// The output.
        output: PathBuf,
        /// How many images are left to compute.
        missing: usize,
    },
    /// A configuration beside the weights states how images become the network's input.
    Config {
        /// The file.
        path: PathBuf,
        /// What it states.
        preprocessing: Preprocessing,
    },
    /// A file beside the weights has the name of a configuration and is none of theirs.
    OtherConfig {
        /// The file.
        path: PathBuf,
        /// Why it is not used: "it is not about preprocessing".
        reason: String,
    },
    /// How the weights were read.
    Weights {
        /// The file.
        path: PathBuf,
        /// The network.
        architecture: Architecture,
        /// What was found, used and left out.
        report: LoadReport,
    },
    /// Values of the weights were never written to their file.
    UnwrittenValues {
        /// The file.
        path: PathBuf,
        /// How many tensors they are of.
        count: usize,
        /// The first of these.
        first: String,
    },
    /// The name of the weights' file says something else about their kernels than was done with them.
    KernelsNamedOtherwise {
        /// The file.
        path: PathBuf,
        /// Whether they were flipped.
        flipped: bool,
    },
    /// A class weight is given for a number, and classes have names.
    ClassWeight {
        /// The number, as it was given.
        given: String,
        /// The class that it is for.
        class: String,
        /// The class at the position of that number, where the number is the name of another one.
        other: Option<String>,
    },
    /// A model does not state which weights it was trained with.
    UnknownWeights {
        /// The model.
        model: PathBuf,
        /// The weights that are used.
        weights: PathBuf,
    },
    /// Images become the network's input as in the blog's script, and its weights were trained for another input.
    PoorMatch {
        /// The network.
        network: Architecture,
        /// What images become.
        taken: Preprocessing,
        /// What they became for the weights.
        trained: Preprocessing,
    },
    /// Images are on both sides of a judgement: trained on, and among those that judge.
    Leaks(Leaks),
    /// The expression of the groups does not match some paths.
    Ungrouped {
        /// The expression.
        pattern: String,
        /// How many images.
        images: usize,
    },
    /// The table of the groups does not list some images.
    Unlisted {
        /// The table.
        table: PathBuf,
        /// How many images.
        images: usize,
    },
    /// Images are nearly the same, by their features.
    NearDuplicates {
        /// The folder of images.
        folder: PathBuf,
        /// How many images are nearly the same as another one.
        images: usize,
        /// Whether they are kept together. They are not where a class would have a single group then, or where most images
        /// would be one group.
        together: bool,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Images { folder, classes } => {
                let images: usize = classes.iter().map(|(_, count)| count).sum();
                let each: Vec<String> =
                    classes.iter().map(|(class, count)| format!("{class} {count}")).collect();
                write!(f, "{}: {images} images ({})", folder.display(), each.join(", "))
            }
            Self::EmptyClass { source, class, detail } => {
                write!(f, "warning: {}: class {class} is empty: {detail}", source.display())
            }
            Self::NestedClasses { source, nesting: Nesting { classes, folders } } => write!(
                f,
                "warning: {}: the classes {} hold the folders {}; if those are the classes, extract {} alone",
                source.display(),
                classes.join(", "),
                folders.join(", "),
                classes.first().map_or("one of the folders above them", String::as_str)
            ),
            Self::UnreadFormat { format, count, first } => {
                let (photographs, are, them) =
                    if *count == 1 { ("photograph", "is", "it") } else { ("photographs", "are", "them") };
                write!(
                    f,
                    "warning: {count} {photographs} in {format} {are} not read, first {first}: convert {them} to JPEG"
                )
            }
            Self::LeftOut { reason, first, more } => {
                write!(f, "left out because it is {reason}: {first}")?;
                if *more > 0 { write!(f, " and {more} more") } else { Ok(()) }
            }
            Self::Skipped { path, reason, .. } => write!(f, "skipped {path}: {reason}"),
            Self::Outdated { output, found, expected } => write!(
                f,
                "{}: its rows were computed by {found}, and now they would be computed by {expected}: computing them again",
                output.display()
            ),
            Self::Reused { output, missing } => {
                write!(f, "{}: {missing} images to compute, the other rows are there", output.display())
            }
            Self::Config { path, preprocessing } => {
                write!(f, "{}: {preprocessing}, {}", path.display(), preprocessing.interpolation)
            }
            Self::OtherConfig { path, reason } => write!(f, "{}: not used: {reason}", path.display()),
            Self::Weights { path, architecture, report } => {
                let (path, layers) = (path.display(), report.applied.len());
                let flipped = if report.flipped { ", kernels flipped" } else { "" };
                write!(f, "{path}: {}{flipped}, {layers} layers of {architecture}", report.layout)?;
                if let Some(first) = report.unused.first() {
                    let (count, first) = (report.unused.len(), &first.name);
                    write!(f, "; not needed: {first}")?;
                    if count > 1 {
                        write!(f, " and {} more", count - 1)?;
                    }
                }
                Ok(())
            }
            Self::UnwrittenValues { path, count, first } => write!(
                f,
                "warning: {}: values of {count} tensors were never written, first {first}; they are the fill value of the \
                 file, as in Keras",
                path.display()
            ),
            Self::KernelsNamedOtherwise { path, flipped } => {
                let (written, taken) =
                    if *flipped { ("TensorFlow", "flipped") } else { ("Theano", "not flipped") };
                write!(
                    f,
                    "warning: {}: its kernels were {taken}, but its name says that they were written for {written}, and \
                     nothing in the file decides it",
                    path.display()
                )
            }
            Self::ClassWeight { given, class, other: Some(other) } => write!(
                f,
                "class weight {given}: is for the class named {class}, not for that at position {given}, which is {other}"
            ),
            Self::ClassWeight { given, class, other: None } => write!(
                f,
                "class weight {given}: no class has this name, so it is for that at position {given}: {class}"
            ),
            Self::UnknownWeights { model, weights } => write!(
                f,
                "{}: does not state which weights it was trained with; assuming that they are those of {}",
                model.display(),
                weights.display()
            ),
            Self::PoorMatch { network, taken, trained } => write!(
                f,
                "note: {taken} repeats the script of the blog post; on photographs these weights of {network} are better with \
                 the input that they were trained for, {trained}"
            ),
            Self::Leaks(Leaks { source, other, effect, images }) => {
                let (source, other, count) = (source.display(), other.display(), images.len());
                let first = images.first().map_or("", String::as_str);
                let many = count != 1;
                let (images_are, they_are) =
                    if many { ("images are", "they are") } else { ("image is", "it is") };
                match effect {
                    LeakEffect::LeftOut => {
                        let share = if many { "share" } else { "shares" };
                        write!(
                            f,
                            "warning: {source}: {count} {images_are} in {other} too, or {share} a group with one there; \
                             {they_are} not trained on; first {first}"
                        )
                    }
                    LeakEffect::Judged => {
                        let were = if many { "images were" } else { "image was" };
                        write!(
                            f,
                            "warning: {source}: {count} {were} trained on ({other}), so the figures are too good; first \
                             {first}"
                        )
                    }
                }
            }
            Self::Unlisted { table, images } => {
                write!(
                    f,
                    "warning: {}: does not list {images} images; each is a group of its own",
                    table.display()
                )
            }
            Self::NearDuplicates { folder, images, together: true } => write!(
                f,
                "{}: {images} images are nearly the same as another one; those are never on both sides",
                folder.display()
            ),
            Self::NearDuplicates { folder, images, together: false } => write!(
                f,
                "warning: {}: {images} images are nearly the same as another one, so many that they are not kept together; the \
                 figures may be too good",
                folder.display()
            ),
            Self::Ungrouped { pattern, images } => write!(
                f,
                "warning: {pattern} matches no part of the paths of {images} images; each is a group of its own"
            ),
        }
    }
}

/// Reports how the weights were read, and what is odd about them.
pub(crate) fn note_weights(
    path: &Path,
    architecture: Architecture,
    report: &LoadReport,
    observer: &mut dyn Observer,
) {
    let file = || path.to_path_buf();
    observer.note(&Note::Weights { path: file(), architecture, report: report.clone() });
    if let Some(first) = report.unwritten.first() {
        let (count, first) = (report.unwritten.len(), first.clone());
        observer.note(&Note::UnwrittenValues { path: file(), count, first });
    }
    if report.named_otherwise {
        observer.note(&Note::KernelsNamedOtherwise { path: file(), flipped: report.flipped });
    }
}

/// Reports how many images of each class a job works on, what is odd about the classes of the whole dataset, and what the
/// scan left out.
pub(crate) fn note_dataset(dataset: &Dataset, counts: &[usize], observer: &mut dyn Observer) {
    let classes = dataset.classes.iter().cloned().zip(counts.iter().copied()).collect();
    observer.note(&Note::Images { folder: dataset.root.clone(), classes });
    for (class, count) in dataset.classes.iter().zip(dataset.class_counts()) {
        if count == 0 {
            let (source, class) = (dataset.root.clone(), class.clone());
            observer.note(&Note::EmptyClass { source, class, detail: "it has no image".to_owned() });
        }
    }
    note_nesting(&dataset.root, dataset.samples.iter().map(|sample| sample.path.as_str()), observer);
    note_left_out(&dataset.left_out, observer);
}

/// Reports classes that hold the same folders. The paths are those of samples.
pub(crate) fn note_nesting<'a>(
    source: &Path,
    paths: impl IntoIterator<Item = &'a str>,
    observer: &mut dyn Observer,
) {
    if let Some(nesting) = Nesting::of(paths) {
        observer.note(&Note::NestedClasses { source: source.to_path_buf(), nesting });
    }
}

/// Reports what a scan left out.
pub(crate) fn note_left_out(left_out: &LeftOut, observer: &mut dyn Observer) {
    for (format, paths) in left_out.unread_formats() {
        observer.note(&Note::UnreadFormat { format, count: paths.len(), first: paths[0].to_owned() });
    }
    let other = left_out.other_files().cloned().collect();
    for (reason, entries) in [
        ("hidden", &left_out.hidden),
        ("a folder of the system", &left_out.system_folders),
        ("of an unknown extension", &other),
        ("a link", &left_out.links),
        ("outside the class folders", &left_out.loose_files),
        ("a special file", &left_out.special_files),
    ] {
        if let Some(first) = entries.first() {
            observer.note(&Note::LeftOut { reason, first: first.clone(), more: entries.len() - 1 });
        }
    }
}

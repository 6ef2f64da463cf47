//! What a long job reports while it runs, and how it is ended.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

use headstart_backbone::Architecture;
use headstart_dataset::{Dataset, LeftOut, Limit};
use headstart_head::EpochMetrics;
use headstart_weights::LoadReport;

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
}

impl Stage {
    /// What is counted.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Extraction => "images",
            Self::Training => "epochs",
            Self::Sweep => "models",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extraction => "extract",
            Self::Training => "train",
            Self::Sweep => "sweep",
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
    /// A class has no image.
    EmptyClass {
        /// The class.
        class: String,
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
    /// How the weights were read.
    Weights {
        /// The file.
        path: PathBuf,
        /// The network.
        architecture: Architecture,
        /// What was found, used and left out.
        report: LoadReport,
    },
    /// A model does not state which weights it was trained with.
    UnknownWeights {
        /// The model.
        model: PathBuf,
        /// The weights that are used.
        weights: PathBuf,
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
            Self::EmptyClass { class } => write!(f, "warning: class {class} has no image"),
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
            Self::Weights { path, architecture, report } => {
                let (path, layers) = (path.display(), report.applied.len());
                let flipped = if report.flipped { ", kernels flipped" } else { "" };
                write!(f, "{path}: {}{flipped}, {layers} layers of {architecture}", report.layout)?;
                match report.unused.first() {
                    Some(first) => {
                        write!(
                            f,
                            "\nnot used of {path}: {} tensors, first {}",
                            report.unused.len(),
                            first.name
                        )
                    }
                    None => Ok(()),
                }
            }
            Self::UnknownWeights { model, weights } => write!(
                f,
                "{}: does not state which weights it was trained with; assuming that they are those of {}",
                model.display(),
                weights.display()
            ),
        }
    }
}

/// Reports the images of a dataset, empty classes, and what the scan left out.
pub(crate) fn note_dataset(dataset: &Dataset, observer: &mut dyn Observer) {
    let counts = dataset.class_counts();
    let classes: Vec<_> = dataset.classes.iter().cloned().zip(counts).collect();
    let empty: Vec<String> =
        classes.iter().filter(|(_, count)| *count == 0).map(|(class, _)| class.clone()).collect();
    observer.note(&Note::Images { folder: dataset.root.clone(), classes });
    for class in empty {
        observer.note(&Note::EmptyClass { class });
    }
    note_left_out(&dataset.left_out, observer);
}

/// Reports what a scan left out.
pub(crate) fn note_left_out(left_out: &LeftOut, observer: &mut dyn Observer) {
    for (reason, entries) in [
        ("hidden", &left_out.hidden),
        ("of an unknown extension", &left_out.unknown_extension),
        ("a link", &left_out.links),
        ("outside the class folders", &left_out.loose_files),
        ("a special file", &left_out.special_files),
    ] {
        if let Some(first) = entries.first() {
            observer.note(&Note::LeftOut { reason, first: first.clone(), more: entries.len() - 1 });
        }
    }
}

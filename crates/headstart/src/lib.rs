#![doc = include_str!("../README.md")]
//! # Where things are
//!
//! - [`Fitting`]: a folder of images to a classifier and an honest number, in one call.
//! - [`Dataset`], [`Backbone`] and [`Extraction`]: images to features on disk.
//! - [`Featurizer`]: images in files or in memory to features in memory.
//! - [`LabelledFeatures`], [`Recipe`], [`Training`] and [`Classifier`]: features to a trained classifier.
//! - [`Classifier::evaluate`], [`Classifier::predict`] and [`Predictor`]: what the classifier is worth, and its answers.
//! - [`Run`] and [`report`]: the record of a training, and a page that shows it.
//! - [`Observer`]: progress, notes, and the end of a long job.
//! - [`inspect`]: what is in a file.
//! - [`doctor`], [`convert`], [`evaluation`], [`sweep`] and [`optimizer`]: what the other crates of the workspace do, under
//!   the names that a person looks for.
//!
//! # What this crate does not know
//!
//! Flags, terminals, exit codes and HTTP. It never prints and never exits. Its errors say everything in their message, and
//! [`Error::kind`] tells the kinds apart.

mod backbone;
mod classifier;
mod device;
mod error;
mod export;
mod extraction;
mod featurizer;
mod fitting;
mod head_file;
mod input;
pub mod inspect;
mod judged;
mod labelled;
mod leaks;
mod merge;
mod mirror;
mod novelty;
mod observer;
mod prediction;
mod recipe;
pub mod report;
mod run;
mod shard;
mod shipped;
mod sorting;
mod sweeping;
mod training;
mod verify;
mod weights_search;

pub mod convert {
    //! Models from one layout of files to another.
    pub use headstart_weights::{
        Array, Attached, FlattenOrder, HeadFile, HeadLayer, ImageMarks, ImportOptions, Imported, Model,
        ModelMetadata, RecordedAnswers, StoredFile, TrainingRecord, Unstated, check_model_path, export_model,
    };

    pub use crate::head_file::import_model;
}

pub mod doctor {
    //! What is wrong with folders of images, before a run.
    pub use headstart_dataset::Depth;
    pub use headstart_dataset::diagnosis::*;
    pub use headstart_dataset::survey::*;
}

pub mod errors {
    //! The errors that [`Error`](crate::Error) wraps, for programs that look into one.
    pub use headstart_backbone::Error as BackboneError;
    pub use headstart_dataset::{DecodeError, Error as DatasetError};
    pub use headstart_features::Error as FeaturesError;
    pub use headstart_files::Error as FileError;
    pub use headstart_head::Error as HeadError;
    pub use headstart_head::evaluation::Error as EvaluationError;
    pub use headstart_provenance::Error as PreprocessingError;
    pub use headstart_weights::Error as WeightsError;
}

pub mod evaluation {
    //! How good probabilities are: metrics with bootstrap intervals.
    pub use headstart_head::evaluation::{
        ClassMetrics, ClassScores, Evaluation, EvaluationOptions, Interval, Intervals, ReliabilityBin, TopK,
    };
    pub use headstart_head::logistic::LearningPoint;
}

pub mod optimizer {
    //! Optimizers and schedules, with Keras's semantics.
    pub use headstart_head::{
        Adam, AdamW, EpsilonPlacement, OptimizerConfig, RmsProp, Schedule, Sgd, Warmup,
    };
}

pub mod sweep {
    //! What a sweep over kinds of heads tried, and what follows from it.
    pub use headstart_head::sweep::{Candidate, Comparison, FoldMeans, Score, Sweep};
}

pub use backbone::Backbone;
pub use candle_core::Device;
pub use classifier::Classifier;
pub use device::{DeviceChoice, ParseError, device_name};
pub use error::{Error, Part};
pub use export::Exported;
pub use extraction::{Extracted, Extraction, SkippedImage};
pub use featurizer::{Featurized, Featurizer, RgbPixels};
pub use fitting::{
    Answers, ClassRecall, Estimate, FitRecipe, FitRecord, Fitted, FittedRows, Fitting, LikelyLabelError,
    NearDuplicates, NearPair, RowFitting, TestRecord, UnknownRecord,
};
pub use headstart_backbone::{Architecture, BackboneId, Precision};
pub use headstart_dataset::{
    Dataset, LeftOut, Limit, Limits, Nesting, Sample, ScanOptions, Skipped, panic_is_contained, scan,
};
pub use headstart_features::{
    Existing, Features, Manifest, ManifestHeader, RowRecord, SkippedRecord, Summary,
};
pub use headstart_files::{ErrorKind, IfExists};
pub use headstart_head::{ClassWeight, EarlyStopping, EpochMetrics, History, Loss, Monitor, TrainOptions};
pub use headstart_provenance::{
    ChannelOrder, Difference, Fit, Grey16, Input, Interpolation, Pooling, Preprocessing, Preset, Provenance,
    WeightsFile,
};
pub use headstart_weights::{Activation, KernelConvention, LayerConfig, LoadReport};
pub use input::{FitChoice, InputChoice};
pub use judged::{ChosenOn, CrossValidated};
pub use labelled::LabelledFeatures;
pub use leaks::{LeakEffect, Leaks};
pub use merge::merge;
pub use novelty::Refused;
pub use observer::{Note, Observer, Progress, Silent, Stage};
pub use prediction::{
    Answer, AnswerRecord, Answered, Complete, Description, ImageList, ImagePath, ImageSource, Prediction,
    Predictor, Ranked, ReadyPredictor, Refusal, UNKNOWN,
};
pub use recipe::{ClassWeights, Recipe};
pub use run::{DataSettings, Run, RunSettings};
pub use shard::ShardChoice;
pub use sorting::{Placement, Sorter};
pub use training::{Trained, Training};
pub use verify::Verification;
pub use weights_search::WeightsSearch;

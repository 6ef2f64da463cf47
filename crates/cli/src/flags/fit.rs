//! The flags of `headstart fit`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use headstart::FitRecipe;

use super::limits::ImageLimits;
use super::network::NetworkFlags;
use super::objective::ClassWeightChoice;
use super::values::whole;

/// Make a classifier of a folder of images, and say how good it is
///
/// IMAGES has one sub-folder per class. The network runs over the images once. The head is a logistic regression on
/// pooled, standardized features, whose strength is chosen by cross-validation. The figures are of images that the head
/// that judges them has not seen. Files of the same content, images that are nearly the same, and those that --group-by or
/// --groups puts together, are never on both sides.
///
/// The features are kept beside the model. So after an interruption the same command continues where it stopped, and on a
/// folder that changed it computes the new images only. It replaces a model that it wrote before, and no other file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  headstart fit data/train -o model.safetensors --test data/validation\n  \
                        headstart fit scans -o scans.safetensors --test 0.2 --group-by 'patient-([0-9]+)'"
)]
pub(crate) struct Fit {
    /// Folder with one sub-folder per class
    pub(crate) images: PathBuf,

    /// The model to write: .safetensors, or .h5 or .weights.h5 for Keras. The features get the same name with .features.npy
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Images that the head is never trained on, to measure it: another folder with the same classes, or a share of the images
    /// such as 0.2. Images of IMAGES that are in that folder too are left out of the training
    #[arg(long, value_name = "FOLDER|SHARE")]
    pub(crate) test: Option<TestChoice>,

    /// Keep images together whose paths below IMAGES agree in what the first group of this regular expression matches, or all
    /// of it where it has no group: the frames of a video, the images of a patient
    #[arg(long, value_name = "REGEX")]
    pub(crate) group_by: Option<String>,

    /// The page that shows what came of it. By default the model's name with .report.html; a report that is there is replaced
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Write no page
    #[arg(long, conflicts_with = "report")]
    pub(crate) no_report: bool,
    /// Keep images together that this table gives the same group: a .csv or .tsv whose first line names the columns, path
    /// (below IMAGES) and group among them
    #[arg(long, value_name = "FILE")]
    pub(crate) groups: Option<PathBuf>,

    /// Keep images together that are nearly the same: those whose standardized features are within this cosine distance.
    /// 0 takes equal features only
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.15)]
    pub(crate) near_duplicates: f64,

    /// How much the rows of each class count: none (the default) all the same, balanced the same sum for each class, or weights by
    /// class: cats:1,dogs:2.5
    #[arg(long, value_name = "WEIGHTS", default_value = "none")]
    pub(crate) class_weight: ClassWeightChoice,

    /// The kind of head: logistic, a regression on standardized features; mlp, a hidden layer on them; blog, what the Keras blog's
    /// script trains, on features as they are, best with VGG
    #[arg(long, value_name = "NAME", default_value_t = FitRecipe::Logistic)]
    pub(crate) recipe: FitRecipe,

    /// Calibrate the probabilities also with --recipe blog
    #[arg(long)]
    pub(crate) calibrate: bool,

    /// Average the features of each image and of its mirror image, at twice the cost; predict then does the same
    #[arg(long)]
    pub(crate) mirror: bool,

    /// The share of images of the known classes that predict may answer with "unknown", for refusing images that are of none. 0
    /// refuses none
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub(crate) unknown_share: f64,

    #[command(flatten)]
    pub(crate) network: NetworkFlags,

    /// Leave the network's weights out of the model. With them (25 MB for EfficientNet-Lite2) the file is all that predict
    /// needs; without them predict looks for the same weights. Only a .safetensors can hold them
    #[arg(long)]
    pub(crate) no_bundle: bool,

    /// Seed of the folds, of the share to test on, and of the draws for the intervals
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>)]
    pub(crate) seed: u64,

    /// Follow symbolic links in the folders
    #[arg(long)]
    pub(crate) follow_links: bool,

    /// Fail at an image that can't be read, and at images that are in both folders, instead of leaving them out
    #[arg(long)]
    pub(crate) strict: bool,

    /// Start over: replace an existing output, whatever wrote it, and use no stored features
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

/// What a test is done on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TestChoice {
    /// A share of the images. The library checks its range.
    Share(f64),
    /// Another folder.
    Folder(PathBuf),
}

impl FromStr for TestChoice {
    type Err = Infallible;

    /// A number is a share; a folder of such a name can be given as `./0.2`.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Folder(text.into()), Self::Share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_share_and_anything_else_a_folder() {
        let choice = |text: &str| text.parse::<TestChoice>().unwrap();
        assert_eq!(choice("0.2"), TestChoice::Share(0.2));
        assert_eq!(choice("2"), TestChoice::Share(2.0));
        assert_eq!(choice("./0.2"), TestChoice::Folder("./0.2".into()));
        assert_eq!(choice("data/validation"), TestChoice::Folder("data/validation".into()));
    }
}

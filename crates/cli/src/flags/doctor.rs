//! The flags of `headstart doctor`.

use std::path::PathBuf;

use clap::Args;

use super::limits::ImageLimits;

/// Look for faults in folders of images before a run; changes nothing
///
/// Lists the images that an extraction would skip, and what would hurt the result: the same image in both folders or
/// under two labels, classes that differ, are empty or are out of balance. It takes seconds, because it reads the header
/// and the structure of each file, and decodes pixels only where these leave a doubt.
#[derive(Debug, Args)]
#[command(after_help = "\
Severities:
  error    extraction would skip the image, or the folder can't be used
  warning  it would hurt the result: the same image in both folders or under
           two labels; classes that differ, are empty, or nearly share a
           name; fewer than 10 images in a class to train on; a largest class
           of more than 10 times the smallest; images left out by extension
  note     good to know: a largest class of more than 3 times the smallest,
           copies within a class, files left out, colours, sizes

Exit codes:
  0  nothing worse than notes
  1  failed
  2  wrong usage
  3  warnings, or images that would be skipped
  4  a folder can't be used as a dataset

Example:
  headstart doctor data/train data/validation")]
pub(crate) struct Doctor {
    /// Folder with one sub-folder per class
    pub(crate) images: PathBuf,

    /// Folder of validation images, to compare with IMAGES
    pub(crate) validation: Option<PathBuf>,

    /// Decode every pixel, as an extraction does, to find damage that the structure does not show
    #[arg(long)]
    pub(crate) decode: bool,

    /// Follow symbolic links in the folders
    #[arg(long)]
    pub(crate) follow_links: bool,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

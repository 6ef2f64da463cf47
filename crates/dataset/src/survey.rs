//! Every image of a scanned folder, looked at.

use std::fs::File;
use std::io::Read;

use rayon::prelude::*;

use crate::load::read;
use crate::{Dataset, DecodeError, Depth, Format, ImageInfo, Limits, Sample, What, examine};

/// How [`survey`] looks at a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SurveyOptions {
    /// How far it looks into each image.
    pub depth: Depth,
    /// What one image may cost.
    pub limits: Limits,
}

/// An image that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// BLAKE3 hash of the file's bytes.
    pub content_hash: [u8; 32],
    /// What the image is.
    pub info: ImageInfo,
}

/// Why an image can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub what: What,
    /// The reason, in the words of the [`DecodeError`].
    pub reason: String,
}

/// A folder, and what was found of each of its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The folder as it was scanned.
    pub dataset: Dataset,
    /// One for each of the dataset's samples, in their order.
    pub images: Vec<Result<Image, Fault>>,
    /// Files that the scan left out for their extension, though their content is an image that can be read. Their
    /// paths, sorted, and the format of each.
    pub untaken: Vec<(String, Format)>,
}

/// Looks at every image of a folder, in parallel on the current thread pool, and changes nothing.
///
/// Memory does not grow with the images' pixels: what stays of an image is a hash and its header's facts. `on_image` is
/// called once for each image, on any thread.
#[must_use]
pub fn survey(dataset: Dataset, options: &SurveyOptions, on_image: impl Fn() + Sync) -> Survey {
    let look_at = |sample: &Sample| {
        let image = look(&dataset, sample, options).map_err(Fault::of);
        on_image();
        image
    };
    let images = dataset.samples.par_iter().map(look_at).collect();
    let untaken =
        dataset.left_out.unknown_extension.par_iter().filter_map(|path| untaken(&dataset, path)).collect();
    Survey { dataset, images, untaken }
}

fn look(dataset: &Dataset, sample: &Sample, options: &SurveyOptions) -> Result<Image, DecodeError> {
    let bytes = read(&dataset.path_of(sample), &options.limits)?;
    let info = examine(&bytes, &options.limits, options.depth)?;
    Ok(Image { content_hash: *blake3::hash(&bytes).as_bytes(), info })
}

/// A file of another extension, where it starts as an image does. One that can't be opened is no image.
fn untaken(dataset: &Dataset, path: &str) -> Option<(String, Format)> {
    let mut start = Vec::new();
    File::open(dataset.root.join(path)).ok()?.take(16).read_to_end(&mut start).ok()?;
    Some((path.to_owned(), Format::of(&start).ok()?))
}

impl Fault {
    fn of(error: DecodeError) -> Self {
        Self { what: What::of(&error), reason: error.to_string() }
    }
}

//! A look at every image of a scanned folder, mostly without decoding it: what it is, or why it can't be read.

use std::io::Read;

use rayon::prelude::*;

use crate::{Dataset, DecodeError, Depth, Format, ImageInfo, Limits, Sample, examine};

/// How [`survey`] looks at a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SurveyOptions {
    /// How far it looks into each image.
    pub depth: Depth,
    /// What one image may cost.
    pub limits: Limits,
}

impl SurveyOptions {
    /// The options with another [`depth`](Self::depth).
    #[must_use]
    pub const fn with_depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// The options with other [`limits`](Self::limits).
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
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
    pub kind: FaultKind,
    /// The reason, in the words of the [`DecodeError`].
    pub reason: String,
}

/// What kind of fault keeps an image from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The system refuses to read the file.
    Unreadable,
    /// The file has no content.
    Empty,
    /// The content is no image of a known format.
    UnknownContent,
    /// The content ends too early.
    Truncated,
    /// The content breaks the rules of its format.
    Corrupt,
    /// The format is supported, but not this variant of it.
    Unsupported,
    /// More pixels, a longer side or more memory than the limits allow.
    TooLarge,
}

/// A folder, and what was found about each of its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The folder as it was scanned.
    pub dataset: Dataset,
    /// One for each of the dataset's samples, in their order.
    pub images: Vec<Result<Image, Fault>>,
    /// Files whose content starts as an image, but which the scan left out because of their extension: their paths,
    /// sorted, and the format of each.
    pub untaken: Vec<(String, Format)>,
}

/// Looks at every image of a folder, in parallel on the current thread pool, and changes nothing.
///
/// Memory does not grow with the images' pixels: only a hash and the facts of the header are kept of an image.
/// `on_image` is called once for each image, on any thread.
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
    let bytes = dataset.read(sample, &options.limits)?;
    let info = examine(&bytes, &options.limits, options.depth)?;
    Ok(Image { content_hash: *blake3::hash(&bytes).as_bytes(), info })
}

/// A file of another extension, if it starts as an image does. A file that can't be opened does not count.
fn untaken(dataset: &Dataset, path: &str) -> Option<(String, Format)> {
    let mut start = Vec::new();
    headstart_files::open(&dataset.root.join(path)).ok()?.take(16).read_to_end(&mut start).ok()?;
    Some((path.to_owned(), Format::of(&start).ok()?))
}

impl Fault {
    fn of(error: DecodeError) -> Self {
        Self { kind: FaultKind::of(&error), reason: error.to_string() }
    }
}

impl FaultKind {
    fn of(error: &DecodeError) -> Self {
        match error {
            DecodeError::Read(_) | DecodeError::NotAFile | DecodeError::Unlisted { .. } => Self::Unreadable,
            DecodeError::Empty => Self::Empty,
            DecodeError::UnknownFormat { .. } => Self::UnknownContent,
            DecodeError::Truncated { .. } => Self::Truncated,
            DecodeError::Unsupported { .. } => Self::Unsupported,
            DecodeError::FileTooLarge { .. }
            | DecodeError::TooManyPixels { .. }
            | DecodeError::TooLong { .. }
            | DecodeError::TooMuchMemory { .. } => Self::TooLarge,
            DecodeError::Corrupt { .. }
            | DecodeError::Panicked { .. }
            | DecodeError::Resize { .. }
            | DecodeError::OutputLength { .. } => Self::Corrupt,
        }
    }
}

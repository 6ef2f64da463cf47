//! What a folder holds, in numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::Split;
use super::classes::readable_counts;
use crate::Format;
use crate::survey::{Image, Survey};

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FolderSummary {
    /// What it is for.
    pub split: Split,
    /// Its path, as it was given.
    pub root: PathBuf,
    /// Number of images, readable or not.
    pub images: usize,
    /// The classes, in the order of their labels.
    pub classes: Vec<ClassSummary>,
    /// Readable images of each format, by content.
    pub formats: BTreeMap<Format, usize>,
    /// Sizes of the readable images; `None` if there is none.
    pub sizes: Option<SizeSummary>,
}

/// A class and its images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassSummary {
    /// Name of its folder.
    pub name: String,
    /// Number of its images.
    pub images: usize,
    /// Number of its images that can be read.
    pub readable: usize,
}

/// The sizes of images, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeSummary {
    /// Median of the widths in pixels: the larger of the middle two if their number is even.
    pub median_width: u32,
    /// Median of the heights, found in the same way.
    pub median_height: u32,
    /// The image with the fewest pixels, the first of equals.
    pub smallest: SizedImage,
    /// The image with the most pixels, the first of equals.
    pub largest: SizedImage,
}

/// An image and its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizedImage {
    /// Path below the folder.
    pub path: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl FolderSummary {
    pub(super) fn of(split: Split, survey: &Survey) -> Self {
        let dataset = &survey.dataset;
        let counts = dataset.class_counts().into_iter().zip(readable_counts(survey));
        let classes = dataset.classes.iter().zip(counts);
        let mut formats = BTreeMap::new();
        for Image { info, .. } in survey.images.iter().flatten() {
            *formats.entry(info.format).or_default() += 1;
        }
        Self {
            split,
            root: dataset.root.clone(),
            images: dataset.samples.len(),
            classes: classes
                .map(|(name, (images, readable))| ClassSummary { name: name.clone(), images, readable })
                .collect(),
            formats,
            sizes: SizeSummary::of(survey),
        }
    }
}

impl SizeSummary {
    fn of(survey: &Survey) -> Option<Self> {
        let sizes = || {
            survey.dataset.samples.iter().zip(&survey.images).filter_map(|(sample, image)| {
                let Image { info, .. } = image.as_ref().ok()?;
                Some((sample.path.as_str(), info.width, info.height))
            })
        };
        let pixels = |&(_, width, height): &(&str, u32, u32)| u64::from(width) * u64::from(height);
        let sized =
            |(path, width, height): (&str, u32, u32)| SizedImage { path: path.to_owned(), width, height };
        Some(Self {
            median_width: median(sizes().map(|(_, width, _)| width).collect())?,
            median_height: median(sizes().map(|(_, _, height)| height).collect())?,
            smallest: sizes().min_by_key(pixels).map(sized)?,
            // The iterator's maximum would be the last of equals.
            largest: sizes().min_by_key(|size| std::cmp::Reverse(pixels(size))).map(sized)?,
        })
    }
}

fn median(mut values: Vec<u32>) -> Option<u32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable(middle).1)
}

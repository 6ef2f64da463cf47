//! Findings about images with the same bytes.

use super::{Entry, Finding, Place, Severity, Split, What};
use crate::survey::Survey;
use crate::{Dataset, Sample};

/// A readable image.
struct Copy<'a> {
    hash: &'a [u8; 32],
    split: Split,
    class: &'a str,
    sample: &'a Sample,
}

pub(super) fn findings(surveyed: &[(Split, &Survey)]) -> Vec<Finding> {
    let mut copies: Vec<Copy<'_>> =
        surveyed.iter().flat_map(|&(split, survey)| copies(split, survey)).collect();
    // The sort is stable: a group keeps the order of the scan.
    copies.sort_by(|a, b| a.hash.cmp(b.hash));

    let (mut leaks, mut two_labels, mut duplicates) = (Vec::new(), Vec::new(), Vec::new());
    for group in copies.chunk_by(|a, b| a.hash == b.hash) {
        let Some((first, others)) = group.split_first() else { continue };
        if others.iter().any(|copy| copy.split != first.split) {
            leaks.push(entry(group));
        }
        if others.iter().any(|copy| copy.class != first.class) {
            two_labels.push(entry(group));
        }
        // The scan goes class by class, so the copies of a class are neighbours.
        let of_a_class = group.chunk_by(|a, b| (a.split, a.class) == (b.split, b.class));
        duplicates.extend(of_a_class.filter(|copies| copies.len() > 1).map(entry));
    }
    [
        (What::Leak, Severity::Warning, leaks),
        (What::TwoLabels, Severity::Warning, two_labels),
        (What::DuplicateImage, Severity::Note, duplicates),
    ]
    .map(|(what, severity, mut entries)| {
        // Sorted by content, they would be in no order that a person could follow.
        entries.sort_by(|a, b| a.places.cmp(&b.places));
        Finding::new(what, severity, entries)
    })
    .into()
}

fn copies(split: Split, survey: &Survey) -> impl Iterator<Item = Copy<'_>> {
    let Dataset { classes, samples, .. } = &survey.dataset;
    samples.iter().zip(&survey.images).filter_map(move |(sample, image)| {
        let hash = &image.as_ref().ok()?.content_hash;
        Some(Copy { hash, split, class: classes.get(sample.label as usize)?, sample })
    })
}

fn entry(copies: &[Copy<'_>]) -> Entry {
    let place = |copy: &Copy<'_>| Place { split: copy.split, path: copy.sample.path.clone() };
    Entry { places: copies.iter().map(place).collect(), detail: None }
}

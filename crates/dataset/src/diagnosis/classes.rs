//! Findings about classes.

use std::collections::BTreeSet;

use super::{Entry, Finding, Place, Severity, Split, What};
use crate::class_names::core_of;
use crate::survey::Survey;
use crate::{Dataset, Nesting, did_you_mean};

/// The imbalance of classes is a note if the largest has more than this many times the images of the smallest.
pub const IMBALANCE: usize = 3;
/// The imbalance of classes is a warning if the largest has more than this many times the images of the smallest.
pub const STRONG_IMBALANCE: usize = 10;
/// A class with fewer readable images than this is a finding: a warning among images to train on, a note among those to
/// validate on.
pub const FEW_IMAGES_PER_CLASS: usize = 10;

pub(super) fn findings(split: Split, survey: &Survey) -> Vec<Finding> {
    let dataset = &survey.dataset;
    let listed = dataset.class_counts();
    let readable = readable_counts(survey);
    let classes = || dataset.classes.iter().zip(&readable);

    let empty =
        classes().zip(&listed).filter(|((_, readable), _)| **readable == 0).map(|((class, _), listed)| {
            let detail = match listed {
                0 => "it has no image".to_owned(),
                listed => format!("none of its {listed} images can be read"),
            };
            Entry::of(split, class, Some(detail))
        });
    let tiny = classes()
        .filter(|(_, count)| (1..FEW_IMAGES_PER_CLASS).contains(*count))
        .map(|(class, count)| Entry::of(split, class, Some(format!("{count} readable images"))));
    let few = match split {
        Split::Images => Severity::Warning,
        Split::Validation => Severity::Note,
    };
    let mut findings = vec![
        Finding::new(What::EmptyClass, Severity::Warning, empty.collect()),
        Finding::new(What::TinyClass, few, tiny.collect()),
        Finding::new(What::SimilarClassNames, Severity::Warning, similar_names(split, &dataset.classes)),
        Finding::new(What::NestedClasses, Severity::Warning, nested(split, dataset)),
    ];

    let filled = || classes().filter(|(_, count)| **count > 0);
    // The first of equals is named.
    let largest = filled().rev().max_by_key(|(_, count)| **count);
    let smallest = filled().min_by_key(|(_, count)| **count);
    if let (Some((large_class, &largest)), Some((small_class, &smallest))) = (largest, smallest)
        && largest > IMBALANCE * smallest
    {
        let severity = if largest > STRONG_IMBALANCE * smallest { Severity::Warning } else { Severity::Note };
        let places = [large_class, small_class].map(|class| Place { split, path: class.clone() }).to_vec();
        let detail = format!("{largest} to {smallest} readable images");
        findings.push(Finding::new(What::Imbalance, severity, vec![Entry { places, detail: Some(detail) }]));
    }
    findings
}

/// Classes that hold the same folders.
fn nested(split: Split, dataset: &Dataset) -> Vec<Entry> {
    let nesting = Nesting::of(dataset.samples.iter().map(|sample| sample.path.as_str()));
    let entry = |Nesting { classes, folders }: Nesting| Entry {
        places: classes.into_iter().map(|path| Place { split, path }).collect(),
        detail: Some(format!("they hold {}", folders.join(", "))),
    };
    nesting.map(entry).into_iter().collect()
}

/// Readable images of each class, in the order of the classes.
pub(super) fn readable_counts(survey: &Survey) -> Vec<usize> {
    let mut counts = vec![0; survey.dataset.classes.len()];
    for (sample, image) in survey.dataset.samples.iter().zip(&survey.images) {
        if let (Some(count), Ok(_)) = (counts.get_mut(sample.label as usize), image) {
            *count += 1;
        }
    }
    counts
}

/// Classes that only one of the folders has.
pub(super) fn differences(training: &Dataset, validation: &Dataset) -> Finding {
    let mut entries = only_in(Split::Images, training, validation, "the validation folder");
    entries.extend(only_in(Split::Validation, validation, training, "the training folder"));
    Finding::new(What::ClassOnOneSide, Severity::Warning, entries)
}

fn only_in(split: Split, ours: &Dataset, theirs: &Dataset, other: &str) -> Vec<Entry> {
    let names: BTreeSet<&String> = theirs.classes.iter().collect();
    let our_names: BTreeSet<&String> = ours.classes.iter().collect();
    let unmatched = || names.difference(&our_names).map(|class| class.as_str());
    let entry = |class: &String| {
        let hint = did_you_mean(class, unmatched()).map(|hint| format!("; {hint}"));
        let detail = format!("{class:?} is not in {other}{}", hint.unwrap_or_default());
        Entry::of(split, class, Some(detail))
    };
    ours.classes.iter().filter(|class| !names.contains(class)).map(entry).collect()
}

fn similar_names(split: Split, classes: &[String]) -> Vec<Entry> {
    let mut sorted: Vec<(String, &String)> = classes.iter().map(|class| (core_of(class), class)).collect();
    sorted.sort_unstable();
    let groups = sorted.chunk_by(|(a, _), (b, _)| a == b).filter(|group| group.len() > 1);
    let entry = |group: &[(String, &String)]| {
        let places = group.iter().map(|(_, class)| Place { split, path: (*class).clone() }).collect();
        let names: Vec<String> = group.iter().map(|(_, class)| format!("{class:?}")).collect();
        Entry { places, detail: Some(names.join(" and ")) }
    };
    groups.map(entry).collect()
}

//! What a report finds in the data: errors with the training images that are like them, likely label errors, near-duplicates.

use std::collections::BTreeMap;

use headstart_head::analysis::{
    LabelIssue, Neighbour as Nearest, Probabilities, find_label_issues, near_duplicates, nearest,
};
use headstart_head::{Subset, argmax};
use rayon::prelude::*;

use super::data::{LabelSuspicion, Misclassified, Neighbour, Pair, WITH_IMAGE};
use super::split::Split;
use super::thumbnail::{LARGE, SMALL};
use crate::{Error, NearPair};

/// Pairs that are kept at most.
const PAIRS: usize = 200;

/// Training images that are shown beside an error.
const NEIGHBOURS: usize = 3;

/// Images with the answers of a head that was not trained on them.
pub(super) struct Judged<'a> {
    pub(super) split: &'a Split<'a>,
    /// Their rows of the split's features.
    pub(super) rows: &'a [usize],
    /// A row an image.
    pub(super) probabilities: &'a Probabilities,
}

/// The images that heads were trained on.
pub(super) struct Learned<'a> {
    pub(super) split: &'a Split<'a>,
    /// Their rows of the split's features.
    pub(super) rows: &'a [usize],
    /// Whether the head that judges an image, by its position among the judged, was trained on an image, by its position here.
    pub(super) by: &'a dyn Fn(usize, usize) -> bool,
}

/// An image that is predicted otherwise than it is labelled.
pub(super) struct Wrong {
    /// Its position among the judged.
    pub(super) position: usize,
    predicted: usize,
    probability: f64,
}

impl Judged<'_> {
    /// The class that each image is given.
    pub(super) fn predicted(&self) -> Vec<usize> {
        self.probabilities.rows().map(argmax).collect()
    }

    /// The images that are predicted otherwise than they are labelled, the most confident first.
    pub(super) fn wrong(&self) -> Vec<Wrong> {
        let answers = self.probabilities.rows().zip(self.rows).enumerate();
        let mut wrong: Vec<Wrong> = answers
            .filter_map(|(position, (probabilities, &row))| {
                let predicted = argmax(probabilities);
                let probability = f64::from(probabilities[predicted]);
                (predicted != self.split.label(row)).then_some(Wrong { position, predicted, probability })
            })
            .collect();
        wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.position.cmp(&b.position)));
        wrong
    }
}

/// The errors, the first of them with images and with the training images that are like them.
pub(super) fn errors(judged: &Judged<'_>, learned: &Learned<'_>) -> Result<Vec<Misclassified>, Error> {
    let wrong = judged.wrong();
    let shown: Vec<usize> = wrong.iter().take(WITH_IMAGE).map(|wrong| wrong.position).collect();
    let rows: Vec<usize> = shown.iter().map(|&position| judged.rows[position]).collect();
    let of = Subset { samples: &judged.split.data, indices: &rows };
    let among = Subset { samples: &learned.split.data, indices: learned.rows };
    let allowed = |index: usize, other: usize| (learned.by)(shown[index], other);
    let neighbours = nearest(&of, &among, NEIGHBOURS, &allowed)?;
    let near_rows: Vec<usize> = neighbours.iter().flatten().map(|found| learned.rows[found.row]).collect();
    let mut small = learned.split.thumbnails(&near_rows, SMALL).into_iter();
    let mut large = judged.split.thumbnails(&rows, LARGE).into_iter();
    let mut neighbours = neighbours.into_iter();
    let error = |wrong: Wrong| {
        let row = judged.rows[wrong.position];
        let neighbour = |found: Nearest| {
            let row = learned.rows[found.row];
            Neighbour {
                path: learned.split.path(row),
                class: learned.split.label(row),
                distance: found.distance,
                thumbnail: small.next().flatten(),
            }
        };
        Misclassified {
            path: judged.split.path(row),
            truth: judged.split.label(row),
            predicted: wrong.predicted,
            probability: wrong.probability,
            neighbours: neighbours.next().unwrap_or_default().into_iter().map(neighbour).collect(),
            thumbnail: large.next().flatten(),
        }
    };
    Ok(wrong.into_iter().map(error).collect())
}

/// The images whose label is likely wrong.
pub(super) fn label_issues(judged: &Judged<'_>) -> Vec<LabelSuspicion> {
    let Judged { split, rows, probabilities } = judged;
    let labels: Vec<u32> = rows.iter().map(|&row| split.data.labels()[row]).collect();
    let issues = find_label_issues(&labels, probabilities);
    let shown: Vec<usize> = issues.iter().take(WITH_IMAGE).map(|issue| rows[issue.row]).collect();
    let mut thumbnails = split.thumbnails(&shown, LARGE).into_iter();
    let suspicion = |issue: LabelIssue| LabelSuspicion {
        path: split.path(rows[issue.row]),
        split: split.name.to_owned(),
        given: issue.given as usize,
        suggested: issue.suggested as usize,
        probability: issue.self_confidence.into(),
        thumbnail: thumbnails.next().flatten(),
    };
    issues.into_iter().map(suspicion).collect()
}

/// The images of the training that are almost the same as one that is judged.
pub(super) fn duplicates(
    learned: &Learned<'_>,
    judged: &Judged<'_>,
    distance: f64,
) -> Result<Vec<Pair>, Error> {
    let first = Subset { samples: &learned.split.data, indices: learned.rows };
    let second = Subset { samples: &judged.split.data, indices: judged.rows };
    let near = near_duplicates(&first, &second, distance, PAIRS)?;
    let members = near.pairs.iter().map(|pair| {
        ((learned.split, learned.rows[pair.a]), (judged.split, judged.rows[pair.b]), pair.distance)
    });
    Ok(with_images(&members.collect::<Vec<_>>()))
}

/// A row of a split.
type Place<'a> = (&'a Split<'a>, usize);

/// Two rows and their distance.
type Near<'a> = (Place<'a>, Place<'a>, f64);

/// Pairs with small copies of the first of them, which are decoded side by side.
fn with_images(found: &[Near<'_>]) -> Vec<Pair> {
    let pair = |(at, &(a, b, distance)): (usize, &Near<'_>)| {
        let member = |(split, row): Place<'_>| {
            let image = (at < WITH_IMAGE / 2).then(|| split.thumbnail(row, LARGE)).flatten();
            split.member(row, image)
        };
        Pair { a: member(a), b: member(b), distance }
    };
    found.par_iter().enumerate().map(pair).collect()
}

/// The pairs that a fitting found: of its folder, or of this and the test's.
pub(super) fn pairs(found: &[NearPair], folder: &Split<'_>, test: Option<&Split<'_>>) -> Vec<Pair> {
    let rows = |split: &Split<'_>| -> BTreeMap<String, usize> {
        (0..split.data.labels().len()).map(|row| (split.path(row), row)).collect()
    };
    let (of_folder, of_test) = (rows(folder), test.map(rows));
    let members = found.iter().take(PAIRS).filter_map(|pair| {
        let second = match (&of_test, test) {
            (Some(rows), Some(test)) if pair.in_test => (test, *rows.get(&pair.second)?),
            _ => (folder, *of_folder.get(&pair.second)?),
        };
        Some(((folder, *of_folder.get(&pair.first)?), second, pair.distance))
    });
    with_images(&members.collect::<Vec<_>>())
}

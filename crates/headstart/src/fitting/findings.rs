//! What a person should look at first.

use headstart_head::analysis::{Probabilities, find_label_issues};

use super::duplicates::Duplicates;
use super::split::Split;
use crate::LabelledFeatures;

/// An image whose label is probably wrong.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct LikelyLabelError {
    /// The image, below the folder.
    pub path: String,
    /// The class that it is labelled as.
    pub given: String,
    /// The class that a head says which has not seen it.
    pub suggested: String,
    /// The probability of the given class.
    pub probability_of_given: f32,
    /// The probability of the suggested class.
    pub probability_of_suggested: f32,
}

/// Two images that are nearly the same, or the same, and that are labelled differently or are on both sides of a test.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct NearPair {
    /// An image, below the folder.
    pub first: String,
    /// The class that it is labelled as.
    pub first_class: String,
    /// The other image, below the folder, or below the test folder.
    pub second: String,
    /// The class that it is labelled as.
    pub second_class: String,
    /// Whether the second is of the test folder. Then the first is not trained on.
    pub in_test: bool,
    /// The cosine distance of their standardized features.
    pub distance: f64,
}

/// The images that confident learning counts as another class than their label's, the least probable label first.
pub(super) fn label_errors(
    features: &LabelledFeatures,
    rows: &[usize],
    labels: &[u32],
    probabilities: &Probabilities,
) -> Vec<LikelyLabelError> {
    let classes = features.class_names();
    let probable: Vec<&[f32]> = probabilities.rows().collect();
    let issues = find_label_issues(labels, probabilities).into_iter();
    issues
        .map(|issue| {
            let (given, suggested) = (issue.given as usize, issue.suggested as usize);
            LikelyLabelError {
                path: path_of(features, rows[issue.row]),
                given: classes[given].clone(),
                suggested: classes[suggested].clone(),
                probability_of_given: probable[issue.row][given],
                probability_of_suggested: probable[issue.row][suggested],
            }
        })
        .collect()
}

/// The pairs of unlike labels, the nearest first, then those of a test folder and the folder.
pub(super) fn near_pairs(
    features: &LabelledFeatures,
    test: Option<&LabelledFeatures>,
    duplicates: &Duplicates,
) -> Vec<NearPair> {
    let classes = features.class_names();
    let count = features.labels().len();
    let place = |row: usize| match test {
        Some(test) if row >= count => (test, row - count),
        _ => (features, row),
    };
    let class = |row: usize| {
        let (features, row) = place(row);
        classes[features.labels()[row] as usize].clone()
    };
    let path = |row: usize| {
        let (features, row) = place(row);
        path_of(features, row)
    };
    let mut pairs: Vec<NearPair> = duplicates
        .pairs
        .iter()
        .filter(|pair| pair.a < count)
        .map(|pair| NearPair {
            first: path(pair.a),
            first_class: class(pair.a),
            second: path(pair.b),
            second_class: class(pair.b),
            in_test: pair.b >= count,
            distance: pair.distance,
        })
        .filter(|pair| pair.in_test || pair.first_class != pair.second_class)
        .collect();
    pairs.sort_by(|a, b| {
        let rank = |pair: &NearPair| (pair.first_class == pair.second_class, pair.in_test);
        rank(a).cmp(&rank(b)).then(a.distance.total_cmp(&b.distance)).then(a.first.cmp(&b.first))
    });
    pairs
}

/// How many images to train on are in a group with another one.
pub(super) fn grouped_images(split: &Split) -> usize {
    let mut sizes = std::collections::BTreeMap::new();
    for &row in &split.training {
        *sizes.entry(split.groups[row]).or_insert(0_usize) += 1;
    }
    sizes.into_values().filter(|&size| size > 1).sum()
}

fn path_of(features: &LabelledFeatures, row: usize) -> String {
    let manifest = features.manifest();
    manifest
        .and_then(|manifest| manifest.rows.get(row))
        .map_or_else(|| row.to_string(), |row| row.path.clone())
}

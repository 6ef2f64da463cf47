//! What features show about the data: rows whose labels look wrong, and images that two sets share.
//!
//! - [`out_of_fold_probabilities`] judges each row by a model that has not seen it
//! - [`find_label_issues`] finds the rows that these probabilities say are labelled wrong (confident learning)
//! - [`near_duplicates`] finds the pairs of rows of two sets that are almost the same, [`near_duplicates_within`] those of one
//! - [`nearest`] finds the rows of a set that are most like a row of another
//! - [`principal_components`] puts rows on a map
//!
//! Findings are suspicions. A person must look at them; nothing here changes a label.

pub(crate) mod cross_validation;
mod folds;
mod grouped_folds;
mod label_issues;
mod near_duplicates;
mod nearest;
mod out_of_fold;
mod principal_components;

pub use cross_validation::{CrossValidation, CrossValidationEvent};
pub use folds::stratified_folds;
pub use grouped_folds::grouped_folds;
pub use label_issues::{LabelIssue, confident_thresholds, find_label_issues};
pub use near_duplicates::{NearDuplicate, NearDuplicates, near_duplicates, near_duplicates_within};
pub use nearest::{Neighbour, nearest};
pub use out_of_fold::{Probabilities, out_of_fold_probabilities};
pub use principal_components::{PrincipalComponents, principal_components};

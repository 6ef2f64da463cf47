//! What is wrong with one folder of images, or with a pair of folders for training and validation, as typed findings.

mod classes;
mod duplicates;
mod finding;
mod images;
mod summary;

use serde::Serialize;

pub use self::classes::{FEW_IMAGES_PER_CLASS, IMBALANCE, STRONG_IMBALANCE};
pub use self::finding::{Entry, Finding, Place, Severity, Split, What};
pub use self::images::SMALL_SIDE;
pub use self::summary::{ClassSummary, FolderSummary, SizeSummary, SizedImage};
use crate::Error;
use crate::survey::Survey;

/// A folder to diagnose.
#[derive(Debug)]
pub struct Folder {
    /// What it is for.
    pub split: Split,
    /// What was found in it, or why it can't be scanned.
    pub survey: Result<Survey, Error>,
}

/// What [`diagnose`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// What each folder holds, without those that can't be scanned.
    pub folders: Vec<FolderSummary>,
    /// What is wrong, the worst first, and in the order of [`What`] within a severity.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Number of findings of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether every folder holds a dataset: it can be scanned, and at least one image can be read.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| matches!(finding.what, What::UnusableFolder | What::NoReadableImage))
    }
}

/// Finds what is wrong with a folder of images; or with a folder for training, one for validation (in this order), and
/// between the two.
///
/// ```
/// use headstart_dataset::Dataset;
/// use headstart_dataset::diagnosis::{Folder, Split, What, diagnose};
/// use headstart_dataset::survey::{SurveyOptions, survey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let root = tempfile::tempdir()?;
/// for class in ["cats", "dogs"] {
///     std::fs::create_dir(root.path().join(class))?;
///     image::RgbImage::new(40, 40).save(root.path().join(class).join("1.png"))?;
/// }
/// let dataset = Dataset::folder(root.path())?;
/// let survey = survey(dataset, &SurveyOptions::default(), || {});
/// let diagnosis = diagnose(&[Folder { split: Split::Images, survey: Ok(survey) }]);
/// let whats: Vec<What> = diagnosis.findings.iter().map(|finding| finding.what).collect();
/// assert_eq!(whats, [What::TwoLabels, What::TinyClass]);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn diagnose(folders: &[Folder]) -> Diagnosis {
    let mut findings = Vec::new();
    let mut summaries = Vec::new();
    let mut surveyed = Vec::new();
    for Folder { split, survey } in folders {
        match survey {
            Ok(survey) => {
                surveyed.push((*split, survey));
                summaries.push(FolderSummary::of(*split, survey));
            }
            Err(error) => {
                let entry = Entry::of(*split, "", Some(error.to_string()));
                findings.push(Finding::new(What::UnusableFolder, Severity::Error, vec![entry]));
            }
        }
    }
    for &(split, survey) in &surveyed {
        findings.extend(images::findings(split, survey));
        findings.extend(classes::findings(split, survey));
    }
    if let [(_, training), (_, validation)] = surveyed.as_slice() {
        findings.push(classes::differences(&training.dataset, &validation.dataset));
    }
    findings.extend(duplicates::findings(&surveyed));
    Diagnosis { folders: summaries, findings: Finding::merged(findings) }
}

//! From what a fitting gave to what its report shows.

use headstart_head::evaluation::Evaluation;

use super::advice::advice;
use super::data::{LeftOutFile, OtherFigure, Report, ReportEvaluation, Timing};
use super::findings::{Judged, Learned, errors, label_issues, pairs};
use super::left_out::left_out;
use super::map::embedding_map;
use super::of_run::timed;
use super::settings::Settings;
use super::split::Split;
use super::text::{count, title};
use crate::fitting::{Answers, Fitted};
use crate::{Error, LabelledFeatures};

impl Report {
    /// The report of a fitting. Its figures are those of the test, or where there was none of the cross-validation: those
    /// that the model says, and for a test those that [`Classifier::evaluate`](crate::Classifier::evaluate) gives.
    ///
    /// The images are taken from where the fitting found them.
    ///
    /// # Errors
    /// Features that have changed or are gone since the fitting.
    pub fn of_fitting(fitted: &Fitted) -> Result<Self, Error> {
        let folder =
            Split { name: "train", data: fitted.extracted.features()?, images: Some(&fitted.images) };
        let test_folder = match (&fitted.test_extracted, &fitted.test_images) {
            (Some(extracted), images) => {
                Some(Split { name: "test", data: extracted.features()?, images: images.as_deref() })
            }
            _ => None,
        };
        // The images of a share for the test are in the folder.
        let share = match (&fitted.tested, &test_folder) {
            (Some(_), None) => {
                let data: LabelledFeatures = fitted.extracted.features()?;
                Some(Split { name: "test", data, images: Some(&fitted.images) })
            }
            _ => None,
        };
        collect(fitted, &folder, test_folder.as_ref().or(share.as_ref()))
    }
}

fn collect(fitted: &Fitted, folder: &Split<'_>, test: Option<&Split<'_>>) -> Result<Report, Error> {
    let Answers { rows, groups, probabilities } = &fitted.held_out;
    let held_out = Judged { split: folder, rows, probabilities };
    let tested = fitted.tested.as_ref().zip(test);
    let judged = match &tested {
        Some((answers, split)) => {
            Judged { split, rows: &answers.rows, probabilities: &answers.probabilities }
        }
        None => Judged { split: folder, rows, probabilities },
    };
    let judged_groups = tested.map_or(groups, |(answers, _)| &answers.groups);
    let by = |position: usize, other: usize| judged_groups[position] != groups[other];
    let learned = Learned { split: folder, rows, by: &by };

    let mut timings = vec![Timing { stage: "Fit".to_owned(), seconds: fitted.seconds }];
    let errors = timed(&mut timings, "Errors", || errors(&judged, &learned))?;
    let others = test.filter(|_| fitted.test_extracted.is_some());
    let near_duplicates = pairs(&fitted.near_pairs, folder, others);
    let map = timed(&mut timings, "Map", || embedding_map(&judged))?;

    let record = &fitted.record;
    let crossed = format!("{}-fold cross-validation", record.folds);
    let images = |evaluation: &Evaluation| count(evaluation.rows, "image", "images");
    let evaluation = match &fitted.test {
        Some(test) => {
            let measured_on = format!(
                "Measured on {} that were kept for the test and not trained on, by the head that was written.",
                images(test)
            );
            ReportEvaluation::new("test", measured_on, test)
        }
        None => {
            let measured_on = format!(
                "Measured by {crossed} on {}: no image was judged by a head that had seen it. The head that was written is \
                 trained on all of them.",
                images(&fitted.cross_validation)
            );
            ReportEvaluation::new("cross-validation", measured_on, &fitted.cross_validation)
        }
    };
    let claimed = record.claimed().map(|estimate| OtherFigure {
        what: format!("a {crossed} that tears apart images that belong together"),
        images: estimate.images,
        accuracy: estimate.accuracy,
        accuracy_interval: estimate.accuracy_interval.map(|interval| [interval.low, interval.high]),
        loss: estimate.loss,
    });
    let other_figures = fitted.test.as_ref().map(|_| OtherFigure::new(crossed, &fitted.cross_validation));
    let other_figures = other_figures.into_iter().chain(claimed).collect();
    let mut settings = Settings::default();
    settings.add_data("Images", folder);
    if let Some(test) = test {
        settings.add_data("Test", test);
    }
    let parameters = fitted
        .classifier
        .model()
        .layers
        .iter()
        .map(|layer| layer.kernel.values.len() + layer.bias.as_ref().map_or(0, |bias| bias.values.len()));
    settings.add_head(&fitted.output, parameters.sum());
    settings.add_features(folder);
    settings.add_fit(record, fitted.leaks.len());

    let leak = |path: &String| LeftOutFile {
        split: folder.name.to_owned(),
        path: path.clone(),
        reason: "is in the test too, or in a group with an image that is; it was not trained on".to_owned(),
    };
    let classes = fitted.classifier.classes().to_vec();
    let mut report = Report {
        title: title(&classes),
        settings: settings.into_lines(),
        evaluation: Some(evaluation),
        other_figures,
        errors,
        label_issues: label_issues(&held_out),
        duplicates_sought: true,
        near_duplicates,
        learning_curve: record.learning_curve.clone(),
        map,
        left_out: fitted
            .leaks
            .iter()
            .map(leak)
            .chain(std::iter::once(folder).chain(others).flat_map(left_out))
            .collect(),
        timings,
        classes,
        ..Report::default()
    };
    report.advice = advice(&report);
    Ok(report)
}

//! Which kind of head is best for some features, by cross-validation.

use std::ops::ControlFlow;

use candle_core::Device;
use headstart_head::analysis::CrossValidation;
use headstart_head::sweep::{Candidate, Sweep, SweepEvent, sweep};

use crate::observer::{Observer, Progress, Stage};
use crate::{Error, LabelledFeatures, Recipe};

impl Recipe {
    /// Tries logistic regression, nearest neighbours and heads of several sizes by cross-validation on features, all with
    /// this recipe's options, and says which to take and whether the best is better by more than chance.
    ///
    /// `folds` is from 2 to the number of rows.
    ///
    /// # Errors
    /// Options or features that can't be used; [`Error::Interrupted`] where the observer ended it.
    pub fn sweep(
        &self,
        features: &LabelledFeatures,
        folds: usize,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Sweep, Error> {
        self.options.validate(false)?;
        features.check_classes(features.class_count())?;
        let options = self.options_for(features)?;
        for note in self.class_weights.notes(features.classes(), features.class_count()) {
            observer.note(&note);
        }
        features.verify_data()?;
        features.note_classes(observer);
        let candidates = Candidate::standard(self.dropout);
        let (total, mut done) = (candidates.len().saturating_mul(folds), 0);
        let validation = CrossValidation { folds, seed: options.seed, training: options };
        let job = format!("trying heads on {}", features.path().display());
        let swept = sweep(features.as_labelled(), &candidates, &validation, device, &mut |event| {
            done += usize::from(matches!(event, SweepEvent::Answer { .. }));
            let flow = observer.progress(&Progress::new(Stage::Sweep, done, total));
            // A sweep that is complete is not interrupted.
            if done == total { ControlFlow::Continue(()) } else { flow }
        });
        swept.map_err(|error| match error {
            headstart_head::Error::Interrupted => {
                let kept = "a sweep keeps nothing";
                Error::Interrupted { done, total, unit: Stage::Sweep.unit(), kept }
            }
            error => Error::during(job)(error),
        })
    }
}

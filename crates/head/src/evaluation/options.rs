//! How to evaluate.

use serde::{Deserialize, Serialize};

use crate::error::EvaluationError as Error;

/// Draws of the bootstrap at most. More draws than this change no digit that is shown.
const MOST_RESAMPLES: usize = 1_000_000;

/// How to evaluate.
///
/// More options may come, so other crates start from the default and assign fields:
///
/// ```
/// use headstart_head::evaluation::EvaluationOptions;
///
/// let mut options = EvaluationOptions::default();
/// options.resamples = 0;
/// assert_eq!(options.top_k, 5);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EvaluationOptions {
    /// Draws of the bootstrap, at most a million; 0 computes no intervals. The time grows with draws x rows x classes.
    pub resamples: usize,
    /// The share of the draws that an interval holds, in (0, 1).
    pub confidence_level: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// Bins of the calibration error and of the reliability diagram, 1 to 1000.
    pub calibration_bins: usize,
    /// The k of the top-k accuracy, >= 1.
    pub top_k: usize,
}

impl Default for EvaluationOptions {
    /// 1000 draws at 95 %, seed 0, 15 bins, top 5.
    fn default() -> Self {
        Self { resamples: 1000, confidence_level: 0.95, seed: 0, calibration_bins: 15, top_k: 5 }
    }
}

impl EvaluationOptions {
    /// Checks every option's range.
    ///
    /// # Errors
    ///
    /// [`Error::Option`], which names the option.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |option, fits: bool, expected, found: String| {
            if fits { Ok(()) } else { Err(Error::Option { option, expected, found }) }
        };
        let Self { resamples, confidence_level, calibration_bins, top_k, .. } = *self;
        check("resamples", resamples <= MOST_RESAMPLES, "0 to 1000000", resamples.to_string())?;
        let level_fits = confidence_level > 0.0 && confidence_level < 1.0;
        check("confidence level", level_fits, "a number in (0, 1)", confidence_level.to_string())?;
        let bins_fit = (1..=1000).contains(&calibration_bins);
        check("calibration bins", bins_fit, "1 to 1000", calibration_bins.to_string())?;
        check("top k", top_k > 0, "at least 1", top_k.to_string())
    }
}

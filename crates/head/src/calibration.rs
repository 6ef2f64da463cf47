//! The choice between a temperature and Platt's two numbers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, check};
use crate::head::Head;
use crate::logits::Logits;
use crate::platt::Platt;
use crate::temperature::Temperature;

/// What makes the probabilities of a head as sure as they are right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// One number, for any number of classes.
    Temperature(Temperature),
    /// Two numbers, for two classes.
    Platt(Platt),
}

/// A calibration, and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationChoice {
    /// The one with the smaller loss, fitted to all rows.
    pub calibration: Calibration,
    /// The logits of all rows, each calibrated by numbers that were fitted to the rows of the other folds.
    pub held_out: Logits,
    /// The mean log loss of these logits if each fold gets a temperature.
    pub temperature_loss: f64,
    /// The same with Platt's numbers; none with more than two classes, or where there are no such numbers.
    pub platt_loss: Option<f64>,
}

impl Calibration {
    /// Chooses by the log loss of each fold's rows, calibrated by what was fitted to the others; of equal ones the temperature,
    /// which has one number less. `fold_of` has the fold of each row, in 0..folds. The logits must be those of rows that the
    /// model has not seen.
    ///
    /// # Errors
    ///
    /// [`Error::LabelCount`], [`Error::Label`] or [`Error::NoRows`] when the labels do not fit; [`Error::Option`] when there is
    /// not a fold for each row, or fewer than two folds have rows.
    pub fn choose(
        logits: &Logits,
        labels: &[u32],
        fold_of: &[usize],
        folds: usize,
    ) -> Result<CalibrationChoice, Error> {
        logits.check(labels)?;
        let fits = fold_of.len() == labels.len() && fold_of.iter().all(|&fold| fold < folds);
        check("folds", fits && folds > 1, "a fold for each row, of at least two", &folds)?;
        let by_temperature = crossed(logits, labels, fold_of, folds, &|logits, labels| {
            Ok(Some(Self::Temperature(Temperature::fit(logits, labels)?)))
        })?;
        let by_temperature = by_temperature.unwrap_or_else(|| logits.clone());
        let temperature_loss = by_temperature.log_loss(labels)?;
        let temperature = Self::Temperature(Temperature::fit(logits, labels)?);
        let fit_platt = |logits: &Logits, labels: &[u32]| Ok(Platt::fit(logits, labels)?.map(Self::Platt));
        let platt = if logits.classes() == 2 { fit_platt(logits, labels)? } else { None };
        let by_platt = match platt {
            Some(_) => crossed(logits, labels, fold_of, folds, &fit_platt)?,
            None => None,
        };
        let platt_loss = by_platt.as_ref().map(|logits| logits.log_loss(labels)).transpose()?;
        let (calibration, held_out) = match (platt, by_platt, platt_loss) {
            (Some(platt), Some(by_platt), Some(loss)) if loss < temperature_loss => (platt, by_platt),
            _ => (temperature, by_temperature),
        };
        Ok(CalibrationChoice { calibration, held_out, temperature_loss, platt_loss })
    }

    /// Calibrated logits.
    #[must_use]
    pub fn of_logits(self, logits: &Logits) -> Logits {
        match self {
            Self::Temperature(temperature) => temperature.of_logits(logits.clone()),
            Self::Platt(platt) => platt.of_logits(logits),
        }
    }

    /// Changes a head's last Dense layer, so that it gives the calibrated probabilities.
    ///
    /// # Errors
    ///
    /// As [`Temperature::apply`] and [`Platt::apply`].
    pub fn apply(self, head: &mut Head) -> Result<(), Error> {
        match self {
            Self::Temperature(temperature) => temperature.apply(head),
            Self::Platt(platt) => platt.apply(head),
        }
    }
}

/// Fits to some rows.
type Fit<'a> = dyn Fn(&Logits, &[u32]) -> Result<Option<Calibration>, Error> + 'a;

/// The logits of each fold, calibrated by what was fitted to the others; none where a fit gives nothing.
fn crossed(
    logits: &Logits,
    labels: &[u32],
    fold_of: &[usize],
    folds: usize,
    fit: &Fit<'_>,
) -> Result<Option<Logits>, Error> {
    let units = logits.rows().next().map_or(1, <[f64]>::len);
    let mut all = vec![0.0; labels.len() * units];
    for fold in 0..folds {
        let (judged, others): (Vec<usize>, Vec<usize>) =
            (0..labels.len()).partition(|&row| fold_of[row] == fold);
        if judged.is_empty() {
            continue;
        }
        let others_labels: Vec<u32> = others.iter().map(|&row| labels[row]).collect();
        let Some(calibration) = fit(&logits.of_rows(&others), &others_labels)? else { return Ok(None) };
        let calibrated = calibration.of_logits(&logits.of_rows(&judged));
        for (row, logits) in judged.into_iter().zip(calibrated.rows()) {
            all[row * units..][..units].copy_from_slice(logits);
        }
    }
    Logits::new(all, units).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of which class 1 begins at 2: no temperature can say that.
    fn shifted(rows: usize) -> (Logits, Vec<u32>, Vec<usize>) {
        let logit = |row: usize| (row * 7919 % 1000) as f64 / 100.0 - 3.0;
        let noise = |row: usize| (row * 104_729 % 997) as f64 / 500.0 - 1.0;
        let labels = (0..rows).map(|row| u32::from(logit(row) + noise(row) > 2.0)).collect();
        let logits = Logits::new((0..rows).map(logit).collect(), 1).unwrap();
        (logits, labels, (0..rows).map(|row| row % 5).collect())
    }

    #[test]
    fn platt_is_chosen_where_it_is_better_and_moves_the_border() {
        let (logits, labels, fold_of) = shifted(300);
        let choice = Calibration::choose(&logits, &labels, &fold_of, 5).unwrap();
        let Calibration::Platt(Platt { slope, offset }) = choice.calibration else { panic!("{choice:?}") };
        assert!((-offset / slope - 2.0).abs() < 0.2, "{slope} {offset}");
        let loss = choice.platt_loss.unwrap();
        assert!(loss < choice.temperature_loss && choice.held_out.log_loss(&labels).unwrap() == loss);
        // Labels that follow the logits as they are need no offset.
        let labels: Vec<u32> = logits.rows().map(|row| u32::from(row[0] > 0.0)).collect();
        let choice = Calibration::choose(&logits, &labels, &fold_of, 5).unwrap();
        assert!(matches!(choice.calibration, Calibration::Temperature(_)), "{choice:?}");
    }

    #[test]
    fn more_classes_have_a_temperature_and_logits_that_are_wrong_have_no_slope() {
        let logits = Logits::new((0..30).map(|i| f64::from(i * 17 % 11)).collect(), 3).unwrap();
        let labels: Vec<u32> = (0..10).map(|row| row % 3).collect();
        let fold_of: Vec<usize> = (0..10).map(|row| row % 2).collect();
        let choice = Calibration::choose(&logits, &labels, &fold_of, 2).unwrap();
        assert!(matches!(choice.calibration, Calibration::Temperature(_)) && choice.platt_loss.is_none());
        assert!(Calibration::choose(&logits, &labels, &fold_of[1..], 2).is_err());
        assert!(Calibration::choose(&logits, &labels, &[0; 10], 1).is_err());
        let (logits, labels, _) = shifted(100);
        let opposite: Vec<u32> = labels.iter().map(|label| 1 - label).collect();
        assert_eq!(Platt::fit(&logits, &opposite).unwrap(), None);
        assert!(Platt::fit(&Logits::new(vec![0.0; 3], 3).unwrap(), &[0]).is_err());
    }
}

//! A fitted logistic regression.

use candle_core::Device;
use headstart_weights::{Array, HeadLayer, LayerConfig};

use super::newton::Convergence;
use super::products::Products;
use super::row_store::RowStore;
use super::standardization::Standardization;
use crate::error::Error;
use crate::head::Head;
use crate::logits::Logits;
use crate::samples::Samples;

/// A logistic regression on standardized features.
///
/// Two classes have one unit, the logit of class 1, as a binary head has. More classes have a unit each.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticModel {
    pub(super) parameters: Vec<f64>,
    pub(super) units: usize,
    pub(super) row_shape: Vec<usize>,
    pub(super) strength: f64,
    pub(super) standardization: Standardization,
    pub(super) convergence: Convergence,
}

impl LogisticModel {
    /// The kernel for standardized features, `inputs x units`.
    #[must_use]
    pub fn kernel(&self) -> &[f64] {
        &self.parameters[..self.parameters.len() - self.units]
    }

    /// The bias for standardized features, `units` values. With more than two classes they add up to 0.
    #[must_use]
    pub fn bias(&self) -> &[f64] {
        &self.parameters[self.parameters.len() - self.units..]
    }

    /// 1 for two classes, else the number of classes.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units
    }

    /// The number of classes, at least 2.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.units.max(2)
    }

    /// C: how much the losses count against the penalty.
    #[must_use]
    pub fn strength(&self) -> f64 {
        self.strength
    }

    /// How the features are standardized.
    #[must_use]
    pub fn standardization(&self) -> &Standardization {
        &self.standardization
    }

    /// How the fit ended.
    #[must_use]
    pub fn convergence(&self) -> Convergence {
        self.convergence
    }

    /// The logits of some rows.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`], [`Error::RowShape`] or [`Error::NotFinite`] when the rows do not fit; [`Error::Samples`] when they
    /// can't be read.
    pub fn logits(&self, samples: &dyn Samples) -> Result<Logits, Error> {
        const WHAT: &str = "rows to predict";
        if samples.row_shape() != self.row_shape {
            let (expected, found) = (self.row_shape.clone(), samples.row_shape().to_vec());
            return Err(Error::RowShape { what: WHAT, expected, found });
        }
        let rows: Vec<usize> = (0..samples.rows()).collect();
        self.logits_of(&RowStore::new(WHAT, samples)?, &rows)
    }

    /// The logits of some rows of a store.
    pub(super) fn logits_of(&self, store: &RowStore<'_>, rows: &[usize]) -> Result<Logits, Error> {
        let (standardization, units) = (&self.standardization, self.units);
        let products = Products { store, rows, standardization, units };
        Logits::new(products.logits(&self.parameters)?, units)
    }

    /// The same model as a head on features as they are: kernel / scale, and bias - mean . (kernel / scale), rounded to
    /// f32. It has the layers of [`LayerConfig::head_for`] without hidden units, and no Flatten for rows of one axis.
    ///
    /// # Errors
    ///
    /// When the device is out of memory.
    pub fn to_head(&self, device: &Device) -> Result<Head, Error> {
        let mut layers = LayerConfig::head_for(self.classes(), 0, 0.0);
        if self.row_shape.len() == 1 {
            layers.retain(|layer| *layer != LayerConfig::Flatten);
        }
        let mut head = Head::new(&layers, &self.row_shape, 0, device)?;
        let mut bias = self.bias().to_vec();
        let mut kernel = self.kernel().to_vec();
        let Standardization { mean, scale } = &self.standardization;
        for ((row, mean), scale) in kernel.chunks_exact_mut(self.units).zip(mean).zip(scale) {
            for (value, bias) in row.iter_mut().zip(&mut bias) {
                *value /= scale;
                *bias -= mean * *value;
            }
        }
        let array = |shape: &[usize], values: &[f64]| Array {
            shape: shape.to_vec(),
            values: values.iter().map(|&value| value as f32).collect(),
        };
        let kernel = array(&[mean.len(), self.units], &kernel);
        let bias = Some(array(&[self.units], &bias));
        head.set_parameters(&[HeadLayer { name: "dense_1".to_owned(), kernel, bias }])?;
        Ok(head)
    }
}

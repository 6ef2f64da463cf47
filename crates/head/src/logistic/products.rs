//! Products of standardized rows with parameters: where the time of a fit goes.
//!
//! A row z is (x - mean) / scale. It is never formed: z . w = x . (w / scale) + (b - mean . (w / scale)), so the rows stay
//! as they are, in f32, and every sum is in f64.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::loops::{Dots, TOGETHER, Weighted, dispatch};
use super::row_store::RowStore;
use super::standardization::Standardization;
use crate::error::Error;

/// Blocks of rows that are computed side by side, and sums that their products are added to. Fixed, so that the order of
/// every sum is fixed, whatever the number of threads.
const LANES: usize = 8;

/// What becomes of the logits of a row: `(position of the row, logits, derivatives)` fills in the derivatives.
pub(super) type OfRow<'f> = dyn Fn(usize, &[f64], &mut [f64]) + Sync + 'f;

/// Some rows of a store, standardized.
///
/// Parameters are one list: a kernel of `inputs x units`, then a bias of `units` values.
pub(super) struct Products<'a> {
    pub(super) store: &'a RowStore<'a>,
    /// Which rows, in which order.
    pub(super) rows: &'a [usize],
    pub(super) standardization: &'a Standardization,
    pub(super) units: usize,
}

/// Parameters on rows as they are, not standardized.
struct Folded {
    kernel: Vec<f64>,
    bias: Vec<f64>,
}

/// The sums of a block of rows.
struct Sums {
    kernel: Vec<f64>,
    bias: Vec<f64>,
}

impl Products<'_> {
    /// The number of parameters.
    pub(super) fn parameters(&self) -> usize {
        (self.store.row() + 1) * self.units
    }

    /// The logits of the rows, `N x units`.
    pub(super) fn logits(&self, parameters: &[f64]) -> Result<Vec<f64>, Error> {
        let mut logits = vec![0.0; self.rows.len() * self.units];
        self.pass(Some(parameters), &mut logits, None)?;
        Ok(logits)
    }

    /// The sum over the rows of their derivatives by the logits times the row: the gradient by the parameters.
    ///
    /// `of_row` gets the `logits` of a row.
    pub(super) fn gradient(&self, logits: &mut [f64], of_row: &OfRow<'_>) -> Result<Vec<f64>, Error> {
        self.pass(None, logits, Some(of_row))
    }

    /// Both at once: the logits of the rows, and the gradient that `of_row` makes of them.
    pub(super) fn logits_and_gradient(
        &self,
        parameters: &[f64],
        logits: &mut [f64],
        of_row: &OfRow<'_>,
    ) -> Result<Vec<f64>, Error> {
        self.pass(Some(parameters), logits, Some(of_row))
    }

    fn pass(
        &self,
        parameters: Option<&[f64]>,
        logits: &mut [f64],
        of_row: Option<&OfRow<'_>>,
    ) -> Result<Vec<f64>, Error> {
        let folded = parameters.map(|parameters| self.folded(parameters));
        let (block, units) = (self.store.rows_at_a_time(), self.units);
        let mut lanes: Vec<Option<Sums>> = (0..LANES).map(|_| None).collect();
        let mut buffer = Vec::new();
        let waves = self.rows.chunks(LANES * block).zip(logits.chunks_mut(LANES * block * self.units));
        for (wave, (indices, logits)) in waves.enumerate() {
            let rows = self.store.read(indices, &mut buffer)?;
            let blocks = rows.par_chunks(block).zip(logits.par_chunks_mut(block * self.units));
            blocks.zip(&mut lanes).enumerate().try_for_each(|(lane, ((rows, logits), sums))| {
                let first = (wave * LANES + lane) * block;
                let block = Block { rows, folded: folded.as_ref(), of_row, first };
                if units == 1 {
                    block.one_unit(logits, sums);
                    return Ok(());
                }
                block.many_units(units, logits, sums)
            })?;
        }
        Ok(self.standardized(lanes.into_iter().flatten()))
    }

    /// w / scale, and b - mean . (w / scale).
    fn folded(&self, parameters: &[f64]) -> Folded {
        let (kernel, bias) = parameters.split_at(parameters.len() - self.units);
        let (mut kernel, mut bias) = (kernel.to_vec(), bias.to_vec());
        let Standardization { mean, scale } = self.standardization;
        for ((row, mean), scale) in kernel.chunks_exact_mut(self.units).zip(mean).zip(scale) {
            for (value, bias) in row.iter_mut().zip(&mut bias) {
                *value /= scale;
                *bias -= mean * *value;
            }
        }
        Folded { kernel, bias }
    }

    /// The lanes' sums, added in order, over standardized rows: (sum of x v - mean sum of v) / scale.
    fn standardized(&self, lanes: impl Iterator<Item = Sums>) -> Vec<f64> {
        let mut lanes = lanes;
        let Some(mut total) = lanes.next() else { return Vec::new() };
        for lane in lanes {
            add(&mut total.kernel, &lane.kernel);
            add(&mut total.bias, &lane.bias);
        }
        let Standardization { mean, scale } = self.standardization;
        for ((row, mean), scale) in total.kernel.chunks_exact_mut(self.units).zip(mean).zip(scale) {
            for (value, sum) in row.iter_mut().zip(&total.bias) {
                *value = (*value - mean * sum) / scale;
            }
        }
        total.kernel.extend(total.bias);
        total.kernel
    }
}

/// Rows that one thread computes.
struct Block<'a> {
    rows: &'a [&'a [f32]],
    /// None where the logits are known.
    folded: Option<&'a Folded>,
    /// None where only the logits are wanted.
    of_row: Option<&'a OfRow<'a>>,
    /// The position of the first row.
    first: usize,
}

impl Block<'_> {
    /// One unit. Each row is read once, for its logit and for the gradient.
    fn one_unit(&self, logits: &mut [f64], sums: &mut Option<Sums>) {
        for (group, (rows, logits)) in self.rows.chunks(TOGETHER).zip(logits.chunks_mut(TOGETHER)).enumerate()
        {
            if let Some(Folded { kernel, bias }) = self.folded {
                dispatch(Dots { rows, kernel, out: &mut *logits });
                logits.iter_mut().for_each(|logit| *logit += bias[0]);
            }
            let Some(of_row) = self.of_row else { continue };
            let mut delta = [0.0; TOGETHER];
            for (row, (logit, delta)) in logits.iter().zip(&mut delta).enumerate() {
                let position = self.first + group * TOGETHER + row;
                of_row(position, std::slice::from_ref(logit), std::slice::from_mut(delta));
            }
            let inputs = rows[0].len();
            let sums = sums.get_or_insert_with(|| Sums { kernel: vec![0.0; inputs], bias: vec![0.0; 1] });
            sums.bias[0] += delta[..rows.len()].iter().sum::<f64>();
            dispatch(Weighted { rows, delta: &delta, sums: &mut sums.kernel });
        }
    }

    /// Several units, as products of matrices.
    fn many_units(&self, units: usize, logits: &mut [f64], sums: &mut Option<Sums>) -> Result<(), Error> {
        let (count, inputs) = (self.rows.len(), self.rows[0].len());
        let values: Vec<f64> = self.rows.iter().copied().flatten().map(|&x| f64::from(x)).collect();
        let block = Tensor::from_vec(values, (count, inputs), &Device::Cpu)?;
        if let Some(Folded { kernel, bias }) = self.folded {
            let kernel = Tensor::from_slice(kernel, (inputs, units), &Device::Cpu)?;
            let products = block.matmul(&kernel)?.flatten_all()?.to_vec1::<f64>()?;
            for (logits, products) in logits.chunks_exact_mut(units).zip(products.chunks_exact(units)) {
                for ((logit, product), bias) in logits.iter_mut().zip(products).zip(bias) {
                    *logit = product + bias;
                }
            }
        }
        let Some(of_row) = self.of_row else { return Ok(()) };
        let mut delta = vec![0.0; logits.len()];
        let mut bias = vec![0.0; units];
        for (row, (logits, delta)) in logits.chunks(units).zip(delta.chunks_mut(units)).enumerate() {
            of_row(self.first + row, logits, delta);
            add(&mut bias, delta);
        }
        let delta = Tensor::from_vec(delta, (count, units), &Device::Cpu)?;
        let kernel = block.t()?.matmul(&delta)?.flatten_all()?.to_vec1::<f64>()?;
        match sums {
            Some(sums) => {
                add(&mut sums.kernel, &kernel);
                add(&mut sums.bias, &bias);
            }
            None => *sums = Some(Sums { kernel, bias }),
        }
        Ok(())
    }
}

fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

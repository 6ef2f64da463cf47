//! Where rows come from.

use std::fmt;

use crate::error::{Error, SamplesError};

/// A source of feature rows that can be read in any order.
pub trait Samples {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// The shape of one row, for instance 512 x 4 x 4.
    fn row_shape(&self) -> &[usize];

    /// Copies the rows at `indices`, one after the other, into `out`.
    ///
    /// Callers give indices below [`Samples::rows`], and an `out` of the right length.
    ///
    /// # Errors
    ///
    /// When the source can't be read.
    fn read(&self, indices: &[usize], out: &mut [f32]) -> Result<(), SamplesError>;
}

/// Rows in memory.
#[derive(Debug, Clone)]
pub struct InMemory<'a> {
    values: &'a [f32],
    row_shape: Vec<usize>,
    row: usize,
}

impl<'a> InMemory<'a> {
    /// Rows of `row_shape`, one after the other in `values`.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] when `values` is not a whole number of rows.
    pub fn new(values: &'a [f32], row_shape: &[usize]) -> Result<Self, Error> {
        let row: usize = row_shape.iter().product();
        if row == 0 || !values.len().is_multiple_of(row) {
            return Err(Error::RowLength { row_shape: row_shape.to_vec(), row, found: values.len() });
        }
        Ok(Self { values, row_shape: row_shape.to_vec(), row })
    }
}

impl Samples for InMemory<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.row
    }

    fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    fn read(&self, indices: &[usize], out: &mut [f32]) -> Result<(), SamplesError> {
        for (&index, out) in indices.iter().zip(out.chunks_exact_mut(self.row)) {
            out.copy_from_slice(&self.values[index * self.row..][..self.row]);
        }
        Ok(())
    }
}

/// Some rows of a source, as a source.
#[derive(Clone, Copy)]
pub struct Subset<'a> {
    /// The source.
    pub samples: &'a dyn Samples,
    /// Which of its rows, in which order; each is below its number of rows.
    pub indices: &'a [usize],
}

impl Samples for Subset<'_> {
    fn rows(&self) -> usize {
        self.indices.len()
    }

    fn row_shape(&self) -> &[usize] {
        self.samples.row_shape()
    }

    fn read(&self, indices: &[usize], out: &mut [f32]) -> Result<(), SamplesError> {
        let indices: Vec<usize> = indices.iter().map(|&index| self.indices[index]).collect();
        self.samples.read(&indices, out)
    }
}

impl fmt::Debug for Subset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Subset", self)
    }
}

/// Rows with a label each.
#[derive(Clone, Copy)]
pub struct Labelled<'a> {
    /// The rows.
    pub samples: &'a dyn Samples,
    /// One label a row, in the order of the rows.
    pub labels: &'a [u32],
}

impl fmt::Debug for Labelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Labelled", self.samples)
    }
}

/// A source says its size, not its values.
fn debug(f: &mut fmt::Formatter<'_>, name: &str, samples: &dyn Samples) -> fmt::Result {
    f.debug_struct(name)
        .field("rows", &samples.rows())
        .field("row_shape", &samples.row_shape())
        .finish_non_exhaustive()
}

//! The rows that a fit passes over many times: in memory where they are few, else read again for each pass.

use crate::error::Error;
use crate::samples::Samples;

/// Rows of up to so many values, 1 GiB of f32, are kept in memory. More are read again for each pass.
const MOST_HELD: usize = 1 << 28;

/// The rows of a source.
pub(super) struct RowStore<'a> {
    samples: &'a dyn Samples,
    row: usize,
    /// All rows, or nothing.
    held: Vec<f32>,
}

impl<'a> RowStore<'a> {
    /// Reads and checks every row. Errors call them `what`.
    pub(super) fn new(what: &'static str, samples: &'a dyn Samples) -> Result<Self, Error> {
        Self::holding(what, samples, MOST_HELD)
    }

    /// As [`new`](Self::new), with a limit in values for what is kept in memory.
    pub(super) fn holding(what: &'static str, samples: &'a dyn Samples, most: usize) -> Result<Self, Error> {
        if samples.rows() == 0 {
            return Err(Error::NoRows(what));
        }
        let row = samples.row_shape().iter().product::<usize>().max(1);
        let held = samples.rows().saturating_mul(row) <= most;
        let mut store = Self { samples, row, held: Vec::new() };
        let all: Vec<usize> = (0..samples.rows()).collect();
        let (mut values, mut buffer) = (Vec::new(), Vec::new());
        for indices in all.chunks(store.rows_at_a_time()) {
            let rows = store.read(indices, &mut buffer)?;
            for (&index, row) in indices.iter().zip(&rows) {
                if let Some(column) = row.iter().position(|value| !value.is_finite()) {
                    return Err(Error::NotFinite { what, row: index, column, found: row[column] });
                }
            }
            if held {
                values.extend(rows.into_iter().flatten());
            }
        }
        store.held = values;
        Ok(store)
    }

    /// The number of values in a row.
    pub(super) fn row(&self) -> usize {
        self.row
    }

    /// How many rows are worth reading together: about 2 MiB in f64, at least 16.
    pub(super) fn rows_at_a_time(&self) -> usize {
        ((1 << 18) / self.row).clamp(16, 256)
    }

    /// The rows at `indices`, in that order; from memory, or by way of `buffer`.
    pub(super) fn read<'b>(
        &'b self,
        indices: &[usize],
        buffer: &'b mut Vec<f32>,
    ) -> Result<Vec<&'b [f32]>, Error> {
        if !self.held.is_empty() {
            return Ok(indices.iter().map(|&index| &self.held[index * self.row..][..self.row]).collect());
        }
        buffer.resize(indices.len() * self.row, 0.0);
        self.samples.read(indices, buffer)?;
        Ok(buffer.chunks_exact(self.row).collect())
    }
}

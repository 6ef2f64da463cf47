//! Rows that were checked against a head, read batch by batch.

use crate::engine::{Batch, Engine};
use crate::error::Error;
use crate::head::Head;
use crate::head_loss::Loss;
use crate::metrics::Running;
use crate::samples::{Labelled, Samples};

/// Rows that fit a head, with a label each or without labels.
pub(crate) struct Rows<'a> {
    samples: &'a dyn Samples,
    labels: Option<&'a [u32]>,
    /// The number of values in a row.
    row: usize,
}

impl<'a> Rows<'a> {
    /// Rows to predict. Errors call them `what`.
    pub(crate) fn new(what: &'static str, head: &Head, samples: &'a dyn Samples) -> Result<Self, Error> {
        if samples.rows() == 0 {
            return Err(Error::NoRows(what));
        }
        check_shape(what, head, samples)?;
        Ok(Self { samples, labels: None, row: head.row_shape().iter().product() })
    }

    /// Rows to train or evaluate on. Errors call them `what`.
    pub(crate) fn labelled(what: &'static str, head: &Head, data: Labelled<'a>) -> Result<Self, Error> {
        let (rows, labels) = (data.samples.rows(), data.labels.len());
        if rows != 0 && rows != labels {
            return Err(Error::LabelCount { what, rows, labels });
        }
        let rows = Self::new(what, head, data.samples)?;
        let classes = head.classes();
        let unknown = |(_, label): &(usize, &u32)| **label as usize >= classes;
        if let Some((row, &found)) = data.labels.iter().enumerate().find(unknown) {
            return Err(Error::Label { what, row, classes, found });
        }
        Ok(Self { labels: Some(data.labels), ..rows })
    }

    /// The number of rows.
    pub(crate) fn count(&self) -> usize {
        self.samples.rows()
    }

    /// Fills a batch with the rows at `indices`. Without labels all are 0.
    pub(crate) fn read(&self, indices: &[usize], batch: &mut Batch) -> Result<(), Error> {
        batch.rows.resize(indices.len() * self.row, 0.0);
        self.samples.read(indices, &mut batch.rows)?;
        batch.labels.clear();
        let label = |&index: &usize| self.labels.map_or(0, |labels| labels[index]);
        batch.labels.extend(indices.iter().map(label));
        Ok(())
    }

    /// Calls `use_logits` with each batch of all rows, in order, and its logits without dropout.
    pub(crate) fn for_each_batch(
        &self,
        engine: &mut dyn Engine,
        batch_size: usize,
        mut use_logits: impl FnMut(&Batch, &[f32]),
    ) -> Result<(), Error> {
        let mut batch = Batch::default();
        let order: Vec<usize> = (0..self.count()).collect();
        for indices in order.chunks(batch_size) {
            self.read(indices, &mut batch)?;
            use_logits(&batch, engine.logits(&batch)?);
        }
        Ok(())
    }

    /// Loss and accuracy over all rows, without dropout and class weights.
    pub(crate) fn measure(
        &self,
        loss: Loss,
        engine: &mut dyn Engine,
        batch_size: usize,
    ) -> Result<Running, Error> {
        let mut running = Running::new(loss, &[]);
        let penalty = engine.penalty()?;
        self.for_each_batch(engine, batch_size, |batch, logits| {
            running.add(logits, &batch.labels, penalty);
        })?;
        Ok(running)
    }
}

fn check_shape(what: &'static str, head: &Head, samples: &dyn Samples) -> Result<(), Error> {
    if samples.row_shape() == head.row_shape() {
        return Ok(());
    }
    let (expected, found) = (head.row_shape().to_vec(), samples.row_shape().to_vec());
    Err(Error::RowShape { what, expected, found })
}

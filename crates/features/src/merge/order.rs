//! The order of a whole folder's images.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::part::Part;
use crate::error::Error;
use crate::manifest::RowRecord;

/// Where an image is in the scan of a folder: by class, then by folder, then by name.
pub(super) fn rank(label: u32, path: &str) -> (u32, Option<(&str, &str)>) {
    (label, path.rsplit_once('/'))
}

/// The first row left of each shard that has one.
pub(super) struct ScanOrder(BinaryHeap<Reverse<First>>);

struct First {
    record: RowRecord,
    part: usize,
}

impl First {
    fn rank(&self) -> (u32, Option<(&str, &str)>) {
        rank(self.record.label, &self.record.path)
    }
}

impl Ord for First {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then(self.part.cmp(&other.part))
    }
}

impl PartialOrd for First {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for First {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for First {}

impl ScanOrder {
    /// # Errors
    /// Those of [`Part::next`].
    pub(super) fn of(parts: &mut [Part<'_>]) -> Result<Self, Error> {
        let mut firsts = BinaryHeap::with_capacity(parts.len());
        for (part, of) in parts.iter_mut().enumerate() {
            if let Some(record) = of.next()? {
                firsts.push(Reverse(First { record, part }));
            }
        }
        Ok(Self(firsts))
    }

    /// The next row of all, whose values are added to `values`.
    ///
    /// # Errors
    /// Those of [`Part::next`].
    pub(super) fn next(
        &mut self,
        parts: &mut [Part<'_>],
        values: &mut Vec<f32>,
    ) -> Result<Option<RowRecord>, Error> {
        let Some(mut first) = self.0.peek_mut() else { return Ok(None) };
        let part = &mut parts[first.0.part];
        values.extend_from_slice(part.values());
        match part.next()? {
            Some(record) => Ok(Some(std::mem::replace(&mut first.0.record, record))),
            None => Ok(Some(PeekMut::pop(first).0.record)),
        }
    }
}

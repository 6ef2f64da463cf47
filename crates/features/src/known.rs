//! Rows that are on the disk, found by the content of their images.

use std::collections::HashMap;

/// A row that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the finished pair, by its number there.
    Finished(usize),
    /// In the journal, by its number there.
    Journal(usize),
}

/// Where rows are, by their images' content.
#[derive(Default)]
pub(crate) struct Known(HashMap<String, Vec<Place>>);

impl Known {
    /// Adds rows of these content hashes, in their order at one place.
    pub(crate) fn add(&mut self, hashes: impl Iterator<Item = String>, place: fn(usize) -> Place) {
        for (row, hash) in hashes.enumerate() {
            self.0.entry(hash).or_default().push(place(row));
        }
    }

    /// A row of this content. Images of the same content get one row after the other, so that the rows of an unchanged
    /// folder come in the order in which they are stored.
    pub(crate) fn take(&mut self, hash: &str) -> Option<Place> {
        let places = self.0.get_mut(hash)?;
        if places.len() > 1 { Some(places.remove(0)) } else { places.first().copied() }
    }

    /// How many contents there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is a row of this content.
    pub(crate) fn contains(&self, hash: &str) -> bool {
        self.0.contains_key(hash)
    }
}

//! The packed parameters of all steps, one after the other on large pages.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::error::Error;
use crate::lines::LINE;

/// Packs a part of the parameters into memory that is zero.
type Pack<'a> = Box<dyn FnOnce(&mut [f32]) + Send + 'a>;

/// The parts of the parameters, before they are packed.
#[derive(Default)]
pub(super) struct Parts<'a> {
    len: usize,
    parts: Vec<(usize, Pack<'a>)>,
}

impl<'a> Parts<'a> {
    /// Adds a part of `len` values, which `pack` makes; returns where they will be.
    pub(super) fn add(&mut self, len: usize, pack: impl FnOnce(&mut [f32]) + Send + 'a) -> Range<usize> {
        let range = self.len..self.len + len;
        self.len = range.end.next_multiple_of(LINE);
        self.parts.push((len, Box::new(pack)));
        range
    }

    /// Packs all parts, on the threads of the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has too little.
    pub(super) fn pack(self) -> Result<Buffer, Error> {
        let mut values = Buffer::zeroed(self.len)?;
        let mut rest = &mut *values;
        let place = |(len, pack): (usize, Pack<'a>)| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(len.next_multiple_of(LINE));
            rest = after;
            (&mut part[..len], pack)
        };
        let places: Vec<_> = self.parts.into_iter().map(place).collect();
        // One at a time: some are a thousand times as large as others.
        places.into_par_iter().with_max_len(1).for_each(|(place, pack)| pack(place));
        Ok(values)
    }
}

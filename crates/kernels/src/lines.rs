//! Buffers that start at the boundary of a cache line.

use std::ops::{Deref, DerefMut};

/// Values in a cache line of 64 bytes, which is also the widest register.
pub(crate) const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Values that start at the boundary of a cache line, so that no register is loaded from two lines. For the many small
/// parts of a dense layer; a [`Buffer`](crate::buffer::Buffer) takes whole large pages.
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    /// `length` zeros, a multiple of [`LINE`].
    pub(crate) fn zeros(length: usize) -> Self {
        debug_assert!(length.is_multiple_of(LINE));
        Self(vec![Line([0.0; LINE]); length.div_ceil(LINE)])
    }
}

impl Deref for Lines {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is LINE values without padding, and the borrow is that of the vector.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LINE) }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LINE) }
    }
}

//! Memory for maps and kernels: zeroed, aligned to cache lines, on large pages where the system has them.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use crate::error::Error;

/// Bytes of a large page on x86-64 and, with pages of 4 KiB, on AArch64.
const LARGE_PAGE: usize = 2 << 20;

/// A fixed number of f32, zero to begin with.
///
/// Pages come from the system when they are first written, so a thread that writes first pays for its own.
#[derive(Default)]
pub(crate) struct Buffer {
    /// None for no values.
    pages: Option<MmapMut>,
    /// Where the values begin in the pages, in bytes: on the boundary of a large page.
    start: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] where the system has none left.
    pub(crate) fn zeroed(len: usize) -> Result<Self, Error> {
        let none_left = || Error::Memory { values: len };
        // Whole large pages, and one more to begin at a boundary; what is not touched takes no memory.
        let bytes = len
            .checked_mul(size_of::<f32>())
            .and_then(|bytes| bytes.checked_next_multiple_of(LARGE_PAGE))
            .and_then(|bytes| bytes.checked_add(LARGE_PAGE))
            .ok_or_else(none_left)?;
        let pages = MmapMut::map_anon(bytes).map_err(|_| none_left())?;
        // Kernels walk through many distant places at once, which small pages make the TLB pay for. A system
        // that has no large pages says so, and the small ones serve as well.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        let start = pages.as_ptr().align_offset(LARGE_PAGE).min(LARGE_PAGE);
        Ok(Self { pages: Some(pages), start, len })
    }

    /// Makes it at least so long; what it held is lost where it was shorter.
    ///
    /// # Errors
    ///
    /// As [`Buffer::zeroed`].
    pub(crate) fn reserve(&mut self, len: usize) -> Result<(), Error> {
        if self.len < len {
            *self = Self::zeroed(len)?;
        }
        Ok(())
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let Some(pages) = &self.pages else { return &[] };
        // SAFETY: from `start`, at most one large page on, the map has the bytes of `len` f32, for it is a large page
        // longer. They are aligned, zeroed by the system, and every pattern of bits is an f32.
        unsafe { std::slice::from_raw_parts(pages.as_ptr().add(self.start).cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        let Some(pages) = &mut self.pages else { return &mut [] };
        // SAFETY: as for `deref`; the map is borrowed for as long as the slice.
        unsafe { std::slice::from_raw_parts_mut(pages.as_mut_ptr().add(self.start).cast(), self.len) }
    }
}

/// A slice that several threads write to, each its own places.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: it hands out nothing but pointers; who writes through them sees to it that no two threads have the same
// place at one time.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), lifetime: PhantomData }
    }

    /// The values `start .. start + len`, shared in the same way.
    pub(crate) fn part(&self, start: usize, len: usize) -> Self {
        Self { start: self.place(start, len), len, lifetime: PhantomData }
    }

    /// The values from `start` on, shared in the same way.
    pub(crate) fn from(&self, start: usize) -> Self {
        self.part(start, self.len.saturating_sub(start))
    }

    /// Where value `start` would lie, to be prefetched.
    #[inline(always)]
    pub(crate) fn near(&self, start: usize) -> *const f32 {
        self.start.wrapping_add(start)
    }

    /// Where value `start` lies, which at least `len` values follow, itself counted.
    #[inline(always)]
    pub(crate) fn place(&self, start: usize, len: usize) -> *mut f32 {
        assert!(start.checked_add(len).is_some_and(|end| end <= self.len));
        // Wrapping, for a pointer alone needs no proof; it lies within the slice, as was just seen.
        self.start.wrapping_add(start)
    }
}

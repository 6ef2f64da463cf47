//! Memory for maps and kernels: zeroed, aligned to cache lines, on large pages if the system has them.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use crate::error::Error;

/// Bytes of a large page on x86-64 and, with pages of 4 KiB, on AArch64.
const LARGE_PAGE: usize = 2 << 20;

/// A fixed number of f32, zero at first.
///
/// Pages come from the system when they are first written, so that each thread gets its own.
#[derive(Default)]
pub(crate) struct Buffer {
    /// None for no values.
    pages: Option<MmapMut>,
    /// Where the values begin in the pages, in bytes: at the start of a large page.
    start: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of `len` zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if the system has too little.
    pub(crate) fn zeroed(len: usize) -> Result<Self, Error> {
        let none_left = || Error::Memory { values: len };
        // Whole large pages, and one more so that the values can begin at the start of one. Untouched pages take no
        // memory.
        let bytes = len
            .checked_mul(size_of::<f32>())
            .and_then(|bytes| bytes.checked_next_multiple_of(LARGE_PAGE))
            .and_then(|bytes| bytes.checked_add(LARGE_PAGE))
            .ok_or_else(none_left)?;
        let pages = MmapMut::map_anon(bytes).map_err(|_| none_left())?;
        // Kernels read from many distant addresses at once, and with small pages the TLB has too few entries for that.
        // A system without large pages returns an error, and small pages work too.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        let start = pages.as_ptr().align_offset(LARGE_PAGE).min(LARGE_PAGE);
        Ok(Self { pages: Some(pages), start, len })
    }

    /// Makes it at least this long. If it was shorter, its content is lost.
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
        // SAFETY: `start` is at most one large page, and the map is a large page longer than `len` f32, so they are
        // within it. They are aligned and were zeroed by the system, and every pattern of bits is an f32.
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

/// A slice that several threads write to, each at its own positions.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: it gives only pointers. The code that writes through them makes sure that no two threads use the same
// position at one time.
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

    /// The address of value `start`, for a prefetch. It may be past the end.
    #[inline(always)]
    pub(crate) fn near(&self, start: usize) -> *const f32 {
        self.start.wrapping_add(start)
    }

    /// The address of value `start`, checked to begin at least `len` values of the slice.
    #[inline(always)]
    pub(crate) fn place(&self, start: usize, len: usize) -> *mut f32 {
        assert!(start.checked_add(len).is_some_and(|end| end <= self.len));
        // The address is within the slice, as just checked; the wrapping addition needs no `unsafe`.
        self.start.wrapping_add(start)
    }
}

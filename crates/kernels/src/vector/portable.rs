//! A register that every CPU has.

use super::{Operation, Vector};

/// Four lanes in an array, which the compiler keeps in one register of SSE2 or NEON.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Portable([f32; 4]);

impl Portable {
    #[inline(always)]
    fn each(operation: impl Fn(usize) -> f32) -> Self {
        Self([operation(0), operation(1), operation(2), operation(3)])
    }
}

impl Vector for Portable {
    const LANES: usize = 4;
    // AArch64 has 32 registers, baseline x86-64 has 16.
    const STRIP: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };
    const SPREADS: bool = false;

    #[inline(never)]
    unsafe fn apart<O: Operation>(operation: O) -> O::Output {
        // SAFETY: the caller's.
        unsafe { operation.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the trait's contract; an array of f32 has the alignment of f32.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as for `load`.
        unsafe { *to.cast() = self }
    }

    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: as for `load`.
        unsafe { self.store(to) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self::each(|lane| self.0[lane] + other.0[lane])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self::each(|lane| self.0[lane] - other.0[lane])
    }

    #[inline(always)]
    unsafe fn mul(self, by: Self) -> Self {
        Self::each(|lane| self.0[lane] * by.0[lane])
    }

    #[inline(always)]
    unsafe fn div(self, by: Self) -> Self {
        Self::each(|lane| self.0[lane] / by.0[lane])
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self::each(|lane| self.0[lane].sqrt())
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        // Every AArch64 CPU has a fused instruction. The baseline of x86-64 has none, and a function call would be
        // slow.
        Self::each(|lane| {
            if cfg!(target_arch = "aarch64") {
                self.0[lane].mul_add(by.0[lane], to.0[lane])
            } else {
                self.0[lane] * by.0[lane] + to.0[lane]
            }
        })
    }

    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self::each(|lane| if self.0[lane] < 0.0 { 0.0 } else { self.0[lane] })
    }

    #[inline(always)]
    unsafe fn at_least(self, least: Self) -> Self {
        Self::each(|lane| if self.0[lane] < least.0[lane] { least.0[lane] } else { self.0[lane] })
    }

    #[inline(always)]
    unsafe fn at_most(self, most: Self) -> Self {
        Self::each(|lane| if self.0[lane] > most.0[lane] { most.0[lane] } else { self.0[lane] })
    }

    #[inline(always)]
    unsafe fn exp2_of_whole(self) -> Self {
        // The exponent's bits. Whatever is not a whole number of the range gives some number.
        Self::each(|lane| f32::from_bits((self.0[lane] as i32).wrapping_add(127).cast_unsigned() << 23))
    }

    #[inline(always)]
    unsafe fn larger(self, other: Self) -> Self {
        Self::each(|lane| {
            let (a, b) = (self.0[lane], other.0[lane]);
            if a > b || a.is_nan() { a } else { b }
        })
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self::each(|lane| f32::from_bits(self.0[lane].to_bits() | other.0[lane].to_bits()))
    }

    #[inline(always)]
    unsafe fn nonzero(self) -> u64 {
        self.0.iter().rev().fold(0, |bits, &value| (bits << 1) | u64::from(value != 0.0))
    }
}

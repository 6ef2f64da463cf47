//! The few vector operations that the loop nests are written in, for each set of instructions.

/// A register of f32 lanes.
///
/// # Safety
///
/// Every method must run on a CPU that has the type's instructions, inside a function compiled for them
/// (the methods are always inlined into one). `load` and `store` touch `LANES` values from the pointer on.
pub(crate) trait Vector: Copy {
    /// How many values a register holds.
    const LANES: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// `self * by + to`, fused where the instructions are.
    unsafe fn mul_add(self, by: Self, to: Self) -> Self;
    /// Zero for negative lanes, the lane itself for all others, a NaN among them.
    unsafe fn relu(self) -> Self;
}

/// Eight lanes in an array, which the compiler keeps in the vector registers that the target has.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Portable([f32; 8]);

impl Portable {
    #[inline(always)]
    fn each(operation: impl Fn(usize) -> f32) -> Self {
        Self(std::array::from_fn(operation))
    }
}

impl Vector for Portable {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
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
    unsafe fn add(self, other: Self) -> Self {
        Self::each(|lane| self.0[lane] + other.0[lane])
    }

    #[inline(always)]
    unsafe fn mul_add(self, by: Self, to: Self) -> Self {
        // Every AArch64 CPU fuses; on x86-64 the baseline has no such instruction, and a call would be slow.
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
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Vector;
    use std::arch::x86_64::*;

    /// Implements [`Vector`] by one intrinsic an operation.
    macro_rules! intrinsics {
        ($register:ty, $lanes:literal, $splat:ident $zero:ident $load:ident $store:ident $add:ident $fmadd:ident $max:ident) => {
            impl Vector for $register {
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: the trait's contract: the CPU has the instructions.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the trait's contract; the load needs no alignment.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the trait's contract; the store needs no alignment.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                unsafe fn mul_add(self, by: Self, to: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $fmadd(self, by, to) }
                }

                #[inline(always)]
                unsafe fn relu(self) -> Self {
                    // The instruction gives its second operand where either is a NaN.
                    // SAFETY: the trait's contract.
                    unsafe { $max($zero(), self) }
                }
            }
        };
    }

    intrinsics!(__m256, 8, _mm256_set1_ps _mm256_setzero_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_fmadd_ps _mm256_max_ps);
    intrinsics!(__m512, 16, _mm512_set1_ps _mm512_setzero_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_fmadd_ps _mm512_max_ps);
}

//! The registers of AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::{Operation, Vector};

/// An operation in functions that are compiled for some instructions.
///
/// They are methods, because the compiler puts a method into the unit of code of its type's module, and compiles the units side
/// by side.
pub(super) trait Compiled: Operation {
    /// # Safety
    ///
    /// The CPU has AVX-512 F.
    unsafe fn avx512(self) -> Self::Output;

    /// # Safety
    ///
    /// The CPU has AVX2 with fused multiply-add.
    unsafe fn avx2(self) -> Self::Output;
}

impl<O: Operation> Compiled for O {
    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    unsafe fn avx512(self) -> O::Output {
        // SAFETY: this function is compiled for the type's instructions.
        unsafe { self.run::<__m512>() }
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(self) -> O::Output {
        // SAFETY: this function is compiled for the type's instructions.
        unsafe { self.run::<__m256>() }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn larger_512(a: __m512, b: __m512) -> __m512 {
    // The maximum is `b` if either is NaN.
    _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn larger_256(a: __m256, b: __m256) -> __m256 {
    _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn or_512(a: __m512, b: __m512) -> __m512 {
    _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn nonzero_512(values: __m512) -> u64 {
    u64::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(values, _mm512_setzero_ps()))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn nonzero_256(values: __m256) -> u64 {
    let lanes = _mm256_cmp_ps::<_CMP_NEQ_UQ>(values, _mm256_setzero_ps());
    u64::from(_mm256_movemask_ps(lanes).cast_unsigned())
}

/// Two to the power of whole numbers: the exponent's bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn exp2_512(whole: __m512) -> __m512 {
    let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(whole), _mm512_set1_epi32(127));
    _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn exp2_256(whole: __m256) -> __m256 {
    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
}

/// Implements [`Vector`] with one intrinsic for each operation.
macro_rules! intrinsics {
    (
        $register:ty, $compiled:ident, $lanes:literal, $strip:literal, $spreads:literal, $splat:ident $zero:ident
        $load:ident $store:ident $stream:ident $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $fmadd:ident $max:ident $min:ident $larger:ident
        $or:ident $nonzero:ident $exp2:ident
    ) => {
        // SAFETY of every block below: by the trait's contract, the CPU has the instructions and pointers are valid for
        // the access. Loads and stores need no alignment.
        impl Vector for $register {
            const LANES: usize = $lanes;
            const STRIP: usize = $strip;
            const SPREADS: bool = $spreads;

            #[inline(always)]
            unsafe fn apart<O: Operation>(operation: O) -> O::Output {
                // SAFETY: as said above.
                unsafe { operation.$compiled() }
            }

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: as said above.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: as said above.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as said above.
                unsafe { $store(to, self) }
            }

            #[inline(always)]
            unsafe fn stream(self, to: *mut f32) {
                // SAFETY: as said above, and `to` is aligned.
                unsafe { $stream(to, self) }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $add(self, other) }
            }

            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $sub(self, other) }
            }

            #[inline(always)]
            unsafe fn mul(self, by: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $mul(self, by) }
            }

            #[inline(always)]
            unsafe fn div(self, by: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $div(self, by) }
            }

            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: as said above.
                unsafe { $sqrt(self) }
            }

            #[inline(always)]
            unsafe fn mul_add(self, by: Self, to: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $fmadd(self, by, to) }
            }

            #[inline(always)]
            unsafe fn relu(self) -> Self {
                // The instruction returns its second operand if either is NaN.
                // SAFETY: as said above.
                unsafe { $max($zero(), self) }
            }

            #[inline(always)]
            unsafe fn at_least(self, least: Self) -> Self {
                // As for `relu`.
                // SAFETY: as said above.
                unsafe { $max(least, self) }
            }

            #[inline(always)]
            unsafe fn at_most(self, most: Self) -> Self {
                // As for `relu`.
                // SAFETY: as said above.
                unsafe { $min(most, self) }
            }

            #[inline(always)]
            unsafe fn exp2_of_whole(self) -> Self {
                // SAFETY: as said above.
                unsafe { $exp2(self) }
            }

            #[inline(always)]
            unsafe fn larger(self, other: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $larger(self, other) }
            }

            #[inline(always)]
            unsafe fn or(self, other: Self) -> Self {
                // SAFETY: as said above.
                unsafe { $or(self, other) }
            }

            #[inline(always)]
            unsafe fn nonzero(self) -> u64 {
                // SAFETY: as said above.
                unsafe { $nonzero(self) }
            }
        }
    };
}

intrinsics!(
    __m256, avx2, 8, 6, false, _mm256_set1_ps _mm256_setzero_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps
    _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_sqrt_ps _mm256_fmadd_ps
    _mm256_max_ps _mm256_min_ps larger_256 _mm256_or_ps nonzero_256 exp2_256
);
intrinsics!(
    __m512, avx512, 16, 14, true, _mm512_set1_ps _mm512_setzero_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_stream_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_sqrt_ps _mm512_fmadd_ps
    _mm512_max_ps _mm512_min_ps larger_512 or_512 nonzero_512 exp2_512
);

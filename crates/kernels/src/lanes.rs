//! Arithmetic in which an optimizer's formula is written, once for every set of instructions.

use std::ops::{Add, Div, Mul, Sub};

use crate::vector::{Portable, Vector};

/// Some values that are computed side by side: one `f32`, or a register of them.
///
/// The registers' types are private to this crate, which makes them only where the CPU has the instructions;
/// a function that is generic over `Lanes` therefore needs no `unsafe`.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The same value in every lane.
    fn splat(value: f32) -> Self;

    /// The square root of every lane, rounded as IEEE 754 asks.
    #[must_use]
    fn sqrt(self) -> Self;
}

impl Lanes for f32 {
    fn splat(value: f32) -> Self {
        value
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }
}

/// What [`Vector`] lacks for dense layers.
///
/// # Safety
///
/// As for [`Vector`].
pub(crate) trait Arithmetic: Vector {
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// Bit `l` is set where lane `l` is not zero; a NaN is not.
    unsafe fn nonzero(self) -> u64;
}

/// A register as [`Lanes`]. Only functions compiled for the type's instructions make one.
#[derive(Clone, Copy)]
pub(crate) struct Register<V>(pub(crate) V);

macro_rules! operators {
    ($($trait:ident $method:ident $by:ident)*) => {
        $(impl<V: Arithmetic> $trait for Register<V> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a register exists only where the CPU has its instructions.
                Self(unsafe { $by::$method(self.0, other.0) })
            }
        })*
    };
}

operators!(Add add Vector Sub sub Arithmetic Mul mul Arithmetic Div div Arithmetic);

impl<V: Arithmetic> Lanes for Register<V> {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: the type can be named in this crate alone, which does so only where the CPU has its
        // instructions.
        Self(unsafe { V::splat(value) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: as for the operators.
        Self(unsafe { self.0.sqrt() })
    }
}

/// The lanes of a portable vector, whatever their number.
#[inline(always)]
fn lanes(vector: Portable) -> [f32; Portable::LANES] {
    let mut values = [0.0; Portable::LANES];
    // SAFETY: the array has the vector's length; the type needs no particular instructions.
    unsafe { vector.store(values.as_mut_ptr()) };
    values
}

#[inline(always)]
fn each(operation: impl Fn(usize) -> f32) -> Portable {
    let values: [f32; Portable::LANES] = std::array::from_fn(operation);
    // SAFETY: as for `lanes`.
    unsafe { Portable::load(values.as_ptr()) }
}

impl Arithmetic for Portable {
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        let (a, b) = (lanes(self), lanes(other));
        each(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        let (a, b) = (lanes(self), lanes(other));
        each(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        let (a, b) = (lanes(self), lanes(other));
        each(|lane| a[lane] / b[lane])
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        let values = lanes(self);
        each(|lane| values[lane].sqrt())
    }

    #[inline(always)]
    unsafe fn nonzero(self) -> u64 {
        lanes(self).iter().rev().fold(0, |bits, &value| (bits << 1) | u64::from(value != 0.0))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Arithmetic;
    use std::arch::x86_64::*;

    macro_rules! intrinsics {
        ($register:ty, $sub:ident $mul:ident $div:ident $sqrt:ident, $nonzero:ident) => {
            impl Arithmetic for $register {
                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    // SAFETY: the trait's contract: the CPU has the instructions.
                    unsafe { $sub(self, other) }
                }

                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $mul(self, other) }
                }

                #[inline(always)]
                unsafe fn div(self, other: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $div(self, other) }
                }

                #[inline(always)]
                unsafe fn sqrt(self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $sqrt(self) }
                }

                #[inline(always)]
                unsafe fn nonzero(self) -> u64 {
                    // SAFETY: the trait's contract.
                    unsafe { $nonzero(self) }
                }
            }
        };
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn nonzero_256(values: __m256) -> u64 {
        u64::from(
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(values, _mm256_setzero_ps())).cast_unsigned(),
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn nonzero_512(values: __m512) -> u64 {
        u64::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(values, _mm512_setzero_ps()))
    }

    intrinsics!(__m256, _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_sqrt_ps, nonzero_256);
    intrinsics!(__m512, _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_sqrt_ps, nonzero_512);
}

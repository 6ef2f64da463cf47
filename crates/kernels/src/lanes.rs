//! The arithmetic of an optimizer's formula, which is written once for every set of instructions.

use std::ops::{Add, Div, Mul, Sub};

use crate::vector::Vector;

/// Values that are computed side by side: one `f32`, or a register of them.
///
/// The types of the registers are private to this crate, which uses them only on a CPU that has the instructions. So a
/// function that is generic over `Lanes` needs no `unsafe`.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The same value in every lane.
    fn splat(value: f32) -> Self;

    /// The square root of every lane, rounded as IEEE 754 requires.
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

/// A register as [`Lanes`]. Only functions compiled for the type's instructions create one.
#[derive(Clone, Copy)]
pub(crate) struct Register<V>(pub(crate) V);

macro_rules! operators {
    ($($trait:ident $method:ident)*) => {
        $(impl<V: Vector> $trait for Register<V> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: a register exists only if the CPU has its instructions.
                Self(unsafe { self.0.$method(other.0) })
            }
        })*
    };
}

operators!(Add add Sub sub Mul mul Div div);

impl<V: Vector> Lanes for Register<V> {
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: only this crate can name the type, and uses it only if the CPU has its instructions.
        Self(unsafe { V::splat(value) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: as for the operators.
        Self(unsafe { self.0.sqrt() })
    }
}

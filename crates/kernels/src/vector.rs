//! The few vector operations that the loop nests are written in, and their compilation for each [`Path`].

use crate::path::{Path, halves_registers};

/// A register of f32 lanes.
///
/// # Safety
///
/// Every method must run on a CPU that has the type's instructions, inside a function compiled for them
/// (the methods are always inlined into one). `load`, `store` and `prefetch` take any pointer that the
/// corresponding access would be sound for; `load` and `store` touch `LANES` values from it on.
pub(crate) trait Vector: Copy {
    /// How many values a register holds.
    const LANES: usize;
    /// How many pairs of registers hold sums, so that all registers are used, beside a pair for kernels and one for a
    /// value.
    const STRIP: usize;
    /// Whether a multiply-add can take a factor from memory and spread it over its lanes.
    const SPREADS: bool;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// A non-temporal store, past the caches, where the CPU has one. `to` is aligned to the register's size. Other threads
    /// may read it after a [`fence`].
    unsafe fn stream(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, by: Self) -> Self;
    unsafe fn div(self, by: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// `self * by + to`, fused where the instructions are.
    unsafe fn mul_add(self, by: Self, to: Self) -> Self;
    /// Zero for negative lanes, the lane itself for all others, a NaN among them.
    unsafe fn relu(self) -> Self;
    /// The larger of two lanes; NaN where either is.
    unsafe fn larger(self, other: Self) -> Self;
    /// The bits that are set in either: zero in a lane where both are.
    unsafe fn or(self, other: Self) -> Self;
    /// Bit `l` is set where lane `l` is not zero; a NaN is not zero.
    unsafe fn nonzero(self) -> u64;
}

/// A loop nest that is compiled once for each kind of register.
pub(crate) trait Operation {
    /// What it answers.
    type Output;

    /// Runs it; to be marked `#[inline(always)]`, down to the last function that touches a vector.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

/// Single values, each of which two multiply-adds spread over their lanes: from a register that was filled with it, or,
/// where `TWICE` is set, each from memory.
///
/// Of two loads of one place the compiler makes one, into a register. So the second takes a pointer of which the
/// compiler can't know that it is the same.
#[derive(Clone, Copy)]
pub(crate) struct Spread<const TWICE: bool>([*const f32; 2]);

impl<const TWICE: bool> Spread<TWICE> {
    /// Values from `place` on.
    #[inline(always)]
    pub(crate) fn new(place: *const f32) -> Self {
        Self([place, if TWICE { std::hint::black_box(place) } else { place }])
    }

    /// The value `offset` values on, once for each of the two.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; the value is there.
    #[inline(always)]
    pub(crate) unsafe fn get<V: Vector>(self, offset: usize) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe {
            let first = V::splat(*self.0[0].add(offset));
            [first, if TWICE { V::splat(*self.0[1].add(offset)) } else { first }]
        }
    }

    /// The values from `offset` values on, which need not exist.
    #[inline(always)]
    pub(crate) fn wrapping_add(self, offset: usize) -> Self {
        Self(self.0.map(|place| place.wrapping_add(offset)))
    }
}

/// An [`Operation`] whose multiply-adds take values by [`Spread`].
pub(crate) trait Spreading {
    /// As [`Operation::run`].
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn run<V: Vector, const TWICE: bool>(self);
}

/// An operation with its `TWICE`, which is chosen before the path is entered: both in one function would take twice the
/// stack without optimization.
struct With<O, const TWICE: bool>(O);

impl<O: Spreading, const TWICE: bool> Operation for With<O, TWICE> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        assert!(V::SPREADS || !TWICE, "`Path::spreads` says for which registers");
        // SAFETY: the caller's.
        unsafe { self.0.run::<V, TWICE>() }
    }
}

/// Asks for the cache line of a place that will be read; it need not exist.
#[inline(always)]
pub(crate) fn prefetch_read(place: *const f32) {
    // SAFETY: a prefetch reads nothing and never faults; every x86-64 CPU has it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// As [`prefetch_read`], into the second cache, for what will be read after much else.
#[inline(always)]
pub(crate) fn prefetch_later(place: *const f32) {
    // SAFETY: as for `prefetch_read`.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Asks for the cache line of a place that will be written, so that no other core has it; it need not exist.
#[inline(always)]
pub(crate) fn prefetch_write(place: *const f32) {
    // SAFETY: as for `prefetch_read`; a CPU without the instruction takes it for a plain prefetch or for nothing.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

/// Orders what [`Vector::stream`] stored before whatever this thread stores from now on.
#[inline(always)]
pub(crate) fn fence() {
    // SAFETY: every x86-64 CPU has the instruction, which touches no memory.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

impl Path {
    /// Whether a multiply-add had better take a value from memory.
    ///
    /// It then leaves a place free for reading registers. Where one is started a cycle, additions beside it cost nothing,
    /// and 6 to 9 cycles of 112 beside multiply-adds of three registers. Where two are, there are not loads enough.
    fn spreads(self) -> bool {
        self == Self::Avx512 && halves_registers()
    }

    /// As [`Path::run`], with the `TWICE` that suits this CPU.
    ///
    /// # Safety
    ///
    /// As for [`Path::run`].
    #[inline]
    pub(crate) unsafe fn run_spreading(self, operation: impl Spreading) {
        // SAFETY: the caller's.
        unsafe {
            if self.spreads() {
                self.run(With::<_, true>(operation));
            } else {
                self.run(With::<_, false>(operation));
            }
        }
    }

    /// Runs an operation with this path's registers.
    ///
    /// # Safety
    ///
    /// [`Path::is_supported`] must have said yes.
    #[inline]
    pub(crate) unsafe fn run<O: Operation>(self, operation: O) -> O::Output {
        // SAFETY: the caller saw that the CPU has the instructions; the functions are compiled for them.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => x86_64::avx512(operation),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => x86_64::avx2(operation),
                _ => operation.run::<Portable>(),
            }
        }
    }
}

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

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::{Operation, Vector};
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn avx512<O: Operation>(operation: O) -> O::Output {
        // SAFETY: this function is compiled for the type's instructions.
        unsafe { operation.run::<__m512>() }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2<O: Operation>(operation: O) -> O::Output {
        // SAFETY: this function is compiled for the type's instructions.
        unsafe { operation.run::<__m256>() }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn larger_512(a: __m512, b: __m512) -> __m512 {
        // The maximum is `b` where either is a NaN.
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

    /// Implements [`Vector`] by one intrinsic an operation.
    macro_rules! intrinsics {
        (
            $register:ty, $lanes:literal, $strip:literal, $spreads:literal, $splat:ident $zero:ident
            $load:ident $store:ident $stream:ident $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $fmadd:ident $max:ident $larger:ident
            $or:ident $nonzero:ident
        ) => {
            // SAFETY of every block below: the trait's contract: the CPU has the instructions, and pointers are good
            // for what is done to them. Loads and stores need no alignment.
            impl Vector for $register {
                const LANES: usize = $lanes;
                const STRIP: usize = $strip;
                const SPREADS: bool = $spreads;

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
                    // The instruction gives its second operand where either is a NaN.
                    // SAFETY: as said above.
                    unsafe { $max($zero(), self) }
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
        __m256, 8, 6, false, _mm256_set1_ps _mm256_setzero_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps
        _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_sqrt_ps _mm256_fmadd_ps
        _mm256_max_ps larger_256 _mm256_or_ps nonzero_256
    );
    intrinsics!(
        __m512, 16, 14, true, _mm512_set1_ps _mm512_setzero_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_stream_ps
        _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_sqrt_ps _mm512_fmadd_ps
        _mm512_max_ps larger_512 or_512 nonzero_512
    );
}

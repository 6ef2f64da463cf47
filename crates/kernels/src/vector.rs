//! The vector operations that the loops are written in, and their compilation for each [`Path`].

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86_64;

pub(crate) use self::portable::Portable;
#[cfg(target_arch = "x86_64")]
use self::x86_64::Compiled;
use crate::path::{Path, halves_registers};

/// A register of f32 lanes.
///
/// # Safety
///
/// Every method must run on a CPU that has the type's instructions, inside a function that is compiled for them (the
/// methods are always inlined into one). `load`, `store` and `stream` access `LANES` values from their pointer on; that
/// access must be sound.
pub(crate) trait Vector: Copy {
    /// The number of values in a register.
    const LANES: usize;
    /// The number of pairs of registers for sums. With a pair for kernels and one register for a value, all are used.
    const STRIP: usize;
    /// Whether a multiply-add can read one value from memory and use it in all lanes.
    const SPREADS: bool;

    /// Runs an operation in a function of its own: many small functions are compiled side by side, one large function is not.
    unsafe fn apart<O: Operation>(operation: O) -> O::Output;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// A store that bypasses the caches, if the CPU has one. `to` is aligned to the register's size. Other threads may
    /// read it after a [`fence`].
    unsafe fn stream(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, by: Self) -> Self;
    unsafe fn div(self, by: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// `self * by + to`, fused if the path has fused instructions.
    unsafe fn mul_add(self, by: Self, to: Self) -> Self;
    /// Zero for negative lanes; all others are kept, also NaN.
    unsafe fn relu(self) -> Self;
    /// `least` for lanes below it; all others are kept, also NaN.
    unsafe fn at_least(self, least: Self) -> Self;
    /// `most` for lanes above it; all others are kept, also NaN.
    unsafe fn at_most(self, most: Self) -> Self;
    /// Two to the power of lanes that are whole numbers from -126 to 127.
    unsafe fn exp2_of_whole(self) -> Self;
    /// The larger of two lanes; NaN if either is NaN.
    unsafe fn larger(self, other: Self) -> Self;
    /// The bits that are set in either. A lane is zero if both lanes are.
    unsafe fn or(self, other: Self) -> Self;
    /// Bit `l` is set if lane `l` is not zero; NaN is not zero.
    unsafe fn nonzero(self) -> u64;
}

/// Loops that are compiled once for each kind of register.
pub(crate) trait Operation {
    /// Its result.
    type Output;

    /// Runs it. Mark it `#[inline(always)]`, and every function below it that uses a vector.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

/// Single values, each used in all lanes of two multiply-adds: from a register that is filled with it or, with `TWICE`,
/// each from memory.
///
/// The compiler joins two loads of one address into one load to a register. So the second load uses a pointer that the
/// compiler can't recognise as the same.
#[derive(Clone, Copy)]
pub(crate) struct Spread<const TWICE: bool>([*const f32; 2]);

impl<const TWICE: bool> Spread<TWICE> {
    /// The values from `place` on.
    #[inline(always)]
    pub(crate) fn new(place: *const f32) -> Self {
        Self([place, if TWICE { std::hint::black_box(place) } else { place }])
    }

    /// The value `offset` values later, once for each of the two.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; the value exists.
    #[inline(always)]
    pub(crate) unsafe fn get<V: Vector>(self, offset: usize) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe {
            let first = V::splat(*self.0[0].add(offset));
            [first, if TWICE { V::splat(*self.0[1].add(offset)) } else { first }]
        }
    }

    /// The values from `offset` values later on, which need not exist.
    #[inline(always)]
    pub(crate) fn wrapping_add(self, offset: usize) -> Self {
        Self(self.0.map(|place| place.wrapping_add(offset)))
    }
}

/// An [`Operation`] whose multiply-adds read values through [`Spread`].
pub(crate) trait Spreading {
    /// As [`Operation::run`].
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn run<V: Vector, const TWICE: bool>(self);
}

/// An operation with its `TWICE`, which is chosen before the path is entered: both in one function would need twice the
/// stack without optimization.
struct With<O, const TWICE: bool>(O);

impl<O: Spreading, const TWICE: bool> Operation for With<O, TWICE> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        assert!(V::SPREADS || !TWICE, "`Path::spreads` is false for these registers");
        // SAFETY: the caller's.
        unsafe { self.0.run::<V, TWICE>() }
    }
}

/// Fetches the cache line of an address that will be read. It need not exist.
#[inline(always)]
pub(crate) fn prefetch_read(place: *const f32) {
    // SAFETY: a prefetch reads nothing and never faults. Every x86-64 CPU has it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// [`prefetch_read`] into the second cache, for values that will be read later.
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

/// Fetches the cache line of an address that will be written, and takes it from other cores. It need not exist.
#[inline(always)]
pub(crate) fn prefetch_write(place: *const f32) {
    // SAFETY: as for `prefetch_read`. A CPU without the instruction treats it as a plain prefetch or ignores it.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

/// Orders the stores of [`Vector::stream`] before all later stores of this thread.
#[inline(always)]
pub(crate) fn fence() {
    // SAFETY: every x86-64 CPU has the instruction, which touches no memory.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

impl Path {
    /// Whether a multiply-add should read a value from memory.
    ///
    /// It then leaves a port for reading registers free. On a CPU that starts one multiply-add a cycle, additions in
    /// parallel then cost nothing; with multiply-adds of three registers they cost 6 to 9 cycles of 112. A CPU that
    /// starts two a cycle does not have enough loads for this.
    fn spreads(self) -> bool {
        self == Self::Avx512 && halves_registers()
    }

    /// [`Path::run`] with the `TWICE` that suits this CPU.
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
    /// [`Path::is_supported`] must have returned true.
    #[inline]
    pub(crate) unsafe fn run<O: Operation>(self, operation: O) -> O::Output {
        // SAFETY: the caller checked that the CPU has the instructions; the functions are compiled for them.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => operation.avx512(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => operation.avx2(),
                _ => operation.run::<Portable>(),
            }
        }
    }
}

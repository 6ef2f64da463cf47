//! The most multiply-adds that the threads of a pool can do, to compare kernels with.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// Multiply-adds of each sum in one pass: some tens of microseconds.
const STEPS: usize = 20_000;

/// GFLOP/s of the current rayon pool's threads, all busy for `duration` with independent multiply-adds in registers;
/// a multiply-add counts as two.
///
/// # Errors
///
/// [`Error::UnsupportedPath`] if this CPU can't run the path.
pub fn gflops(path: Path, duration: Duration) -> Result<f64, Error> {
    if !path.is_supported() {
        return Err(Error::UnsupportedPath(path));
    }
    let start_together = Barrier::new(rayon::current_num_threads());
    let rates = rayon::broadcast(|_| {
        pass(path);
        start_together.wait();
        let started = Instant::now();
        let mut flops = 0;
        while started.elapsed() < duration {
            flops += pass(path);
        }
        flops as f64 / started.elapsed().as_secs_f64()
    });
    Ok(rates.into_iter().sum::<f64>() / 1e9)
}

/// One pass on this thread; returns its floating-point operations. The caller has checked that the path is supported.
fn pass(path: Path) -> usize {
    // SAFETY: the CPU has the instructions, as `gflops` checked.
    unsafe { path.run(Pass) }
}

/// Enough sums to hide the latency of a multiply-add; with two constants they fit into sixteen registers.
const SUMS: usize = 12;

/// `STEPS` times `sum = sum * a + b` in [`SUMS`] registers.
struct Pass;

impl Operation for Pass {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> usize {
        const { assert!(V::LANES <= 16) };
        // SAFETY: the caller's; `lanes` holds as many values as the widest register.
        unsafe {
            // The sums approach b / (1 - a) = 1, far from infinity and from the slow subnormal numbers.
            let (a, b) = (V::splat(black_box(0.75)), V::splat(black_box(0.25)));
            let mut sums = [V::splat(black_box(0.5)); SUMS];
            for _ in 0..STEPS {
                for sum in &mut sums {
                    *sum = sum.mul_add(a, b);
                }
            }
            let mut lanes = [0.0_f32; 16];
            for sum in sums {
                sum.store(lanes.as_mut_ptr());
                black_box(&lanes);
            }
        }
        2 * STEPS * SUMS * V::LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_this_cpu_has_a_rate() {
        for path in Path::supported() {
            let rate = gflops(path, Duration::from_millis(1)).unwrap();
            assert!(rate.is_finite() && rate > 0.0, "{path}: {rate}");
        }
    }
}

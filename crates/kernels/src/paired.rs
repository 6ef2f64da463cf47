//! The transforms of tiles of stride 1 in one dimension. [`points`](crate::points) has the formulas.

use crate::points::{PAIRS, constants, kernel_rows, weights};
use crate::transform::Transforms;
use crate::vector::Vector;

/// The transforms of tiles whose kernels are transformed for tiles of `OF` inputs along a side. A pair is of the points `+p` and
/// `-p`; the last one is of zero, if that is a point, and of infinity.
pub(crate) struct Paired<const OF: usize>;

impl<const OF: usize> Transforms for Paired<OF> {
    const INPUTS: usize = OF;
    const KERNELS: usize = OF;

    #[inline(always)]
    fn places_of_rows<const N: usize>(pair: usize) -> [usize; 2] {
        let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
        if pair == pairs { [(1 - zero) * (N - 1), N - 1] } else { [zero + 2 * pair, zero + 2 * pair + 1] }
    }

    #[inline(always)]
    unsafe fn input_rows<V: Vector, const N: usize>(d: &[V; N], pair: usize) -> [V; 2] {
        let constants = const { &constants(N, OF) };
        let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
        // SAFETY: the caller's.
        unsafe {
            if pair == pairs {
                return [even(d, 0, &constants.all, pairs), even(d, zero, &constants.all, pairs)];
            }
            let factor = &constants.without[pair];
            let upper = even(d, zero + 1, factor, pairs - 1);
            let lower = even(d, zero, factor, pairs - 1);
            let p = constants.points[pair];
            // These products are exact. So additions, which cost less than multiply-adds here, give the same bits.
            if p == 0.5 || p == 1.0 || p == 2.0 {
                let lower = lower.mul(V::splat(p));
                return [upper.add(lower), upper.sub(lower)];
            }
            [lower.mul_add(V::splat(p), upper), lower.mul_add(V::splat(-p), upper)]
        }
    }

    #[inline(always)]
    unsafe fn outputs<V: Vector, const N: usize, const M: usize>(products: &[V; N], first: usize) -> [V; 2] {
        let weights = const { &weights(N, OF) };
        let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
        // SAFETY: the caller's.
        unsafe {
            let mut outputs = [V::splat(0.0); 2];
            for i in first..M.min(first + 2) {
                let mut sum = V::splat(0.0);
                for pair in 0..pairs {
                    let (plus, minus) = (products[zero + 2 * pair], products[zero + 2 * pair + 1]);
                    let half =
                        if (i == first) == weights.swapped { plus.sub(minus) } else { plus.add(minus) };
                    let weight = V::splat(weights.pairs[i][pair]);
                    sum = if pair == 0 { half.mul(weight) } else { half.mul_add(weight, sum) };
                }
                if i == 0 && zero == 1 {
                    sum = products[0].mul_add(V::splat(weights.zero), sum);
                }
                if i == M - 1 {
                    sum = sum.add(products[N - 1]);
                }
                outputs[i - first] = sum;
            }
            outputs
        }
    }

    #[inline(always)]
    fn places_of_kernels(pair: usize) -> [usize; 2] {
        Self::places_of_rows::<OF>(pair)
    }

    #[inline(always)]
    unsafe fn kernel_rows<V: Vector>(taps: &[V; 3], pair: usize) -> [V; 2] {
        let rows = const { &kernel_rows::<OF>() };
        let (zero, pairs) = const { (1 - OF % 2, (OF - 1) / 2) };
        // SAFETY: the caller's.
        unsafe {
            let splat = |value: f64| V::splat(value as f32);
            if pair == pairs {
                return [if zero == 1 { taps[0].mul(splat(rows[0][0])) } else { taps[2] }, taps[2]];
            }
            // The row of -p has the same factors, except for the signs of some.
            let row = &rows[zero + 2 * pair];
            let even = taps[2].mul_add(splat(row[2]), taps[0].mul(splat(row[0])));
            let odd = taps[1].mul(splat(row[1]));
            let other = if zero == 1 { even.sub(odd) } else { odd.sub(even) };
            [even.add(odd), other]
        }
    }
}

/// `d[start + 2 degree] + sum of coefficients[j] d[start + 2 j]`, j below `degree`.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn even<V: Vector, const N: usize>(
    d: &[V; N],
    start: usize,
    coefficients: &[f32; PAIRS + 1],
    degree: usize,
) -> V {
    let mut sum = d[start + 2 * degree];
    for j in (0..degree).rev() {
        // SAFETY: the caller's.
        sum = unsafe { d[start + 2 * j].mul_add(V::splat(coefficients[j]), sum) };
    }
    sum
}

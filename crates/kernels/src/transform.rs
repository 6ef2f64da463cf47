//! The transforms of a tile of the input, of a kernel, and of the products. [`points`](crate::points) has the formulas.
//!
//! Kernels that are transformed once and kept are transformed in f64 and rounded once; those that are transformed while they
//! are used, in f32.

use crate::points::{PAIRS, constants, kernel_rows, weights};
use crate::vector::Vector;

/// Two rows of the input's transform in one dimension: those of `+p` and `-p` of a pair of points. If `pair` is one
/// more than the last pair, those of zero, if that is a point, and of infinity.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn input_rows<V: Vector, const N: usize, const OF: usize>(d: &[V; N], pair: usize) -> [V; 2] {
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

/// The positions of a pair's two rows among all rows.
#[inline(always)]
fn places_of_rows<const N: usize>(pair: usize) -> [usize; 2] {
    let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
    if pair == pairs { [(1 - zero) * (N - 1), N - 1] } else { [zero + 2 * pair, zero + 2 * pair + 1] }
}

/// The input's transform in one dimension, with rows in the order 0 (if it is a point), +p, -p, ..., infinity.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn transform_input<V: Vector, const N: usize, const OF: usize>(d: &[V; N]) -> [V; N] {
    let mut rows = [d[0]; N];
    for pair in 0..const { N.div_ceil(2) } {
        let [first, second] = places_of_rows::<N>(pair);
        // SAFETY: the caller's.
        let [one, other] = unsafe { input_rows::<V, N, OF>(d, pair) };
        rows[second] = other;
        if first < second {
            rows[first] = one;
        }
    }
    rows
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

/// Outputs `first` and, if there is one, `first + 1` of the output's transform in one dimension. `first` is even.
///
/// The kernels were transformed for tiles of `OF` inputs.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn outputs<V: Vector, const N: usize, const M: usize, const OF: usize>(
    products: &[V; N],
    first: usize,
) -> [V; 2] {
    let weights = const { &weights(N, OF) };
    let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
    // SAFETY: the caller's.
    unsafe {
        let mut outputs = [V::splat(0.0); 2];
        for i in first..M.min(first + 2) {
            let mut sum = V::splat(0.0);
            for pair in 0..pairs {
                let (plus, minus) = (products[zero + 2 * pair], products[zero + 2 * pair + 1]);
                let half = if (i == first) == weights.swapped { plus.sub(minus) } else { plus.add(minus) };
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

/// The output's transform in one dimension. The kernels were transformed for tiles of `OF` inputs.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn transform_output<V: Vector, const N: usize, const M: usize, const OF: usize>(
    products: &[V; N],
) -> [V; M] {
    let mut all = [products[0]; M];
    for first in (0..M).step_by(2) {
        // SAFETY: the caller's.
        let outputs = unsafe { outputs::<V, N, M, OF>(products, first) };
        all[first] = outputs[0];
        if first + 1 < M {
            all[first + 1] = outputs[1];
        }
    }
    all
}

/// The input's transform in two dimensions, `V::LANES` channels at once, two rows at a time, which stay in registers.
/// Returns a bit for each channel, as [`Vector::nonzero`] does: whether any pixel is not zero.
///
/// # Safety
///
/// As for [`Vector`]. From `from` on, there are `N` rows of `K` pixels, rows `row_stride` apart and pixels
/// `pixel_stride`. From `to` on, there is room for `N * K` results `to_stride` apart. With `STREAM` they are stored by
/// [`Vector::stream`].
#[inline(always)]
pub(crate) unsafe fn transform_input_tile<
    V: Vector,
    const N: usize,
    const K: usize,
    const OF: usize,
    const STREAM: bool,
>(
    from: *const f32,
    row_stride: usize,
    pixel_stride: usize,
    to: *mut f32,
    to_stride: usize,
) -> u64 {
    // SAFETY: the caller's.
    unsafe {
        let mut any = V::splat(0.0);
        macro_rules! pairs {
            ($($pair:literal)*) => {
                $(if $pair < const { N.div_ceil(2) } {
                    let mut rows = [[V::splat(0.0); K]; 2];
                    for x in 0..K {
                        let mut column = [V::splat(0.0); N];
                        for (y, value) in column.iter_mut().enumerate() {
                            *value = V::load(from.add(y * row_stride + x * pixel_stride));
                            if $pair == 0 {
                                any = any.or(*value);
                            }
                        }
                        [rows[0][x], rows[1][x]] = input_rows::<V, N, OF>(&column, $pair);
                    }
                    let [first, second] = places_of_rows::<N>($pair);
                    for (half, y) in [first, second].into_iter().enumerate() {
                        // If zero is not a point, the row of infinity has no partner.
                        if half == 1 || N.is_multiple_of(2) || $pair < const { N / 2 } {
                            for (x, value) in transform_input::<V, K, OF>(&rows[half]).into_iter().enumerate() {
                                let to = to.add((y * K + x) * to_stride);
                                if STREAM { value.stream(to) } else { value.store(to) }
                            }
                        }
                    }
                })*
            };
        }
        pairs!(0 1 2 3);
        any.nonzero()
    }
}

/// The first half of the output's transform in two dimensions, down the columns, for rows `first` and `first + 1` and
/// `V::LANES` channels at once. It reads `N * K` values `stride` apart. [`transform_output`] of each row is the other
/// half.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "column by column of an array of rows")]
pub(crate) unsafe fn transform_output_columns<
    V: Vector,
    const N: usize,
    const K: usize,
    const M: usize,
    const OF: usize,
>(
    from: *const f32,
    stride: usize,
    first: usize,
) -> [[V; K]; 2] {
    // SAFETY: the caller's.
    unsafe {
        let mut rows = [[V::splat(0.0); K]; 2];
        for x in 0..K {
            let mut column = [V::splat(0.0); N];
            for (y, value) in column.iter_mut().enumerate() {
                *value = V::load(from.add((y * K + x) * stride));
            }
            [rows[0][x], rows[1][x]] = outputs::<V, N, M, OF>(&column, first);
        }
        rows
    }
}

/// The number of kernels that are transformed side by side.
pub(crate) const KERNELS: usize = 16;

/// Transforms [`KERNELS`] kernels in f64: `3 x 3 x KERNELS`, with `stride` values from tap to tap.
///
/// `put` takes each of the `N * N` products' values.
#[inline(always)]
pub(crate) fn transform_kernels<const N: usize>(
    taps: &[f32],
    stride: usize,
    mut put: impl FnMut(usize, &[f32; KERNELS]),
) {
    let rows = const { &kernel_rows::<N>() };
    let combine = |row: &[f64; 3], of: [&[f64; KERNELS]; 3]| {
        let mut sums = [0.0; KERNELS];
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum = row[0] * of[0][lane] + row[1] * of[1][lane] + row[2] * of[2][lane];
        }
        sums
    };
    let mut wide = [[[0.0; KERNELS]; 3]; 3];
    for (tap, wide) in wide.iter_mut().flatten().enumerate() {
        for (wide, value) in wide.iter_mut().zip(&taps[tap * stride..]) {
            *wide = f64::from(*value);
        }
    }
    for (y, row) in rows.iter().enumerate() {
        let mut columns = [[0.0; KERNELS]; 3];
        for (x, column) in columns.iter_mut().enumerate() {
            *column = combine(row, [&wide[0][x], &wide[1][x], &wide[2][x]]);
        }
        for (x, row) in rows.iter().enumerate() {
            let sums = combine(row, [&columns[0], &columns[1], &columns[2]]);
            put(y * N + x, &sums.map(|sum| sum as f32));
        }
    }
}

/// Transforms the kernels of one channel in f32, `V::LANES` output channels at once.
///
/// # Safety
///
/// As for [`Vector`]. From `taps` on, there are nine registers `stride` apart; from `to` on, there is room for `N * N`
/// registers `to_stride` apart.
#[inline(always)]
pub(crate) unsafe fn transform_taps<V: Vector, const N: usize>(
    taps: *const f32,
    stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        for pair in 0..const { N.div_ceil(2) } {
            // Closures around `kernel_pair` would not be compiled into this loop, which then takes three times as long.
            let [mut upper, mut lower] = [[V::splat(0.0); 3]; 2];
            for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
                let column = [0, 1, 2].map(|y| V::load(taps.add((3 * y + x) * stride)));
                [*upper, *lower] = kernel_pair::<V, N>(&column, pair);
            }
            let rows = [upper, lower];
            for (y, row) in places_of_rows::<N>(pair).into_iter().zip(&rows) {
                for pair in 0..const { N.div_ceil(2) } {
                    for (x, value) in
                        places_of_rows::<N>(pair).into_iter().zip(kernel_pair::<V, N>(row, pair))
                    {
                        value.store(to.add((y * N + x) * to_stride));
                    }
                }
            }
        }
    }
}

/// Two rows of the kernel's transform in one dimension, as [`input_rows`].
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn kernel_pair<V: Vector, const N: usize>(taps: &[V; 3], pair: usize) -> [V; 2] {
    let rows = const { &kernel_rows::<N>() };
    let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::points::rows_among;
    use crate::tile::{Tile, for_tile, for_tile_beside};
    use crate::vector::Portable;

    /// Takes `N` inputs and a kernel of three, transformed for tiles of `OF` inputs, through the transforms of one
    /// dimension. `change` may change the products. Returns the largest distance from the definition.
    fn distance<const N: usize, const M: usize, const OF: usize>(change: impl Fn(&mut [f32; N])) -> f64 {
        let input: [f32; N] = std::array::from_fn(|i| ((5 * i * i + 3 * i + 1) % 11) as f32 * 0.37 - 1.3);
        let kernel = [0.75_f32, -1.25, 0.6];
        // SAFETY: the portable type needs no particular instructions; each array holds as many values as are moved.
        let (transformed, lanes) = unsafe {
            let rows = transform_input::<Portable, N, OF>(&input.map(|value| Portable::splat(value)));
            let mut lanes = [[0.0_f32; 4]; N];
            rows.iter().zip(&mut lanes).for_each(|(row, lanes)| row.store(lanes.as_mut_ptr()));
            (lanes.map(|lanes| lanes[0]), lanes)
        };
        assert!(lanes.iter().all(|lanes| lanes.iter().all(|lane| *lane == lanes[0])));
        let (rows, places) = (kernel_rows::<OF>(), rows_among(N, OF));
        let mut products: [f32; N] = std::array::from_fn(|i| {
            let kernel: f64 = rows[places[i]].iter().zip(kernel).map(|(row, tap)| row * f64::from(tap)).sum();
            transformed[i] * kernel as f32
        });
        change(&mut products);
        // SAFETY: as above.
        let outputs: [f32; M] = unsafe {
            let outputs: [Portable; M] =
                transform_output::<Portable, N, M, OF>(&products.map(|value| Portable::splat(value)));
            outputs.map(|output| {
                let mut lanes = [0.0; 4];
                output.store(lanes.as_mut_ptr());
                lanes[0]
            })
        };
        let expected =
            |i: usize| -> f64 { (0..3).map(|k| f64::from(input[i + k]) * f64::from(kernel[k])).sum() };
        (0..M).map(|i| (f64::from(outputs[i]) - expected(i)).abs()).fold(0.0, f64::max)
    }

    /// Calls `check` with every tile and each tile whose kernels it can use.
    fn all_beside(check: impl Fn(Tile, Tile)) {
        for of in Tile::ALL {
            of.beside().iter().chain([&of]).for_each(|tile| check(*tile, of));
        }
    }

    #[test]
    fn every_tile_is_the_convolution() {
        all_beside(|tile, of| {
            let distance = for_tile_beside!(of, [tile; 2], N M _K _L OF => distance::<N, M, OF>(|_| ()));
            assert!(distance < 1e-5, "{tile} beside {of}: {distance:e}");
        });
    }

    #[test]
    fn two_exchanged_rows_of_a_transform_are_caught() {
        all_beside(|tile, of| {
            for_tile_beside!(of, [tile; 2], N M _K _L OF => for first in 0..N {
                for second in first + 1..N {
                    let distance = distance::<N, M, OF>(|products| products.swap(first, second));
                    // The one output of the smallest tile is the sum of all products.
                    if N > 3 {
                        assert!(distance > 1e-2, "{tile} beside {of}, rows {first} and {second}: {distance:e}");
                    }
                }
            });
        });
    }
}

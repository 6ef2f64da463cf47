//! The transforms of a tile of the input, of a kernel, and of the products. [`points`](crate::points) and
//! [`strided`](crate::strided) have the formulas.
//!
//! The kernels of a stack are transformed in f64 and rounded once; those of a graph, in f32.

use crate::points::kernel_rows;
use crate::vector::Vector;

/// The transforms in one dimension of tiles whose kernels are transformed for one size. Each computes two rows at a time: those
/// of a pair.
pub(crate) trait Transforms {
    /// Inputs along a side of the tiles of that size.
    const INPUTS: usize;
    /// Transformed kernels along a side.
    const KERNELS: usize;

    /// The positions of a pair's two rows among the `N` of the input. They are the same if the pair is of a single row, the second.
    fn places_of_rows<const N: usize>(pair: usize) -> [usize; 2];

    /// Two rows of the input's transform.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn input_rows<V: Vector, const N: usize>(d: &[V; N], pair: usize) -> [V; 2];

    /// Outputs `first` and, if there is one, `first + 1` of `M` of the output's transform. `first` is even.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn outputs<V: Vector, const N: usize, const M: usize>(products: &[V; N], first: usize) -> [V; 2];

    /// The positions of a pair's two rows among the [`KERNELS`](Self::KERNELS).
    fn places_of_kernels(pair: usize) -> [usize; 2];

    /// Two rows of the kernel's transform.
    ///
    /// # Safety
    ///
    /// As for [`Vector`].
    unsafe fn kernel_rows<V: Vector>(taps: &[V; 3], pair: usize) -> [V; 2];
}

/// The input's transform in one dimension, with rows in the order of [`Transforms::places_of_rows`].
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn transform_input<V: Vector, T: Transforms, const N: usize>(d: &[V; N]) -> [V; N] {
    let mut rows = [d[0]; N];
    for pair in 0..const { N.div_ceil(2) } {
        let [first, second] = T::places_of_rows::<N>(pair);
        // SAFETY: the caller's.
        let [one, other] = unsafe { T::input_rows::<V, N>(d, pair) };
        rows[second] = other;
        if first < second {
            rows[first] = one;
        }
    }
    rows
}

/// The output's transform in one dimension.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn transform_output<V: Vector, T: Transforms, const N: usize, const M: usize>(
    products: &[V; N],
) -> [V; M] {
    let mut all = [products[0]; M];
    for first in (0..M).step_by(2) {
        // SAFETY: the caller's.
        let outputs = unsafe { T::outputs::<V, N, M>(products, first) };
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
    T: Transforms,
    const N: usize,
    const K: usize,
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
                        [rows[0][x], rows[1][x]] = T::input_rows::<V, N>(&column, $pair);
                    }
                    let [first, second] = T::places_of_rows::<N>($pair);
                    for (half, y) in [first, second].into_iter().enumerate() {
                        // A pair of a single row has only the second.
                        if half == 1 || first < second {
                            for (x, value) in transform_input::<V, T, K>(&rows[half]).into_iter().enumerate() {
                                let to = to.add((y * K + x) * to_stride);
                                if STREAM { value.stream(to) } else { value.store(to) }
                            }
                        }
                    }
                })*
            };
        }
        pairs!(0 1 2 3 4);
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
    T: Transforms,
    const N: usize,
    const K: usize,
    const M: usize,
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
            [rows[0][x], rows[1][x]] = T::outputs::<V, N, M>(&column, first);
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
/// As for [`Vector`]. From `taps` on, there are nine registers `stride` apart; from `to` on, there is room for
/// `T::KERNELS` squared registers `to_stride` apart.
#[inline(always)]
pub(crate) unsafe fn transform_taps<V: Vector, T: Transforms>(
    taps: *const f32,
    stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        for pair in 0..T::KERNELS.div_ceil(2) {
            // Closures around `kernel_rows` would not be compiled into this loop, which then takes three times as long.
            let [mut upper, mut lower] = [[V::splat(0.0); 3]; 2];
            for (x, (upper, lower)) in upper.iter_mut().zip(&mut lower).enumerate() {
                let column = [0, 1, 2].map(|y| V::load(taps.add((3 * y + x) * stride)));
                [*upper, *lower] = T::kernel_rows::<V>(&column, pair);
            }
            let rows = [upper, lower];
            for (y, row) in T::places_of_kernels(pair).into_iter().zip(&rows) {
                for pair in 0..T::KERNELS.div_ceil(2) {
                    for (x, value) in
                        T::places_of_kernels(pair).into_iter().zip(T::kernel_rows::<V>(row, pair))
                    {
                        value.store(to.add((y * T::KERNELS + x) * to_stride));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::{Tile, for_tile, for_tile_beside};
    use crate::vector::Portable;

    /// The first lane, which all others must equal.
    fn lane(register: Portable) -> f32 {
        let mut lanes = [0.0_f32; Portable::LANES];
        // SAFETY: the portable type needs no particular instructions, and there is room for a register.
        unsafe { register.store(lanes.as_mut_ptr()) };
        assert!(lanes.iter().all(|lane| *lane == lanes[0]));
        lanes[0]
    }

    /// Takes the inputs of a tile and a kernel of three through the transforms of one dimension. `places` has the position of
    /// each product's kernel. `change` may change the transformed input. Returns the largest distance from the definition.
    fn distance<T: Transforms, const N: usize, const M: usize>(
        places: &[usize],
        change: impl Fn(&mut [Portable; N]),
    ) -> f64 {
        let values = [-0.93, 0.71, 1.37, -0.29, 0.53, -1.61, 1.13, 0.17, -0.83];
        let input: [f32; N] = std::array::from_fn(|i| values[i]);
        let taps = [0.75_f32, -1.25, 0.6];
        // SAFETY: the portable type needs no particular instructions.
        let outputs: [Portable; M] = unsafe {
            let mut kernels = [Portable::splat(f32::NAN); MOST_KERNELS];
            for pair in 0..T::KERNELS.div_ceil(2) {
                let rows = T::kernel_rows(&taps.map(|tap| Portable::splat(tap)), pair);
                T::places_of_kernels(pair)
                    .into_iter()
                    .zip(rows)
                    .for_each(|(place, row)| kernels[place] = row);
            }
            let mut products = transform_input::<Portable, T, N>(&input.map(|value| Portable::splat(value)));
            change(&mut products);
            products.iter_mut().zip(places).for_each(|(value, place)| *value = value.mul(kernels[*place]));
            transform_output::<Portable, T, N, M>(&products)
        };
        let stride = if M == 1 { 1 } else { (N - 3) / (M - 1) };
        let expected =
            |i: usize| -> f64 { (0..3).map(|k| f64::from(input[stride * i + k]) * f64::from(taps[k])).sum() };
        (0..M).map(|i| (f64::from(lane(outputs[i])) - expected(i)).abs()).fold(0.0, f64::max)
    }

    /// Kernels along a side of the largest tile.
    const MOST_KERNELS: usize = 8;

    /// The positions of the kernels of a tile's products in one dimension: those of its first row.
    fn places(of: Tile, tile: Tile) -> Vec<usize> {
        let side = of.kernels().isqrt();
        of.places([tile; 2])[..tile.inputs()].iter().map(|place| place % side).collect()
    }

    /// Calls `check` with every tile and each tile whose kernels it can use.
    fn all_beside(check: impl Fn(Tile, Tile)) {
        for of in [1, 2].into_iter().flat_map(Tile::of_stride) {
            of.beside().iter().chain([of]).for_each(|tile| check(*tile, *of));
        }
    }

    #[test]
    fn every_tile_is_the_convolution() {
        all_beside(|tile, of| {
            let places = places(of, tile);
            let distance =
                for_tile_beside!(of, [tile; 2], N M _K _L T => distance::<T, N, M>(&places, |_| ()));
            assert!(distance < 1e-5, "{tile} beside {of}: {distance:e}");
        });
    }

    #[test]
    fn two_exchanged_rows_of_a_transform_are_caught() {
        all_beside(|tile, of| {
            let places = places(of, tile);
            for_tile_beside!(of, [tile; 2], N M _K _L T => for first in 0..N {
                for second in first + 1..N {
                    let distance = distance::<T, N, M>(&places, |rows| rows.swap(first, second));
                    assert!(distance > 1e-3, "{tile} beside {of}, rows {first} and {second}: {distance:e}");
                }
            });
        });
    }
}

//! Minimal filtering: a tile of `M x L` outputs of a 3 x 3 convolution from `N x K` products, `N = M + 2` and
//! `K = L + 2`.
//!
//! A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), after S. Winograd and
//! A. L. Toom. A tile of the input and a kernel are evaluated as polynomials at `N` points, multiplied there, and
//! the product is read back at `M` places. All points but zero and infinity come in pairs `+p, -p`, whose sums
//! split into an even and an odd half, so one function serves every tile. Every constant of the input's and the
//! output's transform is exact in f32; kernels are transformed in f64 and rounded once.
//!
//! In one dimension, with `E(x^2) = prod (x^2 - p^2)` over all pairs, `E_p` the same without `p`, and `z` 1 where
//! zero is a point and 0 where it is not, the input's rows are the coefficients of
//!
//! - `E(x^2)` for the point 0,
//! - `x^z (x + p) E_p(x^2)` and `x^z (x - p) E_p(x^2)` for `+p` and `-p`,
//! - `x^z E(x^2)` for infinity,
//!
//! the kernel's rows are `1, p, p^2` divided by the point's row taken at the point (`0, 0, 1` for infinity), and
//! output `i` is the sum of `p^i` times the products, with the one at infinity added to the last.

use std::fmt;

use crate::vector::Vector;

/// How high or how wide a tile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tile {
    /// One output from 3 products; points +-1, infinity. It saves nothing, and serves as a last row or column.
    One,
    /// 2 outputs from 4 products; points 0, +-1, infinity.
    Two,
    /// 3 outputs from 5 products; points +-1/2, +-3/2, infinity.
    Three,
    /// 4 outputs from 6 products; points 0, +-3/4, +-3/2, infinity.
    Four,
    /// 6 outputs from 8 products; points 0, +-1/2, +-1, +-2, infinity.
    Six,
}

impl Tile {
    /// Every size, the smallest first.
    pub const ALL: [Self; 5] = [Self::One, Self::Two, Self::Three, Self::Four, Self::Six];

    /// Outputs along the side.
    #[must_use]
    pub fn outputs(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
            Self::Six => 6,
        }
    }

    /// Inputs, and products, along the side.
    #[must_use]
    pub fn inputs(self) -> usize {
        self.outputs() + 2
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outputs().fmt(f)
    }
}

/// Calls an expression with the constants `N` (inputs along a side) and `M` (outputs) of a tile.
macro_rules! for_tile {
    ($tile:expr, $N:ident, $M:ident => $call:expr) => {
        match $tile {
            Tile::One => for_tile!(@ 3, 1, $N, $M => $call),
            Tile::Two => for_tile!(@ 4, 2, $N, $M => $call),
            Tile::Three => for_tile!(@ 5, 3, $N, $M => $call),
            Tile::Four => for_tile!(@ 6, 4, $N, $M => $call),
            Tile::Six => for_tile!(@ 8, 6, $N, $M => $call),
        }
    };
    (@ $n:literal, $m:literal, $N:ident, $M:ident => $call:expr) => {{
        const $N: usize = $n;
        #[allow(dead_code, reason = "not every caller needs both")]
        const $M: usize = $m;
        $call
    }};
}
pub(crate) use for_tile;

/// Pairs of points at most.
const PAIRS: usize = 3;

/// The positive points of `n` inputs, and whether zero is one too.
const fn points(n: usize) -> ([f64; PAIRS], usize, bool) {
    match n {
        3 => ([1.0, 0.0, 0.0], 1, false),
        4 => ([1.0, 0.0, 0.0], 1, true),
        5 => ([0.5, 1.5, 0.0], 2, false),
        6 => ([0.75, 1.5, 0.0], 2, true),
        8 => ([0.5, 1.0, 2.0], 3, true),
        _ => panic!("tiles have 3, 4, 5, 6 or 8 inputs"),
    }
}

/// The coefficients of `prod (x^2 - p^2)` over all pairs but `without`, the constant first.
const fn even_polynomial(n: usize, without: usize) -> [f64; PAIRS + 1] {
    let (pairs, count, _) = points(n);
    let mut coefficients = [1.0, 0.0, 0.0, 0.0];
    let (mut pair, mut degree) = (0, 0);
    while pair < count {
        if pair != without {
            let square = pairs[pair] * pairs[pair];
            let mut power = degree + 1;
            while power > 0 {
                coefficients[power] = coefficients[power - 1] - square * coefficients[power];
                power -= 1;
            }
            coefficients[0] *= -square;
            degree += 1;
        }
        pair += 1;
    }
    coefficients
}

/// The constants of the input's and output's transforms, exact in f32.
struct Constants {
    points: [f32; PAIRS],
    /// `E`.
    all: [f32; PAIRS + 1],
    /// `E_p` of each pair.
    without: [[f32; PAIRS + 1]; PAIRS],
}

const fn constants(n: usize) -> Constants {
    const fn narrow<const K: usize>(wide: [f64; K]) -> [f32; K] {
        let mut narrow = [0.0; K];
        let mut index = 0;
        while index < K {
            narrow[index] = wide[index] as f32;
            assert!(narrow[index] as f64 == wide[index]);
            index += 1;
        }
        narrow
    }
    let mut without = [[0.0; PAIRS + 1]; PAIRS];
    let mut pair = 0;
    while pair < PAIRS {
        without[pair] = narrow(even_polynomial(n, pair));
        pair += 1;
    }
    Constants { points: narrow(points(n).0), all: narrow(even_polynomial(n, PAIRS)), without }
}

/// The input's transform in one dimension; rows in the order 0 (where it is a point), +p, -p, ..., infinity.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn transform_input<V: Vector, const N: usize>(d: &[V; N]) -> [V; N] {
    let constants = const { &constants(N) };
    let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
    // SAFETY: the caller's.
    unsafe {
        let mut rows = [V::splat(0.0); N];
        rows[0] = even(d, 0, &constants.all, pairs);
        for pair in 0..pairs {
            let factor = &constants.without[pair];
            let upper = even(d, zero + 1, factor, pairs - 1);
            let lower = even(d, zero, factor, pairs - 1);
            let p = constants.points[pair];
            rows[zero + 2 * pair] = lower.mul_add(V::splat(p), upper);
            rows[zero + 2 * pair + 1] = lower.mul_add(V::splat(-p), upper);
        }
        rows[N - 1] = even(d, zero, &constants.all, pairs);
        rows
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

/// The output's transform in one dimension.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "the compiler resolves an index, and not a chain of iterators")]
pub(crate) unsafe fn transform_output<V: Vector, const N: usize, const M: usize>(
    products: &[V; N],
) -> [V; M] {
    let constants = const { &constants(N) };
    let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
    // SAFETY: the caller's.
    unsafe {
        let mut halves = [[V::splat(0.0); PAIRS]; 2];
        for pair in 0..pairs {
            let (plus, minus) = (products[zero + 2 * pair], products[zero + 2 * pair + 1]);
            halves[0][pair] = plus.add(minus);
            halves[1][pair] = plus.sub(minus);
        }
        let mut outputs = [V::splat(0.0); M];
        for (i, output) in outputs.iter_mut().enumerate() {
            let half = &halves[i % 2];
            let mut sum = half[0].mul(V::splat(power(constants.points[0], i)));
            for pair in 1..pairs {
                sum = half[pair].mul_add(V::splat(power(constants.points[pair], i)), sum);
            }
            if i == 0 && zero == 1 {
                sum = sum.add(products[0]);
            }
            if i == M - 1 {
                sum = sum.add(products[N - 1]);
            }
            *output = sum;
        }
        outputs
    }
}

/// `base` to a small power, by a loop that the compiler resolves.
#[inline(always)]
fn power(base: f32, exponent: usize) -> f32 {
    let mut product = 1.0;
    for _ in 0..exponent {
        product *= base;
    }
    product
}

/// The input's transform in two dimensions, `V::LANES` channels at once.
///
/// # Safety
///
/// As for [`Vector`]. From `from` on, `N` rows of `K` pixels lie `row_stride` apart, pixels `pixel_stride`; the `N * K`
/// results go to places `to_stride` apart.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "column by column of an array of rows")]
pub(crate) unsafe fn transform_input_tile<V: Vector, const N: usize, const K: usize>(
    from: *const f32,
    row_stride: usize,
    pixel_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut columns = [[V::splat(0.0); K]; N];
        for x in 0..K {
            let mut column = [V::splat(0.0); N];
            for (y, value) in column.iter_mut().enumerate() {
                *value = V::load(from.add(y * row_stride + x * pixel_stride));
            }
            let rows = transform_input(&column);
            for (y, row) in rows.into_iter().enumerate() {
                columns[y][x] = row;
            }
        }
        for (y, row) in columns.iter().enumerate() {
            for (x, value) in transform_input(row).into_iter().enumerate() {
                value.store(to.add((y * K + x) * to_stride));
            }
        }
    }
}

/// The first half of the output's transform in two dimensions, down the columns, `V::LANES` channels at once, from
/// `N * K` places `stride` apart; [`transform_output`] of each row is the other half.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "column by column of an array of rows")]
pub(crate) unsafe fn transform_output_columns<V: Vector, const N: usize, const K: usize, const M: usize>(
    from: *const f32,
    stride: usize,
) -> [[V; K]; M] {
    // SAFETY: the caller's.
    unsafe {
        let mut columns = [[V::splat(0.0); K]; M];
        for x in 0..K {
            let mut column = [V::splat(0.0); N];
            for (y, value) in column.iter_mut().enumerate() {
                *value = V::load(from.add((y * K + x) * stride));
            }
            let rows: [V; M] = transform_output(&column);
            for (y, row) in rows.into_iter().enumerate() {
                columns[y][x] = row;
            }
        }
        columns
    }
}

/// The kernel's transform in one dimension: `N` rows of three.
const fn kernel_rows<const N: usize>() -> [[f64; 3]; N] {
    let (pairs, count, with_zero) = points(N);
    let zero = with_zero as usize;
    let mut rows = [[0.0; 3]; N];
    if with_zero {
        rows[0][0] = 1.0 / even_polynomial(N, PAIRS)[0];
    }
    let mut pair = 0;
    while pair < count {
        let p = pairs[pair];
        let factor = even_polynomial(N, pair);
        let square = p * p;
        let (mut even, mut power) = (0.0, count);
        while power > 0 {
            power -= 1;
            even = even * square + factor[power];
        }
        // The row of +p at +p is p^z 2p E_p(p^2); that of -p at -p is the same but for the sign of x^z (x - p).
        let at_plus = if with_zero { p * 2.0 * p * even } else { 2.0 * p * even };
        let at_minus = if with_zero { at_plus } else { -at_plus };
        rows[zero + 2 * pair] = [1.0 / at_plus, p / at_plus, square / at_plus];
        rows[zero + 2 * pair + 1] = [1.0 / at_minus, -p / at_minus, square / at_minus];
        pair += 1;
    }
    rows[N - 1] = [0.0, 0.0, 1.0];
    rows
}

/// How many kernels are transformed side by side.
pub(crate) const KERNELS: usize = 16;

/// Transforms [`KERNELS`] kernels, `3 x 3 x KERNELS` at `stride` from tap to tap, in f64.
///
/// `put` takes each of the `N * K` products' values.
#[inline(always)]
pub(crate) fn transform_kernels<const N: usize, const K: usize>(
    taps: &[f32],
    stride: usize,
    mut put: impl FnMut(usize, &[f32; KERNELS]),
) {
    let (down, across) = const { (&kernel_rows::<N>(), &kernel_rows::<K>()) };
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
    for (y, row) in down.iter().enumerate() {
        let mut columns = [[0.0; KERNELS]; 3];
        for (x, column) in columns.iter_mut().enumerate() {
            *column = combine(row, [&wide[0][x], &wide[1][x], &wide[2][x]]);
        }
        for (x, row) in across.iter().enumerate() {
            let sums = combine(row, [&columns[0], &columns[1], &columns[2]]);
            put(y * K + x, &sums.map(|sum| sum as f32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::Portable;

    /// `N` inputs and a kernel of three through the transforms of one dimension; `change` sees the products of the
    /// transformed input and kernel. Gives the largest distance from the definition.
    fn distance<const N: usize, const M: usize>(change: impl Fn(&mut [f32; N])) -> f64 {
        let input: [f32; N] = std::array::from_fn(|i| ((5 * i * i + 3 * i + 1) % 11) as f32 * 0.37 - 1.3);
        let kernel = [0.75_f32, -1.25, 0.6];
        // SAFETY: the portable type needs no particular instructions; each array holds as many values as are moved.
        let (transformed, lanes) = unsafe {
            let rows = transform_input(&input.map(|value| Portable::splat(value)));
            let mut lanes = [[0.0_f32; 4]; N];
            rows.iter().zip(&mut lanes).for_each(|(row, lanes)| row.store(lanes.as_mut_ptr()));
            (lanes.map(|lanes| lanes[0]), lanes)
        };
        assert!(lanes.iter().all(|lanes| lanes.iter().all(|lane| *lane == lanes[0])));
        let rows = kernel_rows::<N>();
        let mut products: [f32; N] = std::array::from_fn(|i| {
            let kernel: f64 = rows[i].iter().zip(kernel).map(|(row, tap)| row * f64::from(tap)).sum();
            transformed[i] * kernel as f32
        });
        change(&mut products);
        // SAFETY: as above.
        let outputs: [f32; M] = unsafe {
            let outputs: [Portable; M] = transform_output(&products.map(|value| Portable::splat(value)));
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

    #[test]
    fn every_tile_is_the_convolution() {
        for tile in Tile::ALL {
            let distance = for_tile!(tile, N, M => distance::<N, M>(|_| ()));
            assert!(distance < 1e-5, "{tile}: {distance:e}");
        }
    }

    #[test]
    fn two_rows_of_a_transform_that_change_places_are_caught() {
        // The one output of the smallest tile is the sum of all products.
        for tile in Tile::ALL.into_iter().filter(|tile| *tile != Tile::One) {
            for_tile!(tile, N, M => for first in 0..N {
                for second in first + 1..N {
                    let distance = distance::<N, M>(|products| products.swap(first, second));
                    assert!(distance > 1e-2, "{tile}, rows {first} and {second}: {distance:e}");
                }
            });
        }
    }

    #[test]
    fn tiles_are_as_large_as_their_name_says() {
        for (tile, name) in Tile::ALL.into_iter().zip(["1", "2", "3", "4", "6"]) {
            assert_eq!(tile.to_string(), name);
            for_tile!(tile, N, M => assert_eq!((tile.inputs(), tile.outputs()), (N, M)));
        }
    }
}

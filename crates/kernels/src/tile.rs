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
//!
//! Beside tiles of one size stand smaller ones whose points are among theirs, see [`Tile::beside`]. The kernels that are
//! transformed for the larger ones serve these too: only what their rows are divided by differs, and the output's
//! transform makes up for that.

use std::fmt;

use crate::vector::Vector;

/// How high or how wide a tile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tile {
    /// One output from 3 products; points +-1, infinity. It saves nothing, and serves as a last row or column.
    One,
    /// 2 outputs from 4 products; points 0, +-1, infinity, and 0, +-3/4, infinity beside [`Tile::Four`].
    Two,
    /// 3 outputs from 5 products; points +-1/2, +-3/2, infinity, and +-1/2, +-2, infinity beside [`Tile::Six`].
    Three,
    /// 4 outputs from 6 products; points 0, +-3/4, +-3/2, infinity, and 0, +-1/2, +-2, infinity beside [`Tile::Six`].
    Four,
    /// 6 outputs from 8 products; points 0, +-1/2, +-1, +-2, infinity.
    Six,
}

impl Tile {
    /// Every size, the smallest first.
    pub const ALL: [Self; 5] = [Self::One, Self::Two, Self::Three, Self::Four, Self::Six];

    /// Outputs along the side.
    #[must_use]
    pub const fn outputs(self) -> usize {
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
    pub const fn inputs(self) -> usize {
        self.outputs() + 2
    }

    /// The smaller tiles that its kernels serve too.
    #[must_use]
    pub const fn beside(self) -> &'static [Self] {
        match self {
            Self::Six => &[Self::One, Self::Two, Self::Three, Self::Four],
            Self::Four => &[Self::Two],
            _ => &[],
        }
    }

    /// Where the kernels for each product of a tile so high and so wide stand among those that are transformed for
    /// tiles of this size.
    pub(crate) fn places(self, [high, wide]: [Self; 2]) -> Vec<usize> {
        let [down, across] = [high, wide].map(|tile| rows_among(tile.inputs(), self.inputs()));
        let row = |y: usize| across[..wide.inputs()].iter().map(move |x| y * self.inputs() + x);
        down[..high.inputs()].iter().flat_map(|&y| row(y)).collect()
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
        for_tile!(@ $tile, [One 3 1, Two 4 2, Three 5 3, Four 6 4, Six 8 6], $N, $M => $call)
    };
    (@ $tile:expr, [$($name:ident $n:literal $m:literal),*], $N:ident, $M:ident => $call:expr) => {
        match $tile {
            $(Tile::$name => {
                const $N: usize = $n;
                #[allow(dead_code, reason = "not every caller needs both")]
                const $M: usize = $m;
                $call
            })*
            #[allow(unreachable_patterns, reason = "a list may be of all tiles")]
            tile => unreachable!("{tile} stands beside no such tile"),
        }
    };
}

/// As [`for_tile`] for a tile's height and width, where it stands beside tiles of size `of`, whose inputs along a side
/// are the constant `OF`.
macro_rules! for_tile_beside {
    ($of:expr, $tile:expr, $N:ident $M:ident $K:ident $L:ident $OF:ident => $call:expr) => {
        match $of {
            Tile::One => for_tile_beside!(@ 3, [One 3 1], $tile, $N $M $K $L $OF => $call),
            Tile::Two => for_tile_beside!(@ 4, [Two 4 2], $tile, $N $M $K $L $OF => $call),
            Tile::Three => for_tile_beside!(@ 5, [Three 5 3], $tile, $N $M $K $L $OF => $call),
            Tile::Four => for_tile_beside!(@ 6, [Two 4 2, Four 6 4], $tile, $N $M $K $L $OF => $call),
            Tile::Six => for_tile_beside!(
                @ 8, [One 3 1, Two 4 2, Three 5 3, Four 6 4, Six 8 6], $tile, $N $M $K $L $OF => $call
            ),
        }
    };
    (@ $of:literal, $tiles:tt, $tile:expr, $N:ident $M:ident $K:ident $L:ident $OF:ident => $call:expr) => {{
        const $OF: usize = $of;
        for_tile!(@ $tile[0], $tiles, $N, $M => for_tile!(@ $tile[1], $tiles, $K, $L => $call))
    }};
}
pub(crate) use {for_tile, for_tile_beside};

/// Pairs of points at most.
const PAIRS: usize = 3;

/// The positive points of `n` inputs beside tiles of `of` inputs, and whether zero is one too.
const fn points(n: usize, of: usize) -> ([f64; PAIRS], usize, bool) {
    match (n, of) {
        (3, _) => ([1.0, 0.0, 0.0], 1, false),
        (4, 6) => ([0.75, 0.0, 0.0], 1, true),
        (4, _) => ([1.0, 0.0, 0.0], 1, true),
        (5, 5) => ([0.5, 1.5, 0.0], 2, false),
        (5, _) => ([0.5, 2.0, 0.0], 2, false),
        (6, 6) => ([0.75, 1.5, 0.0], 2, true),
        (6, _) => ([0.5, 2.0, 0.0], 2, true),
        (8, 8) => ([0.5, 1.0, 2.0], 3, true),
        _ => panic!("tiles have 3, 4, 5, 6 or 8 inputs"),
    }
}

/// The coefficients of `prod (x^2 - p^2)` over all pairs but `without`, the constant first.
const fn even_polynomial(n: usize, of: usize, without: usize) -> [f64; PAIRS + 1] {
    let (pairs, count, _) = points(n, of);
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

/// Constants in f32, which they are exact in.
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

/// The constants of the input's transform.
struct Constants {
    points: [f32; PAIRS],
    /// `E`.
    all: [f32; PAIRS + 1],
    /// `E_p` of each pair.
    without: [[f32; PAIRS + 1]; PAIRS],
}

const fn constants(n: usize, of: usize) -> Constants {
    let mut without = [[0.0; PAIRS + 1]; PAIRS];
    let mut pair = 0;
    while pair < PAIRS {
        without[pair] = narrow(even_polynomial(n, of, pair));
        pair += 1;
    }
    Constants { points: narrow(points(n, of).0), all: narrow(even_polynomial(n, of, PAIRS)), without }
}

/// Two rows of the input's transform in one dimension: those of `+p` and `-p` of a pair of points; of zero, where it is
/// a point, and infinity for `pair` behind the last pair.
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
        [lower.mul_add(V::splat(p), upper), lower.mul_add(V::splat(-p), upper)]
    }
}

/// Where the two rows of a pair stand among all.
#[inline(always)]
fn places_of_rows<const N: usize>(pair: usize) -> [usize; 2] {
    let (zero, pairs) = const { (1 - N % 2, (N - 1) / 2) };
    if pair == pairs { [(1 - zero) * (N - 1), N - 1] } else { [zero + 2 * pair, zero + 2 * pair + 1] }
}

/// The input's transform in one dimension; rows in the order 0 (where it is a point), +p, -p, ..., infinity.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn transform_input<V: Vector, const N: usize, const OF: usize>(d: &[V; N]) -> [V; N] {
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

/// What the products count in each output.
struct Weights {
    /// Of the sum of a pair's products in even outputs, of their difference in odd ones.
    pairs: [[f32; PAIRS]; MOST_OUTPUTS],
    /// Of the product at zero in the first output.
    zero: f32,
    /// Whether sum and difference change places.
    swapped: bool,
}

/// Outputs of the largest tile.
const MOST_OUTPUTS: usize = 6;

/// For tiles of `n` inputs, with kernels that are transformed for tiles of `of` inputs.
const fn weights(n: usize, of: usize) -> Weights {
    let (pairs, count, with_zero) = points(n, of);
    let swapped = with_zero != points(of, of).2;
    let mut weights = Weights { pairs: [[0.0; PAIRS]; MOST_OUTPUTS], zero: 0.0, swapped };
    let mut pair = 0;
    while pair < count {
        let mut weight = divisor(of, of, pair_among(n, of, pair)) / divisor(n, of, pair);
        let mut i = 0;
        while i < MOST_OUTPUTS {
            weights.pairs[i][pair] = narrow([weight])[0];
            weight *= pairs[pair];
            i += 1;
        }
        pair += 1;
    }
    if with_zero {
        weights.zero = narrow([even_polynomial(of, of, PAIRS)[0] / even_polynomial(n, of, PAIRS)[0]])[0];
    }
    weights
}

/// Which of the pairs for `of` inputs has the points of a pair for `n`.
const fn pair_among(n: usize, of: usize, pair: usize) -> usize {
    let mut among = 0;
    while points(of, of).0[among] != points(n, of).0[pair] {
        among += 1;
    }
    among
}

/// Where each row for `n` inputs stands among those for `of`, whose points it has.
const fn rows_among(n: usize, of: usize) -> [usize; MOST_OUTPUTS + 2] {
    let (zero, zero_of) = (1 - n % 2, 1 - of % 2);
    let mut rows = [0; MOST_OUTPUTS + 2];
    let mut pair = 0;
    while pair < points(n, of).1 {
        let among = zero_of + 2 * pair_among(n, of, pair);
        rows[zero + 2 * pair] = among;
        rows[zero + 2 * pair + 1] = among + 1;
        pair += 1;
    }
    rows[n - 1] = of - 1;
    rows
}

/// Outputs `first` and, where there is one, `first + 1` of the output's transform in one dimension; `first` is even.
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
            let half = |pair: usize| {
                let (plus, minus) = (products[zero + 2 * pair], products[zero + 2 * pair + 1]);
                if (i == first) == weights.swapped { plus.sub(minus) } else { plus.add(minus) }
            };
            let mut sum = half(0).mul(V::splat(weights.pairs[i][0]));
            for pair in 1..pairs {
                sum = half(pair).mul_add(V::splat(weights.pairs[i][pair]), sum);
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

/// The output's transform in one dimension.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn transform_output<V: Vector, const N: usize, const M: usize, const OF: usize>(
    products: &[V; N],
) -> [V; M] {
    let mut all = [products[0]; M];
    for (first, pair) in all.chunks_mut(2).enumerate() {
        // SAFETY: the caller's.
        let outputs = unsafe { outputs::<V, N, M, OF>(products, 2 * first) };
        pair.copy_from_slice(&outputs[..pair.len()]);
    }
    all
}

/// The input's transform in two dimensions, `V::LANES` channels at once.
///
/// # Safety
///
/// As for [`Vector`]. From `from` on, `N` rows of `K` pixels lie `row_stride` apart, pixels `pixel_stride`; the `N * K`
/// results go to places `to_stride` apart.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "column by column of an array of rows")]
pub(crate) unsafe fn transform_input_tile<V: Vector, const N: usize, const K: usize, const OF: usize>(
    from: *const f32,
    row_stride: usize,
    pixel_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        for pair in 0..const { N.div_ceil(2) } {
            let mut rows = [[V::splat(0.0); K]; 2];
            for x in 0..K {
                let mut column = [V::splat(0.0); N];
                for (y, value) in column.iter_mut().enumerate() {
                    *value = V::load(from.add(y * row_stride + x * pixel_stride));
                }
                [rows[0][x], rows[1][x]] = input_rows::<V, N, OF>(&column, pair);
            }
            let [first, second] = places_of_rows::<N>(pair);
            for (y, row) in [first, second].into_iter().zip(&rows).skip(usize::from(first == second)) {
                for (x, value) in transform_input::<V, K, OF>(row).into_iter().enumerate() {
                    value.store(to.add((y * K + x) * to_stride));
                }
            }
        }
    }
}

/// The first half of the output's transform in two dimensions, down the columns, for rows `first` and `first + 1`;
/// `V::LANES` channels at once, from `N * K` places `stride` apart. [`transform_output`] of each row is the other half.
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

/// The row of `+p` of a pair taken at `+p`: `p^z 2p E_p(p^2)`.
const fn divisor(n: usize, of: usize, pair: usize) -> f64 {
    let (pairs, count, with_zero) = points(n, of);
    let (p, factor) = (pairs[pair], even_polynomial(n, of, pair));
    let (mut even, mut power) = (0.0, count);
    while power > 0 {
        power -= 1;
        even = even * p * p + factor[power];
    }
    if with_zero { p * 2.0 * p * even } else { 2.0 * p * even }
}

/// The kernel's transform in one dimension: `N` rows of three.
const fn kernel_rows<const N: usize>() -> [[f64; 3]; N] {
    let (pairs, count, with_zero) = points(N, N);
    let zero = with_zero as usize;
    let mut rows = [[0.0; 3]; N];
    if with_zero {
        rows[0][0] = 1.0 / even_polynomial(N, N, PAIRS)[0];
    }
    let mut pair = 0;
    while pair < count {
        let (p, square) = (pairs[pair], pairs[pair] * pairs[pair]);
        // The row of -p at -p is that of +p at +p but for the sign of x^z (x - p).
        let at_plus = divisor(N, N, pair);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::Portable;

    /// `N` inputs and a kernel of three, transformed for tiles of `OF` inputs, through the transforms of one dimension;
    /// `change` sees the products of the transformed input and kernel. Gives the largest distance from the definition.
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

    /// Calls `check` with every tile and what it stands beside.
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
    fn two_rows_of_a_transform_that_change_places_are_caught() {
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

    #[test]
    fn each_product_has_kernels_of_its_own() {
        all_beside(|high, of| {
            all_beside(|wide, beside| {
                if beside == of {
                    let mut places = of.places([high, wide]);
                    assert_eq!(places.len(), high.inputs() * wide.inputs());
                    places.sort_unstable();
                    places.dedup();
                    assert_eq!(places.len(), high.inputs() * wide.inputs());
                    assert!(places.iter().all(|place| *place < of.inputs() * of.inputs()));
                }
            });
        });
    }

    #[test]
    fn tiles_are_as_large_as_their_name_says() {
        for (tile, name) in Tile::ALL.into_iter().zip(["1", "2", "3", "4", "6"]) {
            assert_eq!(tile.to_string(), name);
            for_tile!(tile, N, M => assert_eq!((tile.inputs(), tile.outputs()), (N, M)));
        }
    }
}

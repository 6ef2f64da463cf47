//! Tiles of a 3 x 3 convolution of stride 2.
//!
//! In one dimension, output `i` is `w0 d(2i) + w1 d(2i + 1) + w2 d(2i + 2)`: a convolution of two taps, `w0` and `w2`, over the
//! even inputs, and one of a single tap over the odd ones. For `M` outputs, the first takes `M + 1` products by minimal
//! filtering and the second `M`. With `E(x) = prod (x - p)` over the `M` points, and `E_p` the same without `p`, the even inputs'
//! rows are the coefficients of
//!
//! - `E_p(x)` for each point `p`,
//! - `E(x)` for infinity,
//!
//! the rows of the two taps are `1, p` divided by `E_p(p)` (`0, 1` for infinity), and output `i` is the sum of `p^i` times the
//! products. The product at infinity is added to the last output, and the product of odd input `i` to output `i`. So the
//! `2 M + 1` products use at most six kernels, and those of a tile of `M x L` outputs at most 36.
//!
//! A smaller tile uses the first of the points and the kernels of the largest: only the divisors differ, and the output's
//! transform corrects that. Every constant of the input's and the output's transform is exact in f32.

use crate::points::narrow;
use crate::transform::Transforms;
use crate::vector::Vector;

/// Outputs along a side of the largest tile.
const MOST: usize = 4;

/// Kernels along a side: those of the points, of infinity and of the odd inputs.
pub(crate) const KERNELS: usize = MOST + 2;

const POINTS: [f64; MOST] = [0.0, 1.0, -1.0, 2.0];

/// The coefficients of the product of `x - p` over the first `count` points except for point `without`, the constant first.
const fn polynomial(count: usize, without: usize) -> [f64; MOST + 1] {
    let mut coefficients = [1.0, 0.0, 0.0, 0.0, 0.0];
    let mut point = 0;
    while point < count {
        if point != without {
            let mut power = MOST;
            while power > 0 {
                coefficients[power] = coefficients[power - 1] - POINTS[point] * coefficients[power];
                power -= 1;
            }
            coefficients[0] *= -POINTS[point];
        }
        point += 1;
    }
    coefficients
}

/// `E_p(p)` of one of the first `count` points.
const fn divisor(count: usize, point: usize) -> f64 {
    let mut product = 1.0;
    let mut other = 0;
    while other < count {
        if other != point {
            product *= POINTS[point] - POINTS[other];
        }
        other += 1;
    }
    product
}

/// The coefficients of the even inputs' rows of a tile of `count` outputs.
const fn coefficients(count: usize) -> [[f32; MOST + 1]; MOST + 1] {
    let mut rows = [[0.0; MOST + 1]; MOST + 1];
    let mut row = 0;
    while row <= count {
        rows[row] = narrow(polynomial(count, row));
        row += 1;
    }
    rows
}

/// The factors of the two taps in each point's kernel.
const fn factors() -> [[f32; 2]; MOST] {
    let mut factors = [[0.0; 2]; MOST];
    let mut point = 0;
    while point < MOST {
        factors[point] = [(1.0 / divisor(MOST, point)) as f32, (POINTS[point] / divisor(MOST, point)) as f32];
        point += 1;
    }
    factors
}

/// The weight of each point's product in each output of a tile of `count` outputs.
const fn weights(count: usize) -> [[f32; MOST + 1]; MOST] {
    let mut weights = [[0.0; MOST + 1]; MOST];
    let mut point = 0;
    while point < count {
        let mut weight = divisor(MOST, point) / divisor(count, point);
        let mut output = 0;
        while output < count {
            weights[output][point] = narrow([weight])[0];
            weight *= POINTS[point];
            output += 1;
        }
        point += 1;
    }
    weights
}

/// For each product of a tile of `outputs` along a side, the position of its kernel among the [`KERNELS`].
pub(crate) fn places(outputs: usize) -> impl Iterator<Item = usize> + Clone {
    (0..outputs).chain([MOST]).chain(std::iter::repeat_n(MOST + 1, outputs))
}

/// The transforms of tiles of stride 2. Pair `i` is point `i` of the even inputs and odd input `i`. The last pair is infinity alone.
pub(crate) struct Strided;

impl Transforms for Strided {
    const INPUTS: usize = 2 * MOST + 1;
    const KERNELS: usize = KERNELS;

    #[inline(always)]
    fn places_of_rows<const N: usize>(pair: usize) -> [usize; 2] {
        if pair == N / 2 { [pair, pair] } else { [pair, N / 2 + 1 + pair] }
    }

    #[inline(always)]
    unsafe fn input_rows<V: Vector, const N: usize>(d: &[V; N], pair: usize) -> [V; 2] {
        let coefficients = const { &coefficients(N / 2) };
        let mut even = [d[0]; MOST + 1];
        even.iter_mut().zip(d.iter().step_by(2)).for_each(|(even, value)| *even = *value);
        // SAFETY: the caller's.
        let row = unsafe { combined(&coefficients[pair], even) };
        if pair == N / 2 { [row, row] } else { [row, d[2 * pair + 1]] }
    }

    #[inline(always)]
    unsafe fn outputs<V: Vector, const N: usize, const M: usize>(products: &[V; N], first: usize) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe {
            let one = output::<V, N, M>(products, first);
            [one, if first + 1 < M { output::<V, N, M>(products, first + 1) } else { one }]
        }
    }

    #[inline(always)]
    fn places_of_kernels(pair: usize) -> [usize; 2] {
        [2 * pair, 2 * pair + 1]
    }

    #[inline(always)]
    unsafe fn kernel_rows<V: Vector>(taps: &[V; 3], pair: usize) -> [V; 2] {
        if 2 * pair == MOST {
            return [taps[2], taps[1]];
        }
        // SAFETY: the caller's.
        unsafe { [kernel_row(taps, 2 * pair), kernel_row(taps, 2 * pair + 1)] }
    }
}

/// The row of a point in the kernel's transform.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn kernel_row<V: Vector>(taps: &[V; 3], point: usize) -> V {
    let [zeroth, first] = const { &factors() }[point];
    // SAFETY: the caller's.
    unsafe {
        let row = taps[0].mul(V::splat(zeroth));
        if first == 0.0 { row } else { taps[2].mul_add(V::splat(first), row) }
    }
}

/// Output `i` of `M`.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn output<V: Vector, const N: usize, const M: usize>(products: &[V; N], i: usize) -> V {
    let weights = const { &weights(M) };
    let mut points = [products[0]; MOST + 1];
    points.iter_mut().zip(products).for_each(|(point, product)| *point = *product);
    // SAFETY: the caller's.
    unsafe {
        let sum = combined(&weights[i], points);
        let sum = if i == M - 1 { sum.add(products[M]) } else { sum };
        sum.add(products[M + 1 + i])
    }
}

/// The sum of values times their coefficients, in few operations. There is no loop: where the compiler knows the coefficients,
/// only the operations are left.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn combined<V: Vector>(coefficients: &[f32; MOST + 1], values: [V; MOST + 1]) -> V {
    // SAFETY: the caller's.
    unsafe {
        let sum = plus(None, coefficients[4], values[4]);
        let sum = plus(sum, coefficients[3], values[3]);
        let sum = plus(sum, coefficients[2], values[2]);
        let sum = plus(sum, coefficients[1], values[1]);
        plus(sum, coefficients[0], values[0]).unwrap_or(V::splat(0.0))
    }
}

/// A sum, if there is one yet, plus a value times its coefficient.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn plus<V: Vector>(sum: Option<V>, coefficient: f32, value: V) -> Option<V> {
    // SAFETY: the caller's.
    unsafe {
        match (sum, coefficient) {
            (_, 0.0) => sum,
            (None, 1.0) => Some(value),
            (None, _) => Some(value.mul(V::splat(coefficient))),
            (Some(sum), 1.0) => Some(sum.add(value)),
            (Some(sum), -1.0) => Some(sum.sub(value)),
            (Some(sum), _) => Some(value.mul_add(V::splat(coefficient), sum)),
        }
    }
}

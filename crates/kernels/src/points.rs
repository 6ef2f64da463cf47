//! The points of the tiles of stride 1, and the constants that follow from them.
//!
//! In one dimension, with `E(x^2) = prod (x^2 - p^2)` over all pairs, `E_p` the same without `p`, and `z` 1 where
//! zero is a point and 0 where it is not, the input's rows are the coefficients of
//!
//! - `E(x^2)` for the point 0,
//! - `x^z (x + p) E_p(x^2)` and `x^z (x - p) E_p(x^2)` for `+p` and `-p`,
//! - `x^z E(x^2)` for infinity,
//!
//! the kernel's rows are `1, p, p^2` divided by the value of the point's row at the point (`0, 0, 1` for infinity), and
//! output `i` is the sum of `p^i` times the products. The product at infinity is added to the last output.
//!
//! Tiles of one size can be combined with smaller tiles whose points are among theirs:
//! [`Tile::beside`](crate::tile::Tile::beside) lists these. The smaller tiles use the kernels that are transformed for
//! the larger: only the divisors of the rows differ, and the output's transform corrects that.
//!
//! Every constant of the input's and the output's transform is exact in f32.

/// The most pairs of points.
pub(crate) const PAIRS: usize = 3;

/// The positive points of tiles with `n` inputs, combined with tiles of `of` inputs; their number; and whether zero is
/// a point too.
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

/// The coefficients of `prod (x^2 - p^2)` over all pairs except `without`, the constant first.
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

/// Constants in f32, checked to be exact.
pub(crate) const fn narrow<const K: usize>(wide: [f64; K]) -> [f32; K] {
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
pub(crate) struct Constants {
    pub(crate) points: [f32; PAIRS],
    /// `E`.
    pub(crate) all: [f32; PAIRS + 1],
    /// `E_p` of each pair.
    pub(crate) without: [[f32; PAIRS + 1]; PAIRS],
}

pub(crate) const fn constants(n: usize, of: usize) -> Constants {
    let mut without = [[0.0; PAIRS + 1]; PAIRS];
    let mut pair = 0;
    while pair < PAIRS {
        without[pair] = narrow(even_polynomial(n, of, pair));
        pair += 1;
    }
    Constants { points: narrow(points(n, of).0), all: narrow(even_polynomial(n, of, PAIRS)), without }
}

/// The weights of the products in each output.
pub(crate) struct Weights {
    /// For the sum of a pair's products in even outputs, for their difference in odd outputs.
    pub(crate) pairs: [[f32; PAIRS]; MOST_OUTPUTS],
    /// For the product at zero in the first output.
    pub(crate) zero: f32,
    /// Whether sum and difference are exchanged.
    pub(crate) swapped: bool,
}

/// Outputs of the largest tile.
const MOST_OUTPUTS: usize = 6;

/// For tiles of `n` inputs, with kernels that are transformed for tiles of `of` inputs.
pub(crate) const fn weights(n: usize, of: usize) -> Weights {
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

/// For each row for `n` inputs, the position of the row with the same point among those for `of` inputs.
pub(crate) const fn rows_among(n: usize, of: usize) -> [usize; MOST_OUTPUTS + 2] {
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

/// The value at `+p` of the row of `+p`: `p^z 2p E_p(p^2)`.
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
pub(crate) const fn kernel_rows<const N: usize>() -> [[f64; 3]; N] {
    let (pairs, count, with_zero) = points(N, N);
    let zero = with_zero as usize;
    let mut rows = [[0.0; 3]; N];
    if with_zero {
        rows[0][0] = 1.0 / even_polynomial(N, N, PAIRS)[0];
    }
    let mut pair = 0;
    while pair < count {
        let (p, square) = (pairs[pair], pairs[pair] * pairs[pair]);
        // The row of -p has the same value at -p as that of +p at +p, except for the sign of x^z (x - p).
        let at_plus = divisor(N, N, pair);
        let at_minus = if with_zero { at_plus } else { -at_plus };
        rows[zero + 2 * pair] = [1.0 / at_plus, p / at_plus, square / at_plus];
        rows[zero + 2 * pair + 1] = [1.0 / at_minus, -p / at_minus, square / at_minus];
        pair += 1;
    }
    rows[N - 1] = [0.0, 0.0, 1.0];
    rows
}

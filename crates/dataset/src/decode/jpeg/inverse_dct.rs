//! The inverse discrete cosine transform, with the numbers and the rounding that libjpeg's accurate method has.
//!
//! C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989:
//! an eight-point transform of rotations. Factors are integers of 13 binary places. Between the passes, two places are
//! kept.

const FACTOR_PLACES: u32 = 13;
const KEPT_PLACES: u32 = 2;

/// Transforms the coefficients of a block to samples of 0 to 255.
pub(super) fn inverse_dct(mut values: [i64; 64]) -> [u8; 64] {
    for column in 0..8 {
        let coefficients = std::array::from_fn(|row| values[8 * row + column]);
        if coefficients[1..] == [0; 7] {
            // The same as below, in one step.
            for row in 0..8 {
                values[8 * row + column] = coefficients[0] << KEPT_PLACES;
            }
            continue;
        }
        let sums = transform(coefficients);
        for row in 0..8 {
            values[8 * row + column] = rounded(sums[row], FACTOR_PLACES - KEPT_PLACES);
        }
    }
    let mut samples = [0; 64];
    for (row, samples) in values.as_chunks::<8>().0.iter().zip(samples.as_chunks_mut::<8>().0) {
        // Three places more: both passes together multiply by 8.
        let sums = transform(*row);
        *samples = sums.map(|sum| (rounded(sum, FACTOR_PLACES + KEPT_PLACES + 3) + 128).clamp(0, 255) as u8);
    }
    samples
}

/// Eight points from eight coefficients, times 2^13 x sqrt(8).
fn transform(input: [i64; 8]) -> [i64; 8] {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = input;

    let turned = (c2 + c6) * factor(0.541_196_100);
    let low = turned + c2 * factor(0.765_366_865);
    let high = turned - c6 * factor(1.847_759_065);
    let sum = (c0 + c4) << FACTOR_PLACES;
    let difference = (c0 - c4) << FACTOR_PLACES;
    let even = [sum + low, difference + high, difference - high, sum - low];

    let both = (c7 + c3 + c5 + c1) * factor(1.175_875_602);
    let a = both - (c7 + c3) * factor(1.961_570_560);
    let b = both - (c5 + c1) * factor(0.390_180_644);
    let outer = (c7 + c1) * factor(0.899_976_223);
    let inner = (c5 + c3) * factor(2.562_915_447);
    let odd = [
        c1 * factor(1.501_321_110) - outer + b,
        c3 * factor(3.072_711_026) - inner + a,
        c5 * factor(2.053_119_869) - inner + b,
        c7 * factor(0.298_631_336) - outer + a,
    ];

    std::array::from_fn(|point| match point {
        0..4 => even[point] + odd[point],
        _ => even[7 - point] - odd[7 - point],
    })
}

/// A factor as an integer.
const fn factor(factor: f64) -> i64 {
    (factor * (1 << FACTOR_PLACES) as f64 + 0.5) as i64
}

/// Half of the last place is rounded up.
fn rounded(value: i64, places: u32) -> i64 {
    (value + (1 << (places - 1))) >> places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_block_has_one_coefficient() {
        for (coefficient, sample) in
            [(0, 128), (8, 129), (-8, 127), (4, 129), (3, 128), (2000, 255), (-2000, 0)]
        {
            let mut coefficients = [0; 64];
            coefficients[0] = coefficient;
            assert_eq!(inverse_dct(coefficients), [sample; 64], "{coefficient}");
        }
    }

    /// The definition of ITU T.81, A.3.3, in floating point.
    #[test]
    fn it_is_the_inverse_transform_of_the_standard() {
        let cosine = |x: usize, u: usize| {
            let scale = if u == 0 { 0.5f64.sqrt() } else { 1.0 };
            scale * ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos() / 2.0
        };
        let mut state = 12_345u32;
        for _ in 0..200 {
            let coefficients: [i64; 64] = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                i64::from(state >> 24) - 128
            });
            let found = inverse_dct(coefficients);
            for (at, &found) in found.iter().enumerate() {
                let sum: f64 = (0..64)
                    .map(|place| {
                        cosine(at / 8, place / 8) * cosine(at % 8, place % 8) * coefficients[place] as f64
                    })
                    .sum();
                let expected = (sum + 128.0).clamp(0.0, 255.0);
                assert!((f64::from(found) - expected).abs() < 0.6, "{found}, expected {expected}");
            }
        }
    }
}

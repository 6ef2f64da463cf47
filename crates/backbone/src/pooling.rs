//! Maps to one value each.

use headstart_provenance::Pooling;

/// Maps whose means are summed at a time.
const TOGETHER: usize = 8;

/// Pools maps of `area` values each into one value each.
///
/// A mean is summed in f64, in the order of the values, so it is the nearest single to the exact mean but for rare ties.
/// Several maps are summed at a time, because each sum waits for its last addition.
///
/// # Shapes
/// `maps` has `features.len()` maps of `area` > 0 values, one after the other. With [`Pooling::None`] nothing is written.
pub(crate) fn pool(maps: &[f32], area: usize, pooling: Pooling, features: &mut [f32]) {
    match pooling {
        Pooling::None => {}
        Pooling::Average => {
            for (features, maps) in features.chunks_mut(TOGETHER).zip(maps.chunks(TOGETHER * area.max(1))) {
                let mut sums = [-0.0; TOGETHER];
                for at in 0..area {
                    for (sum, value) in sums.iter_mut().zip(maps.iter().skip(at).step_by(area)) {
                        *sum += f64::from(*value);
                    }
                }
                for (feature, sum) in features.iter_mut().zip(sums) {
                    *feature = (sum / area as f64) as f32;
                }
            }
        }
        Pooling::Max => {
            for (feature, map) in features.iter_mut().zip(maps.chunks_exact(area.max(1))) {
                // NaN is kept, so that it is found where features are checked.
                let larger = |a: f32, b: f32| if a >= b || a.is_nan() { a } else { b };
                *feature = map.iter().copied().fold(f32::NEG_INFINITY, larger);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_that_of_f64_and_a_maximum_is_a_value_of_the_map() {
        // In f32 the first sum would be two less, because the ones would be lost.
        let maps = [16_777_216.0, 1.0, 1.0, 2.0, -3.0, -1.0, -2.0, -4.0];
        let mut features = [9.0; 2];
        pool(&maps, 4, Pooling::Average, &mut features);
        assert_eq!(features, [4_194_305.0, -2.5]);
        pool(&maps, 4, Pooling::Max, &mut features);
        assert_eq!(features, [16_777_216.0, -1.0]);
    }

    #[test]
    fn each_mean_is_the_sum_of_its_map_in_order() {
        let values = |maps: usize| (0..5 * maps).map(|at| (at as f32 * 0.7).sin()).collect::<Vec<_>>();
        for count in [0, 1, 7, 8, 9, 17] {
            let maps = values(count);
            let mut features = vec![9.0; count];
            pool(&maps, 5, Pooling::Average, &mut features);
            for (feature, map) in features.iter().zip(maps.chunks_exact(5)) {
                let sum: f64 = map.iter().map(|&value| f64::from(value)).sum();
                assert_eq!(*feature, (sum / 5.0) as f32, "of {count} maps");
            }
        }
        let mut zero = [9.0];
        pool(&[-0.0; 3], 3, Pooling::Average, &mut zero);
        assert!(zero[0].is_sign_negative());
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut features = [0.0; 2];
        for pooling in [Pooling::Average, Pooling::Max] {
            pool(&[1.0, f32::NAN, 2.0, f32::NAN, 1.0, 0.0], 3, pooling, &mut features);
            assert!(features.iter().all(|feature| feature.is_nan()), "{pooling}");
        }
    }
}

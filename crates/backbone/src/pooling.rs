//! Maps to one value each.

use headstart_provenance::Pooling;

/// Pools maps of `area` values each into one value each.
///
/// A mean is summed in f64, in the order of the values, so it is the nearest single to the exact mean but for rare ties.
///
/// # Shapes
/// `maps` has `features.len()` maps of `area` > 0 values, one after the other. With [`Pooling::None`] nothing is written.
pub(crate) fn pool(maps: &[f32], area: usize, pooling: Pooling, features: &mut [f32]) {
    let maps = maps.chunks_exact(area.max(1));
    match pooling {
        Pooling::None => {}
        Pooling::Average => {
            for (feature, map) in features.iter_mut().zip(maps) {
                let sum: f64 = map.iter().map(|&value| f64::from(value)).sum();
                *feature = (sum / area as f64) as f32;
            }
        }
        Pooling::Max => {
            for (feature, map) in features.iter_mut().zip(maps) {
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
    fn what_is_no_number_stays_none() {
        let mut features = [0.0; 2];
        for pooling in [Pooling::Average, Pooling::Max] {
            pool(&[1.0, f32::NAN, 2.0, f32::NAN, 1.0, 0.0], 3, pooling, &mut features);
            assert!(features.iter().all(|feature| feature.is_nan()), "{pooling}");
        }
    }
}

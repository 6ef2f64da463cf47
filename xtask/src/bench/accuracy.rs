//! How far features are from the reference's.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// Channels of pool5.
pub(crate) const CHANNELS: usize = 512;

/// The distance of features from the reference, added up image by image.
#[derive(Debug, Clone)]
pub(crate) struct Errors {
    /// Of each channel, the squares of differences and of the reference, summed over all images and places.
    squares: Vec<[f64; 2]>,
}

impl Errors {
    /// For features of this many channels; 1 takes all values of an image together.
    pub(crate) fn new(channels: usize) -> Self {
        Self { squares: vec![[0.0; 2]; channels] }
    }

    /// Adds some images: `values` is a file of little-endian f32, `reference` one of f64, N x channels x h x w of `images`
    /// images.
    ///
    /// # Errors
    /// A file can't be read, or the two have different numbers of values.
    pub(crate) fn add(&mut self, values: &Path, reference: &Path, images: usize) -> anyhow::Result<()> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        self.add_bytes(&read(values)?, &read(reference)?, images)
    }

    fn add_bytes(&mut self, values: &[u8], reference: &[u8], images: usize) -> anyhow::Result<()> {
        let (values, reference) = (values.as_chunks::<4>(), reference.as_chunks::<8>());
        if values.0.len() != reference.0.len() || !values.1.is_empty() || !reference.1.is_empty() {
            bail!("expected {} features, found {}", reference.0.len(), values.0.len());
        }
        let channels = self.squares.len();
        let places = reference.0.len() / images / channels;
        if places * images * channels != reference.0.len() {
            bail!("expected {channels} channels of {images} images, found {} features", reference.0.len());
        }
        for (index, (value, reference)) in values.0.iter().zip(reference.0).enumerate() {
            let (value, reference) = (f64::from(f32::from_le_bytes(*value)), f64::from_le_bytes(*reference));
            let [differences, references] = &mut self.squares[index / places % channels];
            *differences += (value - reference).powi(2);
            *references += reference.powi(2);
        }
        Ok(())
    }

    /// |values - reference| / |reference|, Euclidean norms over all values.
    pub(crate) fn relative_l2(&self) -> f64 {
        let sum = |which: usize| self.squares.iter().map(|squares| squares[which]).sum::<f64>();
        (sum(0) / sum(1)).sqrt()
    }

    /// The same for the channel where it is largest. Channels that are zero in the reference have no scale and are left
    /// out.
    pub(crate) fn worst_channel(&self) -> f64 {
        let alive = self.squares.iter().filter(|[_, reference]| *reference > 0.0);
        let errors = alive.map(|[difference, reference]| (difference / reference).sqrt());
        // A NaN is worse than any number, and stays.
        errors.fold(0.0, |worst, error| if error > worst || error.is_nan() { error } else { worst })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_f32(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn bytes_f64(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// The error of two images with one position. All channels are zero except two, whose values are given for both images.
    fn errors(values: [[f32; 2]; 2], reference: [[f64; 2]; 2]) -> Errors {
        let mut errors = Errors::new(CHANNELS);
        for image in 0..2 {
            let (mut ours, mut exact) = (vec![0.0; CHANNELS], vec![0.0; CHANNELS]);
            ours[6..8].copy_from_slice(&values[image]);
            exact[6..8].copy_from_slice(&reference[image]);
            errors.add_bytes(&bytes_f32(&ours), &bytes_f64(&exact), 1).unwrap();
        }
        errors
    }

    #[test]
    fn the_error_is_relative_to_the_reference() {
        let reference = [[3.0, 0.0], [0.0, 4.0]];
        assert_eq!(errors([[3.0, 0.0], [0.0, 4.0]], reference).relative_l2(), 0.0);
        let off = errors([[3.0, 0.0], [0.0, 4.5]], reference);
        assert_eq!((off.relative_l2(), off.worst_channel()), (0.1, 0.125));
        let spoilt = errors([[3.0, 0.0], [0.0, f32::NAN]], reference);
        assert!(spoilt.relative_l2().is_nan() && spoilt.worst_channel().is_nan());
    }

    #[test]
    fn a_channel_is_measured_by_its_own_scale() {
        let faint = errors([[3.0, 0.0], [0.0, 0.5]], [[3.0, 0.0], [0.0, 0.25]]);
        assert_eq!(faint.worst_channel(), 1.0);
        assert!(faint.relative_l2() < 0.1);
    }

    #[test]
    fn pooled_features_are_measured_together() {
        let mut errors = Errors::new(1);
        errors.add_bytes(&bytes_f32(&[3.0, 0.0, 0.0, 4.5]), &bytes_f64(&[3.0, 0.0, 0.0, 4.0]), 2).unwrap();
        assert_eq!(errors.relative_l2(), 0.1);
    }

    #[test]
    fn all_places_of_a_channel_count_by_one_scale() {
        let (mut ours, mut exact) = (vec![0.0; 2 * CHANNELS], vec![0.0; 2 * CHANNELS]);
        ours[14..16].copy_from_slice(&[0.5, 4.0]);
        exact[14..16].copy_from_slice(&[0.0, 4.0]);
        let mut errors = Errors::new(CHANNELS);
        errors.add_bytes(&bytes_f32(&ours), &bytes_f64(&exact), 1).unwrap();
        assert_eq!(errors.worst_channel(), 0.125);
    }

    #[test]
    fn features_of_another_number_are_refused() {
        let refused = |values: &[f32], reference: &[f64], images| {
            let error = Errors::new(CHANNELS).add_bytes(&bytes_f32(values), &bytes_f64(reference), images);
            error.unwrap_err().to_string()
        };
        assert_eq!(refused(&[1.0], &[1.0, 2.0], 1), "expected 2 features, found 1");
        assert_eq!(
            refused(&[1.0; 513], &[1.0; 513], 1),
            "expected 512 channels of 1 images, found 513 features"
        );
    }
}

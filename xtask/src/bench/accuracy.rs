//! How far features are from the reference's.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// |values - reference| / |reference|, Euclidean norms over all values.
///
/// `values` is a file of little-endian f32, `reference` one of f64.
///
/// # Errors
/// Files that can't be read, or of which one does not hold as many values as the other.
pub(crate) fn relative_l2(values: &Path, reference: &Path) -> anyhow::Result<f64> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    relative_l2_of_bytes(&read(values)?, &read(reference)?)
}

fn relative_l2_of_bytes(values: &[u8], reference: &[u8]) -> anyhow::Result<f64> {
    let (values, reference) = (values.as_chunks::<4>(), reference.as_chunks::<8>());
    if values.0.len() != reference.0.len() || !values.1.is_empty() || !reference.1.is_empty() {
        bail!("expected {} features, found {}", reference.0.len(), values.0.len());
    }
    let (mut difference, mut norm) = (0.0, 0.0);
    for (value, reference) in values.0.iter().zip(reference.0) {
        let (value, reference) = (f64::from(f32::from_le_bytes(*value)), f64::from_le_bytes(*reference));
        difference += (value - reference).powi(2);
        norm += reference.powi(2);
    }
    Ok((difference / norm).sqrt())
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

    #[test]
    fn the_error_is_relative_to_the_reference() {
        let reference = bytes_f64(&[3.0, 4.0]);
        assert_eq!(relative_l2_of_bytes(&bytes_f32(&[3.0, 4.0]), &reference).unwrap(), 0.0);
        assert_eq!(relative_l2_of_bytes(&bytes_f32(&[3.0, 4.5]), &reference).unwrap(), 0.1);
        assert!(relative_l2_of_bytes(&bytes_f32(&[3.0, f32::NAN]), &reference).unwrap().is_nan());
    }

    #[test]
    fn features_of_another_number_are_refused() {
        let error = relative_l2_of_bytes(&bytes_f32(&[1.0]), &bytes_f64(&[1.0, 2.0])).unwrap_err();
        assert_eq!(error.to_string(), "expected 2 features, found 1");
    }
}

//! The most likely class of a row.

/// The position of the largest value, the first of equals, as `argmax` in numpy and Keras.
///
/// Unlike there, a NaN is never the largest. A row without a value above minus infinity gives 0, for instance an empty row or
/// a row of NaN.
///
/// ```
/// use headstart_head::argmax;
///
/// assert_eq!(argmax(&[0.1, 0.6, 0.6]), 1);
/// assert_eq!(argmax(&[f32::NAN, -2.0, f32::NAN]), 1);
/// assert_eq!(argmax(&[]), 0);
/// ```
#[must_use]
pub fn argmax(row: &[f32]) -> usize {
    let larger = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    row.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), larger).0
}

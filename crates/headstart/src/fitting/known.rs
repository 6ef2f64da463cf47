//! From when on an image is unlike all that a head was fitted to.

use headstart_head::{ClassMeans, Samples, distance_refusing, held_out_distances};
use headstart_weights::{Array, KnownImages, UnknownRule};

use super::record::UnknownRecord;
use super::solve::Rows;
use crate::Error;

/// Refuses a share of known images to call unknown that is none.
pub(super) fn check_unknown_share(share: f64) -> Result<(), Error> {
    if (0.0..1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::setting("unknown_share", format!("expected a share of at least 0 and below 1, found {share}")))
}

/// The means of the classes and the distance of an unknown image, with the share that it refuses; none where nobody asks.
/// `test` are rows that no head is trained on.
///
/// The distance is that of rows that the means were computed without, by the folds of the cross-validation.
pub(super) fn known_images(
    share: f64,
    rows: &Rows<'_>,
    fold_of: &[usize],
    folds: usize,
    test: Option<&dyn Samples>,
) -> Result<Option<(KnownImages, UnknownRecord)>, Error> {
    let classes = rows.classes.len();
    if share == 0.0 {
        return Ok(None);
    }
    let held_out = held_out_distances(rows.data, classes, fold_of, folds)?;
    let Some(distance) = distance_refusing(&held_out, share) else { return Ok(None) };
    let beyond = |distances: &[f64]| {
        let beyond = distances.iter().filter(|&&found| found > distance).count();
        (!distances.is_empty()).then(|| beyond as f64 / distances.len() as f64)
    };
    let means = ClassMeans::of(rows.data, classes)?;
    let of_test = test.map_or_else(|| Ok(Vec::new()), |test| means.distances(test))?;
    let row = rows.data.samples.row_shape().iter().product();
    let class_means = Array { shape: vec![classes, row], values: means.values().to_vec() };
    let known = KnownImages { class_means, rule: UnknownRule { distance, share } };
    let (refused, refused_of_test) = (beyond(&held_out).unwrap_or_default(), beyond(&of_test));
    Ok(Some((known, UnknownRecord { distance, share, refused, refused_of_test })))
}

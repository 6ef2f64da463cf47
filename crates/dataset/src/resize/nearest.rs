//! Pillow's nearest neighbour.

use image::RgbImage;

pub(super) fn resized(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let columns = source_positions(image.width(), width);
    let rows = source_positions(image.height(), height);
    let row_len = 3 * image.width() as usize;
    let mut pixels = Vec::with_capacity(3 * columns.len() * rows.len());
    for row in rows {
        let row = &image.as_raw()[row * row_len..][..row_len];
        for column in &columns {
            pixels.extend_from_slice(&row[3 * column..][..3]);
        }
    }
    // The buffer holds 3 x columns x rows bytes by construction, so the conversion does not fail.
    RgbImage::from_raw(width, height, pixels).unwrap_or_default()
}

/// For each target position along one axis, the position that Pillow's `ImagingScaleAffine` reads: the centre
/// floor((i + 0.5) * scale). As in Pillow, the scale is added up in f64: a product rounds differently when the centre
/// is on the border of two pixels.
fn source_positions(source: u32, target: u32) -> Vec<usize> {
    let scale = f64::from(source) / f64::from(target);
    let last = source as usize - 1;
    let mut centre = scale * 0.5;
    (0..target)
        .map(|_| {
            let position = (centre as usize).min(last);
            centre += scale;
            position
        })
        .collect()
}

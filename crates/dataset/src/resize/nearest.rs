//! Pillow's nearest neighbour.

use std::ops::Range;

use image::RgbImage;

use super::Part;

pub(super) fn resized(image: &RgbImage, part: &Part) -> RgbImage {
    let ([width, height], [columns, rows]) = (part.of, part.ranges());
    let (columns, rows) = (
        source_positions(image.width() as usize, width, columns),
        source_positions(image.height() as usize, height, rows),
    );
    let size = [columns.len() as u32, rows.len() as u32];
    let row_len = 3 * image.width() as usize;
    let mut pixels = Vec::with_capacity(3 * columns.len() * rows.len());
    for row in rows {
        let row = &image.as_raw()[row * row_len..][..row_len];
        for column in &columns {
            pixels.extend_from_slice(&row[3 * column..][..3]);
        }
    }
    // The buffer holds 3 x columns x rows bytes by construction, so the conversion does not fail.
    RgbImage::from_raw(size[0], size[1], pixels).unwrap_or_default()
}

/// For each target position of a range, the position that Pillow's `ImagingScaleAffine` reads: the centre
/// floor((i + 0.5) * scale). As in Pillow, the scale is added up in f64: a product rounds differently when the centre
/// is on the border of two pixels.
fn source_positions(source: usize, target: usize, range: Range<usize>) -> Vec<usize> {
    let scale = source as f64 / target as f64;
    let last = source - 1;
    let mut centre = scale * 0.5;
    for _ in 0..range.start {
        centre += scale;
    }
    range
        .map(|_| {
            let position = (centre as usize).min(last);
            centre += scale;
            position
        })
        .collect()
}

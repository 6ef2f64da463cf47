//! Resizing against Pillow.

use headstart_dataset::{DecodeError, Interpolation, Preprocessing, RgbImage, resize};
use proptest::prelude::*;

use crate::golden::{Golden, cases, difference, number, text};

/// A single row whose pixels carry their own position.
fn numbered_row(width: u32) -> RgbImage {
    RgbImage::from_fn(width, 1, |x, _| image::Rgb([x as u8, (x >> 8) as u8, 0]))
}

fn positions(row: &RgbImage) -> Vec<u16> {
    row.pixels().map(|pixel| u16::from_le_bytes([pixel[0], pixel[1]])).collect()
}

#[test]
fn nearest_reads_the_pixels_that_pillow_reads() {
    let golden = Golden::of("resize");
    let index = &golden.index()["nearest"];
    let indices = golden.bytes(text(index, "indices"));
    let mut expected = indices.as_chunks().0.iter().map(|&value| u16::from_le_bytes(value));
    for pair in cases(&index["pairs"]) {
        let [source, target] = [0, 1].map(|side| pair[side].as_u64().unwrap() as usize);
        let expected: Vec<u16> = expected.by_ref().take(target).collect();

        let row = numbered_row(source as u32);
        let across = resize(&row, 1, target, Interpolation::Nearest).unwrap();
        assert_eq!(positions(&across), expected, "{source} to {target} columns");

        let column = image::imageops::rotate90(&row);
        let down = resize(&column, target, 1, Interpolation::Nearest).unwrap();
        assert_eq!(positions(&down), expected, "{source} to {target} rows");
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn filters_agree_with_pillow_to_the_bit() {
    let golden = Golden::of("resize");
    let index = &golden.index()["filters"];
    let (width, height) = (number(index, "width") as u32, number(index, "height") as u32);
    let source = RgbImage::from_raw(width, height, golden.bytes(text(index, "source"))).unwrap();
    for case in cases(&index["cases"]) {
        let interpolation: Interpolation = text(case, "interpolation").parse().unwrap();
        let resized = resize(&source, number(case, "height"), number(case, "width"), interpolation).unwrap();
        let (max, mean) = difference(resized.as_raw(), &golden.bytes(text(case, "rgb")));
        assert!(max == 0, "{case}: largest difference {max}, mean {mean}");
    }
}

#[test]
fn an_image_of_the_wanted_size_is_not_touched() {
    let row = numbered_row(9);
    for interpolation in Interpolation::ALL {
        let resized = resize(&row, 1, 9, interpolation).unwrap();
        assert!(matches!(resized, std::borrow::Cow::Borrowed(_)));
    }
}

#[test]
fn sides_that_no_image_can_have_are_refused() {
    let row = numbered_row(9);
    for (height, width) in [(0, 5), (5, 0), (1, Preprocessing::MAX_SIDE + 1), (usize::MAX, usize::MAX)] {
        for interpolation in Interpolation::ALL {
            let refused = resize(&row, height, width, interpolation);
            assert!(matches!(refused, Err(DecodeError::Resize { .. })), "{height} x {width}");
        }
    }
    assert!(resize(&RgbImage::new(0, 3), 2, 2, Interpolation::Nearest).is_err());
}

proptest! {
    #[test]
    fn nearest_positions_rise_and_stay_inside(source in 1u32..3000, target in 1usize..1000) {
        let found = positions(&resize(&numbered_row(source), 1, target, Interpolation::Nearest).unwrap());
        prop_assert_eq!(found.len(), target);
        prop_assert!(found.is_sorted());
        prop_assert!(found.iter().all(|&position| u32::from(position) < source));
    }

    #[test]
    fn a_flat_image_stays_flat(
        level in any::<[u8; 3]>(), from in (1u32..40, 1u32..40), to in (1usize..40, 1usize..40), which in 0usize..4,
    ) {
        let flat = RgbImage::from_pixel(from.0, from.1, image::Rgb(level));
        let resized = resize(&flat, to.0, to.1, Interpolation::ALL[which]).unwrap();
        prop_assert_eq!(resized.dimensions(), (to.1 as u32, to.0 as u32));
        prop_assert!(resized.pixels().all(|pixel| pixel.0 == level));
    }
}

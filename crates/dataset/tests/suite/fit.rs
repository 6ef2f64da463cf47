//! Images brought to a network's input, against timm's transforms for evaluation.

use headstart_dataset::{
    DecodeError, Fit, Interpolation, Limits, Preprocessing, Preset, RgbImage, decode, fitted, preprocess,
};
use headstart_provenance::Config;
use proptest::prelude::*;
use serde_json::Value;

use crate::golden::{Golden, cases, difference, number, text};

/// timm divides by 255 where the presets multiply by float32(1/255), and the last bit is divided by a std of 0.2.
const TOLERANCE: f32 = 1e-6;

fn image(golden: &Golden, case: &Value) -> RgbImage {
    decode(&golden.bytes(text(case, "image")), &Limits::default()).unwrap()
}

fn preprocessing(case: &Value) -> Preprocessing {
    let fit = match text(case, "fit") {
        "crop" => Fit::Crop { fraction: case["fraction"].as_f64().unwrap() },
        "pad" => Fit::Pad,
        _ => Fit::Stretch,
    };
    let preset: Preset = text(case, "preset").parse().unwrap();
    Preprocessing {
        interpolation: text(case, "interpolation").parse().unwrap(),
        fit,
        ..Preprocessing::preset(preset, number(case, "height"), number(case, "width"))
    }
}

fn fnv1a(bytes: &[u8]) -> String {
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
    format!("{:016x}", bytes.iter().fold(0xCBF2_9CE4_8422_2325, step))
}

#[test]
fn pixels_are_those_of_timm_to_the_bit() {
    let golden = Golden::of("fit");
    let (all, mut at) = (golden.bytes("pixels.rgb"), 0);
    let mut fits = [0; 3];
    for case in cases(&golden.index()).iter().filter(|case| case.get("values").is_none()) {
        let (image, preprocessing) = (image(&golden, case), preprocessing(case));
        let found = fitted(&image, &preprocessing).unwrap();
        assert_eq!(found.dimensions(), (preprocessing.width as u32, preprocessing.height as u32), "{case}");
        match case.get("fnv1a") {
            Some(hash) => assert_eq!(fnv1a(found.as_raw()), hash.as_str().unwrap(), "{case}"),
            None => {
                let expected = &all[at..][..preprocessing.len()];
                at += expected.len();
                let (max, mean) = difference(found.as_raw(), expected);
                assert!(max == 0, "{case}: largest difference {max}, mean {mean}");
            }
        }
        fits[match preprocessing.fit {
            Fit::Stretch => 0,
            Fit::Crop { .. } => 1,
            Fit::Pad => 2,
        }] += 1;
    }
    assert_eq!(at, all.len());
    assert!(fits.iter().all(|&count| count >= 25), "{fits:?}");
}

#[test]
fn numbers_are_those_of_timm() {
    let golden = Golden::of("fit");
    let (all, mut at) = (golden.floats("values.f32"), 0);
    for case in cases(&golden.index()).iter().filter(|case| case.get("values").is_some()) {
        let preprocessing = preprocessing(case);
        let mut found = vec![f32::NAN; preprocessing.len()];
        preprocess(&image(&golden, case), &preprocessing, &mut found).unwrap();
        let expected = &all[at..][..found.len()];
        at += found.len();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= TOLERANCE, "{case}: {found}, expected {expected}");
        }
    }
    assert_eq!(at, all.len());
}

/// What a preprocessor_config.json of transformers says gives what transformers computes.
#[test]
fn numbers_are_those_of_the_image_processors_of_transformers() {
    let golden = Golden::of("config");
    let (all, mut at) = (golden.floats("values.f32"), 0);
    let image = decode(&Golden::of("fit").bytes("landscape.png"), &Limits::default()).unwrap();
    for case in cases(&golden.index()).iter().filter(|case| case.get("height").is_some()) {
        let config = Config::read(&golden.bytes(text(case, "file"))).unwrap().unwrap();
        let preprocessing = config.preprocessing;
        assert_eq!(
            [preprocessing.height, preprocessing.width],
            ["height", "width"].map(|key| number(case, key))
        );
        let mut found = vec![f32::NAN; preprocessing.len()];
        preprocess(&image, &preprocessing, &mut found).unwrap();
        let expected = &all[at..][..found.len()];
        at += found.len();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= TOLERANCE, "{case}: {found}, expected {expected}");
        }
    }
    assert_eq!(at, all.len());
}

/// Bars of padding are the mean, which the network sees as about nothing.
#[test]
fn padding_is_about_zero_and_evenly_on_both_sides() {
    let white = RgbImage::from_pixel(4, 9, image::Rgb([255; 3]));
    for preset in Preset::ALL {
        let preprocessing = Preprocessing { fit: Fit::Pad, ..Preprocessing::preset(preset, 9, 9) };
        let mut found = vec![f32::NAN; preprocessing.len()];
        preprocess(&white, &preprocessing, &mut found).unwrap();
        // Half a level on the scale of the network.
        let level = preprocessing.scale / preprocessing.std.into_iter().fold(f32::MAX, f32::min) * 0.51;
        for row in found.chunks_exact(9) {
            let bar: Vec<bool> = row.iter().map(|value| value.abs() <= level).collect();
            assert_eq!(bar, [true, true, false, false, false, false, true, true, true], "{preset}: {row:?}");
        }
    }
}

/// An image of one row of 65,535 pixels would be 16 million pixels wide, of which 224 are computed.
#[test]
fn only_what_a_crop_keeps_is_computed() {
    for (width, height) in [(65_535, 1), (1, 65_535)] {
        let image = RgbImage::from_fn(width, height, |x, y| image::Rgb([((x + y) / 256) as u8, 9, 9]));
        for interpolation in Interpolation::ALL {
            let fit = Fit::Crop { fraction: 0.875 };
            let one = Preprocessing { interpolation, fit, ..Preprocessing::preset(Preset::Blog, 224, 224) };
            let found = fitted(&image, &one).unwrap();
            assert_eq!(found.dimensions(), (224, 224));
            // The middle of the ramp.
            assert!(found.pixels().all(|pixel| [127, 128].contains(&pixel[0])), "{interpolation}");
        }
    }
}

#[test]
fn an_image_without_pixels_is_refused() {
    for fit in [Fit::Stretch, Fit::Crop { fraction: 0.875 }, Fit::Pad] {
        let one = Preprocessing { fit, ..Preprocessing::preset(Preset::Blog, 4, 4) };
        assert!(matches!(fitted(&RgbImage::new(0, 3), &one), Err(DecodeError::Resize { .. })), "{fit}");
    }
}

proptest! {
    /// A part of a resized image is what the whole has there, for every filter and shape.
    #[test]
    fn a_crop_is_a_part_of_the_whole(
        width in 1u32..60,
        height in 1u32..60,
        side in 1usize..40,
        fraction in 0.2f64..=1.0,
        interpolation in prop::sample::select(Interpolation::ALL.to_vec()),
    ) {
        let image = RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 37 + y * 11) as u8, (x * y) as u8, (x ^ (y * 7)) as u8])
        });
        let one = Preprocessing {
            interpolation,
            fit: Fit::Crop { fraction },
            ..Preprocessing::preset(Preset::Blog, side, side)
        };
        let found = fitted(&image, &one).unwrap();
        let short = one.resize_box()[0];
        let long = (short * width.max(height) as usize) as f64 / f64::from(width.min(height));
        prop_assume!(long as usize <= Preprocessing::MAX_SIDE);
        let (to_width, to_height) =
            if width <= height { (short, long as usize) } else { (long as usize, short) };
        let whole = headstart_dataset::resize(&image, to_height, to_width, interpolation).unwrap();
        let at = |from: usize| ((from - side) as f64 / 2.0).round_ties_even() as u32;
        let part = image::imageops::crop_imm(&*whole, at(to_width), at(to_height), side as u32, side as u32);
        prop_assert_eq!(&*found, &part.to_image());
    }
}

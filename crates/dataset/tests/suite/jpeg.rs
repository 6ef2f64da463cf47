//! JPEG files of every layout, sound and damaged, against Pillow.

use std::sync::OnceLock;

use headstart_dataset::{DecodeError, Depth, Limits, decode, examine};
use proptest::prelude::*;
use serde_json::Value;

use crate::golden::{Golden, cases, difference, number, text};
use crate::hostile::golden_file;

/// JPEG leaves the decoder some freedom in rounding the inverse transform, the smoothing of colour and its conversion.
const LARGEST: u8 = 4;
const MEAN: f64 = 0.5;

/// The cases of `tests/golden/jpeg`, and their files.
pub(crate) fn files() -> Vec<(Value, Vec<u8>)> {
    let golden = Golden::of("jpeg");
    let files = golden.bytes("files.bin");
    let index = golden.index();
    let file = |case: &Value| files[number(case, "start")..][..number(case, "length")].to_vec();
    cases(&index).iter().map(|case| (case.clone(), file(case))).collect()
}

static FILES: OnceLock<Vec<(Value, Vec<u8>)>> = OnceLock::new();

#[test]
fn every_layout_is_pillows_picture_or_refused_with_its_reason() {
    let pictures = Golden::of("jpeg").bytes("rgb.bin");
    let mut failures = Vec::new();
    for (case, file) in files() {
        let name = text(&case, "name");
        match (case.get("refused"), decode(&file, &Limits::default())) {
            (None, Ok(found)) => {
                let (width, height) = (number(&case, "width"), number(&case, "height"));
                assert_eq!(found.dimensions(), (width as u32, height as u32), "{name}");
                let (max, mean) = difference(&found, &pictures[number(&case, "rgb")..][..3 * width * height]);
                if max > LARGEST || mean > MEAN {
                    failures.push(format!("{name}: largest difference {max}, mean {mean:.3}"));
                }
            }
            (None, Err(error)) => failures.push(format!("{name}: {error}")),
            (Some(_), Ok(_)) => failures.push(format!("{name}: it was read")),
            (Some(kind), Err(error)) => {
                let found = match &error {
                    DecodeError::Corrupt { .. } => "corrupt",
                    DecodeError::Truncated { .. } => "truncated",
                    DecodeError::Unsupported { .. } => "unsupported",
                    _ => "another",
                };
                if kind != found || !error.to_string().contains(text(&case, "words")) {
                    failures
                        .push(format!("{name}: expected {kind}, {}; found {error}", text(&case, "words")));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The doctor looks at no pixel of a file that is in order, and at all of any other. So only damage within the data of a
/// file in order escapes it.
#[test]
fn examining_finds_what_decoding_finds() {
    for (case, file) in files() {
        let name = text(&case, "name");
        let decoded = decode(&file, &Limits::default()).map(drop).map_err(|error| error.to_string());
        let examined = examine(&file, &Limits::default(), Depth::Structure);
        let examined = examined.map(drop).map_err(|error| error.to_string());
        let within_data = [
            "end marker in the middle",
            "end marker in the middle of a progressive picture",
            "an impossible code",
            "coefficients beyond any picture",
        ];
        if within_data.contains(&name) {
            assert!(examined.is_ok() && decoded.is_err(), "{name}: {examined:?}, {decoded:?}");
            assert_eq!(
                examine(&file, &Limits::default(), Depth::Pixels).map_err(|e| e.to_string()).map(drop),
                decoded
            );
        } else {
            assert_eq!(examined, decoded, "{name}");
        }
    }
}

/// Someone cut the file, and a tool put an end marker after what was left.
#[test]
fn data_that_end_early_never_become_half_a_picture() {
    for name in ["jpeg-444.jpg", "jpeg-420.jpg", "jpeg-l.jpg", "jpeg-restart.jpg", "jpeg-cmyk.jpg"] {
        let jpeg = golden_file(name);
        let whole = decode(&jpeg, &Limits::default()).unwrap();
        let start = jpeg.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap() + 14;
        let mut noticed = 0;
        for kept in start..jpeg.len() - 2 {
            let cut = [&jpeg[..kept], &[0xFF, 0xD9]].concat();
            match decode(&cut, &Limits::default()) {
                Ok(found) => {
                    let (max, _) = difference(&found, &whole);
                    assert!(max <= LARGEST, "{name} cut to {kept} of {}: {max}", jpeg.len());
                }
                Err(DecodeError::Corrupt { .. } | DecodeError::Truncated { .. }) => noticed += 1,
                Err(error) => panic!("{name} cut to {kept}: {error}"),
            }
        }
        assert!(noticed > (jpeg.len() - start) * 9 / 10, "{name}: {noticed}");
    }
}

#[test]
fn the_careful_decoder_keeps_to_the_limits() {
    for (case, file) in files() {
        if !matches!(
            text(&case, "name"),
            "progressive 420 single plain ycbcr" | "sequential 420 single plain ycbcr"
        ) {
            continue;
        }
        // 35 x 19 pixels in units of 16 x 16: 3 x 2 of them, with 6 blocks of 64 samples each.
        let samples = 3 * 2 * 6 * 64;
        let bytes_a_sample = if text(&case, "name").starts_with("progressive") { 3 } else { 1 };
        let needed = 2 * file.len() as u64 + 35 * 19 * (3 + 3) + samples * bytes_a_sample;
        let limited = |bytes| decode(&file, &Limits::default().with_max_bytes_of_memory(bytes));
        assert!(limited(needed).is_ok(), "{:?}", limited(needed));
        assert!(matches!(limited(needed - 1), Err(DecodeError::TooMuchMemory { .. })));
        let few = Limits::default().with_max_pixels(35 * 19 - 1);
        assert!(matches!(decode(&file, &few), Err(DecodeError::TooManyPixels { .. })));
    }
}

/// Each scan of a few bytes would have the decoder visit every block of a large picture.
#[test]
fn a_large_picture_of_very_many_scans_is_refused() {
    let progressive = golden_file("jpeg-420-progressive.jpg");
    let frame = progressive.windows(2).position(|pair| pair == [0xFF, 0xC2]).unwrap();
    let scan = progressive.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let mut file = progressive[..scan].to_vec();
    file[frame + 5..frame + 9].copy_from_slice(&[0x30; 4]);
    for _ in 0..2000 {
        file.extend_from_slice(&[0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0, 0]);
    }
    file.extend_from_slice(&[0xFF, 0xD9]);
    let refused = decode(&file, &Limits::default()).unwrap_err();
    assert!(matches!(refused, DecodeError::Unsupported { .. }), "{refused}");
    assert!(refused.to_string().contains("2000 scans"), "{refused}");

    let mut file = progressive[..scan].to_vec();
    file.extend([0xFF, 0xC4, 0, 2].repeat(20_000));
    file.extend_from_slice(&progressive[scan..]);
    let refused = decode(&file, &Limits::default()).unwrap_err();
    assert!(refused.to_string().contains("tables and scans"), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damaged bytes may decode to anything or fail. The doctor refuses no file that decoding reads.
    #[test]
    fn damage_never_panics_and_examining_gives_no_false_alarm(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let files = FILES.get_or_init(files);
        let mut bytes = which.get(files).1.clone();
        for (at, byte, kind) in damage {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                // A marker.
                _ => drop(bytes.splice(at..at, [0xFF, byte | 0xC0])),
            }
        }
        let limits = Limits::default().with_max_pixels(10_000).with_max_bytes_of_memory(1 << 20);
        let told = |result: Result<(), DecodeError>| result.err().map(|error| error.to_string());
        let decoded = decode(&bytes, &limits).map(drop);
        prop_assert!(!matches!(decoded, Err(DecodeError::Panicked { .. })), "{:?}", decoded);
        let decoded = told(decoded);
        let structure = told(examine(&bytes, &limits, Depth::Structure).map(drop));
        prop_assert!(structure.is_none() || structure == decoded, "{structure:?}, decoded {decoded:?}");
    }
}

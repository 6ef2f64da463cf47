//! Decoding against Pillow.

use headstart_dataset::{Limits, decode, decode_upright};

use crate::golden::{Golden, cases, difference, number, text};

/// JPEG leaves the decoder some freedom in rounding the inverse transform, the smoothing of colour and its conversion.
const LOSSY_MAX: u8 = 4;
const LOSSY_MEAN: f64 = 0.5;

#[test]
fn every_form_decodes_as_pillow_converts_it() {
    let golden = Golden::of("decode");
    let index = golden.index();
    let mut failures = Vec::new();
    for case in cases(&index) {
        let mut check = |label: &str, found: Result<_, _>, expected: &serde_json::Value| {
            let found: image::RgbImage = match found {
                Ok(found) => found,
                Err(error) => {
                    let error: headstart_dataset::DecodeError = error;
                    failures.push(format!("{label}: {error}"));
                    return;
                }
            };
            let size = (number(expected, "width") as u32, number(expected, "height") as u32);
            if found.dimensions() != size {
                failures.push(format!("{label}: expected {size:?}, found {:?}", found.dimensions()));
                return;
            }
            let (max, mean) = difference(&found, &golden.bytes(text(expected, "rgb")));
            let lossy = case["lossy"].as_bool().unwrap();
            let (max_allowed, mean_allowed) = if lossy { (LOSSY_MAX, LOSSY_MEAN) } else { (0, 0.0) };
            if max > max_allowed || mean > mean_allowed {
                failures.push(format!("{label}: largest difference {max}, mean {mean:.3}"));
            }
        };
        let name = text(case, "name");
        let bytes = golden.bytes(text(case, "file"));
        check(name, decode(&bytes, &Limits::default()), case);
        let upright = case.get("upright").unwrap_or(case);
        check(&format!("{name} upright"), decode_upright(&bytes, &Limits::default()), upright);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

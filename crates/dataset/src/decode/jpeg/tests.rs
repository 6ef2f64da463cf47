//! Both decoders against Pillow, over the layouts of tests/golden/jpeg.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

struct Case {
    name: String,
    file: Vec<u8>,
    /// Pillow's picture, where one is expected.
    rgb: Option<Vec<u8>>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/jpeg"));
    let read = |name| fs::read(folder.join(name)).unwrap();
    let (files, pictures) = (read("files.bin"), read("rgb.bin"));
    let index: Value = serde_json::from_slice(&read("cases.json")).unwrap();
    let cases = index.as_array().unwrap().iter().map(|case| {
        let number = |key: &str| case[key].as_u64().map(|number| number as usize);
        let start = number("start").unwrap();
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            file: files[start..start + number("length").unwrap()].to_vec(),
            rgb: number("rgb").map(|start| {
                pictures[start..start + 3 * number("width").unwrap() * number("height").unwrap()].to_vec()
            }),
        }
    });
    cases.collect()
}

#[test]
fn the_careful_decoder_agrees_with_pillow_to_the_bit() {
    let mut failures = Vec::new();
    for Case { name, file, rgb } in cases() {
        let Some(expected) = rgb else { continue };
        match Structure::of(&file).and_then(careful::decode) {
            Ok(found) if found == expected => {}
            Ok(found) => {
                let largest = found.iter().zip(&expected).map(|(&a, &b)| a.abs_diff(b)).max();
                failures.push(format!("{name}: largest difference {largest:?}"));
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Rounding of the transform and of colours is all that may differ.
#[test]
fn the_fast_decoder_gets_only_what_it_reads_rightly() {
    let (mut fast, mut failures) = (0, Vec::new());
    for Case { name, file, rgb } in cases() {
        let Ok(structure) = Structure::of(&file) else { continue };
        if !structure.is_ordinary() {
            continue;
        }
        let (Some(found), Some(expected)) = (fast::decode(&structure), rgb) else { continue };
        fast += 1;
        let differences = found.iter().zip(&expected).map(|(&a, &b)| a.abs_diff(b));
        let largest = differences.clone().max().unwrap();
        let mean = differences.map(f64::from).sum::<f64>() / expected.len() as f64;
        if largest > 4 || mean > 0.5 {
            failures.push(format!("{name}: largest difference {largest}, mean {mean:.2}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(fast > 20, "{fast}");
}

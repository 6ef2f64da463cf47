//! An image of any bytes, under limits that a fuzzer can hold the memory against.
#![no_main]

use headstart_dataset::{DecodeError, Limits, Preprocessing, Preset, decode, load};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { max_pixels: 1 << 16, max_side: 1 << 12, max_bytes_of_memory: 4 << 20 };

fuzz_target!(|bytes: &[u8]| {
    match decode(bytes, &LIMITS) {
        Ok(image) => {
            let (width, height) = (u64::from(image.width()), u64::from(image.height()));
            assert!(width * height <= LIMITS.max_pixels && width.max(height) <= LIMITS.max_side);
        }
        // Contained, but a defect all the same.
        Err(DecodeError::Panicked { message }) => panic!("{message}"),
        Err(_) => {}
    }
    // The other way to read: turned upright, 16-bit grey scaled, resized by a filter.
    let preprocessing = Preprocessing::preset(Preset::Torchvision, 5, 7);
    let mut out = vec![f32::NAN; preprocessing.len()];
    if load(bytes, &preprocessing, &LIMITS, &mut out).is_ok() {
        assert!(out.iter().all(|value| value.is_finite()));
    }
});

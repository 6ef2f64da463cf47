//! An image of any bytes, under limits so low that the fuzzer notices when they are exceeded.
#![no_main]

use headstart_dataset::{DecodeError, Fit, Limits, Preprocessing, Preset, decode, load};
use libfuzzer_sys::fuzz_target;


fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default()
        .with_max_pixels(1 << 16)
        .with_max_side(1 << 12)
        .with_max_bytes_of_memory(4 << 20);
    match decode(bytes, &limits) {
        Ok(image) => {
            let (width, height) = (u64::from(image.width()), u64::from(image.height()));
            assert!(width * height <= limits.max_pixels && width.max(height) <= limits.max_side);
        }
        // Handled, but still a defect.
        Err(DecodeError::Panicked { message }) => panic!("{message}"),
        Err(_) => {}
    }
    // The other way to read: turned upright, 16-bit grey by its high byte, resized by a filter.
    for fit in [Fit::Stretch, Fit::Crop { fraction: 0.875 }, Fit::Pad] {
        let preprocessing = Preprocessing { fit, ..Preprocessing::preset(Preset::Torchvision, 5, 7) };
        let mut out = vec![f32::NAN; preprocessing.len()];
        if load(bytes, &preprocessing, &limits, &mut out).is_ok() {
            assert!(out.iter().all(|value| value.is_finite()));
        }
    }
});

//! Names, stored forms and fingerprints are what files of earlier versions hold.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use headstart_provenance::{
    ChannelOrder, Error, ErrorKind, Fit, Grey16, Interpolation, Pooling, Preprocessing, Preset, Provenance,
    WeightsFile,
};
use serde_json::{Value, json};

/// A preprocessing as manifests hold it.
fn stored() -> Value {
    json!({
        "preset": "caffe", "height": 224, "width": 320, "interpolation": "nearest", "channel_order": "bgr",
        "scale": 1.0, "mean": [103.93900299072266, 116.77899932861328, 123.68000030517578], "std": [1.0, 1.0, 1.0],
        "apply_exif_orientation": true, "grey16": "high_byte",
    })
}

#[test]
fn a_stored_preprocessing_reads_back_and_is_stored_the_same() {
    let preprocessing: Preprocessing = serde_json::from_value(stored()).unwrap();
    assert_eq!(preprocessing, Preprocessing::preset(Preset::Caffe, 224, 320));
    assert_eq!(serde_json::to_value(preprocessing).unwrap(), stored());
}

#[test]
fn records_without_grey16_were_made_when_it_was_cut_off() {
    let mut older = stored();
    older.as_object_mut().unwrap().remove("grey16");
    assert_eq!(serde_json::from_value::<Preprocessing>(older).unwrap().grey16, Grey16::CutOff);
}

#[test]
fn the_fit_is_stored_where_it_is_not_stretch() {
    // `stored` has none: images were stretched when it was written, and its fingerprint must not change.
    assert_eq!(serde_json::from_value::<Preprocessing>(stored()).unwrap().fit, Fit::Stretch);
    let weights = || WeightsFile { name: "vgg16.h5".to_owned(), blake3: "ab".to_owned() };
    let mut fingerprints = vec![];
    for (fit, text) in [
        (Fit::Stretch, None),
        (Fit::Crop { fraction: 0.875 }, Some(json!({"crop": {"fraction": 0.875}}))),
        (Fit::Crop { fraction: 0.89 }, Some(json!({"crop": {"fraction": 0.89}}))),
        (Fit::Pad, Some(json!("pad"))),
    ] {
        let one = Preprocessing { fit, ..Preprocessing::preset(Preset::Caffe, 224, 320) };
        let json = serde_json::to_value(&one).unwrap();
        assert_eq!(json.get("fit"), text.as_ref());
        assert_eq!(serde_json::from_value::<Preprocessing>(json).unwrap(), one);
        fingerprints.push(Provenance::new("vgg16", weights(), one, Pooling::None).fingerprint);
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 4, "each fit has a fingerprint of its own");
}

/// The last bit decides whether an image is resized to 255 or 256 pixels.
#[test]
fn a_stored_crop_is_of_the_same_pixels() {
    for resized in 224..=1024 {
        let fit = Fit::crop_from(224, resized);
        let one = Preprocessing { fit, ..Preprocessing::preset(Preset::Caffe, 224, 224) };
        let again: Preprocessing = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!((again.fit, again.resize_box()), (fit, [resized; 2]));
    }
}

#[test]
fn padding_becomes_about_nothing_in_the_networks_input() {
    let colour = |preset| Preprocessing::preset(preset, 1, 1).padding_colour();
    assert_eq!(colour(Preset::Blog), [0, 0, 0]);
    // The mean is of BGR.
    assert_eq!(colour(Preset::Caffe), [124, 117, 104]);
    // round(255 x mean), as timm has it.
    assert_eq!(colour(Preset::Torchvision), [124, 116, 104]);
    assert_eq!(colour(Preset::Inception), [128, 128, 128]);
    let bright = Preprocessing { mean: [2.0, -1.0, 1.0], ..Preprocessing::preset(Preset::Inception, 1, 1) };
    assert_eq!(bright.padding_colour(), [255, 0, 255]);
}

#[test]
fn a_preprocessing_with_unknown_parts_is_refused() {
    for (key, value) in [
        ("crop", json!(true)),
        ("interpolation", json!("area")),
        ("channel_order", json!("rgba")),
        ("fit", json!("cover")),
        ("fit", json!({"crop": {"fraction": 0.875, "offset": 1}})),
        ("fit", json!({"crop": {}})),
    ] {
        let mut unknown = stored();
        unknown[key] = value;
        serde_json::from_value::<Preprocessing>(unknown).expect_err(key);
    }
}

#[test]
fn the_fingerprint_is_the_one_that_0_1_0_stored() {
    let blake3 = "e9524ca285ce60bb6df5ea5a939c3e980dacd297791717779a04a5f0a55a0e74".to_owned();
    let weights = WeightsFile { name: "vgg16_weights.h5".to_owned(), blake3 };
    let preprocessing = Preprocessing::preset(Preset::Torchvision, 32, 32);
    let one = Provenance::new("vgg16", weights, preprocessing, Pooling::None);
    assert_eq!(one.fingerprint, "12150f090f7c8309e02f23daf645dfbea62e5a860048143485075326c8865121");
}

#[test]
fn names_are_read_as_they_are_shown() {
    for preset in Preset::ALL {
        assert_eq!(preset.to_string().parse(), Ok(preset));
    }
    for interpolation in Interpolation::ALL {
        assert_eq!(interpolation.to_string().parse(), Ok(interpolation));
    }
    for pooling in Pooling::ALL {
        assert_eq!(pooling.to_string().parse(), Ok(pooling));
        assert_eq!(serde_json::to_value(pooling).unwrap(), pooling.name());
    }
    let unknown = "mean".parse::<Pooling>().unwrap_err();
    assert_eq!(unknown.to_string(), "unknown pooling \"mean\": expected one of none, avg, max");
    assert_eq!(ChannelOrder::Bgr.to_string(), "bgr");
    let unknown = "keras".parse::<Preset>().unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "unknown preset \"keras\": expected one of blog, caffe, torchvision, inception"
    );
}

#[test]
fn settings_out_of_range_are_refused_with_their_name() {
    let refused = |change: fn(&mut Preprocessing), message: &str| {
        let mut preprocessing = Preprocessing::preset(Preset::Caffe, 224, 224);
        preprocessing.validate().unwrap();
        change(&mut preprocessing);
        let error: Error = preprocessing.validate().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), ErrorKind::Usage);
    };
    refused(|one| one.height = 0, "preprocessing height: expected 1 to 4096 pixels, found 0");
    refused(|one| one.width = 4097, "preprocessing width: expected 1 to 4096 pixels, found 4097");
    refused(|one| one.scale = f32::NAN, "preprocessing scale: expected a finite number, found NaN");
    refused(|one| one.mean[2] = f32::INFINITY, "preprocessing mean: expected finite numbers, found inf");
    for (fraction, found) in [(0.0, "0.0"), (-0.5, "-0.5"), (1.01, "1.01"), (f64::NAN, "NaN")] {
        let fit = Fit::Crop { fraction };
        let one = Preprocessing { fit, ..Preprocessing::preset(Preset::Caffe, 224, 224) };
        let message =
            format!("preprocessing crop fraction: expected a number above 0, at most 1, found {found}");
        assert_eq!(one.validate().unwrap_err().to_string(), message);
    }
    refused(
        |one| one.fit = Fit::Crop { fraction: 0.05 },
        "preprocessing crop fraction: expected at least 0.0546875, so that images are resized to 1 to 4096 pixels, found 0.05",
    );
    refused(|one| one.std[1] = 0.0, "preprocessing std: expected finite numbers other than zero, found 0");
}

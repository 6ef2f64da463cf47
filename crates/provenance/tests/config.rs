//! Configurations beside weights: those that timm and transformers write, and hostile ones.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::fs;

use headstart_provenance::{
    ChannelOrder, Config, Error, ErrorKind, Fit, Grey16, Interpolation, Preprocessing, Preset,
};
use serde_json::{Value, json};

fn golden(file: &str) -> Vec<u8> {
    fs::read(format!("{}/../../tests/golden/config/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_slice(&golden("cases.json")).unwrap()
}

fn read(config: &Value) -> Result<Option<Config>, Error> {
    Config::read(config.to_string().as_bytes())
}

fn shown(config: &Value) -> String {
    read(config).unwrap().unwrap().preprocessing.to_string()
}

fn refused(config: &Value) -> String {
    let error = read(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
    error.to_string()
}

/// `config` with another value under a key, with dots between the keys of objects.
fn with(mut config: Value, key: &str, value: Value) -> Value {
    let place = key.split('.').fold(&mut config, |place, key| &mut place[key]);
    *place = value;
    config
}

fn timm() -> Value {
    serde_json::from_slice(&golden("timm-tf_efficientnet_lite2.in1k.json")).unwrap()
}

fn transformers() -> Value {
    serde_json::from_slice(&golden("transformers-mobilenet-v2.json")).unwrap()
}

fn numbers(value: &Value) -> [f32; 3] {
    [0, 1, 2].map(|channel| value[channel].as_f64().unwrap() as f32)
}

#[test]
fn timm_is_taken_at_its_word() {
    let mut read = 0;
    for case in cases().iter().filter(|case| case.get("takes").is_some()) {
        let takes = &case["takes"];
        let config = Config::read(&golden(case["file"].as_str().unwrap())).unwrap().unwrap();
        let name = case["name"].as_str().unwrap();
        assert_eq!(config.architecture.as_deref(), name.split('.').next());
        let (mean, std) = (numbers(&takes["mean"]), numbers(&takes["std"]));
        let expected = Preprocessing {
            // Checked below.
            preset: config.preprocessing.preset.clone(),
            height: takes["input_size"][1].as_u64().unwrap() as usize,
            width: takes["input_size"][2].as_u64().unwrap() as usize,
            interpolation: takes["interpolation"].as_str().unwrap().parse().unwrap(),
            channel_order: ChannelOrder::Rgb,
            scale: 1.0 / 255.0,
            mean,
            std,
            apply_exif_orientation: true,
            grey16: Grey16::HighByte,
            fit: Fit::Crop { fraction: takes["crop_pct"].as_f64().unwrap() },
            mirror: false,
        };
        assert_eq!(config.preprocessing, expected, "{name}");
        let preset = if mean == [0.5; 3] { Preset::Inception } else { Preset::Torchvision };
        assert_eq!(config.preprocessing.preset, preset.name());
        read += 1;
    }
    assert_eq!(read, 10);
}

#[test]
fn what_is_shown_is_the_preset_or_the_networks_name() {
    assert_eq!(shown(&timm()), "inception 260x260 crop 0.89");
    let config = with(timm(), "pretrained_cfg.mean", json!([0, 0, 0.1]));
    assert_eq!(shown(&config), "tf_efficientnet_lite2.in1k 260x260 crop 0.89");
    let config = with(config, "pretrained_cfg.tag", Value::Null);
    assert_eq!(shown(&config), "tf_efficientnet_lite2 260x260 crop 0.89");
    assert_eq!(shown(&with(config, "architecture", Value::Null)), "config.json 260x260 crop 0.89");
    let config = transformers();
    assert_eq!(shown(&config), "inception 16x16 crop 0.7272727272727273");
    assert_eq!(
        shown(&with(config, "rescale_factor", json!(0.5))),
        "preprocessor_config.json 16x16 crop 0.7272727272727273"
    );
}

#[test]
fn the_modes_of_timm_are_the_three_ways_to_fit() {
    let whole = with(timm(), "pretrained_cfg.crop_pct", json!(1));
    assert_eq!(shown(&whole), "inception 260x260 crop 1");
    assert_eq!(shown(&with(whole.clone(), "pretrained_cfg.crop_mode", json!("squash"))), "inception 260x260");
    assert_eq!(shown(&with(whole, "pretrained_cfg.crop_mode", json!("border"))), "inception 260x260 pad");
    let without = with(timm(), "pretrained_cfg.crop_mode", Value::Null);
    assert_eq!(shown(&with(without, "pretrained_cfg.crop_pct", Value::Null)), "inception 260x260 crop 0.875");
}

/// timm before 0.9 wrote one object.
#[test]
fn keys_of_timm_may_stand_beside_the_network() {
    let mut config = timm()["pretrained_cfg"].clone();
    config["architecture"] = json!("tf_efficientnet_lite2");
    assert_eq!(shown(&config), "inception 260x260 crop 0.89");
    assert_eq!(
        refused(&with(config, "mean", json!("x"))),
        "mean: expected three numbers, of red, green and blue, found \"x\""
    );
}

#[test]
fn configurations_about_something_else_are_left_alone() {
    for other in [
        json!({}),
        json!([1, 2]),
        json!("config"),
        json!({"model_type": "resnet", "architectures": ["ResNetForImageClassification"], "num_labels": 2}),
        json!({"architecture": "resnet50", "num_classes": 2}),
        json!({"pretrained_cfg": 5}),
        json!({"pretrained_cfg": null}),
    ] {
        assert_eq!(read(&other).unwrap(), None, "{other}");
    }
}

#[test]
fn the_sizes_of_transformers() {
    let base = |size: Value| with(transformers(), "size", size);
    let crop = |size: Value, crop: Value| with(base(size), "crop_size", crop);
    let no_crop = |size: Value| with(base(size), "do_center_crop", json!(false));
    for (config, expected) in [
        (crop(json!({"shortest_edge": 256}), json!({"height": 224, "width": 224})), "224x224 crop 0.875"),
        (crop(json!(256), json!(224)), "224x224 crop 0.875"),
        (crop(json!(224), json!(224)), "224x224 crop 1"),
        (crop(json!({"height": 224, "width": 192}), json!({"height": 224, "width": 192})), "224x192"),
        (no_crop(json!({"height": 224, "width": 192})), "224x192"),
        (no_crop(json!(240)), "240x240"),
    ] {
        assert_eq!(shown(&config), format!("inception {expected}"));
    }
    let convnext = |side: usize| {
        let mut config = no_crop(json!({"shortest_edge": side}));
        config["image_processor_type"] = json!("ConvNextImageProcessor");
        config
    };
    assert_eq!(shown(&convnext(383)), "inception 383x383 crop 0.875");
    assert_eq!(shown(&with(convnext(224), "crop_pct", json!(0.95))), "inception 224x224 crop 0.95");
    assert_eq!(shown(&convnext(384)), "inception 384x384");
    // Every class of a processor is named in one of these ways.
    for class in ["ConvNextFeatureExtractor", "ConvNextImageProcessorFast"] {
        let mut config = with(convnext(224), "image_processor_type", Value::Null);
        config["feature_extractor_type"] = json!(class);
        assert_eq!(shown(&config), "inception 224x224 crop 0.875");
    }
}

#[test]
fn steps_of_transformers_that_are_left_out_change_nothing() {
    let levels = with(with(transformers(), "do_normalize", json!(false)), "do_rescale", json!(false));
    let one = read(&levels).unwrap().unwrap().preprocessing;
    assert_eq!((one.scale, one.mean, one.std), (1.0, [0.0; 3], [1.0; 3]));
    let one = read(&with(transformers(), "image_std", json!(0.25))).unwrap().unwrap().preprocessing;
    assert_eq!(one.std, [0.25; 3]);
    for (number, interpolation) in
        [Interpolation::Nearest, Interpolation::Lanczos, Interpolation::Bilinear, Interpolation::Bicubic]
            .into_iter()
            .enumerate()
    {
        let config = with(transformers(), "resample", json!(number));
        assert_eq!(read(&config).unwrap().unwrap().preprocessing.interpolation, interpolation);
    }
    // Nothing that a photograph would notice.
    for (key, value) in
        [("do_reduce_labels", json!(true)), ("do_pad", json!(false)), ("size_divisor", json!(null))]
    {
        assert_eq!(shown(&with(transformers(), key, value)), shown(&transformers()));
    }
}

#[test]
fn what_is_not_supported_is_named_with_its_key_and_value() {
    for (key, value, expected) in [
        ("input_size", json!([1, 28, 28]), "[1,28,28], which is not supported: expected [3, height, width]"),
        (
            "interpolation",
            json!("random"),
            "\"random\", which is not supported: expected nearest, bilinear, bicubic, lanczos",
        ),
        ("crop_mode", json!("five"), "\"five\", which is not supported: expected center, squash or border"),
        ("crop_border_pixels", json!(4), "4, which is not supported: expected 0"),
    ] {
        let key = format!("pretrained_cfg.{key}");
        assert_eq!(refused(&with(timm(), &key, value)), format!("{key} is {expected}"));
    }
    assert_eq!(
        refused(&with(timm(), "pretrained_cfg.crop_mode", json!("squash"))),
        "pretrained_cfg.crop_pct is 0.89, which is not supported: expected 1 with the crop_mode squash"
    );
    for (key, value) in [
        ("do_pad", json!(true)),
        ("do_flip_channel_order", json!(true)),
        ("do_thumbnail", json!(true)),
        ("rescale_offset", json!(true)),
        ("do_resize", json!(false)),
        ("resample", json!(4)),
        ("size_divisor", json!(32)),
        ("crop_pct", json!(0.9)),
        ("image_processor_type", json!("LevitImageProcessor")),
        ("image_processor_type", json!("EfficientNetImageProcessor")),
        ("size", json!({"shortest_edge": 14})),
        ("size", json!({"shortest_edge": 22, "longest_edge": 30})),
        ("size", json!({"height": 22, "width": 22})),
        ("crop_size", json!({"height": 16, "width": 12})),
        ("crop_size", json!({"shortest_edge": 16})),
        ("do_center_crop", json!(false)),
    ] {
        let error = read(&with(transformers(), key, value.clone())).unwrap_err();
        assert!(matches!(error, Error::UnsupportedConfig { .. }), "{key} {value}: {error}");
    }
}

#[test]
fn hostile_values_are_named_with_their_key() {
    for (key, value) in [
        ("input_size", json!(null)),
        ("input_size", json!([3, 224])),
        ("input_size", json!([3, -224, 224])),
        ("input_size", json!([3, 0, 224])),
        ("input_size", json!([3, 224, 1e9])),
        ("input_size", json!(["3", 224, 224])),
        ("input_size", json!({"height": 224})),
        ("interpolation", json!(null)),
        ("interpolation", json!(3)),
        ("crop_pct", json!(0)),
        ("crop_pct", json!(-0.875)),
        ("crop_pct", json!(1.5)),
        ("crop_pct", json!("0.875")),
        ("crop_pct", json!(1e-300)),
        ("crop_mode", json!(true)),
        ("mean", json!(null)),
        ("mean", json!([0.5, 0.5])),
        ("mean", json!([0.5, 0.5, 1e300])),
        ("std", json!([0.5, 0.5, 0])),
        ("std", json!([0.5, 0.5, 1e-60])),
        ("std", json!([[0.5], 0.5, 0.5])),
        ("tag", json!("x".repeat(5000))),
    ] {
        let path = format!("pretrained_cfg.{key}");
        let error = read(&with(timm(), &path, value.clone())).unwrap_err();
        assert!(error.to_string().starts_with(&path), "{key} {value}: {error}");
        assert!(error.to_string().len() < 200, "{error}");
    }
    for (key, value) in [
        ("size", json!(null)),
        ("size", json!("224")),
        ("size", json!(-1)),
        ("size", json!({"height": 0, "width": 5})),
        ("size", json!({"shortest_edge": 99999})),
        ("crop_size", json!(null)),
        ("do_center_crop", json!("yes")),
        ("do_center_crop", json!(null)),
        ("do_rescale", json!(1)),
        ("rescale_factor", json!("1/255")),
        ("resample", json!(null)),
        ("resample", json!("bicubic")),
        ("image_mean", json!(null)),
        ("image_mean", json!("mean")),
        ("image_std", json!(0)),
        ("image_processor_type", json!(7)),
    ] {
        let message = refused(&with(transformers(), key, value.clone()));
        assert!(message.starts_with(key), "{key} {value}: {message}");
    }
    let long = refused(&with(transformers(), &format!("do_{}", "x".repeat(5000)), json!(true)));
    assert!(long.starts_with("do_xxx") && long.len() < 200, "{long}");
    for text in ["", "{", "not JSON", "{\"pretrained_cfg\": {\"mean\": [NaN, 0, 0]}}", "\u{feff}{}"] {
        let error = Config::read(text.as_bytes()).unwrap_err();
        assert!(
            error.to_string().starts_with("expected a configuration in JSON, found something else"),
            "{text}"
        );
    }
    assert!(Config::read("[".repeat(100_000).as_bytes()).is_err());
    assert!(Config::read(&[0xFF, 0xFE, 0]).is_err());
}

#[test]
fn the_network_is_told_whatever_else_is_in_the_file() {
    for (content, name) in [
        (r#"{"architecture": "efficientnet_lite0"}"#, Some("efficientnet_lite0")),
        (r#"{"architecture": "resnet18.a1_in1k", "pretrained_cfg": {"std": 0}}"#, Some("resnet18")),
        (r#"{"pretrained_cfg": {"architecture": "vgg16"}}"#, Some("vgg16")),
        (r#"{"architecture": 3, "architectures": ["ResNetModel"]}"#, None),
        (r#"{"architecture": ""}"#, None),
        (r#"["architecture"]"#, None),
        ("no JSON", None),
    ] {
        assert_eq!(Config::architecture_of(content.as_bytes()).as_deref(), name, "{content}");
    }
}

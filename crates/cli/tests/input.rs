//! How images become the network's input: flags, a configuration beside the weights, and the network's own.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::fs;

use assert_cmd::assert::Assert;
use serde_json::{Value, json};

use common::{Workplace, fails, json as output, weights};

/// A folder with two images and the shipped weights, which no configuration is beside.
fn place() -> Workplace {
    let place = Workplace::new(1);
    fs::create_dir(place.path("models")).unwrap();
    fs::hard_link(weights(), place.path("models/vgg16.h5"))
        .or_else(|_| fs::copy(weights(), place.path("models/vgg16.h5")).map(drop))
        .unwrap();
    place
}

fn extract(place: &Workplace, more: &[&str]) -> Assert {
    let fixed = ["--json", "extract", "images", "-o", "f.npy", "--fresh", "--weights", "models/vgg16.h5"];
    place.run(&[&fixed[..], more].concat())
}

fn preprocessing(place: &Workplace, more: &[&str]) -> Value {
    output(&extract(place, more).code(0))["preprocessing"].clone()
}

/// timm's configuration of a small VGG16.
fn timm() -> Value {
    json!({"architecture": "vgg16", "num_classes": 1000, "pretrained_cfg": {
        "tag": "tv_in1k", "input_size": [3, 48, 48], "interpolation": "bicubic", "crop_pct": 0.75,
        "crop_mode": "center", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    }})
}

fn write(place: &Workplace, name: &str, config: &Value) {
    place.write(&format!("models/{name}"), config.to_string());
}

#[test]
fn the_flags_say_how_images_are_fitted() {
    let place = place();
    let small = ["--size", "32x32"];
    let with = |more: &[&str]| preprocessing(&place, &[&small[..], more].concat());
    let shown = |one: &Value| json!([one["preset"], one["interpolation"], one["fit"]]);
    assert_eq!(shown(&with(&[])), json!(["blog", "nearest", null]));
    assert_eq!(shown(&with(&["--resize", "stretch"])), json!(["blog", "nearest", null]));
    assert_eq!(shown(&with(&["--resize", "pad"])), json!(["blog", "nearest", "pad"]));
    let crop = |fraction: f64| json!({"crop": {"fraction": fraction}});
    assert_eq!(shown(&with(&["--resize", "crop"])), json!(["blog", "nearest", crop(0.875)]));
    assert_eq!(
        shown(&with(&["--crop-pct", "0.8", "--preset", "inception"])),
        json!(["inception", "bicubic", crop(0.8)])
    );
    let contradicting = [&small[..], &["--resize", "pad", "--crop-pct", "0.9"]].concat();
    fails(extract(&place, &contradicting), 2, &["--crop-pct: goes with --resize crop"]);
    fails(extract(&place, &["--crop-pct", "0"]), 2, &["expected a number above 0, at most 1"]);
    fails(extract(&place, &["--crop-pct", "0.01"]), 2, &["crop fraction", "4096"]);
    fails(extract(&place, &["--resize", "fill"]), 2, &["stretch", "crop", "pad"]);
}

#[test]
fn inspect_tells_the_network_and_what_extract_would_give_it() {
    let place = place();
    let network = |file: &str| output(&place.run(&["--json", "inspect", file]).code(0))["network"].clone();
    let vgg16 = network("models/vgg16.h5");
    assert_eq!(json!([vgg16["name"], vgg16["form"], vgg16["fault"]]), json!(["vgg16", null, null]));
    assert_eq!(vgg16["input"], preprocessing(&place, &[]));
    let lite0 = common::root().join("data/weights/efficientnet_lite0.safetensors");
    let lite0 = network(lite0.to_str().unwrap());
    let input = &lite0["input"];
    assert_eq!(
        json!([lite0["name"], input["preset"], input["height"], input["width"], input["fit"]]),
        json!(["efficientnet_lite0", "inception", 224, 224, {"crop": {"fraction": 0.875}}])
    );
    let shown = |file: &str| {
        let assert = place.run(&["inspect", file]).code(0);
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let stdout = shown("models/vgg16.h5");
    assert!(stdout.contains("network     vgg16\ninput       blog 150x150, nearest;"), "{stdout}");
    // A configuration beside the file counts as it does for extract.
    write(&place, "config.json", &timm());
    assert_eq!(network("models/vgg16.h5")["input"]["preset"], "inception");
    let mut config = timm();
    config["architecture"] = json!("vgg19");
    write(&place, "config.json", &config);
    assert_eq!(network("models/vgg16.h5")["input"], json!(null));
    let stdout = shown("models/vgg16.h5");
    assert!(stdout.contains("input       NOT clear: models/config.json: says that"), "{stdout}");
}

#[test]
fn without_a_configuration_vgg_gets_what_the_blogs_script_gives_it() {
    let place = place();
    let one = preprocessing(&place, &[]);
    assert_eq!(json!([one["preset"], one["height"], one["width"]]), json!(["blog", 150, 150]));
    assert_eq!(one.get("fit"), None);
}

#[test]
fn fits_are_never_mixed_and_are_told() {
    let place = place();
    extract(&place, &["--size", "32x32", "--crop-pct", "0.8"]).code(0);
    let again = ["extract", "images", "-o", "f.npy", "--weights", "models/vgg16.h5", "--size", "32x32"];
    fails(place.run(&again), 1, &["resizing crop 0.8 against stretch", "--fresh"]);
    let inspected = place.run(&["inspect", "f.npy"]).code(0);
    let stdout = String::from_utf8(inspected.get_output().stdout.clone()).unwrap();
    assert!(stdout.contains(r#""fit":{"crop":{"fraction":0.8}}"#), "{stdout}");
}

#[test]
fn a_configuration_of_timm_beside_the_weights_is_used_and_flags_win() {
    let place = place();
    write(&place, "config.json", &timm());
    let assert = extract(&place, &[]);
    let one = &output(&assert)["preprocessing"];
    assert_eq!(
        json!([one["preset"], one["height"], one["interpolation"]]),
        json!(["inception", 48, "bicubic"])
    );
    assert_eq!(one["fit"], json!({"crop": {"fraction": 0.75}}));
    fails(assert, 0, &["config.json: inception 48x48 crop 0.75, bicubic"]);

    let one = preprocessing(&place, &["--size", "32x40", "--resize", "pad", "--interpolation", "lanczos"]);
    assert_eq!(
        json!([one["preset"], one["height"], one["width"], one["interpolation"], one["fit"]]),
        json!(["inception", 32, 40, "lanczos", "pad"])
    );
    // The fraction of the configuration, where the flag names none.
    assert_eq!(preprocessing(&place, &["--resize", "crop"])["fit"], json!({"crop": {"fraction": 0.75}}));
    // A preset is all of it, so the file is not read.
    let assert = extract(&place, &["--preset", "caffe", "--size", "32x32"]);
    let one = &output(&assert)["preprocessing"];
    assert_eq!(
        json!([one["preset"], one["interpolation"], one.get("fit")]),
        json!(["caffe", "nearest", null])
    );
    let stderr = fails(assert, 0, &[]);
    assert!(!stderr.contains("config.json"), "{stderr}");
}

#[test]
fn a_configuration_of_transformers_is_read_after_one_that_is_about_something_else() {
    let place = place();
    write(&place, "config.json", &json!({"model_type": "resnet", "architectures": ["ResNetModel"]}));
    write(
        &place,
        "preprocessor_config.json",
        &json!({
            "image_processor_type": "BitImageProcessor", "do_resize": true, "size": {"shortest_edge": 40},
            "do_center_crop": true, "crop_size": {"height": 32, "width": 32}, "resample": 3, "do_rescale": true,
            "rescale_factor": 0.003_921_568_627_450_98, "do_normalize": true,
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
        }),
    );
    let assert = extract(&place, &[]);
    let one = &output(&assert)["preprocessing"];
    assert_eq!(
        json!([one["preset"], one["height"], one["fit"]]),
        json!(["torchvision", 32, {"crop": {"fraction": 0.8}}])
    );
    let texts = [
        "config.json: not used: it is not about preprocessing",
        "preprocessor_config.json: torchvision 32x32 crop 0.8",
    ];
    fails(assert, 0, &texts);
}

#[test]
fn weights_are_refused_where_a_configuration_names_another_network() {
    let place = place();
    let mut config = timm();
    config["architecture"] = json!("vgg19");
    write(&place, "config.json", &config);
    let refused = "models/config.json: says that the weights are of vgg19, but models/vgg16.h5 has the parameters of vgg16";
    for more in [&["--size", "32x32"][..], &["--preset", "blog"], &["--backbone", "vgg16"]] {
        fails(extract(&place, more), 4, &[refused, "in a folder of their own"]);
    }
    config["architecture"] = json!("vgg16_bn");
    write(&place, "config.json", &config);
    let refused = "of vgg16_bn, which is not supported; models/vgg16.h5 has the names and shapes of vgg16";
    fails(extract(&place, &["--size", "32x32"]), 4, &[refused, "without this file"]);
}

#[test]
fn a_configuration_that_cant_be_used_is_named_with_its_key_and_the_way_out() {
    let place = place();
    let way_out = "--preset says what to do instead of the file";
    let mut config = timm();
    config["pretrained_cfg"]["crop_mode"] = json!("border");
    write(&place, "config.json", &config);
    let texts = ["models/config.json: pretrained_cfg.crop_pct is 0.75, which is not supported", way_out];
    fails(extract(&place, &[]), 4, &texts);
    config["pretrained_cfg"]["std"] = json!([0.5, 0, 0.5]);
    config["pretrained_cfg"]["crop_mode"] = json!("center");
    write(&place, "config.json", &config);
    fails(
        extract(&place, &[]),
        4,
        &["config.json: pretrained_cfg.std: expected three numbers other than zero", way_out],
    );
    place.write("models/config.json", "{\"pretrained_cfg\": NaN");
    fails(extract(&place, &[]), 4, &["config.json: expected a configuration in JSON", way_out]);
    extract(&place, &["--preset", "blog", "--size", "32x32"]).code(0);
    let huge = fs::File::create(place.path("models/config.json")).unwrap();
    huge.set_len(1 << 40).unwrap();
    fails(
        extract(&place, &[]),
        4,
        &["config.json: expected a configuration of at most 16777216 bytes, found more"],
    );
    fs::remove_file(place.path("models/config.json")).unwrap();
    fs::create_dir(place.path("models/config.json")).unwrap();
    fails(extract(&place, &[]), 1, &["config.json: expected a file, found a folder"]);
}

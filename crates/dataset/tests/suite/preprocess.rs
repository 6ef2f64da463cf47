//! The presets against Keras, and what is stored of them.

use headstart_dataset::{
    ChannelOrder, DecodeError, Grey16, Interpolation, Limits, Preprocessing, Preset, RgbImage, load,
    load_file, preprocess,
};

use crate::golden::{Golden, cases, number, text};

/// Presets torchvision and inception multiply by float32(1/255) where Keras divides by 255 or 127.5, which rounds
/// differently in the last place of a number below 1, here divided by a std of 0.2.
const DIVISION_TOLERANCE: f32 = 1e-6;

#[test]
fn presets_give_the_values_of_keras() {
    let golden = Golden::of("preprocess");
    let index = golden.index();
    for case in cases(&index) {
        let preset: Preset = text(case, "preset").parse().unwrap();
        let preprocessing = Preprocessing::preset(preset, number(case, "height"), number(case, "width"));
        let expected = golden.floats(text(case, "values"));
        let mut found = vec![f32::NAN; preprocessing.len()];
        load(&golden.bytes(text(case, "image")), &preprocessing, &Limits::default(), &mut found).unwrap();

        assert_eq!(found.len(), expected.len(), "{case}");
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let equal = match preset {
                Preset::Blog | Preset::Caffe => found.to_bits() == expected.to_bits(),
                _ => (found - expected).abs() <= DIVISION_TOLERANCE,
            };
            assert!(equal, "{case}: value {at} is {found}, expected {expected}");
        }
    }
}

/// A white wall of 16 bits must not look like a grey one, nor a photograph like a white wall.
#[test]
fn grey_of_16_bits_is_cut_off_or_brought_to_its_high_byte_as_stored() {
    // 384 and 65535 of 65535, then both of 1000, which is first scaled to 65535.
    for (pgm, cut_off, high_byte) in [
        (&b"P5 2 1 65535\n\x01\x80\xFF\xFF"[..], [255.0, 255.0], [1.0, 255.0]),
        (b"P2 2 1 1000\n2 500\n", [131.0, 255.0], [0.0, 128.0]),
        // 8 bits are not concerned.
        (b"P2 2 1 255\n2 200\n", [2.0, 200.0], [2.0, 200.0]),
    ] {
        for (grey16, expected) in [(Grey16::CutOff, cut_off), (Grey16::HighByte, high_byte)] {
            let blog = Preprocessing::preset(Preset::Blog, 1, 2);
            let preprocessing = Preprocessing { scale: 1.0, grey16, ..blog };
            let mut found = [0.0; 6];
            load(pgm, &preprocessing, &Limits::default(), &mut found).unwrap();
            assert_eq!(found, [expected; 3].concat()[..], "{grey16:?} {}", pgm.escape_ascii());
        }
    }
}

/// Numbers that no camera makes stay Pillow's, whatever is chosen for 16-bit photographs.
#[test]
fn signed_and_32_bit_greys_are_cut_off_in_every_preset() {
    let golden = Golden::of("decode");
    for name in ["tiff-i16-signed", "tiff-i32", "tiff-u32", "tiff-f32", "png-la16", "png-rgb16"] {
        let index = golden.index();
        let case = cases(&index).iter().find(|case| text(case, "name") == name).unwrap();
        let blog = Preprocessing::preset(Preset::Blog, number(case, "height"), number(case, "width"));
        let preprocessing = Preprocessing { grey16: Grey16::HighByte, ..blog.clone() };
        let [mut found, mut expected] = [vec![0.0; blog.len()], vec![1.0; blog.len()]];
        load(&golden.bytes(text(case, "file")), &preprocessing, &Limits::default(), &mut found).unwrap();
        load(&golden.bytes(text(case, "file")), &blog, &Limits::default(), &mut expected).unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn load_file_returns_the_hash_of_the_content() {
    let golden = Golden::of("preprocess");
    let preprocessing = Preprocessing::preset(Preset::Blog, 15, 20);
    let mut from_bytes = vec![0.0; preprocessing.len()];
    let mut from_file = vec![1.0; preprocessing.len()];
    let limits = Limits::default();
    load(&golden.bytes("rgba.png"), &preprocessing, &limits, &mut from_bytes).unwrap();
    let hash = load_file(&golden.path("rgba.png"), &preprocessing, &limits, &mut from_file).unwrap();
    assert_eq!(from_bytes, from_file);
    assert_eq!(hash, blake3::hash(&golden.bytes("rgba.png")).to_hex().as_str());
}

#[test]
fn planes_stand_in_channel_order() {
    let image = RgbImage::from_pixel(2, 1, image::Rgb([10, 20, 30]));
    let mut preprocessing = Preprocessing {
        scale: 2.0,
        mean: [1.0, 2.0, 3.0],
        std: [1.0, 10.0, 100.0],
        ..Preprocessing::preset(Preset::Blog, 1, 2)
    };
    let mut out = [0.0; 6];
    preprocess(&image, &preprocessing, &mut out).unwrap();
    assert_eq!(out, [19.0, 19.0, 3.8, 3.8, 0.57, 0.57]);
    preprocessing.channel_order = ChannelOrder::Bgr;
    preprocess(&image, &preprocessing, &mut out).unwrap();
    assert_eq!(out, [59.0, 59.0, 3.8, 3.8, 0.17, 0.17]);
}

#[test]
fn an_output_slice_of_the_wrong_length_is_refused() {
    let preprocessing = Preprocessing::preset(Preset::Blog, 4, 5);
    let refused = preprocess(&RgbImage::new(4, 5), &preprocessing, &mut [0.0; 59]);
    assert!(matches!(refused, Err(DecodeError::OutputLength { expected: 60, found: 59 })));
}

#[test]
fn stored_preprocessing_reads_back_to_the_bit() {
    for preset in Preset::ALL {
        let preprocessing = Preprocessing::preset(preset, 150, 151);
        let stored = serde_json::to_string(&preprocessing).unwrap();
        assert_eq!(serde_json::from_str::<Preprocessing>(&stored).unwrap(), preprocessing);
    }
}

#[test]
fn stored_preprocessing_keeps_its_field_names() {
    let stored = serde_json::to_string(&Preprocessing::preset(Preset::Caffe, 150, 224)).unwrap();
    let expected = r#"{"preset":"caffe","height":150,"width":224,"interpolation":"nearest","channel_order":"bgr","scale":1.0,"mean":[103.939,116.779,123.68],"std":[1.0,1.0,1.0],"apply_exif_orientation":true,"grey16":"high_byte"}"#;
    assert_eq!(stored, expected);
}

#[test]
fn an_unknown_step_in_stored_preprocessing_is_refused() {
    let mut stored = serde_json::to_value(Preprocessing::preset(Preset::Blog, 150, 150)).unwrap();
    stored["gamma"] = 2.2.into();
    assert!(serde_json::from_value::<Preprocessing>(stored).is_err());
}

#[test]
fn names_parse_and_unknown_names_list_the_known() {
    for preset in Preset::ALL {
        assert_eq!(preset.to_string().parse::<Preset>().unwrap(), preset);
    }
    for interpolation in Interpolation::ALL {
        assert_eq!(interpolation.to_string().parse::<Interpolation>().unwrap(), interpolation);
    }
    let unknown = "keras".parse::<Preset>().unwrap_err().to_string();
    let known = Preset::ALL.map(Preset::name).join(", ");
    assert_eq!(unknown, format!(r#"unknown preset "keras": expected one of {known}"#));
    assert!(known.starts_with("blog, caffe, torchvision, inception"));
    assert!("cubic".parse::<Interpolation>().unwrap_err().to_string().contains("bicubic"));
}

#[test]
fn settings_out_of_range_are_named() {
    let valid = Preprocessing::preset(Preset::Blog, 150, 150);
    assert!(valid.validate().is_ok());
    type Change = fn(&mut Preprocessing);
    let changes: [(&str, Change); 7] = [
        ("height", |preprocessing| preprocessing.height = 0),
        ("width", |preprocessing| preprocessing.width = Preprocessing::MAX_SIDE + 1),
        ("height", |preprocessing| preprocessing.height = usize::MAX),
        ("scale", |preprocessing| preprocessing.scale = f32::NAN),
        ("mean", |preprocessing| preprocessing.mean[1] = f32::INFINITY),
        ("std", |preprocessing| preprocessing.std[2] = 0.0),
        ("std", |preprocessing| preprocessing.std[0] = f32::NAN),
    ];
    for (expected, change) in changes {
        let mut changed = valid.clone();
        change(&mut changed);
        let refused = changed.validate();
        assert!(
            matches!(&refused, Err(refused) if refused.to_string().starts_with(&format!("preprocessing {expected}: "))),
            "{expected}"
        );
    }
}

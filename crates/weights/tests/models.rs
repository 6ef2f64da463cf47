//! Models in every layout: what is read is what was written, and files that lie give their errors.

// A test that meets an error where it expects none should stop there.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::PathBuf;

use common::{Folder, golden};
use hdf5::AttrValue;
use headstart_files::Error as FileError;
use headstart_provenance::{Pooling, Preprocessing, Preset, Provenance, WeightsFile};
use headstart_weights::{
    Activation, Array, Error, ErrorKind, FlattenOrder, HeadFile, HeadLayer, IfExists, ImportOptions,
    Imported, KnownImages, LayerConfig, Layout, Model, ModelMetadata, TrainingRecord, UnknownRule,
    check_model_path, describe, export_model, import_model, load_model, save_model,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn dense(name: &str, inputs: usize, outputs: usize) -> HeadLayer {
    let fill = |count: usize| (0..count).map(|i| i as f32 - 2.5).collect();
    HeadLayer {
        name: name.to_owned(),
        kernel: Array::new(vec![inputs, outputs], fill(inputs * outputs)).unwrap(),
        bias: Some(Array::new(vec![outputs], fill(outputs)).unwrap()),
    }
}

fn model() -> Model {
    Model {
        layers: vec![dense("dense_1", 12, 3), dense("dense_2", 3, 2)],
        layer_names: ["flatten_1", "dense_1", "dropout_1", "dense_2"].map(str::to_owned).to_vec(),
        metadata: ModelMetadata {
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            row_shape: vec![3, 2, 2],
            ..ModelMetadata::default()
        },
        ..Model::default()
    }
}

#[test]
fn what_a_model_knows_of_its_images_is_kept_in_safetensors_and_refused_in_parts() {
    let folder = Folder::new();
    let path = folder.0.path().join("known.safetensors");
    let class_means = Array::new(vec![2, 12], (0..24).map(|i| i as f32 / 32.0).collect()).unwrap();
    let known = Some(KnownImages { class_means, rule: UnknownRule { distance: 0.1 + 0.2, share: 0.01 } });
    let model = Model { known, ..model() };
    save_model(&path, &model, IfExists::Refuse).unwrap();
    assert_eq!(load_model(&path).unwrap(), model);
    // A rule without the means.
    let rule = |header: &mut Value| header["__metadata__"]["known"] = json!(r#"{"distance":1,"share":0}"#);
    let error = load_model(&with_header(&folder, rule, 0)).unwrap_err().to_string();
    assert!(error.contains("no tensor known/class_means"), "{error}");
}

/// What the features of a model depend on, with a preset of this name.
fn provenance(preset: String) -> Provenance {
    let weights = WeightsFile { name: "vgg16_weights.h5".to_owned(), blake3: "0123".to_owned() };
    let preprocessing = Preprocessing { preset, ..Preprocessing::preset(Preset::Caffe, 96, 64) };
    Provenance::stored("vgg16", weights, preprocessing, Pooling::None, "4567")
}

/// The model's own file with another header; `data` bytes are added at the end.
fn with_header(folder: &Folder, change: impl FnOnce(&mut Value), data: usize) -> PathBuf {
    let path = folder.0.path().join("whole.safetensors");
    save_model(&path, &model(), IfExists::Replace).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = header.to_string();
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend(header.as_bytes());
    changed.extend(&bytes[8 + length..]);
    changed.resize(changed.len() + data, 0);
    folder.write("changed.safetensors", &changed)
}

#[test]
fn headers_that_lie_are_refused() {
    let folder = Folder::new();
    assert_eq!(load_model(&with_header(&folder, |_| (), 0)).unwrap(), model());
    let names = |names: &str| {
        let names = names.to_owned();
        move |header: &mut Value| header["__metadata__"]["layer_names"] = names.into()
    };
    let rename = |from: &'static str, to: &'static str| {
        move |header: &mut Value| {
            let entry = header.as_object_mut().unwrap().remove(from).unwrap();
            header[to] = entry;
        }
    };
    type Change<'a> = Box<dyn FnOnce(&mut Value) + 'a>;
    let changes: [(&str, Change<'_>, usize); 8] = [
        ("more than once", Box::new(names(r#"["dense_1","dense_1","dense_2"]"#)), 0),
        ("dense_2/bias, which is of no layer", Box::new(names(r#"["dense_1"]"#)), 0),
        ("a bias without a kernel", Box::new(rename("dense_2/kernel", "dense_3/kernel")), 0),
        ("dense_2/beta, which is of no layer", Box::new(rename("dense_2/bias", "dense_2/beta")), 0),
        ("of version 9", Box::new(|header| header["__metadata__"]["version"] = "9".into()), 0),
        (
            "missing field `layer_names`",
            Box::new(|h| drop(h["__metadata__"].as_object_mut().unwrap().remove("layer_names"))),
            0,
        ),
        ("with tensors (36,)", Box::new(|header| header["dense_1/kernel"]["shape"] = json!([36])), 0),
        ("the file has", Box::new(|_| ()), 4),
    ];
    for (complaint, change, data) in changes {
        let error = load_model(&with_header(&folder, change, data)).unwrap_err();
        assert!(
            error.kind() == ErrorKind::BadData && error.to_string().contains(complaint),
            "{complaint}: {error}"
        );
    }
    let mut diverged = model();
    diverged.layers[1].kernel.values[4] = f32::INFINITY;
    let path = folder.0.path().join("diverged.safetensors");
    let error = save_model(&path, &diverged, IfExists::Refuse).unwrap_err();
    assert!(matches!(error, Error::NotFinite { index: 4, .. }), "{error}");
    assert!(!path.exists());
    // The same value put into a file by another hand.
    let path = with_header(&folder, |_| (), 0);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = load_model(&folder.write("nan.safetensors", &bytes)).unwrap_err();
    assert!(matches!(&error, Error::NotFinite { layer, index: 1, .. } if layer == "dense_2"), "{error}");
}

/// A `.weights.h5` of one dense layer (12, 2) without a bias, with an attribute of the root.
fn one_layer(folder: &Folder, attribute: &str, text: &str) -> PathBuf {
    folder.build(|file| {
        file.set_attr(attribute, AttrValue::String(text.to_owned()));
        let mut layers = file.create_group("layers");
        let mut dense = layers.create_group("dense");
        let mut vars = dense.create_group("vars");
        vars.create_dataset("0").with_f32_data(&[0.5; 24]).with_shape(&[12, 2]);
        dense.add_group(vars.finish());
        layers.add_group(dense.finish());
        file.add_group(layers.finish());
    })
}

#[test]
fn a_description_of_other_layers_is_refused() {
    let folder = Folder::new();
    let described = |names: &str| {
        let text = format!(r#"{{"format":"headstart.model","version":1,"layer_names":{names}}}"#);
        load_model(&one_layer(&folder, "headstart", &text))
    };
    assert_eq!(described(r#"["dense"]"#).unwrap().layers.len(), 1);
    let error = described(r#"["dense_7"]"#).unwrap_err();
    assert!(error.to_string().contains("found the layer dense"), "{error}");
    assert!(matches!(described("7").unwrap_err(), Error::WrongAttribute { .. }));
}

#[test]
fn a_configuration_of_other_layers_is_refused() {
    let folder = Folder::new();
    let configured = |units: usize, use_bias: bool| {
        let settings = json!({"name": "out", "units": units, "use_bias": use_bias, "activation": "relu"});
        let layers = json!([{"class_name": "Dense", "config": settings}]);
        let text = json!({"class_name": "Sequential", "config": {"layers": layers}}).to_string();
        load_model(&one_layer(&folder, "model_config", &text))
    };
    assert_eq!(configured(2, false).unwrap().layers[0].name, "out");
    for (units, use_bias) in [(3, false), (2, true)] {
        let error = configured(units, use_bias).unwrap_err();
        assert!(error.to_string().contains("its configuration lists, found kernels of (12, 2)"), "{error}");
    }
}

/// What a file says, what it shows, and what the caller says: in this order the last one wins.
#[test]
fn the_order_of_rows_is_taken_from_the_configuration_unless_its_shape_contradicts_it() {
    use FlattenOrder::{ChannelsFirst, ChannelsLast};
    let folder = Folder::new();
    let read = |shape: [usize; 3], data_format: Option<&str>, said: Option<FlattenOrder>| {
        let [a, b, c] = shape;
        let flatten =
            json!({"name": "flat", "batch_input_shape": [null, a, b, c], "data_format": data_format});
        let out = json!({"name": "out", "units": 2, "use_bias": false, "activation": "relu"});
        let layers =
            json!([{"class_name": "Flatten", "config": flatten}, {"class_name": "Dense", "config": out}]);
        let text = json!({"class_name": "Sequential", "config": {"layers": layers}}).to_string();
        let mut options = ImportOptions::default();
        options.flatten_order = said;
        let imported = import_model(&one_layer(&folder, "model_config", &text), &options)?;
        Ok::<_, Error>((imported.flatten_order, imported.model.metadata.row_shape))
    };
    let (th, tf, square) = ([6, 2, 1], [2, 1, 6], [2, 3, 2]);
    let (first, last) = (Some("channels_first"), Some("channels_last"));
    for (shape, data_format, said, expected) in [
        (th, None, None, (ChannelsFirst, [6, 2, 1])),
        (tf, None, Some(ChannelsLast), (ChannelsLast, [6, 2, 1])),
        (tf, last, None, (ChannelsLast, [6, 2, 1])),
        (th, last, Some(ChannelsFirst), (ChannelsFirst, [6, 2, 1])),
        (square, None, None, (ChannelsFirst, [2, 3, 2])),
        (square, last, None, (ChannelsLast, [2, 2, 3])),
        // Flatten itself moves the channels to the end.
        (th, first, None, (ChannelsLast, [6, 2, 1])),
    ] {
        let (order, row_shape) = read(shape, data_format, said).unwrap();
        assert_eq!(
            (order, row_shape.as_slice()),
            (expected.0, expected.1.as_slice()),
            "{shape:?} {data_format:?}"
        );
    }
    for (shape, data_format) in [(tf, None), (th, last)] {
        let error = read(shape, data_format, None).unwrap_err();
        assert!(matches!(error, Error::UnclearOrder { .. }) && error.kind() == ErrorKind::Usage, "{error}");
    }
}

#[test]
fn archives_cut_off_anywhere_or_without_a_part_are_refused() {
    let folder = Folder::new();
    for name in ["keras3_archive.keras", "keras2_archive.keras"] {
        let bytes = std::fs::read(golden("models").join(name)).unwrap();
        load_model(&folder.write("whole.keras", &bytes)).unwrap();
        for end in (4..bytes.len()).step_by(199) {
            let error = load_model(&folder.write("cut.keras", &bytes[..end])).unwrap_err();
            assert!(error.kind() == ErrorKind::BadData, "cut to {end}: {error}");
        }
        let mut renamed = bytes.clone();
        for start in 0..renamed.len() - 11 {
            if &renamed[start..start + 11] == b"config.json" {
                renamed[start] = b'k';
            }
        }
        let error = load_model(&folder.write("renamed.keras", &renamed)).unwrap_err();
        assert!(matches!(&error, Error::MissingObject { object, .. } if object == "config.json"), "{error}");
    }
}

/// Any byte of a file may be wrong: then an error is returned, or other values, but nothing panics.
#[test]
fn damage_anywhere_is_no_panic() {
    let folder = Folder::new();
    for name in ["ours.safetensors", "ours.weights.h5", "keras3_archive.keras", "keras1_classes.h5"] {
        let bytes = std::fs::read(golden("models").join(name)).unwrap();
        for place in (0..bytes.len()).step_by(41) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0xff;
            if let Ok(model) = load_model(&folder.write("damaged", &damaged)) {
                assert!(model.layers.iter().all(|layer| layer.kernel.values.iter().all(|v| v.is_finite())));
            }
        }
    }
}

#[test]
fn channels_last_is_kept_out_of_safetensors_and_needs_a_shape() {
    let folder = Folder::new();
    let save = |name: &str, model: &Model| {
        let path = folder.0.path().join(name);
        export_model(&path, model, FlattenOrder::ChannelsLast, IfExists::Refuse)
    };
    assert!(matches!(save("a.safetensors", &model()), Err(Error::Unsupported { .. })));
    for row_shape in [vec![], vec![12]] {
        let mut unknown = model();
        unknown.metadata.row_shape.clone_from(&row_shape);
        let error = save("a.h5", &unknown).unwrap_err();
        assert!(matches!(&error, Error::UnknownRowShape { found, .. } if *found == row_shape), "{error}");
    }
    save("a.h5", &model()).unwrap();
    let mut options = ImportOptions::default();
    options.flatten_order = Some(FlattenOrder::ChannelsFirst);
    let path = folder.0.path().join("a.h5");
    assert_ne!(import_model(&path, &options).unwrap().model, model());
    let imported = import_model(&path, &ImportOptions::default()).unwrap();
    assert_eq!((imported.model, imported.flatten_order), (model(), FlattenOrder::ChannelsLast));
}

#[test]
fn activations_are_named_for_a_file_that_does_not_say_them_and_for_no_other() {
    let mut options = ImportOptions::default();
    options.activations = Some(vec![Activation::Relu, Activation::Softmax]);
    let import = |name: &str, options: &ImportOptions| import_model(&golden("models").join(name), options);
    let model = import("keras3.weights.h5", &options).unwrap().model;
    let dense = |units, activation| LayerConfig::Dense { units, activation, use_bias: true };
    let expected = vec![
        LayerConfig::Flatten,
        dense(7, Activation::Relu),
        dense(model.layers[1].kernel.shape[1], Activation::Softmax),
    ];
    assert_eq!(model.metadata.head, Some(expected));

    let error = import("keras3_whole.h5", &options).unwrap_err();
    assert!(matches!(error, Error::ActivationsStated { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    options.activations = Some(vec![Activation::Relu]);
    let error = import("keras3.weights.h5", &options).unwrap_err();
    assert!(matches!(error, Error::ActivationCount { expected: 2, found: 1, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

/// Files that the first release wrote: tests/golden/models/0.1.0/README.md says how.
#[test]
fn models_of_the_first_release_are_read_and_written_again_to_the_byte() {
    let folder = Folder::new();
    for (name, preset, width) in [
        ("blog.safetensors", Preset::Blog, 32),
        ("blog.h5", Preset::Blog, 32),
        ("blog_tf.h5", Preset::Blog, 32),
        ("caffe.weights.h5", Preset::Caffe, 48),
    ] {
        let path = golden("models/0.1.0").join(name);
        let Imported { model, flatten_order, .. } = import_model(&path, &ImportOptions::default()).unwrap();
        let metadata = &model.metadata;
        assert_eq!(metadata.classes, ["caf\u{e9}", "food"], "{name}");
        assert_eq!(metadata.head, Some(LayerConfig::binary_head(4, 0.5)), "{name}");
        assert_eq!(metadata.row_shape, [512, 1, 1], "{name}");
        let provenance = metadata.provenance.as_ref().unwrap();
        assert_eq!(provenance.preprocessing, Preprocessing::preset(preset, 32, width), "{name}");
        assert_eq!(provenance.backbone, "vgg16");
        // The fingerprint is what this version computes, too.
        let (weights, preprocessing) = (provenance.weights.clone(), provenance.preprocessing.clone());
        let made = Provenance::new("vgg16", weights, preprocessing, Pooling::None);
        assert_eq!(*provenance, made, "{name}");
        let rows = metadata.training.as_ref().and_then(|training| training.read::<Rows>());
        assert_eq!(rows.map(|read| read.rows), Some(6), "{name}");

        let again = folder.0.path().join(name);
        export_model(&again, &model, flatten_order, IfExists::Refuse).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(), "{name}");
    }
}

/// A part of a record of a training.
#[derive(serde::Deserialize)]
struct Rows {
    rows: usize,
}

/// The goldens that check.py loads into Keras.
#[test]
fn our_models_are_read_and_written_again_to_the_byte() {
    let folder = Folder::new();
    for name in ["ours.safetensors", "ours.h5", "ours.weights.h5", "ours_tf.h5", "ours_tf.weights.h5"] {
        let path = golden("models").join(name);
        let Imported { model, flatten_order, .. } = import_model(&path, &ImportOptions::default()).unwrap();
        assert_eq!(model.metadata.provenance, Some(provenance("caffe".to_owned())));
        let again = folder.0.path().join(name);
        export_model(&again, &model, flatten_order, IfExists::Refuse).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(), "{name}");
    }
}

#[test]
fn a_model_is_described_as_one() {
    let description = describe(&golden("models").join("ours.safetensors")).unwrap();
    assert_eq!(description.layout, Some(Layout::Model));
    assert_eq!(description.attributes["weights_name"], "vgg16_weights.h5");
    assert_eq!(description.parameters, 30 * 7 + 7 + 7 * 3 + 3);
    for name in ["torchvision_f32.safetensors", "legacy_f32.h5", "keras2_whole_model.h5"] {
        let error = load_model(&golden("weights").join(name)).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{name}: {error}");
    }
}

#[test]
fn a_name_that_is_taken_or_tells_no_layout_is_refused_early() {
    let folder = Folder::new();
    let taken = folder.write("model.safetensors", b"mine");
    assert!(matches!(check_model_path(&taken, IfExists::Refuse), Err(Error::File(FileError::Exists { .. }))));
    assert!(matches!(
        save_model(&taken, &model(), IfExists::Refuse),
        Err(Error::File(FileError::Exists { .. }))
    ));
    check_model_path(&taken, IfExists::Replace).unwrap();
    check_model_path(&folder.0.path().join("model.h5"), IfExists::Refuse).unwrap();
    let other = folder.0.path().join("model.onnx");
    assert!(matches!(check_model_path(&other, IfExists::Refuse), Err(Error::UnknownSuffix { .. })));
    assert!(matches!(save_model(&other, &model(), IfExists::Refuse), Err(Error::UnknownSuffix { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_model_is_read_as_it_was_written_in_every_layout_and_order(
        row_shape in [1usize..4, 1usize..4, 1usize..4],
        widths in proptest::collection::vec(1usize..20, 1..4),
        bias in any::<bool>(),
        bits in any::<u32>(),
        class in ".{0,12}",
        number in any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()),
        last in any::<bool>(),
        suffix in prop_oneof![Just("h5"), Just("weights.h5"), Just("safetensors")],
    ) {
        let mut inputs = row_shape.iter().product();
        let mut layers = Vec::new();
        for (i, &outputs) in widths.iter().enumerate() {
            let mut layer = dense(&format!("dense_{}", i + 1), inputs, outputs);
            if !bias {
                layer.bias = None;
            }
            layer.kernel.values[0] = Some(f32::from_bits(bits)).filter(|v| v.is_finite()).unwrap_or(-0.0);
            layers.push(layer);
            inputs = outputs;
        }
        let model = Model {
            layer_names: std::iter::once("flatten_1".to_owned()).chain(layers.iter().map(|l| l.name.clone())).collect(),
            layers,
            metadata: ModelMetadata {
                classes: vec![class.clone()],
                row_shape: row_shape.to_vec(),
                provenance: Some(provenance(class)),
                training: Some(TrainingRecord::new(&json!({ "number": number })).unwrap()),
                ..ModelMetadata::default()
            },
            ..Model::default()
        };
        let order = if last && suffix != "safetensors" {
            FlattenOrder::ChannelsLast
        } else {
            FlattenOrder::ChannelsFirst
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("model.{suffix}"));
        export_model(&path, &model, order, IfExists::Refuse).unwrap();
        let read = load_model(&path).unwrap();
        prop_assert_eq!(&read, &model);
        // Equality takes 0 and -0 for the same; the bits tell.
        let bits = |model: &Model| model.layers[0].kernel.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read), bits(&model));
        let again = folder.path().join(format!("again.{suffix}"));
        export_model(&again, &read, order, IfExists::Refuse).unwrap();
        prop_assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap());
    }
}

/// Shapes that a file claims are never multiplied unchecked.
#[test]
fn a_row_shape_beyond_all_memory_is_no_panic() {
    let folder = Folder::new();
    let huge = |header: &mut Value| {
        header["__metadata__"]["row_shape"] = format!("[{0},{0},{0}]", u64::MAX).into();
    };
    let head = HeadFile::open(&with_header(&folder, huge, 0), &ImportOptions::default()).unwrap();
    for order in [None, Some(FlattenOrder::ChannelsFirst), Some(FlattenOrder::ChannelsLast)] {
        for shape in [vec![12], vec![3, 2, 2], vec![usize::MAX; 3]] {
            let _ = head.for_rows(&shape, order);
        }
    }
    assert!(matches!(head.for_rows(&[3, 2, 2], None), Err(Error::OtherRows { .. })));
}

/// Layers of different classes whose shapes follow each other in one order only, in two, and not at all.
#[test]
fn models_within_a_model_are_put_in_the_only_order_that_fits() {
    let folder = Folder::new();
    let read = |outer: &[[u64; 2]], inner: [u64; 2], others: &[&str]| {
        let path = folder.build(|file| {
            let dense = |layers: &mut hdf5::GroupBuilder, number: usize, [inputs, units]: [u64; 2]| {
                let name = if number == 0 { "dense".to_owned() } else { format!("dense_{number}") };
                let mut group = layers.create_group(&name);
                let mut vars = group.create_group("vars");
                let values = vec![0.5; (inputs * units) as usize];
                vars.create_dataset("0").with_f32_data(&values).with_shape(&[inputs, units]);
                group.add_group(vars.finish());
                layers.add_group(group.finish());
            };
            let mut layers = file.create_group("layers");
            for (number, &shape) in outer.iter().enumerate() {
                dense(&mut layers, number, shape);
            }
            for name in others {
                let mut group = layers.create_group(name);
                let vars = group.create_group("vars");
                group.add_group(vars.finish());
                layers.add_group(group.finish());
            }
            let mut model = layers.create_group("sequential");
            let mut within = model.create_group("layers");
            dense(&mut within, 0, inner);
            model.add_group(within.finish());
            layers.add_group(model.finish());
            file.add_group(layers.finish());
        });
        let shapes =
            |layers: Vec<HeadLayer>| layers.into_iter().map(|layer| layer.kernel.shape).collect::<Vec<_>>();
        headstart_weights::load_head(&path).map(shapes).map_err(|error| error.to_string())
    };
    assert_eq!(read(&[[6, 1]], [48, 6], &["flatten", "dropout_1"]).unwrap(), [[48, 6], [6, 1]]);
    assert_eq!(read(&[[48, 6], [5, 1]], [6, 5], &[]).unwrap(), [[48, 6], [6, 5], [5, 1]]);
    assert!(read(&[[48, 6], [6, 6]], [6, 6], &[]).unwrap_err().contains("more than one order"));
    assert!(read(&[[48, 6]], [5, 1], &[]).unwrap_err().contains("no order"));
    let unknown = [("re_lu", "save the whole model"), ("rescaling_2", "headstart has no such layer")];
    for (name, advice) in unknown {
        let error = read(&[[6, 1]], [48, 6], &[name]).unwrap_err();
        assert!(error.contains(&format!("the layer {name}")) && error.contains(advice), "{error}");
    }
}

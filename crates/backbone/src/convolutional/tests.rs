//! Every network with seeded parameters, held against timm, torchvision and Keras in float64 (tests/golden/networks); and
//! faults, each of which must be far from them.

use std::path::{Path, PathBuf};

use headstart_kernels::graph::{Activation, Window};
use headstart_weights::{LayerParameters, Parameter};
use serde_json::Value;

use super::*;
use crate::Strategy;
use crate::description::Convolution;
use crate::pooling::pool;
use crate::tensors::Tensors;

#[path = "../../tests/common/mod.rs"]
mod common;

/// Largest relative L2 distance of pooled features.
const TOLERANCE: f64 = 2e-6;

/// A fault is at least so far away.
const FAR: f64 = 100.0 * TOLERANCE;

/// What a library computed of one batch.
struct Case {
    network: &'static Table,
    form: usize,
    size: [usize; 2],
    shape: [usize; 3],
    /// The mean of each map.
    means: Vec<f32>,
    /// Channel, row, column and value.
    maps: Vec<([usize; 3], f64)>,
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/networks")
}

fn networks() -> impl Iterator<Item = &'static Table> {
    use crate::{efficientnet_lite, mobilenet_v2, mobilenet_v3, repvgg, resnet};
    let mobile = mobilenet_v2::NETWORKS.iter().chain(&mobilenet_v3::NETWORKS);
    efficientnet_lite::NETWORKS.iter().chain(mobile).chain(&repvgg::NETWORKS).chain(&resnet::NETWORKS)
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn case(value: &Value) -> Case {
    let shape = [0, 1, 2].map(|axis| number(&value["shape"][axis]));
    let bytes = std::fs::read(goldens().join(value["output"].as_str().unwrap())).unwrap();
    let means = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let maps = value["maps"].as_array().unwrap().iter();
    Case {
        network: networks().find(|network| network.name == value["network"]).unwrap(),
        form: number(&value["form"]),
        size: ["height", "width"].map(|side| number(&value[side])),
        shape,
        means: means.skip(number(&value["start"])).take(shape[0]).collect(),
        maps: maps.map(|map| ([0, 1, 2].map(|axis| number(&map[axis])), map[3].as_f64().unwrap())).collect(),
    }
}

fn cases() -> Vec<Case> {
    let read = |name| std::fs::read(goldens().join(name)).unwrap();
    let files = ["timm.json", "keras.json"].map(|name| serde_json::from_slice::<Value>(&read(name)).unwrap());
    files.iter().flat_map(|file| file.as_array().unwrap()).map(case).collect()
}

/// The case of a network's first form and an even size, on which the padding of stride 2 is asymmetric.
fn even(network: &str) -> Case {
    let wanted = |case: &Case| case.network.name == network && case.form == 0 && case.size == [64, 64];
    cases().into_iter().find(wanted).unwrap()
}

fn parameters(case: &Case) -> Vec<LayerParameters> {
    common::parameters(&case.network.forms()[case.form])
}

/// Relative L2 distances of the means and of the maps' values. Those of maps are relative to the largest mean.
fn distances(case: &Case, maps: &[f32]) -> [f64; 2] {
    let [channels, height, width] = case.shape;
    assert_eq!(maps.len(), channels * height * width);
    let mut means = vec![0.0; channels];
    pool(maps, height * width, Pooling::Average, &mut means);
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let pairs = means.iter().zip(&case.means);
    let distance = norm(&mut pairs.map(|(found, expected)| f64::from(*found) - f64::from(*expected)));
    let scale = norm(&mut case.means.iter().map(|value| f64::from(*value)));
    let largest = case.means.iter().fold(0.0_f64, |most, mean| most.max(f64::from(*mean).abs()));
    let of_maps = case.maps.iter().map(|([channel, row, column], expected)| {
        (f64::from(maps[(channel * height + row) * width + column]) - expected).abs() / largest
    });
    [distance / scale, of_maps.fold(0.0, f64::max)]
}

fn images([height, width]: [usize; 2]) -> Tensor {
    Tensor::from_vec(common::images(1, height, width), (1, 3, height, width), &Device::Cpu).unwrap()
}

fn through_kernels(description: &Description, folded: &[Folded], case: &Case) -> Vec<f32> {
    let network = GraphNetwork::new(graph(description, folded.to_vec()).unwrap()).unwrap();
    let [height, width] = case.size;
    let mut maps = vec![0.0; case.shape.iter().product()];
    network.forward(&common::images(1, height, width), [1, 3, height, width], &mut maps).unwrap();
    maps
}

#[test]
fn features_are_those_of_the_libraries_on_both_engines() {
    let cases = cases();
    for network in networks() {
        for form in 0..network.forms().len() {
            let of_form: Vec<&Case> =
                cases.iter().filter(|case| case.network.name == network.name && case.form == form).collect();
            // All fused forms of RepVGG are made in the same way.
            if !network.name.starts_with("repvgg") || form == 0 {
                assert!(of_form.len() == 2, "{}: no golden", network.name);
            }
            let Some(first) = of_form.first() else { continue };
            let (description, folded) = network.described(parameters(first));
            let kernels = GraphNetwork::new(graph(&description, folded.clone()).unwrap()).unwrap();
            let tensors = Tensors::new(&description, &folded, &Device::Cpu).unwrap();
            for case in of_form {
                let [height, width] = case.size;
                assert_eq!(network.feature_shape(height, width), case.shape, "{}", network.name);
                let mut maps = vec![0.0; case.shape.iter().product()];
                kernels.forward(&common::images(1, height, width), [1, 3, height, width], &mut maps).unwrap();
                let candle = tensors.forward(&images(case.size), tensors.layers()).unwrap();
                assert_eq!(candle.dims()[1..], case.shape);
                let candle = candle.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                for (engine, maps) in [("kernels", maps), ("candle", candle)] {
                    let [means, values] = distances(case, &maps);
                    println!("{} {form} {height}x{width} {engine}: {means:.1e} {values:.1e}", network.name);
                    assert!(means < TOLERANCE, "{} {form} by {engine}: {means:e}", network.name);
                    assert!(values < 5.0 * TOLERANCE, "{} {form} by {engine}: {values:e}", network.name);
                }
            }
        }
    }
}

/// How far the kernels are from a golden with another description.
fn with_description(network: &str, change: impl Fn(&mut Description)) -> f64 {
    let case = even(network);
    let mut description = (case.network.describe)();
    change(&mut description);
    let folded = fold(&description, case.form, parameters(&case));
    distances(&case, &through_kernels(&description, &folded, &case))[0]
}

fn each_convolution(description: &mut Description, change: impl Fn(&mut Convolution)) {
    for layer in &mut description.layers {
        if let Operation::Convolution(convolution) = &mut layer.operation {
            change(convolution);
        }
    }
}

/// Changes the last layer that `is_it` accepts to one that hands its first input on.
fn lose_last(description: &mut Description, is_it: impl Fn(&Operation) -> bool) {
    let layer = description.layers.iter_mut().rev().find(|layer| is_it(&layer.operation)).unwrap();
    layer.operation = Operation::MaxPool(Window::PIXEL);
    layer.reads.truncate(1);
}

#[test]
fn faults_of_a_description_are_far_from_the_goldens() {
    let far = |fault: &str, network: &str, change: &dyn Fn(&mut Description)| {
        let distance = with_description(network, change);
        println!("{fault} in {network}: {distance:.1e}");
        assert!(distance > FAR, "{fault} in {network}: only {distance:e}");
    };
    assert!(with_description("efficientnet_lite0", |_| {}) < TOLERANCE);
    far("symmetric padding at stride 2", "efficientnet_lite0", &|description| {
        each_convolution(description, |convolution| {
            let [side, _] = convolution.window.size;
            convolution.window = Window::square(side, convolution.window.stride[0], side / 2);
        });
    });
    far("asymmetric padding at stride 2", "mobilenetv2", &|description| {
        each_convolution(description, |convolution| {
            convolution.window = Window::same(convolution.window.size[0], convolution.window.stride[0]);
        });
    });
    for network in ["efficientnet_lite0", "mobilenetv3_small", "resnet18", "keras_resnet50"] {
        far("a lost residual", network, &|description| {
            lose_last(description, |operation| matches!(operation, Operation::Add(_)));
        });
    }
    far("a lost gate", "mobilenetv3_small", &|description| {
        lose_last(description, |operation| matches!(operation, Operation::Multiply));
    });
    for network in ["efficientnet_lite0", "mobilenetv2"] {
        far("no bound of ReLU6", network, &|description| {
            each_convolution(description, |convolution| {
                if convolution.activation == Activation::Relu6 {
                    convolution.activation = Activation::Relu;
                }
            });
        });
    }
    for (network, epsilon) in [("efficientnet_lite0", 1e-5), ("mobilenetv3_large", 1e-3)] {
        far("another epsilon", network, &|description| {
            each_convolution(description, |convolution| {
                convolution.forms.iter_mut().flatten().for_each(|term| {
                    term.norm.iter_mut().for_each(|(_, of_term)| *of_term = epsilon);
                });
            });
        });
    }
    far("a lost branch", "repvgg_a0", &|description| {
        each_convolution(description, |convolution| {
            // The third branch is the maps as they are; now it is nearly nothing.
            convolution.forms[0].iter_mut().skip(2).for_each(|term| {
                term.norm.iter_mut().for_each(|(_, epsilon)| *epsilon = 1e30);
            });
        });
    });
}

#[test]
fn swapped_parameters_are_far_from_the_goldens() {
    use Parameter::{Beta, Gamma, Mean, Variance};
    let case = even("efficientnet_lite0");
    let (description, folded) = case.network.described(parameters(&case));
    assert!(distances(&case, &through_kernels(&description, &folded, &case))[0] < TOLERANCE);
    for pair in [[Gamma, Variance], [Beta, Mean], [Gamma, Beta], [Mean, Variance]] {
        let mut swapped = parameters(&case);
        // One layer is enough: the first convolution of the second block.
        for (parameter, _) in &mut swapped[3].arrays {
            if let Some(at) = pair.iter().position(|one| one == parameter) {
                *parameter = pair[1 - at];
            }
        }
        // A variance may now be negative.
        for array in swapped[3].arrays.iter_mut().filter(|(parameter, _)| *parameter == Variance) {
            array.1.values.iter_mut().for_each(|value| *value = value.abs());
        }
        let (description, folded) = case.network.described(swapped);
        let [distance, _] = distances(&case, &through_kernels(&description, &folded, &case));
        println!("{pair:?}: {distance:.1e}");
        assert!(distance > FAR, "{pair:?}: only {distance:e}");
    }
}

/// RepVGG's form of training, folded, is the fused form that its terms give by hand.
#[test]
fn the_terms_of_a_sum_are_added_in_its_middle() {
    let terms = |form: &[LayerParameters], description: &Description| {
        let convolution = description.convolutions().nth(2).unwrap().clone();
        let at = form.iter().position(|layer| layer.name == "stages.0.1.conv_kxk").unwrap();
        (
            Folded::of(&convolution, &convolution.forms[0], form[at..at + 3].to_vec()),
            form[at..at + 3].to_vec(),
        )
    };
    let case = even("repvgg_a0");
    let description = (case.network.describe)();
    let (folded, layers) = terms(&parameters(&case), &description);
    let value =
        |layer: usize, parameter, at: usize| f64::from(layers[layer].array(parameter).unwrap().values[at]);
    let scale = |layer, channel| {
        let variance = value(layer, Parameter::Variance, channel);
        value(layer, Parameter::Gamma, channel) / (variance + 1e-5).sqrt()
    };
    // 48 channels of 48, kernels of 3 x 3.
    let (channel, input) = (5, 5);
    let at = (channel * 48 + input) * 9;
    let corner = scale(0, channel) * value(0, Parameter::Kernel, at);
    let middle = scale(0, channel) * value(0, Parameter::Kernel, at + 4)
        + scale(1, channel) * value(1, Parameter::Kernel, channel * 48 + input)
        + scale(2, channel);
    let bias: f64 = (0..3)
        .map(|layer| {
            value(layer, Parameter::Beta, channel)
                - value(layer, Parameter::Mean, channel) * scale(layer, channel)
        })
        .sum();
    assert_eq!(folded.kernel[at..at + 5][0], corner as f32);
    assert_eq!(folded.kernel[at + 4], middle as f32);
    assert_eq!(folded.bias[channel], bias as f32);
}

/// A single term is scaled in its own memory. Twice the same term goes another way, and is twice as much to the bit.
#[test]
fn a_single_term_is_half_of_the_same_term_twice() {
    let case = even("efficientnet_lite0");
    let description = (case.network.describe)();
    let parameters = parameters(&case);
    for (convolution, own) in description.convolutions().zip(&parameters) {
        let [term] = &convolution.forms[0][..] else { panic!("{}: one term", convolution.name) };
        let once = Folded::of(convolution, std::slice::from_ref(term), vec![own.clone()]);
        let twice = Folded::of(convolution, &[term.clone(), term.clone()], vec![own.clone(); 2]);
        let doubled = |values: &[f32]| values.iter().map(|value| value * 2.0).collect::<Vec<_>>();
        assert_eq!(doubled(&once.kernel), twice.kernel, "{}", convolution.name);
        assert_eq!(doubled(&once.bias), twice.bias, "{}", convolution.name);
    }
}

#[test]
fn the_inputs_are_those_that_the_weights_were_measured_with() {
    let shown = |network: &str| {
        let table = networks().find(|table| table.name == network).unwrap();
        assert_eq!(table.presets()[0], table.input().preset);
        table.input().preprocessing().to_string()
    };
    assert_eq!(shown("efficientnet_lite0"), "inception 224x224 crop 0.875");
    assert_eq!(shown("efficientnet_lite2"), "inception 260x260 crop 0.89");
    assert_eq!(shown("resnet50"), "torchvision 224x224 crop 0.875");
    networks().for_each(|table| assert_eq!(table.presets()[0], table.input().preset));
}

/// Keras's own files have every tensor that the tables ask for, in Keras's axes, and layers of one kind in the same order.
#[test]
fn the_tables_have_the_names_and_the_order_of_kerass_files() {
    let golden = std::fs::read(goldens().join("keras_files.json")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    for (network, files) in golden.as_object().unwrap() {
        let table = networks().find(|table| table.name == network).unwrap();
        let file = files.get("whole.h5").or(files.get("base.h5")).unwrap();
        let layer_names = file["attributes"]["model_weights@layer_names"].as_array().unwrap();
        let mut convolutions = Vec::new();
        let mut tensors = 0;
        for slot in table.slots().iter().flat_map(|slot| &slot.parameters) {
            let (layer, position) = slot.keras.clone().unwrap();
            let names = &file["attributes"][format!("model_weights/{layer}@weight_names")];
            let name = names[position].as_str().unwrap();
            let (tensor, stored) = match (slot.parameter, slot.shape.as_slice()) {
                (Parameter::Kernel, &[out, inputs, height, width]) => {
                    ("kernel", vec![height, width, inputs, out])
                }
                (Parameter::DepthwiseKernel, &[channels, 1, height, width]) => {
                    ("kernel", vec![height, width, channels, 1])
                }
                (Parameter::Bias, shape) => ("bias", shape.to_vec()),
                (Parameter::Gamma, shape) => ("gamma", shape.to_vec()),
                (Parameter::Beta, shape) => ("beta", shape.to_vec()),
                (Parameter::Mean, shape) => ("moving_mean", shape.to_vec()),
                (_, shape) => ("moving_variance", shape.to_vec()),
            };
            assert_eq!(name, format!("{layer}/{tensor}"));
            let found = file["shapes"][format!("model_weights/{layer}/{name}")].as_array().unwrap();
            assert_eq!(found.iter().map(number).collect::<Vec<_>>(), stored, "{name}");
            tensors += 1;
            if tensor == "kernel" || tensor == "gamma" {
                convolutions.push((tensor, layer));
            }
        }
        let classifier = if files.get("whole.h5").is_some() { 2 } else { 0 };
        assert_eq!(tensors + classifier, file["shapes"].as_object().unwrap().len(), "{network}");
        for kind in ["kernel", "gamma"] {
            let of_kind = |tensor: &str| tensor == kind;
            let found: Vec<&String> =
                convolutions.iter().filter(|(tensor, _)| of_kind(tensor)).map(|(_, layer)| layer).collect();
            let expected: Vec<&str> = layer_names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| found.iter().any(|layer| layer == name))
                .collect();
            assert_eq!(found, expected, "{network}");
        }
    }
}

#[test]
fn an_images_features_are_the_same_in_any_batch() {
    for network in ["mobilenetv3_small", "resnet18"] {
        let architecture: Architecture = network.parse().unwrap();
        let parameters = common::parameters(&architecture.slots());
        let engine = |images| architecture.suited_engine(&Device::Cpu, images);
        assert_eq!(engine(1), engine(usize::MAX));
        let network = architecture.build(&parameters, &Device::Cpu, engine(1)).unwrap();
        let (count, height, width) = (5, 40, 33);
        let shape = (count, 3, height, width);
        let images = Tensor::from_vec(common::images(count, height, width), shape, &Device::Cpu).unwrap();
        let flat = |images: &Tensor| {
            network.forward(images).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let all = flat(&images);
        for image in 0..count {
            let alone = flat(&images.narrow(0, image, 1).unwrap());
            assert_eq!(alone, all[image * alone.len()..][..alone.len()]);
        }
    }
}

#[test]
fn the_time_of_a_pass_is_shared_out_among_its_layers() {
    let architecture: Architecture = "mobilenetv2".parse().unwrap();
    let parameters = common::parameters(&architecture.slots());
    let images = images([64, 64]);
    let build = |engine| architecture.build(&parameters, &Device::Cpu, engine).unwrap();
    let started = Instant::now();
    let layers = build(Engine::Kernels(Strategy::Throughput)).profile(&images).unwrap();
    let (most, sum) =
        (started.elapsed().as_secs_f64(), layers.iter().map(|layer| layer.seconds).sum::<f64>());
    assert!(0.0 < sum && sum <= most, "{sum} of {most} s");
    // 0.3 billion at 224 x 224 (M. Sandler and others, 2018), without the classifier's 1.28 million.
    let direct =
        layers.iter().map(|layer| layer.direct_multiply_adds).sum::<f64>() * (224.0_f64 / 64.0).powi(2);
    assert!((2.9e8..3.1e8).contains(&direct), "{direct}");
    assert!(build(Engine::Candle).profile(&images).unwrap().is_empty());
}

#[test]
fn the_nearest_form_is_the_one_that_errors_tell_of() {
    let folder = tempfile::tempdir().unwrap();
    let architecture: Architecture = "mobilenetv2".parse().unwrap();
    // torchvision's names, without the last one.
    let slots = &architecture.forms()[1];
    let names: Vec<_> = slots.iter().flat_map(|slot| &slot.parameters).collect();
    let (mut entries, mut start) = (Vec::new(), 0);
    for wanted in &names[..names.len() - 1] {
        let end = start + 4 * wanted.shape.iter().product::<usize>();
        let (name, shape) = (wanted.safetensors.as_deref().unwrap(), &wanted.shape);
        entries
            .push(format!(r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#));
        start = end;
    }
    let header = format!("{{{}}}", entries.join(","));
    let path = folder.path().join("network.safetensors");
    std::fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len((8 + header.len() + start) as u64).unwrap();
    let options = headstart_weights::LoadOptions::default();
    let error = architecture.load(&path, &options, &Device::Cpu, Engine::Candle).unwrap_err().to_string();
    assert!(error.contains("(features.18.1.running_var): expected a variance"), "{error}");
}

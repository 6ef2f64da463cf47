//! Exported networks in a runtime of ONNX that is not ours, against our own features and probabilities.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::parts::{Parts, layers_of};
use super::*;
use crate::mirror::pooled_features;
use candle_core::Device;
use headstart_backbone::{Activation as MapActivation, Architecture, FoldedConvolution, FoldedOperation};
use headstart_head::{Head, InMemory, predict};
use headstart_provenance::{ChannelOrder, Pooling, Preprocessing, Preset};
use headstart_weights::{
    Activation, Array, KnownImages, LayerConfig, LayerParameters, OnnxGraph, UnknownRule,
};

mod goldens;
#[path = "../../../backbone/tests/common/mod.rs"]
mod seeded;

/// Largest distance of a probability, and the largest relative distance (L2) of features.
const TOLERANCE: f64 = 1e-5;

/// Sides that no padding divides evenly.
const SIZE: [usize; 2] = [75, 61];

/// Values of an image.
const PIXELS: usize = 3 * SIZE[0] * SIZE[1];

/// Two images of the formula: RGB, 0 to 255.
fn pixels() -> Vec<f32> {
    let values = seeded::images(2, SIZE[0], SIZE[1]);
    values.iter().map(|value| ((value + 2.0) * 63.75).round()).collect()
}

/// What a network reads of such pixels.
fn normalized(pixels: &[f32], preprocessing: &Preprocessing) -> Vec<f32> {
    let Preprocessing { scale, mean, std, .. } = preprocessing;
    let area = PIXELS / 3;
    let plane = |(image, plane): (usize, usize)| {
        let read = if preprocessing.channel_order == ChannelOrder::Bgr { 2 - plane } else { plane };
        let values = &pixels[(3 * image + read) * area..][..area];
        values.iter().map(move |x| (x * scale - mean[plane]) / std[plane])
    };
    (0..pixels.len() / PIXELS)
        .flat_map(|image| [0, 1, 2].map(|plane| (image, plane)))
        .flat_map(plane)
        .collect()
}

/// A network with a head, in our own code.
struct Ours {
    preprocessing: Preprocessing,
    pooling: Pooling,
    row_shape: Vec<usize>,
    /// The images, before their preprocessing.
    pixels: Vec<f32>,
    features: Vec<f32>,
    head: Head,
    probabilities: Vec<f32>,
}

/// The shape of a row of features, and the rows of some images, of which the second list is what the network reads.
fn features(
    architecture: Architecture,
    parameters: &[LayerParameters],
    preprocessing: &Preprocessing,
    pooling: Pooling,
    images: &[f32],
) -> (Vec<usize>, Vec<f32>) {
    let count = images.len() / PIXELS;
    let engine = architecture.suited_engine(&Device::Cpu, count);
    let network = architecture.build(parameters, &Device::Cpu, engine).unwrap();
    let row_shape = pooling.row_shape(architecture.feature_shape(SIZE[0], SIZE[1]).unwrap());
    let mut features = vec![0.0; count * row_shape.iter().product::<usize>()];
    pooled_features(&*network, images, count, preprocessing, pooling, &mut features).unwrap();
    (row_shape, features)
}

impl Ours {
    /// On the images of the formula. The rows are divided by their mean length before the head, so that its probabilities are
    /// neither 0 nor 1.
    fn of(
        architecture: Architecture,
        parameters: &[LayerParameters],
        preprocessing: Preprocessing,
        pooling: Pooling,
        layers: &[LayerConfig],
    ) -> Self {
        let pixels = pixels();
        let images = normalized(&pixels, &preprocessing);
        let (row_shape, features) = features(architecture, parameters, &preprocessing, pooling, &images);
        let mut head = Head::new(layers, &row_shape, 1, &Device::Cpu).unwrap();
        let mut saved = head.to_saved().unwrap();
        let length = norm(&features) / ((pixels.len() / PIXELS) as f64).sqrt();
        let scale = 10.0 / length;
        saved[0].kernel.values.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        head.set_parameters(&saved).unwrap();
        let samples = InMemory::new(&features, &row_shape).unwrap();
        let probabilities = predict(&head, &samples, 2).unwrap();
        Self { preprocessing, pooling, row_shape, pixels, features, head, probabilities }
    }

    fn parts<'a>(&'a self, classes: &'a [String], known: Option<&'a KnownImages>) -> Parts<'a> {
        let Self { preprocessing, pooling, row_shape, head, .. } = self;
        let layers = layers_of(head).unwrap();
        Parts { classes, preprocessing, pooling: *pooling, row_shape: row_shape.clone(), layers, known }
    }

    /// Compares a graph's outputs with ours.
    fn check(&self, runtime: &Path, what: &str, graph: &OnnxGraph<'_>) {
        let [probabilities, features] = outputs(runtime, graph, &self.pixels, ["probabilities", "features"]);
        let pairs = probabilities.iter().zip(&self.probabilities);
        assert_eq!(probabilities.len(), self.probabilities.len(), "{what}");
        let most = pairs.map(|(found, ours)| f64::from((found - ours).abs())).fold(0.0, f64::max);
        let differences: Vec<f32> = features.iter().zip(&self.features).map(|(a, b)| a - b).collect();
        assert_eq!(features.len(), self.features.len(), "{what}");
        let relative = norm(&differences) / norm(&self.features);
        println!("{what}: probabilities {most:.1e}, features {relative:.1e}");
        assert!(most < TOLERANCE && relative < TOLERANCE, "{what}: {most:e} {relative:e}");
        assert!(
            self.probabilities.iter().any(|p| (0.01..0.99).contains(p)),
            "{what}: the case tells nothing"
        );
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

/// Outputs of a graph for some images, by the program of the folder `onnx-check`.
fn outputs<const N: usize>(
    runtime: &Path,
    graph: &OnnxGraph<'_>,
    pixels: &[f32],
    names: [&str; N],
) -> [Vec<f32>; N] {
    let folder = tempfile::tempdir().unwrap();
    let [model, input] = ["model.onnx", "pixels"].map(|name| folder.path().join(name));
    graph.write(&model, IfExists::Refuse).unwrap();
    std::fs::write(&input, pixels.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let shape = format!("{},3,{},{}", pixels.len() / PIXELS, SIZE[0], SIZE[1]);
    let mut command = Command::new(runtime);
    let found = command.arg(&model).arg(&input).arg(shape).args(names).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let mut rest = &found.stdout[..];
    names.map(|_| {
        let (count, after) = rest.split_at(8);
        let count = u64::from_le_bytes(count.try_into().unwrap()) as usize;
        let (values, after) = after.split_at(4 * count);
        rest = after;
        values.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    })
}

/// The program that runs an ONNX file. `cargo xtask test` builds it; without it, what needs it is not checked.
fn runtime() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnx-check/target/release");
    let program = folder.join(format!("headstart-onnx-check{}", std::env::consts::EXE_SUFFIX));
    let is_built = program.is_file();
    if !is_built {
        println!("NOT CHECKED: {} is not built", program.display());
    }
    is_built.then_some(program)
}

fn classes(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

fn dense(units: usize, activation: Activation) -> LayerConfig {
    LayerConfig::Dense { units, activation, use_bias: true }
}

/// What only some models have: mirror images, another pooling, hidden layers of every activation, one unit, known images.
#[test]
fn every_kind_of_head_and_pooling_gives_the_same_probabilities() {
    let Some(runtime) = runtime() else { return };
    let architecture: Architecture = "mobilenetv3_small".parse().unwrap();
    let parameters = seeded::parameters(&architecture.slots());
    let network = architecture.folded(&parameters).unwrap();
    let [height, width] = SIZE;
    let mut preprocessing = Preprocessing::preset(Preset::Torchvision, height, width);
    let classes = classes(2);
    for (index, activation) in Activation::ALL.into_iter().enumerate() {
        preprocessing.mirror = index % 2 == 1;
        let pooling = if index % 3 == 0 { Pooling::Max } else { Pooling::Average };
        let last = if index % 2 == 0 { dense(1, Activation::Sigmoid) } else { dense(2, Activation::Softmax) };
        let dropped = LayerConfig::Dropout { rate: 0.5 };
        let unbiased = LayerConfig::Dense { units: 9, activation, use_bias: false };
        let layers = [dense(7, activation), dropped, unbiased, last];
        let ours = Ours::of(architecture, &parameters, preprocessing.clone(), pooling, &layers);
        // The means of the known images are the first row, and something else.
        let row = ours.row_shape[0];
        let first = &ours.features[..row];
        let values: Vec<f32> = first.iter().map(|value| (f64::from(*value) / norm(first)) as f32).collect();
        let other = vec![1.0 / (row as f32).sqrt(); row];
        let class_means = Array::new(vec![2, row], [values, other].concat()).unwrap();
        let rule = UnknownRule { distance: 0.01, share: 0.05 };
        let known = KnownImages { class_means: class_means.clone(), rule };
        let parts = ours.parts(&classes, Some(&known));
        let graph = onnx::graph(&network, &parts).unwrap();
        ours.check(&runtime, activation.name(), &graph);
        let means = headstart_head::ClassMeans::new(class_means.values, row).unwrap();
        let [novelty] = outputs(&runtime, &graph, &ours.pixels, ["novelty"]);
        for (found, row) in novelty.iter().zip(ours.features.chunks(row)) {
            let expected = means.distance(row) / 0.01;
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{activation}: {found} {expected}");
        }
        assert_eq!(novelty.len(), 2);
    }
}

/// Of 3 x 3 values.
fn transpose(kernel: &mut [f32]) {
    for (above, below) in [(1, 3), (2, 6), (5, 7)] {
        kernel.swap(above, below);
    }
}

#[test]
fn a_network_that_is_written_wrongly_is_told() {
    let Some(runtime) = runtime() else { return };
    let architecture: Architecture = "efficientnet_lite0".parse().unwrap();
    let parameters = seeded::parameters(&architecture.slots());
    let classes = classes(3);
    let preprocessing = Preprocessing::preset(Preset::Inception, SIZE[0], SIZE[1]);
    let layers = [dense(3, Activation::Linear)];
    let ours = Ours::of(architecture, &parameters, preprocessing, Pooling::Average, &layers);
    let right = architecture.folded(&parameters).unwrap();
    type Fault = fn(&mut FoldedConvolution);
    let faults: [Fault; 5] = [
        // Flipped, and with height and width exchanged.
        |convolution| convolution.kernel.chunks_exact_mut(9).for_each(<[f32]>::reverse),
        |convolution| convolution.kernel.chunks_exact_mut(9).for_each(transpose),
        |convolution| convolution.activation = MapActivation::Linear,
        |convolution| convolution.window.padding = headstart_backbone::Padding::Explicit([1, 1, 0, 0]),
        |convolution| convolution.bias[0] += 0.1,
    ];
    for fault in faults {
        let mut network = right.clone();
        let stem = &mut network.layers[0].operation;
        if let FoldedOperation::Convolution(convolution) = stem {
            fault(convolution);
        }
        let parts = ours.parts(&classes, None);
        let graph = onnx::graph(&network, &parts).unwrap();
        let [features] = outputs(&runtime, &graph, &ours.pixels, ["features"]);
        let differences: Vec<f32> = features.iter().zip(&ours.features).map(|(a, b)| a - b).collect();
        assert!(norm(&differences) / norm(&ours.features) > 10.0 * TOLERANCE);
    }
}

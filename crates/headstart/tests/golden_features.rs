//! From an image file to the network's maps, held against Keras in float64 (tests/golden/backbone).
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use candle_core::{Device, Tensor};
use headstart::Pooling;
use headstart_backbone::{Architecture, Backbone as _, Engine, Strategy, Tile, Vgg};
use headstart_dataset::{Limits, Preprocessing, load_file};
use headstart_weights::{KernelConvention, LoadOptions, load_layers};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    image: String,
    preset: String,
    height: usize,
    width: usize,
    output: String,
    shape: Vec<usize>,
    blocks: usize,
    flipped: bool,
}

/// Largest relative L2 distance from Keras in float64, of the features of preset blog.
const TOLERANCE: f64 = 1.5e-6;
/// Of everything else: preset caffe's larger values, tiny images, tiles that no plan would take, another engine.
const WIDE_TOLERANCE: f64 = 1e-5;

fn golden(name: &str) -> std::path::PathBuf {
    common::root().join("tests/golden/backbone").join(name)
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&std::fs::read_to_string(golden("cases.json")).unwrap()).unwrap()
}

fn vgg16() -> Architecture {
    "vgg16".parse().unwrap()
}

fn load(kernel_convention: KernelConvention, strategy: Strategy) -> Vgg {
    let options = LoadOptions::default().with_kernel_convention(kernel_convention);
    let engine = Engine::Kernels(strategy);
    Vgg::load(vgg16(), &common::weights(), &options, &Device::Cpu, engine).unwrap().0
}

fn image(case: &Case) -> Tensor {
    let preprocessing = Preprocessing::preset(case.preset.parse().unwrap(), case.height, case.width);
    let mut pixels = vec![0.0; preprocessing.len()];
    load_file(&golden(&case.image), &preprocessing, &Limits::default(), &mut pixels).unwrap();
    Tensor::from_vec(pixels, (1, 3, case.height, case.width), &Device::Cpu).unwrap()
}

fn error(vgg: &Vgg, case: &Case) -> f64 {
    let maps = vgg.forward_blocks(&image(case), case.blocks).unwrap();
    assert_eq!(maps.dims()[1..], case.shape);
    let found = maps.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let bytes = std::fs::read(golden(&case.output)).unwrap();
    let expected: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    relative_l2(&found, &expected)
}

fn relative_l2(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |sum: f64, value: f64| sum + value * value;
    let error = found.iter().zip(expected).map(|(f, e)| f64::from(*f) - f64::from(*e)).fold(0.0, square);
    (error / expected.iter().map(|value| f64::from(*value)).fold(f64::MIN_POSITIVE, square)).sqrt()
}

#[test]
fn features_and_every_blocks_output_are_those_of_keras() {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.flipped).collect();
    assert!((1..=5).all(|blocks| cases.iter().any(|case| case.blocks == blocks)));
    let tiles = || Tile::ALL.into_iter().filter(|tile| tile.stride() == 1);
    let alone = tiles().map(|tile| Strategy::Forced { tile, last: tile });
    let mixed = tiles().map(|last| Strategy::Forced { tile: Tile::Six, last });
    let forced = alone.chain(mixed);
    for strategy in [Strategy::Throughput, Strategy::Unprepared].into_iter().chain(forced) {
        let vgg = load(KernelConvention::Auto, strategy);
        for case in &cases {
            let error = error(&vgg, case);
            let planned = !matches!(strategy, Strategy::Forced { .. });
            let narrow = planned && case.preset == "blog" && case.height == 150 && case.blocks == 5;
            let tolerance = if narrow { TOLERANCE } else { WIDE_TOLERANCE };
            assert!(error < tolerance, "{}, {strategy:?}: relative L2 error {error:e}", case.output);
        }
    }
}

#[test]
fn pooled_features_are_the_means_and_maxima_of_keras_s_maps() {
    let vgg = load(KernelConvention::Auto, Strategy::Unprepared);
    for case in cases().into_iter().filter(|case| case.flipped && case.blocks == 5) {
        let bytes = std::fs::read(golden(&case.output)).unwrap();
        let values = bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())));
        let (maps, area) = (values.collect::<Vec<f64>>(), case.shape[1] * case.shape[2]);
        let mean = |map: &[f64]| map.iter().sum::<f64>() / area as f64;
        let max = |map: &[f64]| map.iter().copied().fold(f64::MIN, f64::max);
        let pixels = image(&case).flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (pooling, pool) in [(Pooling::Average, &mean as &dyn Fn(&[f64]) -> f64), (Pooling::Max, &max)] {
            let expected: Vec<f32> = maps.chunks(area).map(|map| pool(map) as f32).collect();
            let mut found = vec![0.0; expected.len()];
            vgg.forward_pooled(&pixels, [1, 3, case.height, case.width], pooling, &mut found).unwrap();
            let error = relative_l2(&found, &expected);
            assert!(error < 2e-6, "{}, {pooling}: relative L2 error {error:e}", case.output);
        }
    }
}

#[test]
fn leaving_the_flip_out_is_caught() {
    let (flipped, unflipped) = (
        load(KernelConvention::Auto, Strategy::Unprepared),
        load(KernelConvention::Correlation, Strategy::Unprepared),
    );
    let case = cases().into_iter().find(|case| !case.flipped).unwrap();
    assert!(error(&flipped, &case) > 0.1, "the golden without the flip must not be met with it");
    assert!(error(&unflipped, &case) < WIDE_TOLERANCE, "and is met by an importer that leaves it out");
}

#[test]
fn candles_own_ops_agree_with_the_kernels() {
    let loaded = load_layers(&common::weights(), &vgg16().slots(), &LoadOptions::default()).unwrap();
    let build = |engine| Vgg::with_engine(vgg16(), &loaded.layers, &Device::Cpu, engine).unwrap();
    let (kernels, candle) = (build(Engine::Kernels(Strategy::Throughput)), build(Engine::Candle));
    let case = &cases()[0];
    for blocks in 1..=5 {
        let flat = |vgg: &Vgg| {
            let maps = vgg.forward_blocks(&image(case), blocks).unwrap();
            maps.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let distance = relative_l2(&flat(&kernels), &flat(&candle));
        assert!(distance < WIDE_TOLERANCE, "block {blocks}: {distance:e}");
    }
}

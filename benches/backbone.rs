//! VGG16 with the shipped weights: our kernels, and candle's own ops on the same batch. The other networks with arbitrary
//! weights, by our kernels: means of their maps.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is its own documentation, and may fail")]

use std::time::Duration;

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headstart_backbone::{Architecture, Engine, Strategy};
use headstart_benches::data;
use headstart_dataset::{Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, scan};
use headstart_head::random::{Random, Stream};
use headstart_provenance::Pooling;
use headstart_weights::{Array, LayerParameters, LayerSlot, LoadOptions, Parameter, load_layers};

fn backbone(criterion: &mut Criterion) {
    let vgg16: Architecture = "vgg16".parse().unwrap();
    let weights = data("weights/vgg16_weights.h5");
    let loaded = load_layers(&weights, &vgg16.slots(), &LoadOptions::default()).unwrap();
    let dataset = scan(&data("validation"), &ScanOptions::default()).unwrap();
    let mut group = criterion.benchmark_group("vgg16 base");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for engine in [Engine::Kernels(Strategy::Throughput), Engine::Candle] {
        let vgg = vgg16.build(&loaded.layers, &Device::Cpu, engine).unwrap();
        for (side, batch_size) in [(150, 1), (150, 8), (224, 8)] {
            let preprocessing = Preprocessing::preset(Preset::Blog, side, side);
            let options = LoaderOptions::default().with_batch_size(batch_size);
            let batch = Loader::new(dataset.clone(), preprocessing, options).unwrap().next().unwrap();
            let images = Tensor::from_vec(batch.pixels, (batch_size, 3, side, side), &Device::Cpu).unwrap();
            group.throughput(Throughput::Elements(batch_size as u64));
            let id = BenchmarkId::new(format!("{engine:?}"), format!("{batch_size} x {side} x {side}"));
            group.bench_function(id, |bencher| bencher.iter(|| vgg.forward(&images).unwrap()));
        }
    }
}

/// The networks of `cargo xtask bench`.
const NETWORKS: [&str; 8] = [
    "efficientnet_lite0",
    "efficientnet_lite2",
    "mobilenetv2",
    "mobilenetv3_large",
    "repvgg_a0",
    "repvgg_a2",
    "resnet18",
    "resnet50",
];

fn networks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pooled features");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for name in NETWORKS {
        let architecture: Architecture = name.parse().unwrap();
        let engine = architecture.suited_engine(&Device::Cpu, usize::MAX);
        let network = architecture.build(&parameters(&architecture.slots()), &Device::Cpu, engine).unwrap();
        let side = architecture.image_side();
        let [channels, _, _] = architecture.feature_shape(side, side).unwrap();
        for batch_size in [1, 16] {
            let shape = [batch_size, 3, side, side];
            let images = values(shape.iter().product(), 1.0);
            let mut features = vec![0.0; batch_size * channels];
            group.throughput(Throughput::Elements(batch_size as u64));
            let id = BenchmarkId::new(name, format!("{batch_size} x {side} x {side}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    network.forward_pooled(&images, shape, Pooling::Average, &mut features).unwrap()
                });
            });
        }
    }
}

/// Parameters that keep maps at about the same scale from layer to layer, so that no value is denormal.
fn parameters(slots: &[LayerSlot]) -> Vec<LayerParameters> {
    let needed = slots.iter().filter(|slot| slot.is_needed);
    let of_layer = |slot: &LayerSlot| {
        let arrays = slot.parameters.iter().map(|wanted| {
            let shape = wanted.shape.clone();
            let count = shape.iter().product();
            let values = match wanted.parameter {
                // He's uniform distribution.
                Parameter::Kernel | Parameter::DepthwiseKernel => {
                    values(count, (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt())
                }
                Parameter::Gamma | Parameter::Variance => vec![1.0; count],
                _ => values(count, 0.1),
            };
            (wanted.parameter, Array { shape, values })
        });
        LayerParameters { name: slot.name.clone(), arrays: arrays.collect() }
    };
    needed.map(of_layer).collect()
}

/// Values between -most and most.
fn values(count: usize, most: f32) -> Vec<f32> {
    let mut random = Random::new(1, Stream::Initialization);
    (0..count).map(|_| (2.0 * random.uniform() - 1.0) * most).collect()
}

criterion_group!(benches, backbone, networks);
criterion_main!(benches);

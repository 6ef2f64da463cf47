//! VGG16 with the shipped weights: our kernels, and candle's own ops on the same batch.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is its own documentation, and may fail")]

use std::time::Duration;

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headstart_backbone::{Architecture, Engine, Strategy};
use headstart_benches::data;
use headstart_dataset::{Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, scan};
use headstart_weights::{LoadOptions, load_layers};

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

criterion_group!(benches, backbone);
criterion_main!(benches);

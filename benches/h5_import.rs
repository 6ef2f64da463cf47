//! The shipped weights, 59 MB of legacy HDF5: read and flipped, and read and built into the network.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is its own documentation, and may fail")]

use candle_core::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headstart_backbone::{Architecture, Engine, Strategy};
use headstart_benches::data;
use headstart_weights::{LoadOptions, load_layers};

fn h5_import(criterion: &mut Criterion) {
    let (path, options) = (data("weights/vgg16_weights.h5"), LoadOptions::default());
    let vgg16: Architecture = "vgg16".parse().unwrap();
    let slots = vgg16.slots();
    let mut group = criterion.benchmark_group("h5 import");
    group.throughput(Throughput::Bytes(std::fs::metadata(&path).unwrap().len())).sample_size(10);
    group.bench_function("read", |bencher| {
        bencher.iter(|| load_layers(&path, &slots, &options).unwrap());
    });
    group.bench_function("read and build VGG16", |bencher| {
        let engine = Engine::Kernels(Strategy::Unprepared);
        bencher.iter(|| vgg16.load(&path, &options, &Device::Cpu, engine).unwrap());
    });
}

criterion_group!(benches, h5_import);
criterion_main!(benches);

//! One epoch of the default head on rows of the size that VGG16 gives at 150 x 150.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is its own documentation, and may fail")]

use std::ops::ControlFlow;

use candle_core::Device;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headstart_head::random::{Random, Stream};
use headstart_head::{Head, InMemory, Labelled, LayerConfig, TrainOptions, TrainingEvent, train};

fn head_epoch(criterion: &mut Criterion) {
    let shape = [512, 4, 4];
    let mut group = criterion.benchmark_group("head");
    group.sample_size(10);
    for rows in [380, 2000] {
        // 71 % zeros, as pooled features have; the values decide nothing about the time.
        let mut random = Random::new(1, Stream::Initialization);
        let mut value = || (random.uniform() - 0.71).max(0.0);
        let values: Vec<f32> = (0..rows * 8192).map(|_| value()).collect();
        let labels: Vec<u32> = (0..rows as u32).map(|row| row % 2).collect();
        let samples = InMemory::new(&values, &shape).unwrap();
        let training = Labelled { samples: &samples, labels: &labels };
        let mut options = TrainOptions::default();
        options.epochs = 1;
        let mut head = Head::new(&LayerConfig::default_head(), &shape, 1, &Device::Cpu).unwrap();
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(format!("epoch of {rows} x 8192"), |bencher| {
            let mut go_on = |_: TrainingEvent<'_>| ControlFlow::Continue(());
            bencher.iter(|| train(&mut head, training, None, &options, &mut go_on).unwrap());
        });
    }
}

criterion_group!(benches, head_epoch);
criterion_main!(benches);

//! Images to network input: one image, and the whole validation folder through the loader.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark is its own documentation, and may fail")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headstart_benches::data;
use headstart_dataset::{Limits, Loader, LoaderOptions, Preprocessing, Preset, ScanOptions, load, scan};

fn decode(criterion: &mut Criterion) {
    let dataset = scan(&data("validation"), &ScanOptions::default()).unwrap();
    let bytes = std::fs::read(dataset.path_of(&dataset.samples[0])).unwrap();
    let mut group = criterion.benchmark_group("decode");
    for preset in [Preset::Blog, Preset::Torchvision] {
        let preprocessing = Preprocessing::preset(preset, 150, 150);
        let mut pixels = vec![0.0; preprocessing.len()];
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one JPEG, {preset}"), |bencher| {
            bencher.iter(|| load(&bytes, &preprocessing, &Limits::default(), &mut pixels).unwrap());
        });
    }
    let preprocessing = Preprocessing::preset(Preset::Blog, 150, 150);
    group.throughput(Throughput::Elements(dataset.samples.len() as u64));
    group.sample_size(20).bench_function("validation folder, blog", |bencher| {
        bencher.iter(|| {
            let loader =
                Loader::new(dataset.clone(), preprocessing.clone(), LoaderOptions::default()).unwrap();
            loader.map(|batch| batch.rows.len()).sum::<usize>()
        });
    });
}

criterion_group!(benches, decode);
criterion_main!(benches);
